/* outbound/egress_watch.h -- looks after our addresses while the server runs
 *
 * At start and every `egress_watch.every` (without block lists: daily) each egress is looked at
 * (egress_look.h); one that is out, or that the DNS could not speak about, hourly. What changes is
 * written into the health table, told as an event and logged. The table is kept in a file, so that
 * a restart neither forgets who is out nor counts for a clean check.
 */
#pragma once
#include "events/event.h"
#include "outbound/egress_look.h"

enum {
    OUTBOUND_EGRESS_WATCH_DAILY_MS = 24 * 3600 * 1000,
    OUTBOUND_EGRESS_WATCH_HOURLY_MS = 3600 * 1000,
    OUTBOUND_EGRESS_WATCH_TICK_MS = 60 * 1000,  /* how soon another configuration is seen */
    OUTBOUND_EGRESS_WATCH_LOOK_MS = 120 * 1000, /* for one egress */
    OUTBOUND_EGRESS_WATCH_SAVE_MS = 60 * 1000,
};

/* All of it must outlive the fiber. */
struct outbound_egress_watch {
    const struct config *(*config)(void *arg); /* the present one, held */
    void *config_arg;
    struct dns_resolver *resolver;
    struct outbound_egress_health *health;
    const struct event_sink *events; /* may be NULL */
    const char *file;                /* where the table is kept over a restart; NULL: nowhere */
};

/* Before the first delivery: what the file says of those that are out. A file that is not there or
 * cannot be read says nothing. Blocks. */
void outbound_egress_watch_load(const struct outbound_egress_watch *);

/* A fiber's whole life, one in a server: until it is canceled. */
void outbound_egress_watch_run(void *watch);
