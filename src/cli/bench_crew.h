/* cli/bench_crew.h -- worker threads with one loop each, and how they are ended
 *
 * A crew runs the same work on every worker. The work is a fiber; it spawns its connections into
 * the worker's group and returns when they are done or when it is told to stop. The first thread
 * does nothing but wait: for the workers, for the end of the time, for SIGINT or SIGTERM.
 */
#pragma once
#include "cli/bench_tally.h"
#include "runtime/loop.h"
#include "runtime/thread.h"
#include <signal.h>
#include <stdatomic.h>

enum {
    BENCH_WORKERS_MAX = 64,
    BENCH_GRACE_MS = 10 * 1000, /* for what is under way when the end has come */
};

struct bench_crew;

struct bench_worker {
    struct bench_crew *crew;
    int index;
    struct loop *loop;
    struct thread *thread;
    struct group group;  /* its connections */
    int running;         /* how many of them */
    struct gate changed; /* a connection has ended, or stopping was set */
    struct gate halt;    /* stopping was set */
    bool stopping;
    struct loop_note stop;
    struct bench_tally tally;
    void *own; /* the work's */
};

struct bench_crew {
    int count;
    struct bench_worker *workers;
    void (*work)(struct bench_worker *);
    void *job;           /* the same for all */
    atomic_ullong taken; /* messages handed out, or counted in */
    atomic_ullong ready; /* connections that are open (idle) */
    atomic_int ended;    /* workers */
    struct chan *news;   /* nudged when one of these changes */
    /* looked at after each change; true: stop now. Or NULL */
    bool (*told)(struct bench_crew *);
    struct sigaction before[2]; /* of SIGINT and SIGTERM, to be put back */
};

/* workers 0: one for each processor, at most most. Catches SIGINT and SIGTERM until release. */
void bench_crew_init(struct bench_crew *, int workers, int most,
                     void (*work)(struct bench_worker *), void *job);
void bench_crew_run(struct bench_crew *, deadline until); /* returns when all have ended */
void bench_crew_release(struct bench_crew *);
void bench_crew_tally(const struct bench_crew *, struct bench_tally *ret_tally);

/* For the work, on a worker's fibers. */
void bench_worker_spawn(struct bench_worker *, const char *name, void (*run)(void *arg), void *arg);
void bench_worker_done(struct bench_worker *); /* the last thing a spawned fiber does */
/* Until all connections have ended or a stop was asked for; then those that are left get
 * BENCH_GRACE_MS (none if at_once) and are canceled. */
void bench_worker_join(struct bench_worker *, bool at_once);
