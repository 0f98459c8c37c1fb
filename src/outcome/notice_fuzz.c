#include "outcome/notice.h"
#include "tests/fuzz.h"

FUZZ(input, arena)
{
    (void)arena;
    CLEANUP(arena_cleanup) struct arena *own = arena_open(OUTCOME_NOTICE_ARENA_BYTES);
    struct outcome_notice n;
    if (input.len > 128 << 10)
        return;
    outcome_notice_read(input, own, &n);
    ASSERT(n.kind < NOTICE_KINDS);
    ASSERT(n.rcpt_count <= OUTCOME_NOTICE_RCPTS_MAX);
    bool told = n.kind == NOTICE_FAILED || n.kind == NOTICE_DELAYED || n.kind == NOTICE_DELIVERED;
    ASSERT(!told || n.rcpt_count > 0);
    ASSERT(n.kind != NOTICE_NONE || n.rcpt_count == 0);
    for (size_t i = 0; i < n.rcpt_count; i++) {
        const struct outcome_notice_rcpt *rcpt = &n.rcpts[i];
        ASSERT(rcpt->address.len > 0);
        ASSERT(!rcpt->outcome.hard || rcpt->kind == NOTICE_FAILED);
        ASSERT(rcpt->kind >= n.kind);
        for (size_t k = 0; k < i; k++) /* each is told once */
            ASSERT(!str_eq_nocase(n.rcpts[k].address, rcpt->address));
    }
}
