/* queue/schedule.h -- which delivery is next, for one worker
 *
 * A worker's schedule knows the deliveries whose destination hashes to it: those that wait for
 * their time in a heap, those that are due in a list for each destination. Destinations take
 * turns, so that a large queue for one does not delay the others. All calls are made on the
 * worker's own loop.
 *
 * Priorities (RFC 6710): of one destination the most urgent goes first, and the first come of those
 * that are as urgent. Among destinations three turns of four belong to those whose first is the
 * most urgent; the fourth goes to the less urgent levels, one after another, so none starves: of
 * the 19 levels each that has something due gets a turn among 72. Each step costs the same however
 * many wait.
 */
#pragma once
#include "queue/queue.h"

struct schedule;

/* On the worker's loop, once. */
void queue_attach(struct queue *, int worker, struct schedule **ret_schedule);
void schedule_close(struct schedule *); /* before the loop ends; accepts NULL */

/* Wait until a delivery is due, and take it. It is the caller's until it is settled or put back.
 * Destinations that are paused are passed over. */
must_use err schedule_next(struct schedule *, struct queue_delivery **ret_delivery, deadline until);
/* The next for this destination that is due now, paused or not; NULL: none. Does not wait. */
struct queue_delivery *schedule_next_for(struct schedule *, str destination);
/* One of this destination that is due and was accepted before that time (real), of those that have
 * been due longest; NULL: none of them. Does not wait. */
enum { SCHEDULE_OLD_LOOKS_MAX = 1000 };
struct queue_delivery *schedule_next_old(struct schedule *, str destination,
                                         int64_t accepted_before_ms);
/* One of any destination whose sender's own time for it (envelope_end_ms) is over, wherever it
 * stands: due, put off, passed over or stranded; NULL: none. Does not wait. Who puts it back is
 * given it again after a while. What the operator holds stays. */
struct queue_delivery *schedule_next_ended(struct schedule *);
size_t schedule_ready(struct schedule *, str destination); /* how many are due */

/* Leave this destination out of schedule_next until resumed (its connections are all in use). */
void schedule_pause(struct schedule *, str destination);
void schedule_resume(struct schedule *, str destination);

/* Not tried: no way leads to its destination, which is passed over from now on, with all that waits
 * and all that comes for it, until schedule_unstrand(): somebody has built a way, perhaps. */
void schedule_strand(struct schedule *, struct queue_delivery **);
void schedule_unstrand(struct schedule *);

/* Not tried after all: it is due again at once, or at due_ms (real time, not kept on disk). */
void schedule_put_back(struct schedule *, struct queue_delivery **, int64_t due_ms);
