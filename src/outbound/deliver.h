/* outbound/deliver.h -- one delivery, from the queue and back into it
 *
 * Read the message, attempt, decide, settle, tell. Whatever happens, the delivery is settled or
 * put back, and what a host has answered is kept.
 */
#pragma once
#include "outbound/bounce.h"
#include "outbound/outbound.h"

struct outbound_deliver {
    const struct outbound_options *options;
    const struct config *config; /* held by the caller */
    struct outbound_pool *pool;
    struct outbound_sign_keys *keys;
    struct arena *arena;        /* reset by the caller, between two */
    struct outbound_plan *plan; /* held by the caller */
    struct shaper_grant grant;  /* of its seat, taken over; lane NULL: none */
    struct outbound_from_told *told;

    struct outbound_transcript_book *book; /* of this delivery; NULL: none is kept */

    /* Results. */
    bool login_refused;
    bool tried;
};

/* Not tried, because it stands in line for that reason: given up if its time is over, else put
 * back. */
void outbound_deliver_expire(struct outbound_deliver *, struct queue_delivery *, str reason);

void outbound_deliver_run(struct outbound_deliver *, struct queue_delivery *);
