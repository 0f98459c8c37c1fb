#include "runtime/sim.h"
#include "runtime/thread.h"
#include "tests/test.h"

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
