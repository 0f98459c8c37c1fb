#include "mailauth/authres.h"
#include "mailauth/authres_scan.h"

enum { QUOTED_BYTES_MAX = 60 };

struct reader {
    str rest;
    struct arena *arena;
    char *room; /* for values: as long as the field */
    struct mailauth_authres *out;
};

static err malformed(const struct reader *r, const char *wanted)
{
    return err_new(ERR_PROTOCOL, "no %s at \"%.*s\"", wanted,
                   STR_ARG(str_slice(r->rest, 0, QUOTED_BYTES_MAX)));
}

static err skip_blanks(struct reader *r)
{
    return mailauth_authres_scan_blanks(&r->rest) ? NULL : malformed(r, "end of the comment");
}

static err take_char(struct reader *r, str wanted)
{
    TRY(skip_blanks(r));
    if (!str_skip(&r->rest, wanted))
        return malformed(r, wanted.ptr);
    return skip_blanks(r);
}

static err take_keyword(struct reader *r, const char *wanted, str *ret_keyword)
{
    return mailauth_authres_scan_keyword(&r->rest, ret_keyword) ? NULL : malformed(r, wanted);
}

static err take_number(struct reader *r, unsigned *ret_number)
{
    str digits = {0};
    uint64_t number;
    TRY(take_keyword(r, "version", &digits));
    if (!str_to_u64(digits, 1000, &number))
        return malformed(r, "version");
    *ret_number = (unsigned)number;
    return NULL;
}

static bool ends(const struct reader *r) { return r->rest.len == 0 || r->rest.ptr[0] == ';'; }

/* "mx.example.net", then perhaps "1". */
static err read_id(struct reader *r)
{
    TRY(skip_blanks(r));
    if (!mailauth_authres_scan_value(&r->rest, &r->room, &r->out->id) || r->out->id.len == 0)
        return malformed(r, "authserv-id");
    r->out->version = 1;
    TRY(skip_blanks(r));
    if (ends(r))
        return NULL;
    TRY(take_number(r, &r->out->version));
    TRY(skip_blanks(r));
    return ends(r) ? NULL : malformed(r, "\";\"");
}

/* "dkim/1=pass" */
static err read_method(struct reader *r, struct mailauth_authres_result *result)
{
    TRY(take_keyword(r, "method", &result->method));
    TRY(skip_blanks(r));
    result->version = 1;
    if (str_skip(&r->rest, S("/"))) {
        TRY(skip_blanks(r));
        TRY(take_number(r, &result->version));
    }
    TRY(take_char(r, S("=")));
    TRY(take_keyword(r, "result", &result->result));
    return skip_blanks(r);
}

/* ".d=example.com", behind "header" */
static err read_property(struct reader *r, str type, struct mailauth_authres_result *result)
{
    struct mailauth_authres_property p = {.type = type};
    TRY(take_char(r, S(".")));
    TRY(take_keyword(r, "property", &p.name));
    TRY(take_char(r, S("=")));
    if (!mailauth_authres_scan_loose(&r->rest, &r->room, &p.value))
        return malformed(r, "value");
    if (result->property_count == MAILAUTH_AUTHRES_PROPERTIES_MAX)
        return err_new(ERR_LIMIT, "more than %d properties", MAILAUTH_AUTHRES_PROPERTIES_MAX);
    if (result->properties == NULL)
        result->properties = ARENA_ARRAY(r->arena, struct mailauth_authres_property,
                                         MAILAUTH_AUTHRES_PROPERTIES_MAX);
    result->properties[result->property_count++] = p;
    return NULL;
}

static err read_reason(struct reader *r, struct mailauth_authres_result *result)
{
    TRY(take_char(r, S("=")));
    if (!mailauth_authres_scan_value(&r->rest, &r->room, &result->reason))
        return malformed(r, "reason");
    return NULL;
}

static err read_result(struct reader *r)
{
    struct mailauth_authres_result result = {0};
    TRY(read_method(r, &result));
    while (!ends(r)) {
        str word = {0};
        TRY(take_keyword(r, "property", &word));
        TRY(skip_blanks(r));
        bool is_reason = str_eq_nocase(word, S("reason")) && str_starts(r->rest, S("="));
        TRY(is_reason ? read_reason(r, &result) : read_property(r, word, &result));
        TRY(skip_blanks(r));
    }
    if (r->out->count == MAILAUTH_AUTHRES_RESULTS_MAX)
        return err_new(ERR_LIMIT, "more than %d results", MAILAUTH_AUTHRES_RESULTS_MAX);
    r->out->results[r->out->count++] = result;
    return NULL;
}

/* "none" stands alone. */
static bool take_none(struct reader *r)
{
    str rest = r->rest;
    if (r->out->count > 0 || !str_skip_nocase(&rest, S("none")))
        return false;
    if (!mailauth_authres_scan_blanks(&rest) || rest.len > 0)
        return false;
    r->rest = rest;
    return true;
}

static err read_results(struct reader *r)
{
    bool none = false;
    while (r->rest.len > 0) {
        TRY(take_char(r, S(";")));
        none = take_none(r);
        if (r->rest.len > 0) /* a ";" at the end is often seen */
            TRY(read_result(r));
    }
    return none || r->out->count > 0 ? NULL : malformed(r, "result");
}

err mailauth_authres_parse(str value, struct arena *arena, struct mailauth_authres *ret_authres)
{
    struct mailauth_authres out;
    struct reader r = {.rest = str_trim(value), .arena = arena, .out = &out};
    if (value.len > MAILAUTH_AUTHRES_BYTES_MAX)
        return err_new(ERR_LIMIT, "a field of %zu bytes", value.len);
    if (!str_is_utf8(value))
        return err_new(ERR_PROTOCOL, "the field is not UTF-8");
    mailauth_authres_init(&out, S(""), arena);
    r.room = arena_alloc(arena, value.len + 1);
    TRY(read_id(&r));
    TRY(read_results(&r));
    *ret_authres = out;
    return NULL;
}

void mailauth_authres_init(struct mailauth_authres *a, str id, struct arena *arena)
{
    *a = (struct mailauth_authres){.id = id, .version = 1};
    a->results = ARENA_ARRAY(arena, struct mailauth_authres_result, MAILAUTH_AUTHRES_RESULTS_MAX);
}

struct mailauth_authres_result *mailauth_authres_add(struct mailauth_authres *a,
                                                     struct arena *arena, str method,
                                                     enum mailauth_result result)
{
    if (a->count == MAILAUTH_AUTHRES_RESULTS_MAX)
        return NULL;
    struct mailauth_authres_result *r = &a->results[a->count++];
    *r = (struct mailauth_authres_result){
        .method = method, .version = 1, .result = mailauth_result_name(result)};
    r->properties =
        ARENA_ARRAY(arena, struct mailauth_authres_property, MAILAUTH_AUTHRES_PROPERTIES_MAX);
    return r;
}

void mailauth_authres_add_property(struct mailauth_authres_result *r, const char *type,
                                   const char *name, str value)
{
    if (r == NULL || value.len == 0 || r->property_count == MAILAUTH_AUTHRES_PROPERTIES_MAX)
        return;
    r->properties[r->property_count++] =
        (struct mailauth_authres_property){str_of(type), str_of(name), value};
}
