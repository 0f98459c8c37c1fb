/* MTA-STS policies: written and read again they are the same; and so are cached ones. */
#include "tests/fuzz.h"
#include "tlspolicy/sts_file.h"

static void check_same(const struct tlspolicy_sts_policy *a, const struct tlspolicy_sts_policy *b)
{
    ASSERT(a->mode == b->mode);
    ASSERT(a->max_age_s == b->max_age_s);
    ASSERT(a->mx_count == b->mx_count);
    for (size_t i = 0; i < a->mx_count; i++)
        ASSERT(str_eq(a->mx[i], b->mx[i]));
}

static void check_policy(str input, struct arena *arena)
{
    struct tlspolicy_sts_policy policy, again;
    struct buf text;
    if (tlspolicy_sts_policy_parse(input, arena, &policy))
        return;
    ASSERT(policy.max_age_s <= TLSPOLICY_STS_MAX_AGE_S);
    ASSERT(policy.mx_count > 0 || policy.mode == TLSPOLICY_STS_NONE);
    for (size_t i = 0; i < policy.mx_count; i++) {
        str host = policy.mx[i];
        ASSERT(tlspolicy_sts_policy_is_pattern(host));
        if (str_skip(&host, S("*")))
            host = arena_printf(arena, "a%.*s", STR_ARG(host));
        ASSERT(tlspolicy_sts_policy_matches(&policy, host));
    }
    buf_init(&text, 2 * TLSPOLICY_STS_POLICY_BYTES_MAX);
    err e = tlspolicy_sts_policy_write(&policy, &text);
    ASSERT(e == NULL);
    if (text.len <= TLSPOLICY_STS_POLICY_BYTES_MAX) { /* CRLF for LF may be too much */
        e = tlspolicy_sts_policy_parse(buf_str(&text), arena, &again);
        ASSERT(e == NULL);
        check_same(&policy, &again);
    }
    buf_release(&text);
}

static void check_file(str input)
{
    struct tlspolicy_sts_entry entry;
    struct buf text;
    if (tlspolicy_sts_file_read(input, S("example.com"), &entry))
        return;
    ASSERT(entry.expires_ms >= entry.fetched_ms);
    buf_init(&text, TLSPOLICY_STS_CACHE_FILE_BYTES_MAX);
    err e = tlspolicy_sts_file_write(&entry, &text);
    struct tlspolicy_sts_entry again;
    ASSERT(e == NULL);
    e = tlspolicy_sts_file_read(buf_str(&text), S("example.com"), &again);
    ASSERT(e == NULL);
    ASSERT(again.expires_ms == entry.expires_ms);
    ASSERT(str_eq(again.body, entry.body));
    ASSERT(str_eq(again.id, entry.id));
    buf_release(&text);
}

FUZZ(input, arena)
{
    check_policy(input, arena);
    check_file(input);
}
