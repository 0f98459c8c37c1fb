/* queue/index.h -- messages and deliveries in memory
 *
 * Messages stand in the order of their ids, which is that of their age: who lists them goes on from
 * where it was, and new mail touches the end of the order only, however many wait.
 * All of it with the queue's lock held. An entry lives until the index and every schedule that was
 * told of its deliveries have let go of it.
 */
#pragma once
#include "queue/inside.h"

void queue_index_init(struct queue *);
void queue_index_release(struct queue *);

struct queue_entry *queue_index_find(struct queue *, uint64_t id); /* NULL: no such message */

/* Room for a message; its deliveries are named with queue_index_name and its numbers filled in by
 * the caller. It belongs to nobody until queue_index_add. */
struct queue_entry *queue_index_make(struct queue *, uint64_t id, uint16_t deliveries,
                                     uint16_t rcpts);
void queue_index_name(struct queue *, struct queue_delivery *, str destination);
void queue_index_drop(struct queue *, struct queue_entry *); /* one that was never added */

void queue_index_add(struct queue *, struct queue_entry *); /* both of the next */
void queue_index_insert(struct queue *, struct queue_entry *);
void queue_index_publish(struct queue *, struct queue_entry *); /* count it, tell the schedules */
/* Out of the index; each schedule is told that its deliveries are gone. */
void queue_index_remove(struct queue *, struct queue_entry *);
void queue_index_unref(struct queue *, struct queue_entry *);

/* Tell the delivery's schedule to look at it again: with the lock held, which must then be let go
 * by queue_index_unlock() (here, or soon): it wakes the workers that were told, and were not awake.
 * A destination that is passed over wakes nobody: its schedule looks when that ends. */
void queue_index_tell(struct queue *, struct queue_delivery *);
void queue_index_unlock(struct queue *);

/* The same for a delivery that is not counted yet. */
void queue_index_note_state(struct queue_delivery *, const struct queue_state *);
void queue_index_set_state(struct queue *, struct queue_delivery *, const struct queue_state *);
struct queue_state queue_index_state(const struct queue_delivery *);
