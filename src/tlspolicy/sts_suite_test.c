/* The zones, web servers and tables of a public MTA-STS resolver's tests: for each next hop of the
 * tables, the policy that it has and whether mail is held to it. */
#include "base/buf.h"
#include "base/mem.h"
#include "dns/zone.h"
#include "runtime/loop.h"
#include "tests/test.h"
#include "tlspolicy/decide.h"

enum { FILE_BYTES_MAX = 1 << 18, ROWS = 21 };

struct suite {
    struct tlspolicy_fetcher fetcher;
    struct buf servers, zone_lines;
    struct arena *arena;
    struct dns_resolver *resolver;
    const char *table;
    bool strict; /* of that table: testing counts as enforce */
};

static void read_file(const char *folder, const char *name, struct buf *out)
{
    char path[600], *room;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "re");
    CHECK(file != NULL, path);
    if (file && buf_reserve(out, FILE_BYTES_MAX, &room) == NULL)
        out->len += fread(room, 1, FILE_BYTES_MAX, file);
    if (file)
        fclose(file);
}

/* What stands between two marks, taken off the front. */
static bool between(str *text, const char *from, const char *to, str *ret_part)
{
    for (; text->len > 0; *text = str_from(*text, 1)) {
        if (!str_skip(text, str_of(from)))
            continue;
        for (size_t i = 0; i < text->len; i++)
            if (str_starts(str_from(*text, i), str_of(to))) {
                *ret_part = str_slice(*text, 0, i);
                *text = str_from(*text, i);
                return true;
            }
    }
    return false;
}

/* ---- the web servers -------------------------------------------------------------------- */

static str unescape(str text, struct arena *arena)
{
    char *out = arena_alloc(arena, text.len + 1);
    size_t len = 0;
    for (size_t i = 0; i < text.len; i++) {
        bool line_end = text.ptr[i] == '\\' && i + 1 < text.len && text.ptr[i + 1] == 'n';
        out[len++] = line_end ? '\n' : text.ptr[i];
        i += line_end;
    }
    return (str){out, len};
}

static struct tlspolicy_fetcher_answer say(str server, struct arena *arena)
{
    struct tlspolicy_fetcher_answer a = {.type = S("text/plain")};
    str status = {0}, body = {0}, rest = server;
    if (str_contains(server, S("content_by_lua_block"))) /* both are of 128 KiB and more */
        return (struct tlspolicy_fetcher_answer){.result = TLSPOLICY_FETCHER_TOO_LARGE,
                                                 .reason = S("too large")};
    if (str_contains(server, S("text/html txt;")))
        a.type = S("text/html");
    CHECK(between(&rest, "return ", " \"", &status) && between(&rest, " \"", "\";", &body),
          "a server of the suite");
    a.status = str_eq(status, S("200")) ? 200 : 404;
    a.body = unescape(body, arena);
    return a;
}

static err fetch(struct tlspolicy_fetcher *fetcher, const struct tlspolicy_fetcher_request *r,
                 struct arena *arena, struct tlspolicy_fetcher_answer *ret_answer, deadline until)
{
    struct suite *s = CONTAINER_OF(fetcher, struct suite, fetcher);
    str rest = buf_str(&s->servers), server, name;
    (void)until;
    *ret_answer = (struct tlspolicy_fetcher_answer){.result = TLSPOLICY_FETCHER_UNREACHABLE,
                                                    .reason = S("no such server")};
    while (between(&rest, "server_name ", "location / {", &server)) {
        str_split(server, ';', &name, &server);
        if (!str_eq(name, r->host))
            continue;
        *ret_answer = str_contains(name, S("bad-cert"))
                          ? (struct tlspolicy_fetcher_answer){.result = TLSPOLICY_FETCHER_UNTRUSTED,
                                                              .reason = S("its certificate")}
                          : say(server, arena);
    }
    return NULL;
}

/* ---- the zone --------------------------------------------------------------------------- */

/* address=/NAME/IP and txt-record=NAME,"TEXT" are all that matters here. */
static void write_zone(struct suite *s, struct buf *zone)
{
    str rest = buf_str(&s->zone_lines), line, name, value;
    while (rest.len > 0) {
        err e = NULL;
        str_split(rest, '\n', &line, &rest);
        if (str_skip(&line, S("address=/"))) {
            str_split(line, '/', &name, &value);
            if (str_starts(name, S("mta-sts.")))
                e = buf_addf(zone, "%.*s. A %.*s\n", STR_ARG(name), STR_ARG(value));
        } else if (str_skip(&line, S("txt-record="))) {
            str_split(line, ',', &name, &value);
            e = buf_addf(zone, "%.*s. TXT %.*s\n", STR_ARG(name), STR_ARG(value));
        }
        CHECK_DONE(e, "a line of the zone");
    }
}

/* ---- the tables ------------------------------------------------------------------------- */

/* A next hop as Postfix writes it: "[host]:port" is a domain, too, for this suite's resolver. */
static str domain_of(str hop)
{
    str port;
    if (str_skip(&hop, S("[")))
        str_split(hop, ']', &hop, &port);
    else
        str_split(hop, ':', &hop, &port);
    return hop;
}

static void check_row(struct suite *s, struct tlspolicy_sts *sts, str hop, str want)
{
    struct tlspolicy_sts_found found = {0};
    char label[200];
    snprintf(label, sizeof label, "%s: %.*s", s->table, STR_ARG(hop));
    CHECK_DONE(
        tlspolicy_sts_find(sts, NULL, domain_of(hop), s->arena, &found, deadline_after(1000)),
        label);
    struct tlspolicy_decide_input in = {.sts = &found, .host = S("mail.loc")};
    struct tlspolicy_decision d = tlspolicy_decide(&in);
    bool held = d.level == TLSPOLICY_VERIFY || (s->strict && d.testing);
    CHECK(held == str_starts(want, S("OK secure match=mail.loc")), label);
}

static void table_fiber(void *arg)
{
    struct suite *s = arg;
    struct buf table;
    struct tlspolicy_sts *sts = NULL;
    struct tlspolicy_sts_options o = {
        {s->resolver, &s->fetcher, true},
        NULL
    };
    int rows = 0;
    buf_init(&table, FILE_BYTES_MAX);
    CHECK_DONE(tlspolicy_sts_open(&o, &sts), "opened");
    char folder[400];
    read_file(test_suites("mta-sts-snawoot", folder, sizeof folder), s->table, &table);
    for (str rest = buf_str(&table), line, question, want; rest.len > 0;) {
        str_split(rest, '\n', &line, &rest);
        str_split(line, '\t', &question, &want);
        if (str_skip(&question, S("test2 ")) || str_skip(&question, S("test "))) {
            check_row(s, sts, question, want);
            rows++;
        }
    }
    CHECK(rows == ROWS, s->table);
    buf_release(&table);
    tlspolicy_sts_close(sts);
}

/* Hosts that stand in the zone and in no table. */
static void others_fiber(void *arg)
{
    static const struct {
        const char *domain;
        bool held;
    } cases[] = {
        {"bad-record3.loc",        false},
        {"bad-policy4.loc",        false},
        {"bad-policy5.loc",        false},
        {"bad-policy6.loc",        true }, /* a max_age above the greatest counts as the greatest */
        {"bad-policy7.loc",        false},
        {"bad-policy8.loc",        false},
        {"fast-expire.loc",        true },
        {"static-overlength.loc",  false},
        {"chunked-overlength.loc", false},
        {"no-data.loc",            false},
    };
    struct suite *s = arg;
    struct tlspolicy_sts *sts = NULL;
    struct tlspolicy_sts_options o = {
        {s->resolver, &s->fetcher, true},
        NULL
    };
    CHECK_DONE(tlspolicy_sts_open(&o, &sts), "opened");
    s->table = "others";
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        check_row(s, sts, str_of(cases[i].domain),
                  cases[i].held ? S("OK secure match=mail.loc") : S("NOTFOUND"));
    tlspolicy_sts_close(sts);
}

static void run_fiber(struct suite *s, void (*fiber)(void *))
{
    struct loop *loop = loop_open(NULL);
    loop_run(loop, "suite", fiber, s);
    loop_close(loop);
}

TEST(tlspolicy_sts_suite)
{
    char folder[400];
    struct buf text;
    struct dns_zone *zone = NULL;
    if (test_suites("mta-sts-snawoot", folder, sizeof folder) == NULL)
        return;
    struct suite *s = MEM_NEW(struct suite);
    s->fetcher.fetch = fetch;
    s->arena = arena_open(64 << 20);
    buf_init(&s->servers, FILE_BYTES_MAX + 1);
    buf_init(&s->zone_lines, FILE_BYTES_MAX + 1);
    buf_init(&text, FILE_BYTES_MAX);
    read_file(folder, "nginx.conf", &s->servers);
    read_file(folder, "dnsmasq.conf.appendix", &s->zone_lines);
    write_zone(s, &text);
    CHECK_DONE(dns_zone_parse(buf_str(&text), "zone", &zone), "the zone");
    s->resolver = dns_resolver_open(dns_zone_transport(zone), NULL);
    static const struct {
        const char *table;
        bool strict;
    } tables[] = {
        {"refdata.tsv",        false},
        {"refdata_nosni.tsv",  false},
        {"refdata_strict.tsv", true }
    };
    for (size_t i = 0; i < ARRAY_LEN(tables); i++) {
        s->table = tables[i].table;
        s->strict = tables[i].strict;
        run_fiber(s, table_fiber);
    }
    s->strict = false;
    run_fiber(s, others_fiber);
    dns_resolver_close(s->resolver);
    buf_release(&text);
    buf_release(&s->servers);
    buf_release(&s->zone_lines);
    arena_close(s->arena);
    mem_free(s);
}
