/* Any bytes as the kept states of our addresses: what was understood is written as it was read. */
#include "outbound/egress_health.h"
#include "tests/fuzz.h"

FUZZ(input, arena)
{
    struct buf first, again;
    struct outbound_egress_health *h = outbound_egress_health_open();
    struct outbound_egress_health *copy = outbound_egress_health_open();
    buf_init(&first, 2 * OUTBOUND_EGRESS_HEALTH_BYTES_MAX);
    buf_init(&again, 2 * OUTBOUND_EGRESS_HEALTH_BYTES_MAX);
    (void)arena;
    outbound_egress_health_read(h, str_slice(input, 0, OUTBOUND_EGRESS_HEALTH_BYTES_MAX));
    err e = outbound_egress_health_write(h, &first);
    ASSERT(e == NULL);
    outbound_egress_health_read(copy, buf_str(&first));
    e = outbound_egress_health_write(copy, &again);
    ASSERT(e == NULL);
    ASSERT(first.len == again.len);
    ASSERT(outbound_egress_health_any_out(h) == outbound_egress_health_any_out(copy));
    outbound_egress_health_close(h);
    outbound_egress_health_close(copy);
    buf_release(&first);
    buf_release(&again);
}
