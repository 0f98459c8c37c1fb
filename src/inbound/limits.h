/* inbound/limits.h -- how many connections, and from whom
 *
 * One for the whole process, shared by the workers under a lock that is held for a few lines. An
 * IPv6 address counts by its /64. Trusted addresses (loopback) are counted in the total only.
 */
#pragma once
#include "runtime/address.h"

struct inbound_limits;

enum {
    INBOUND_LIMITS_ADDRESSES_MAX =
        65536, /* above it, addresses without connections are forgotten */
};

enum inbound_limit { INBOUND_OK, INBOUND_TOO_MANY, INBOUND_TOO_MANY_HERE, INBOUND_TOO_FAST };

struct inbound_limits_rule {
    int connections, per_address, rate_per_minute;
};

struct inbound_limits *inbound_limits_open(void);
void inbound_limits_close(struct inbound_limits *);

/* A connection came. INBOUND_OK: it is counted until inbound_limits_leave(). */
enum inbound_limit inbound_limits_enter(struct inbound_limits *, const struct inbound_limits_rule *,
                                        const struct address *peer, int64_t now_ms);
void inbound_limits_leave(struct inbound_limits *, const struct address *peer);
int inbound_limits_count(struct inbound_limits *); /* connections now */
