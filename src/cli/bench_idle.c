#include "cli/bench_idle.h"
#include "base/mem.h"
#include "cli/bench_crew.h"
#include "cli/bench_session.h"
#include <stdio.h>

struct job {
    const struct bench_plan *plan;
    const struct bench_idle_options *options;
    bool told;
    deadline until;
};

struct opening {
    struct gate room;
    int count, most;
};

struct holder {
    struct bench_worker *worker;
    struct bench_session session;
};

static bool open_in_turn(struct holder *h)
{
    struct opening *opening = h->worker->own;
    err e = NULL;
    while (opening->count >= opening->most && e == NULL)
        e = gate_wait(&opening->room, DEADLINE_NEVER);
    if (e || h->worker->stopping)
        return false;
    opening->count++;
    bool open = bench_session_open(&h->session);
    opening->count--;
    gate_wake_one(&opening->room);
    return open;
}

static void hold(struct holder *h)
{
    struct bench_tally *t = &h->worker->tally;
    err e = net_fill(h->session.conn, DEADLINE_NEVER);
    if (e && e->kind == ERR_CANCELED) {
        t->messages++;
        return;
    }
    t->lost++;
    if (e)
        bench_tally_err(t, BENCH_HELLO, e);
    else
        bench_tally_fault(t, BENCH_HELLO, 0, net_input(h->session.conn));
}

static void run_holder(void *arg)
{
    struct holder *h = arg;
    struct bench_crew *crew = h->worker->crew;
    bool open = open_in_turn(h);
    h->worker->tally.lost += !open;
    bench_tally_time(&h->worker->tally, clock_steady_ns());
    atomic_fetch_add(&crew->taken, 1);
    atomic_fetch_add(&crew->ready, open);
    chan_nudge(crew->news);
    if (open)
        hold(h);
    bench_session_close(&h->session);
    bench_worker_done(h->worker);
}

static void work(struct bench_worker *w)
{
    const struct job *job = w->crew->job;
    int most = job->options->opening ? job->options->opening : BENCH_IDLE_OPENING;
    struct opening opening = {.most = most};
    int count = job->options->connections / w->crew->count +
                (w->index < job->options->connections % w->crew->count);
    struct holder *holders = mem_alloc((size_t)count * sizeof *holders);
    gate_init(&opening.room);
    w->own = &opening;
    for (int i = 0; i < count; i++) {
        holders[i].worker = w;
        holders[i].session = (struct bench_session){.plan = job->plan, .tally = &w->tally};
        bench_worker_spawn(w, "holder", run_holder, &holders[i]);
    }
    bench_worker_join(w, true);
    mem_free(holders);
}

static void tell_ready(struct bench_crew *crew)
{
    const struct job *job = crew->job;
    if (job->options->quiet)
        return;
    printf(job->options->json ? "{\"event\":\"ready\",\"connections\":%llu}\n"
                              : "ready: %llu connections\n",
           atomic_load(&crew->ready));
    fflush(stdout);
}

/* All have been tried: say so, and let the time begin. */
static bool look(struct bench_crew *crew)
{
    struct job *job = crew->job;
    if (!job->told && atomic_load(&crew->taken) == (unsigned)job->options->connections) {
        job->told = true;
        tell_ready(crew);
        if (job->options->duration_ms)
            job->until = deadline_after(job->options->duration_ms);
    }
    return deadline_passed(job->until);
}

void bench_idle_run(const struct bench_plan *plan, const struct bench_idle_options *o,
                    struct bench_tally *ret_tally)
{
    struct job job = {.plan = plan, .options = o, .until = DEADLINE_NEVER};
    struct bench_crew crew;
    bench_crew_init(&crew, o->workers, o->connections, work, &job);
    crew.told = look;
    bench_crew_run(&crew, DEADLINE_NEVER);
    bench_crew_tally(&crew, ret_tally);
    bench_crew_release(&crew);
}
