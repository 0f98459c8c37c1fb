/* runtime/loop.h -- what runs fibers: one loop for each worker thread
 *
 * A loop runs the fibers that are ready, then asks its net_driver what happened on the sockets,
 * until the next timer is due. Other threads reach it by loop_post() only.
 */
#pragma once
#include "runtime/fiber.h"

struct net_driver;

/* NULL: a driver of its own (epoll); without descriptors for it the process says so and stops. */
struct loop *loop_open(struct net_driver *);
/* One with a driver of its own, in a process that is not ours to stop. ERR_SYSTEM. */
must_use err loop_try_open(struct loop **ret_loop);
void loop_close(struct loop *);

/* Runs entry(arg) as the first fiber; returns when no fiber is left. */
void loop_run(struct loop *, const char *name, void (*entry)(void *arg), void *arg);

struct loop *loop_current(void); /* the loop this thread is running; NULL: none */
struct net_driver *loop_net(struct loop *);

/* Something to be done on a loop's own thread, outside any fiber, at its next turn: it must not
 * wait. The note belongs to the poster and must live until run() was called. From any thread. */
struct loop_note {
    struct loop_note *next;
    void (*run)(struct loop_note *);
};
void loop_post(struct loop *, struct loop_note *);

/* A note will come from another thread: loop_run() does not return before it has. Both on the
 * loop's own thread: expect when it is asked for, came when it has run, or will not come at all.
 * Who posts to a loop in any other way must know by himself that it still runs. */
void loop_expect(struct loop *);
void loop_came(struct loop *);

/* One answer from anywhere to one waiting fiber. init and wait happen on the fiber that waits;
 * finish once, on any thread. When the wait ends with an err the completion is still awaited by
 * the other side: its memory must live until its note has run (see job_run for the pattern), and
 * so must the loop, which ends no sooner. A note of another's own calls completion_arrived();
 * completion_forget() says that finish will never be called. */
struct completion {
    struct loop_note note;
    struct loop *loop;
    struct gate gate;
    bool done;
};
void completion_init(struct completion *);
void completion_finish(struct completion *);
void completion_arrived(struct completion *); /* in the note: wakes who waits */
void completion_forget(struct completion *);
must_use err completion_wait(struct completion *, deadline until);

/* For drivers and clocks of the simulation. */
int64_t loop_next_timer_ns(struct loop *); /* steady clock; INT64_MAX: none */
