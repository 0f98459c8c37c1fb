/* queue/log.h -- the set of segments: what in them is still needed, and which may go
 *
 * With the queue's lock held, all but the two that say so. Only the commit thread changes the set.
 */
#pragma once
#include "queue/inside.h"

void queue_log_add(struct queue *, struct queue_segment *);
bool queue_log_exists(const struct queue *, uint32_t number);
/* It was freed or moved away: nothing names it any more. */
void queue_log_gone(struct queue *, struct queue_segment *);
void queue_log_unref(struct queue_segment *);

/* The effects of one record that is now durable (or was found at opening). */
void queue_log_copy_at(struct queue *, struct queue_entry *, struct queue_segment *,
                       uint64_t offset, const struct queue_record *);
void queue_log_update_at(struct queue_delivery *, struct queue_segment *, uint64_t offset,
                         uint32_t size);
void queue_log_forget_update(struct queue_delivery *);
void queue_log_forget(struct queue_entry *); /* the copy and all updates are dead */
/* A DONE or ABORT stands in the segment because of the other one. */
void queue_log_name(struct queue *, struct queue_segment *, uint32_t named);

/* Has everything in it died, and nothing in it a meaning for another segment? */
bool queue_log_is_free(const struct queue *, const struct queue_segment *);
/* The one that is most worth cleaning, or NULL. Hungry: space is short. */
struct queue_segment *queue_log_choose(struct queue *, bool hungry);
