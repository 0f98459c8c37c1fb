/* outbound/egress_watch.h -- looks after our addresses while the server runs
 *
 * At start and every `egress_watch.every` (without block lists: daily) each egress is looked at
 * (egress_look.h); one that is out, or that the DNS could not speak about, hourly. What changes is
 * written into the health table, told as an event and logged.
 */
#pragma once
#include "events/event.h"
#include "outbound/egress_look.h"

enum {
    OUTBOUND_EGRESS_WATCH_DAILY_MS = 24 * 3600 * 1000,
    OUTBOUND_EGRESS_WATCH_HOURLY_MS = 3600 * 1000,
    OUTBOUND_EGRESS_WATCH_TICK_MS = 60 * 1000,  /* how soon another configuration is seen */
    OUTBOUND_EGRESS_WATCH_LOOK_MS = 120 * 1000, /* for one egress */
};

/* All of it must outlive the fiber. */
struct outbound_egress_watch {
    const struct config *(*config)(void *arg); /* the present one, held */
    void *config_arg;
    struct dns_resolver *resolver;
    struct outbound_egress_health *health;
    const struct event_sink *events; /* may be NULL */
};

/* A fiber's whole life, one in a server: until it is canceled. */
void outbound_egress_watch_run(void *watch);
