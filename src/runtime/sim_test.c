#include "runtime/sim.h"
#include "runtime/thread.h"
#include "tests/test.h"
#include <errno.h>

static struct address place(const char *text)
{
    struct address a;
    CHECK_DONE(address_parse(str_of(text), 0, &a), text);
    return a;
}

struct town {
    struct net_listener *listener;
    struct group group;
    int64_t slept_ms;
    bool silent_times_out, refused, echoed, job_ran;
};

static void echo_once(void *arg)
{
    struct town *t = arg;
    struct net_conn *c;
    CHECK_DONE(net_accept(t->listener, &c, DEADLINE_NEVER), "accept");
    while (net_input(c).len < 5)
        CHECK_DONE(net_fill(c, DEADLINE_NEVER), "byte by byte");
    CHECK_DONE(net_write(c, net_input(c), DEADLINE_NEVER), "write");
    CHECK_DONE(net_flush(c, DEADLINE_NEVER), "flush");
    net_consume(c, 5);
    net_close(c);
}

static void a_job(void *arg) { *(bool *)arg = true; }

static void walk(void *arg)
{
    struct town *t = arg;
    struct address mx = place("192.0.2.25:25"), far = place("192.0.2.99:25");
    int64_t before = clock_real_ms();
    CHECK_DONE(fiber_sleep(deadline_after(5 * 24 * 3600 * 1000LL)), "five days");
    t->slept_ms = clock_real_ms() - before;
    CHECK_DONE(net_listen(&mx, &t->listener), "listen");
    group_init(&t->group);
    fiber_spawn(&t->group, "echo", echo_once, t);
    sim_net_set_rules(&(struct sim_net_rules){.read_bytes_max = 1});
    struct net_conn *c;
    CHECK_DONE(net_connect(&mx, NULL, &c, deadline_after(1000)), "connect");
    CHECK_DONE(net_write(c, S("hello"), DEADLINE_NEVER), "write");
    CHECK_DONE(net_flush(c, DEADLINE_NEVER), "flush");
    err e = NULL;
    while (e == NULL && net_input(c).len < 5)
        e = net_fill(c, deadline_after(1000));
    t->echoed = str_eq(net_input(c), S("hello"));
    e = net_fill(c, deadline_after(1000));
    CHECK(e && e->kind == ERR_CLOSED, "then the end");
    net_close(c);
    e = net_connect(&far, NULL, &c, deadline_after(1000));
    t->refused = e && e->kind == ERR_SYSTEM;
    sim_net_silence(&far);
    e = net_connect(&far, NULL, &c, deadline_after(1000));
    t->silent_times_out = e && e->kind == ERR_TIMEOUT;
    CHECK_DONE(job_run(a_job, &t->job_ran, NULL, DEADLINE_NEVER), "job");
    group_close(&t->group);
    net_listener_close(t->listener);
    CHECK(sim_net_open_count() == 0, "no socket is left");
}

TEST(sim_town)
{
    struct town t = {0};
    sim_run(1, walk, &t);
    CHECK(t.slept_ms == 5 * 24 * 3600 * 1000LL, "time jumps exactly");
    CHECK(t.echoed, "echoed");
    CHECK(t.refused, "nobody there: refused");
    CHECK(t.silent_times_out, "a silent host: not in time");
    CHECK(t.job_ran, "jobs run");
}

/* ---- jobs ------------------------------------------------------------------------------------ */

enum { FAILING_JOBS = 40 }; /* more than a ring holds */

static void fail_job(void *arg)
{
    errno = EXDEV;
    *(int *)arg = err_number(err_new(ERR_SYSTEM, "as asked"));
}

static void run_failing(void *arg)
{
    int *wrong = arg;
    for (int i = 0; i < FAILING_JOBS; i++) {
        int number = 0;
        CHECK_DONE(job_run(fail_job, &number, NULL, DEADLINE_NEVER), "job");
        *wrong += number != EXDEV;
    }
}

TEST(sim_jobs_forget_their_errs)
{
    int wrong = 0;
    sim_run(1, run_failing, &wrong);
    CHECK(wrong == 0, "each has room for its own");
}

/* ---- a network that is slow, or gone -----------------------------------------------------------
 */

struct wire {
    struct net_conn *here, *there;
    struct net_listener *listener;
};

static void connect_wire(struct wire *w)
{
    struct address mx = place("192.0.2.25:25");
    CHECK_DONE(net_listen(&mx, &w->listener), "listen");
    CHECK_DONE(net_connect(&mx, NULL, &w->here, deadline_after(1000)), "connect");
    CHECK_DONE(net_accept(w->listener, &w->there, deadline_after(1000)), "accept");
}

static void close_wire(struct wire *w)
{
    net_close(w->here);
    net_close(w->there);
    net_listener_close(w->listener);
}

/* How long until the five bytes are there. */
static int64_t send_five(struct wire *w)
{
    int64_t began_ms = clock_steady_ms();
    CHECK_DONE(net_write(w->here, S("hello"), DEADLINE_NEVER), "write");
    CHECK_DONE(net_flush(w->here, DEADLINE_NEVER), "flush");
    CHECK_DONE(net_fill(w->there, DEADLINE_NEVER), "it comes");
    CHECK(str_eq(net_input(w->there), S("hello")), "and is what was sent");
    net_consume(w->there, 5);
    return clock_steady_ms() - began_ms;
}

static void measure(void *arg)
{
    int64_t *times = arg;
    struct wire w;
    connect_wire(&w);
    times[0] = send_five(&w);
    sim_net_set_rules(&(struct sim_net_rules){.latency_ms_max = 300});
    for (int i = 0; i < 20; i++)
        times[1] += send_five(&w);
    sim_net_set_rules(&(struct sim_net_rules){.stall_one_in = 1, .stall_ms_max = 60000});
    for (int i = 0; i < 20; i++)
        times[2] += send_five(&w);
    close_wire(&w);
}

TEST(sim_net_is_slow)
{
    int64_t times[3] = {0};
    sim_run(1, measure, times);
    CHECK(times[0] == 0, "without rules at once");
    CHECK(times[1] > 0, "latency");
    CHECK(times[1] <= 20 * 300, "not more than its rule");
    CHECK(times[2] > 20 * 300, "stalls");
    CHECK(times[2] <= 20 * 60000, "not more than their rule");
}

static void pull_out(void *arg)
{
    struct wire w;
    struct address mx = place("192.0.2.25:25");
    (void)arg;
    connect_wire(&w);
    sim_net_cut(true);
    err e = net_fill(w.there, deadline_after(1000));
    CHECK(e && e->kind == ERR_CLOSED, "what was open breaks");
    close_wire(&w);
    CHECK_DONE(net_listen(&mx, &w.listener), "listen");
    e = net_connect(&mx, NULL, &w.here, deadline_after(1000));
    CHECK(e && err_number(e) == ECONNREFUSED, "nobody is reached");
    net_listener_close(w.listener);
    sim_net_cut(false);
    connect_wire(&w);
    CHECK(send_five(&w) == 0, "and it is in again");
    close_wire(&w);
}

TEST(sim_net_is_cut) { sim_run(1, pull_out, NULL); }
