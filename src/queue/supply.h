/* queue/supply.h -- the thread that makes, seals and frees segments
 *
 * Whatever is slow about a segment happens here, so that a commit never waits for it. Results go
 * to the commit thread as requests.
 */
#pragma once
#include "queue/inside.h"

void queue_supply_start(struct queue *);
void queue_supply_stop(struct queue *); /* what was asked for is done first */
void queue_supply_drop(struct queue *); /* it never started: the next opening does it */

void queue_supply_seal(struct queue *, struct queue_segment *);
void queue_supply_free(struct queue *, struct queue_segment *);
void queue_supply_quarantine(struct queue *, struct queue_segment *); /* then it is gone as well */
void queue_supply_unlink(struct queue *, uint64_t body_id);
void queue_supply_wanted(struct queue *); /* a ready segment was taken */

/* For opening and for the thread itself: the file becomes a spare one, or goes. */
must_use err queue_supply_free_now(struct queue *, struct queue_segment *);
/* For opening and for the thread itself: one more segment, from a spare file or a new one. */
must_use err queue_supply_make(struct queue *, struct queue_segment **ret_segment);
/* Copy bytes that are damaged to quarantine/, for the operator. */
must_use err queue_supply_keep_bytes(struct queue *, struct queue_segment *, uint64_t from,
                                     uint64_t to);
