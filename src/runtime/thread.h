/* runtime/thread.h -- threads, channels between them, and jobs that may block
 *
 * Real threads stand behind thread_driver, one of the program's seams: in the simulation each is
 * a fiber on the one loop, and a job runs in its caller's place. Code that runs in a thread may
 * therefore wait only by chan_receive(), and may block only in file_ and library calls.
 */
#pragma once
#include "base/clock.h"
#include "base/err.h"

struct thread;
struct chan;

struct thread_driver {
    struct thread *(*start)(const char *name, void (*run)(void *arg), void *arg);
    void (*join)(struct thread *); /* on a fiber or a thread; frees it */
    /* Take run(job) off the caller's hands; finish(job) is called afterwards, on any thread. */
    void (*submit)(void (*run)(void *job), void (*finish)(void *job), void *job);
};
extern const struct thread_driver thread_system;
void thread_use(const struct thread_driver *); /* NULL: thread_system */

struct thread *thread_start(const char *name, void (*run)(void *arg), void *arg);
void thread_join(struct thread *);

/* Run run(job) where it may block (file system, name services, password hashing) and wait for
 * it. When the wait fails the job is left behind: it still runs, and release(job) is called after
 * it; so a job owns its memory. After success release is not called: the caller has the job. */
must_use err job_run(void (*run)(void *job), void *job, void (*release)(void *job), deadline until);

/* The same for work that may fail, from anywhere: on a fiber it is a job, else it is done here. An
 * err of the work is told in its own kind, number and words. *left is set in any case: true when it
 * was the wait that ended (ERR_CANCELED, ERR_TIMEOUT), and the work, which goes on, is release's.
 */
must_use err job_do(err (*run)(void *work), void *work, void (*release)(void *work), deadline until,
                    bool *left);

/* A channel: many senders on any thread or fiber, one receiver, which is a fiber or a thread.
 * Items are linked through a node inside them and change owner by being sent. */
struct chan_item {
    struct chan_item *next;
};
struct chan *chan_open(void);
/* By the receiver, when every chan_send() has returned. */
void chan_close(struct chan *);
void chan_send(struct chan *, struct chan_item *);
/* The oldest item. ERR_TIMEOUT, ERR_CANCELED. A deadline in the past only looks. */
must_use err chan_receive(struct chan *, struct chan_item **ret_item, deadline until);
/* All items there are, oldest first, linked; NULL when none. Does not wait. */
struct chan_item *chan_take_all(struct chan *);
/* Wake the receiver without an item (its condition changed): chan_receive gives ERR_TIMEOUT. */
void chan_nudge(struct chan *);
