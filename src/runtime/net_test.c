#include "runtime/net.h"
#include "runtime/thread.h"
#include "tests/test.h"
#include <errno.h>

struct pair {
    struct net_listener *listener;
    struct group group;
    bool echoed, timed_out, closed;
};

static void serve_echo(void *arg)
{
    struct pair *p = arg;
    struct net_conn *c;
    CHECK_DONE(net_accept(p->listener, &c, deadline_after(5000)), "accept");
    while (net_fill(c, deadline_after(5000)) == NULL) {
        CHECK_DONE(net_write(c, net_input(c), deadline_after(5000)), "echo");
        net_consume(c, net_input(c).len);
        CHECK_DONE(net_flush(c, deadline_after(5000)), "flush");
    }
    p->closed = true;
    net_close(c);
}

static void echo_test(void *arg)
{
    struct pair *p = arg;
    struct address at;
    CHECK_DONE(address_parse(S("127.0.0.1:0"), 0, &at), "address");
    CHECK_DONE(net_listen(&at, &p->listener), "listen");
    at = net_listener_address(p->listener);
    group_init(&p->group);
    fiber_spawn(&p->group, "echo", serve_echo, p);
    struct net_conn *c;
    CHECK_DONE(net_connect(&at, NULL, &c, deadline_after(5000)), "connect");
    CHECK_DONE(net_write(c, S("hello"), deadline_after(5000)), "write");
    CHECK_DONE(net_flush(c, deadline_after(5000)), "flush");
    while (net_input(c).len < 5)
        CHECK_DONE(net_fill(c, deadline_after(5000)), "fill");
    CHECK_STR(net_input(c), "hello", "echo comes back");
    net_consume(c, 5);
    err e = net_fill(c, deadline_after(20));
    p->timed_out = e && e->kind == ERR_TIMEOUT;
    net_close(c);
    CHECK_DONE(group_wait(&p->group, deadline_after(5000)), "server ends");
    group_close(&p->group);
    net_listener_close(p->listener);
}

TEST(net_echo)
{
    struct pair p = {0};
    struct loop *l = loop_open(NULL);
    loop_run(l, "test", echo_test, &p);
    loop_close(l);
    CHECK(p.timed_out, "a wait ends at its deadline");
    CHECK(p.closed, "the server sees the end");
}

struct story {
    struct group group;
    struct gate gate;
    char order[32];
};

static void sleeper(void *arg)
{
    struct story *s = arg;
    err e = gate_wait(&s->gate, DEADLINE_NEVER);
    strncat(s->order, e && e->kind == ERR_CANCELED ? "c" : "w", 2);
    e = fiber_sleep(deadline_after(10));
    strncat(s->order, e && e->kind == ERR_CANCELED ? "C" : "s", 2);
}

static void story(void *arg)
{
    struct story *s = arg;
    gate_init(&s->gate);
    group_init(&s->group);
    for (int i = 0; i < 3; i++)
        fiber_spawn(&s->group, "sleeper", sleeper, s);
    CHECK_DONE(fiber_yield(), "yield");
    gate_wake_one(&s->gate);
    CHECK_DONE(fiber_yield(), "yield");
    group_close(&s->group);
    strncat(s->order, "!", 2);
}

TEST(fiber_group_closes)
{
    struct story s = {0};
    struct loop *l = loop_open(NULL);
    size_t before = fiber_count();
    loop_run(l, "test", story, &s);
    loop_close(l);
    CHECK(fiber_count() == before, "none is left");
    CHECK_STR(str_of(s.order), "wCcCcC!",
              "one was woken, then all were canceled, then close returned");
}

static void double_it(void *job) { *(int *)job *= 2; }

static void job_story(void *arg)
{
    int *value = arg;
    CHECK_DONE(job_run(double_it, value, NULL, DEADLINE_NEVER), "job");
}

TEST(thread_job)
{
    int value = 21;
    struct loop *l = loop_open(NULL);
    loop_run(l, "test", job_story, &value);
    loop_close(l);
    CHECK(value == 42, "the job ran");
}

struct parcel {
    struct chan_item item;
    int number;
};

static struct chan *mailbox;

static void sender(void *arg)
{
    struct parcel *p = arg;
    for (int i = 0; i < 3; i++) {
        p[i].number = i;
        chan_send(mailbox, &p[i].item);
    }
}

static void receiver(void *arg)
{
    int *sum = arg;
    static struct parcel parcels[3];
    mailbox = chan_open();
    struct thread *t = thread_start("sender", sender, parcels);
    for (int i = 0; i < 3; i++) {
        struct chan_item *item = NULL;
        CHECK_DONE(chan_receive(mailbox, &item, deadline_after(5000)), "receive");
        CHECK(CONTAINER_OF(item, struct parcel, item)->number == i, "in order");
        *sum += i;
    }
    struct chan_item *none;
    err e = chan_receive(mailbox, &none, deadline_after(5));
    CHECK(e && e->kind == ERR_TIMEOUT, "nothing more");
    thread_join(t);
    chan_close(mailbox);
}

enum { CROWD = 4, CROWD_PARCELS = 20000 };

static void crowd_sender(void *arg)
{
    struct parcel *parcels = arg;
    for (int i = 0; i < CROWD_PARCELS; i++)
        chan_send(mailbox, &parcels[i].item);
}

/* Each sender's parcels come once and in the order they were sent in. */
static void receive_crowd(void *arg)
{
    struct parcel *parcels = arg;
    int next[CROWD] = {0}, wrong = 0;
    for (int i = 0; i < CROWD * CROWD_PARCELS; i++) {
        struct chan_item *item = NULL;
        err e = chan_receive(mailbox, &item, deadline_after(20000));
        CHECK_DONE(e, "receive");
        if (e)
            return;
        ptrdiff_t at = CONTAINER_OF(item, struct parcel, item) - parcels;
        wrong += next[at / CROWD_PARCELS]++ != at % CROWD_PARCELS;
    }
    CHECK(wrong == 0, "in order");
    CHECK(chan_take_all(mailbox) == NULL, "none twice");
}

TEST(thread_chan_crowd)
{
    static struct parcel parcels[CROWD * CROWD_PARCELS];
    for (int fiber = 0; fiber < 2; fiber++) {
        struct thread *senders[CROWD];
        mailbox = chan_open();
        for (int i = 0; i < CROWD; i++)
            senders[i] = thread_start("sender", crowd_sender, &parcels[i * CROWD_PARCELS]);
        struct loop *l = loop_open(NULL);
        if (fiber)
            loop_run(l, "test", receive_crowd, parcels);
        else
            receive_crowd(parcels);
        for (int i = 0; i < CROWD; i++)
            thread_join(senders[i]);
        loop_close(l);
        chan_close(mailbox);
    }
}

TEST(thread_chan)
{
    int sum = 0;
    struct loop *l = loop_open(NULL);
    loop_run(l, "test", receiver, &sum);
    loop_close(l);
    CHECK(sum == 3, "all came");
}
