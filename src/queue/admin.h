/* queue/admin.h -- what waits and why; hold, release, retry, remove
 *
 * Listing goes through the index by age in bounded steps, no further than it is read, and reads
 * envelopes only where a filter or the caller asks for them. Changes are durable when the call
 * returns NULL.
 */
#pragma once
#include "queue/queue.h"

enum { QUEUE_ADMIN_STEP = 100 };

enum queue_admin_verb { QUEUE_HOLD, QUEUE_RELEASE, QUEUE_RETRY, QUEUE_REMOVE };

/* All that are given must match; empty: any. */
struct queue_admin_filter {
    str destination, sender, rcpt; /* whole, ASCII letters of any case */
    str id;                        /* of one message */
    bool held;                     /* only what is held */
};

struct queue_admin_item { /* one delivery */
    queue_id id;
    str destination, sender;
    struct queue_state state;
    str reply; /* the last one */
    uint64_t size;
    int64_t accepted_ms;
    int64_t not_before_ms, expires_ms, by_ms; /* as in the envelope */
    bool taken, damaged;
    struct queue_rcpt *rcpts; /* that still wait */
    size_t rcpt_count;
};

/* Tell each delivery that matches; its texts are good during the call. Stops when each gives false.
 */
must_use err queue_admin_list(struct queue *, const struct queue_admin_filter *,
                              bool (*each)(void *arg, const struct queue_admin_item *), void *arg,
                              deadline until);
/* Change all that match (flush is RETRY with a destination). *ret_count: deliveries changed. */
must_use err queue_admin_change(struct queue *, const struct queue_admin_filter *,
                                enum queue_admin_verb, size_t *ret_count, deadline until);
