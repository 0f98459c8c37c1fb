/* outbound/plan.h -- the ways that a destination's mail may go, and its seat with the shaper
 *
 * Made from the configuration and the DNS when mail is about to go, and good for a while: each hop
 * of a route is a way, or each egress address to the MX hosts of the domain. Who uses one holds it.
 */
#pragma once
#include "dns/resolver.h"
#include "outbound/egress.h"
#include "outbound/route.h"
#include "shaping/shaper.h"
#include <stdatomic.h>

enum {
    OUTBOUND_PLAN_MS = 5 * 60 * 1000, /* then it is made anew: MX hosts change */
    OUTBOUND_PLAN_FAILED_MS = 30 * 1000,
    OUTBOUND_PLAN_DNS_MS = 30 * 1000, /* for making it */
    OUTBOUND_PLAN_ARENA_BYTES_MAX = 256 << 10,
    OUTBOUND_PLAN_STICKY_ATTEMPTS = 3, /* so often a mail whose fate is unknown goes the same way */
};

struct outbound_way {
    uint8_t number;              /* 1 …, as the queue keeps it */
    struct outbound_route route; /* with this hop alone */
    const struct config_egress *egress;
    str key; /* what its connections may be used for: see pool.h */
};

struct outbound_plan {
    atomic_int holders;
    struct arena *arena;
    const struct config *config; /* held */
    str destination;
    struct outbound_egress_health *egress_health;
    uint64_t egress_version;     /* of the health when it was made */
    struct outbound_route route; /* all of it */
    struct outbound_way ways[SHAPER_WAYS_MAX];
    bool bound_to_egress;     /* each mail has one of the pool, and waits for that */
    size_t way_count;         /* 0: the attempt finds out what is wrong */
    struct shaper_seat *seat; /* NULL without ways */
    deadline until;
};

struct outbound_plan_options {
    struct shaper *shaper; /* NULL: nothing is shaped, there are no seats */
    const struct config *config;
    struct dns_resolver *resolver;
    struct outbound_egress_health *egress_health; /* NULL: nobody watches */
    void (*called)(void *arg);                    /* as shaper_seat_options.called */
    void *arg;
};

/* For a destination of the queue. Waits for the DNS. ERR_CANCELED only. */
must_use err outbound_plan_make(const struct outbound_plan_options *, str destination,
                                struct outbound_plan **ret_plan);
struct outbound_plan *outbound_plan_hold(struct outbound_plan *);
/* The last one closes the seat. Any thread; accepts NULL. */
void outbound_plan_drop(struct outbound_plan *);

/* With bound_to_egress: the one way of this mail (its queue id). 0: none. */
uint8_t outbound_plan_bound_way(const struct outbound_plan *, str mail);

/* Making it waits, else not. */
bool outbound_plan_needs_dns(const struct config *, str destination);

bool outbound_plan_is_stale(const struct outbound_plan *, const struct config *);
/* NULL: it has no such way (any more). */
const struct outbound_way *outbound_plan_find(const struct outbound_plan *, uint8_t number);
