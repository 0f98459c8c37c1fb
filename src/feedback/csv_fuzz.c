/* What was read is written, and read again as the same. */
#include "feedback/csv.h"
#include "tests/fuzz.h"

static bool is_same(const struct feedback_entry *a, const struct feedback_entry *b)
{
    return str_eq(a->address, b->address) && str_eq(a->tenant, b->tenant) &&
           str_eq(a->stream, b->stream) && a->reason == b->reason && a->since_ms == b->since_ms &&
           a->expires_ms == b->expires_ms && a->count == b->count;
}

FUZZ(input, arena)
{
    struct feedback_csv in = {0}, again = {0};
    struct feedback_entry defaults = {.reason = FEEDBACK_MANUAL, .since_ms = 1, .count = 1};
    while (input.len > 0) {
        str line;
        struct feedback_entry e, other;
        bool found = false;
        str_split(input, '\n', &line, &input);
        if (feedback_csv_read(&in, line, &defaults, arena, &e, &found) || !found)
            continue;
        struct buf out;
        buf_init(&out, 1 << 16);
        if (feedback_csv_write(&e, &out) == NULL) {
            struct feedback_entry none = {0};
            err head =
                feedback_csv_read(&again, str_of(feedback_csv_head), &none, arena, &other, &found);
            ASSERT(head == NULL || again.begun);
            err back = feedback_csv_read(&again, buf_str(&out), &none, arena, &other, &found);
            ASSERT(back == NULL && found);
            ASSERT(is_same(&e, &other));
        }
        buf_release(&out);
    }
}
