/* outbound/ended.h -- mail whose time runs out while it waits
 *
 * What its sender wants tried until a certain time only (expires, DELIVERBY with R) ends then,
 * wherever it waits: in line, for its next try, for a route, for a login that is refused. Nobody
 * has to look for it: the queue knows those times (schedule_next_ended).
 */
#pragma once
#include "outbound/outbound.h"

enum { OUTBOUND_ENDED_LOOK_MS = 10 * 1000 }; /* how late at most it is seen */

struct outbound_plan;
struct outbound_pool;
struct outbound_sign_keys;

struct outbound_ended {
    const struct outbound_options *options;
    struct outbound_pool *pool;
    struct outbound_sign_keys *keys;
};

/* Give up one that was taken, if its time is over; else it is put back. plan: held; may be NULL. */
void outbound_ended_one(const struct outbound_ended *, struct outbound_plan *,
                        struct queue_delivery *, str why_it_waits);

/* A fiber's whole life, one for each worker: until it is canceled. */
void outbound_ended_run(void *ended);
