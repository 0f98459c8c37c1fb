/* Any header: judged, rewritten, judged again. What was rewritten agrees with the account, has one
 * From, and every other field is as it was. */
#include "message/header.h"
#include "outbound/from.h"
#include "tests/fuzz.h"

static bool is_ours(const struct message_field *f)
{
    return str_eq_nocase(f->name, S("From")) || str_eq_nocase(f->name, S("Reply-To"));
}

/* The fields of both that are neither From nor Reply-To, one by one. */
static void check_others(str before, str after)
{
    struct message_field a, b;
    for (;;) {
        bool more_a = message_header_next(&before, &a), more_b = message_header_next(&after, &b);
        while (more_a && is_ours(&a))
            more_a = message_header_next(&before, &a);
        while (more_b && is_ours(&b))
            more_b = message_header_next(&after, &b);
        ASSERT(more_a == more_b);
        if (!more_a)
            break;
        ASSERT(str_eq(a.raw, b.raw));
    }
    ASSERT(str_eq(before, after));
}

FUZZ(input, arena)
{
    struct config_account account = {
        .name = S("out"), .user = S("a@gmail.com"), .from_policy = FROM_POLICY_REWRITE};
    struct outbound_from from, again;
    size_t length = message_header_length(input, 0);
    str header = str_slice(input, 0, length == STR_NONE ? input.len : length);
    if (header.len > MESSAGE_HEADER_BYTES_MAX)
        return;
    outbound_from_judge(&account, header, arena, &from);
    ASSERT((from.act == FROM_POLICY_OFF) == (from.from.len == 0));
    if (from.act == FROM_POLICY_OFF)
        return;
    str after = outbound_from_rewrite(&account, header, arena);
    outbound_from_judge(&account, after, arena, &again);
    ASSERT(again.act == FROM_POLICY_OFF);
    ASSERT(message_header_count(after, S("From")) == 1);
    check_others(header, after);
}
