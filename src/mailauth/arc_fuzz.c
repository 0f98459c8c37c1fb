#include "mailauth/arc_set.h"
#include "tests/fuzz.h"

/* Sets without a complaint are whole, numbered without a gap, and say what they must. */
FUZZ(input, arena)
{
    struct mailauth_dkim_header *header;
    if (input.len > 1 << 16 || mailauth_dkim_header_open(input, arena, &header))
        return;
    struct mailauth_arc_sets sets = mailauth_arc_set_collect(header, arena);
    ASSERT(sets.count <= MAILAUTH_ARC_SETS_MAX);
    ASSERT(sets.present || sets.count == 0);
    if (sets.wrong.len > 0)
        return;
    ASSERT(sets.present == (sets.count > 0));
    ASSERT(!sets.ended);
    for (unsigned i = 0; i < sets.count; i++) {
        const struct mailauth_arc_set *set = &sets.items[i];
        ASSERT(set->results != NULL);
        ASSERT(set->message != NULL);
        ASSERT(set->seal != NULL);
        ASSERT(set->message_signature.wrong.len == 0);
        ASSERT(set->seal_signature.wrong.len == 0);
        ASSERT(set->seal_signature.domain.len > 0);
    }
}
