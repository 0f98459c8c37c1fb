#include "cli/bench_crew.h"
#include "base/mem.h"
#include <unistd.h>

enum { LOOK_MS = 100 }; /* a signal only sets a flag */

static atomic_int interrupted; /* lock-free, as a signal handler needs it */

static void on_signal(int number)
{
    (void)number;
    interrupted = 1;
}

static void on_stop(struct loop_note *note)
{
    struct bench_worker *w = CONTAINER_OF(note, struct bench_worker, stop);
    w->stopping = true;
    gate_wake_all(&w->changed);
    gate_wake_all(&w->halt);
}

static int worker_count(int wanted, int most)
{
    long count = wanted > 0 ? wanted : sysconf(_SC_NPROCESSORS_ONLN);
    if (count > most)
        count = most;
    if (count > BENCH_WORKERS_MAX)
        count = BENCH_WORKERS_MAX;
    return count < 1 ? 1 : (int)count;
}

void bench_crew_init(struct bench_crew *c, int workers, int most,
                     void (*work)(struct bench_worker *), void *job)
{
    *c = (struct bench_crew){.count = worker_count(workers, most), .work = work, .job = job};
    c->news = chan_open();
    c->workers = mem_alloc((size_t)c->count * sizeof *c->workers);
    for (int i = 0; i < c->count; i++) {
        struct bench_worker *w = &c->workers[i];
        w->crew = c;
        w->index = i;
        w->loop = loop_open(NULL);
        w->stop.run = on_stop;
        group_init(&w->group);
        gate_init(&w->changed);
        gate_init(&w->halt);
    }
    struct sigaction action = {.sa_handler = on_signal};
    interrupted = 0;
    sigaction(SIGINT, &action, &c->before[0]);
    sigaction(SIGTERM, &action, &c->before[1]);
}

void bench_crew_release(struct bench_crew *c)
{
    sigaction(SIGINT, &c->before[0], NULL);
    sigaction(SIGTERM, &c->before[1], NULL);
    for (int i = 0; i < c->count; i++)
        loop_close(c->workers[i].loop);
    mem_free(c->workers);
    chan_close(c->news);
}

/* ---- the first thread ------------------------------------------------------------------- */

static void work_fiber(void *arg)
{
    struct bench_worker *w = arg;
    w->crew->work(w);
}

static void work_thread(void *arg)
{
    struct bench_worker *w = arg;
    loop_run(w->loop, "bench", work_fiber, w);
    atomic_fetch_add(&w->crew->ended, 1);
    chan_nudge(w->crew->news);
}

static bool must_stop(struct bench_crew *c, deadline until)
{
    return interrupted || deadline_passed(until) || (c->told && c->told(c));
}

void bench_crew_run(struct bench_crew *c, deadline until)
{
    bool stopped = false;
    for (int i = 0; i < c->count; i++)
        c->workers[i].thread = thread_start("bench", work_thread, &c->workers[i]);
    while (atomic_load(&c->ended) < c->count) {
        struct chan_item *none;
        deadline look = deadline_after(LOOK_MS);
        err e = chan_receive(c->news, &none, stopped ? look : deadline_sooner(look, until));
        (void)e; /* nothing is ever sent: it is nudged, or the time has passed */
        err_forget();
        if (stopped || !must_stop(c, until))
            continue;
        stopped = true;
        for (int i = 0; i < c->count; i++)
            loop_post(c->workers[i].loop, &c->workers[i].stop);
    }
    for (int i = 0; i < c->count; i++)
        thread_join(c->workers[i].thread);
}

void bench_crew_tally(const struct bench_crew *c, struct bench_tally *ret_tally)
{
    for (int i = 0; i < c->count; i++)
        bench_tally_merge(ret_tally, &c->workers[i].tally);
}

/* ---- on a worker ------------------------------------------------------------------------ */

void bench_worker_spawn(struct bench_worker *w, const char *name, void (*run)(void *arg), void *arg)
{
    w->running++;
    fiber_spawn(&w->group, name, run, arg);
}

void bench_worker_done(struct bench_worker *w)
{
    w->running--;
    gate_wake_all(&w->changed);
}

void bench_worker_join(struct bench_worker *w, bool at_once)
{
    err e = NULL;
    while (w->running > 0 && !w->stopping && e == NULL)
        e = gate_wait(&w->changed, DEADLINE_NEVER);
    deadline until = deadline_after(at_once ? 0 : BENCH_GRACE_MS);
    while (w->running > 0 && e == NULL)
        e = gate_wait(&w->changed, until);
    group_close(&w->group);
    err_forget();
}
