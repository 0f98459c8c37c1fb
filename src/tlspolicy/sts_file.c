#include "tlspolicy/sts_file.h"
#include "tlspolicy/sts_record.h"

static const char first_line[] = "smtptool-mta-sts 1";

err tlspolicy_sts_file_write(const struct tlspolicy_sts_entry *e, struct buf *out)
{
    TRY(buf_addf(out, "%s\ndomain %.*s\nid %.*s\n", first_line, STR_ARG(e->domain),
                 STR_ARG(e->id)));
    TRY(buf_addf(out, "fetched %lld\nbody %zu\n\n", (long long)e->fetched_ms, e->body.len));
    return buf_add(out, e->body);
}

/* The value of the next line, which must begin with this name. */
static bool take(str *text, const char *name, str *ret_value)
{
    str line;
    str_split(*text, '\n', &line, text);
    if (!str_skip(&line, str_of(name)))
        return false;
    *ret_value = line;
    return true;
}

static bool read_head(str *text, struct tlspolicy_sts_entry *e)
{
    str value;
    uint64_t fetched, size;
    if (!take(text, first_line, &value) || value.len > 0)
        return false;
    if (!take(text, "domain ", &e->domain) || !take(text, "id ", &e->id) ||
        !take(text, "fetched ", &value) || !str_to_u64(value, INT64_MAX / 2, &fetched))
        return false;
    e->fetched_ms = (int64_t)fetched;
    return take(text, "body ", &value) && str_to_u64(value, text->len, &size) &&
           str_skip(text, S("\n")) && text->len == size;
}

static err read_policy(struct tlspolicy_sts_entry *e)
{
    struct tlspolicy_sts_policy policy;
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(1 << 20);
    TRY(tlspolicy_sts_policy_parse(e->body, arena, &policy));
    e->expires_ms = e->fetched_ms + (int64_t)policy.max_age_s * 1000;
    return NULL;
}

err tlspolicy_sts_file_read(str text, str domain, struct tlspolicy_sts_entry *ret_entry)
{
    struct tlspolicy_sts_entry e = {0};
    if (!read_head(&text, &e) || !str_eq(e.domain, domain) || !tlspolicy_sts_record_is_id(e.id))
        return err_new(ERR_DAMAGED, "not a cached policy of %.*s", STR_ARG(domain));
    e.body = text;
    err cause = read_policy(&e);
    if (cause)
        return err_make(ERR_DAMAGED, cause, __FILE__, __LINE__, "the cached policy of %.*s",
                        STR_ARG(domain));
    *ret_entry = e;
    return NULL;
}
