/* queue/ends.h -- mail whose sender has said until when it is of use
 *
 * Most mail has no such end, and costs nothing here. For the others each delivery stands in a heap
 * of its worker's, by that time, from when its entry is made until it goes; so what has ended is
 * found in one step, however many wait and wherever they stand. All of it with the queue's lock
 * held, for the files of this folder only.
 */
#pragma once
#include "queue/inside.h"

enum {
    QUEUE_ENDS_LOOKS_MAX = 1000,     /* by one call */
    QUEUE_ENDS_AGAIN_MS = 30 * 1000, /* who is held or under way is looked at again after that */
};

void queue_ends_init(struct queue *);
void queue_ends_release(struct queue *);

/* The deliveries of that entry, whose destinations are named, end then (real time). */
void queue_ends_note(struct queue *, struct queue_entry *, int64_t end_ms);
void queue_ends_forget(struct queue *, struct queue_entry *); /* does nothing when it has none */

/* One of that worker's whose time is over and which nobody has in hand; NULL: none. It is given
 * again after a while if it is still there. */
struct queue_delivery *queue_ends_next(struct queue_inbox *, int64_t now_ms);
