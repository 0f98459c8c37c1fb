/* The suites of the SPF council: one case a line, each against a zone of its own. */
#include "dns/zone.h"
#include "mailauth/spf.h"
#include "runtime/sim.h"
#include "tests/test.h"
#include <jansson.h>

struct suite_case {
    json_t *json;
    struct arena *arena;
    struct mailauth_spf spf;
    err e;
};

/* Any bytes as a quoted text of a zone file; the same of a name, whose dots stay. */
static err add_escaped(struct buf *zone, str bytes, bool name)
{
    for (size_t i = 0; i < bytes.len; i++) {
        unsigned char c = (unsigned char)bytes.ptr[i];
        if (char_is_alnum((char)c) || (name && c == '.'))
            TRY(buf_add_char(zone, (char)c));
        else
            TRY(buf_addf(zone, "\\%03u", c));
    }
    return NULL;
}

static str json_bytes(const json_t *j)
{
    return (str){json_string_value(j), json_string_length(j)};
}

static err add_name(struct buf *zone, str name)
{
    TRY(add_escaped(zone, name, true));
    return name.len && name.ptr[name.len - 1] == '.' ? NULL : buf_add(zone, S("."));
}

static err add_text(struct buf *zone, const json_t *value)
{
    size_t i;
    json_t *part;
    TRY(buf_add(zone, S("TXT \"")));
    if (json_is_string(value))
        TRY(add_escaped(zone, json_bytes(value), false));
    json_array_foreach(value, i, part) TRY(add_escaped(zone, json_bytes(part), false));
    return buf_add(zone, S("\"\n"));
}

static err add_record(struct buf *zone, str name, const char *type, const json_t *value)
{
    TRY(add_name(zone, name));
    TRY(buf_add(zone, S(" ")));
    if (strcmp(type, "TXT") == 0 || strcmp(type, "SPF") == 0)
        return add_text(zone, value);
    if (strcmp(type, "MX") == 0) {
        TRY(buf_addf(zone, "MX %lld ", json_integer_value(json_array_get(value, 0))));
        TRY(add_name(zone, json_bytes(json_array_get(value, 1))));
    } else if (strcmp(type, "*") == 0) {
        TRY(buf_add(zone, S("FAIL timeout")));
    } else if (strcmp(type, "A") == 0 || strcmp(type, "AAAA") == 0) {
        TRY(buf_addf(zone, "%s %s", type, json_string_value(value)));
    } else {
        TRY(buf_addf(zone, "%s ", type));
        TRY(add_name(zone, json_bytes(value)));
    }
    return buf_add(zone, S("\n"));
}

/* The suites' rule: an SPF record stands for a TXT record where the name has no TXT. "NONE" is no
 * record; a name that has a TXT record and "times out" does so for other types, which no SPF of
 * today asks for. */
static err add_node(struct buf *zone, str name, const json_t *records)
{
    size_t i;
    json_t *record;
    bool has_text = false, text_is_none = false;
    json_array_foreach(records, i, record)
    {
        bool text = strcmp(json_string_value(json_array_get(record, 0)), "TXT") == 0;
        const char *value = json_string_value(json_array_get(record, 1));
        bool none = text && value && strcmp(value, "NONE") == 0;
        has_text |= text && !none;
        text_is_none |= none;
    }
    json_array_foreach(records, i, record)
    {
        const char *type = json_string_value(json_array_get(record, 0));
        const char *value = json_string_value(json_array_get(record, 1));
        bool skip = (value && strcmp(value, "NONE") == 0) ||
                    (strcmp(type, "SPF") == 0 && (has_text || text_is_none)) ||
                    (strcmp(type, "*") == 0 && has_text);
        if (!skip)
            TRY(add_record(zone, name, type, json_array_get(record, 1)));
    }
    return NULL;
}

static err make_zone(json_t *zone, struct buf *out)
{
    const char *name;
    json_t *records;
    json_object_foreach(zone, name, records) TRY(add_node(out, str_of(name), records));
    return NULL;
}

static str member(const json_t *json, const char *name)
{
    const json_t *j = json_object_get(json, name);
    return json_is_string(j) ? json_bytes(j) : (str){0};
}

static err check_case(struct suite_case *sc)
{
    struct buf text;
    struct dns_zone *zone = NULL;
    struct address ip;
    buf_init(&text, 1 << 20);
    TRY(make_zone(json_object_get(sc->json, "zone"), &text));
    err e = dns_zone_parse(buf_str(&text), "suite", &zone);
    buf_release(&text);
    TRY(e);
    TRY(address_parse_ip(member(sc->json, "ip"), &ip));
    struct dns_resolver *r = dns_resolver_open(dns_zone_transport(zone), NULL);
    struct mailauth_ask ask = {sc->arena, r, NULL, deadline_after(20000), clock_real_ms()};
    struct mailauth_spf_args args = {.ip = &ip,
                                     .helo = member(sc->json, "helo"),
                                     .sender = member(sc->json, "mailfrom"),
                                     .receiver = member(sc->json, "receiver")};
    e = mailauth_spf_check(&ask, &args, NULL, &sc->spf);
    dns_resolver_close(r);
    return e;
}

static void case_fiber(void *arg)
{
    struct suite_case *sc = arg;
    sc->e = check_case(sc);
}

static bool is_accepted(const json_t *accept, str result)
{
    size_t i;
    json_t *one;
    json_array_foreach(accept, i, one) if (str_eq(json_bytes(one), result)) return true;
    return false;
}

/* "DEFAULT" is the suites' word for: no explanation of the domain's. */
static bool is_explained(const json_t *json, const struct mailauth_spf *spf)
{
    str want = member(json, "explanation");
    if (want.len == 0)
        return true;
    return str_eq(spf->explanation, str_eq(want, S("DEFAULT")) ? S("") : want);
}

static bool run_case(const char *line)
{
    struct suite_case sc = {.json = json_loads(line, JSON_ALLOW_NUL, NULL),
                            .arena = arena_open(1 << 20)};
    char label[600];
    CHECK(sc.json != NULL, "a line of JSON");
    sim_run(1, case_fiber, &sc);
    CHECK_DONE(sc.e, "check");
    str result = mailauth_result_name(sc.spf.result);
    snprintf(label, sizeof label, "%.*s (RFC 7208 section %.*s): %.*s, \"%.*s\", %.*s",
             STR_ARG(member(sc.json, "id")), STR_ARG(member(sc.json, "spec")), STR_ARG(result),
             STR_ARG(sc.spf.explanation), STR_ARG(sc.spf.reason));
    bool good =
        is_accepted(json_object_get(sc.json, "accept"), result) && is_explained(sc.json, &sc.spf);
    if (!good)
        printf("    %s\n", label);
    json_decref(sc.json);
    arena_close(sc.arena);
    err_forget();
    return good;
}

/* Returns how many of the cases come out as wanted. */
static size_t run_suite(const char *name, size_t *ret_count)
{
    char path[512];
    size_t good = 0;
    *ret_count = 0;
    if (test_suites(name, path, sizeof path) == NULL)
        return 0;
    static char line[64 << 10];
    FILE *file = fopen(path, "rb");
    CHECK(file != NULL, path);
    while (file && fgets(line, sizeof line, file)) {
        ++*ret_count;
        good += run_case(line);
    }
    if (file)
        fclose(file);
    return good;
}

TEST(mailauth_spf_rfc7208)
{
    size_t count, good = run_suite("spf-openspf/rfc7208.jsonl", &count);
    CHECK(count == 0 || count == 203, "the whole suite");
    CHECK(good == count, "rfc7208.jsonl");
}

/* The older rules give the same results: where the two RFCs differ the suite takes both. */
TEST(mailauth_spf_rfc4408)
{
    size_t count, good = run_suite("spf-openspf/rfc4408.jsonl", &count);
    CHECK(count == 0 || count == 191, "the whole suite");
    CHECK(good == count, "rfc4408.jsonl");
}
