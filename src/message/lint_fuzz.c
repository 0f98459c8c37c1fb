#include "message/lint.h"
#include "tests/fuzz.h"

FUZZ(input, arena)
{
    (void)arena;
    CLEANUP(arena_cleanup) struct arena *own = arena_open(MESSAGE_LINT_ARENA_BYTES);
    struct message_lint lint;
    if (input.len > 64 << 10)
        return;
    err e = message_lint(input, 0, own, &lint);
    ASSERT(e == NULL);
    ASSERT(lint.count <= MESSAGE_LINT_FINDINGS_MAX);
    for (size_t i = 0; i < lint.count; i++) {
        const struct message_lint_finding *f = &lint.findings[i];
        ASSERT(f->at <= input.len);
        ASSERT(f->part < lint.part_count);
        ASSERT(f->rule->severity <= lint.worst);
        ASSERT(str_is_utf8(f->detail));
        ASSERT(str_find(f->detail, '\n') == STR_NONE);
    }
}
