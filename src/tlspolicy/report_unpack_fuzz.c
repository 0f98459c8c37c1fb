/* Whatever it is packed in: a report comes out within its limit, or nothing does. */
#include "tests/fuzz.h"
#include "tlspolicy/report_unpack.h"

FUZZ(input, arena)
{
    str json;
    (void)arena; /* a report may be larger than it */
    CLEANUP(arena_cleanup) struct arena *room = arena_open(TLSPOLICY_REPORT_UNPACK_ARENA_BYTES);
    if (input.len > 1 << 18 || tlspolicy_report_unpack(input, room, &json))
        return;
    ASSERT(json.len <= TLSPOLICY_REPORT_BYTES_MAX);
}
