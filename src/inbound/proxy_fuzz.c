/* A header of the PROXY protocol, from anybody: what is taken is bounded, is never taken before it
 * is whole, and names an IP address or nothing. */
#include "inbound/proxy.h"
#include "tests/fuzz.h"

FUZZ(input, arena)
{
    (void)arena;
    str rest = input;
    bool complete = false, known = false;
    struct address client = {0};
    if (inbound_proxy_parse(&rest, &complete, &known, &client))
        return;
    size_t taken = input.len - rest.len;
    if (!complete) {
        ASSERT(taken == 0);
        ASSERT(input.len < INBOUND_PROXY_V2_BYTES_MAX);
        return;
    }
    ASSERT(taken >= 15);
    ASSERT(taken <= INBOUND_PROXY_V2_BYTES_MAX);
    ASSERT(!known || client.family == ADDRESS_IP4 || client.family == ADDRESS_IP6);
    for (size_t len = 0; len < taken; len++) {
        str part = str_slice(input, 0, len);
        bool whole = true, part_known;
        struct address unused;
        err e = inbound_proxy_parse(&part, &whole, &part_known, &unused);
        ASSERT(e == NULL);
        ASSERT(!whole);
    }
}
