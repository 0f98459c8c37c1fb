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
    struct arena *arena; /* reset by the caller, between two */

    const struct outbound_verdict **refused; /* made here: see outbound_attempt */

    /* Results. */
    bool route_paused; /* our login was refused; text says why */
    bool tried;
    str text;
};

void outbound_deliver_run(struct outbound_deliver *, struct queue_delivery *);
