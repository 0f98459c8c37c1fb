#include "outcome/verp.h"
#include "tests/fuzz.h"

/* Nobody who does not have the key writes a good one; what is read says no more than it holds. */
FUZZ(input, arena)
{
    static const struct outcome_verp_key keys[] = {
        {.id = 3, .secret = {"0123456789abcdef0123456789abcdef", 32}}
    };
    char id[OUTCOME_VERP_QUEUE_ID_BYTES_MAX];
    struct outcome_verp v;
    (void)arena;
    enum outcome_verp_result result =
        outcome_verp_read(input, S("bounce"), keys, ARRAY_LEN(keys), 20778, 30, id, &v);
    if (result == VERP_NONE)
        return;
    ASSERT(v.queue_id.len > 0);
    ASSERT(v.queue_id.len <= OUTCOME_VERP_QUEUE_ID_BYTES_MAX);
    ASSERT(v.rcpt <= OUTCOME_VERP_RCPT_MAX);
    ASSERT(v.day < OUTCOME_VERP_DAYS_MAX);
    if (result != VERP_GOOD && result != VERP_EXPIRED)
        return;
    CLEANUP(buf_release) struct buf out; /* ours: then we would write the very same */
    buf_init(&out, 1000);
    size_t at = str_find_last(input, '@');
    err e = outcome_verp_write(S("bounce"), &v, str_from(input, at + 1), &keys[0], &out);
    ASSERT(e == NULL);
    ASSERT(str_eq_nocase(buf_str(&out), input));
}
