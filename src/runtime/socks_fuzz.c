/* A reply of a SOCKS5 proxy, whole or in pieces. */
#include "runtime/socks.h"
#include "tests/fuzz.h"

FUZZ(input, arena)
{
    struct socks_reply reply;
    bool complete = false;
    str rest = input;
    (void)arena;
    if (socks_reply_parse(&rest, &complete, &reply))
        return; /* refusing is always fine */
    ASSERT(rest.len <= input.len);
    if (!complete) {
        ASSERT(rest.len == input.len);
        ASSERT(input.len < SOCKS_REPLY_BYTES_MAX); /* more cannot be needed */
        return;
    }
    ASSERT(input.len - rest.len >= 7);
    ASSERT(reply.code >= 0);
    ASSERT(reply.code <= 255);
    ASSERT(!address_is_wildcard(&reply.bound) || reply.bound.family == ADDRESS_NONE);
    /* a shorter piece of it is never complete, and never refused */
    str less = str_slice(input, 0, input.len - rest.len - 1);
    struct socks_reply other;
    err e = socks_reply_parse(&less, &complete, &other);
    ASSERT(e == NULL);
    ASSERT(!complete);
}
