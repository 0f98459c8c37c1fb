#include "queue/queue_test.h"
#include "runtime/fault.h"
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- one message through its life ------------------------------------------------------------ */

static void commit_and_deliver(struct queue_test *t)
{
    queue_id first, second;
    CHECK_DONE(queue_test_commit(t, "u@one.example", S("hello\r\n"), &first), "commit");
    CHECK_DONE(queue_test_commit(t, "u@one.example", S("again\r\n"), &second), "commit again");
    CHECK(strcmp(first.text, second.text) < 0, "ids sort by time");
    CHECK(queue_test_deliver(t, S("hello\r\n"), "deliver the first"), "the first is due");
    CHECK(queue_test_deliver(t, S("again\r\n"), "deliver the second"), "the second is due");
    CHECK(!queue_test_deliver(t, S(""), "nothing"), "nothing is left");
    CHECK(queue_test_messages(t) == 0, "both are forgotten");
}

TEST(queue_commit_and_deliver)
{
    struct queue_test t;
    queue_test_begin(&t);
    queue_test_run(&t, commit_and_deliver);
    queue_test_end(&t);
}

/* ---- attack 205: what was stored is what was sent -----------------------------------------------
 */

static const size_t sizes[] = {0, 1, 63, 64, 4095, 32768, 65537, 262143, 262144, 300000, 5 << 20};
static str bodies[ARRAY_LEN(sizes)];

static void commit_sizes(struct queue_test *t)
{
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        char rcpt[32];
        snprintf(rcpt, sizeof rcpt, "u@d%zu.example", i);
        bodies[i] = queue_test_body(t, sizes[i]);
        CHECK_DONE(queue_test_commit(t, rcpt, bodies[i], NULL), "attack 205: commit");
    }
}

static void deliver_sizes(struct queue_test *t)
{
    CHECK(queue_test_messages(t) == ARRAY_LEN(sizes), "attack 205: all are there");
    for (size_t n = 0; n < ARRAY_LEN(sizes); n++) {
        struct queue_delivery *d = queue_test_next(t);
        CHECK(d != NULL, "attack 205: due");
        if (d == NULL)
            return;
        schedule_put_back(t->schedule, &d, 0);
        schedule_pause(t->schedule, S("none"));
    }
    for (size_t n = 0; n < ARRAY_LEN(sizes); n++) {
        char name[32];
        struct arena *arena = arena_open(8 << 20);
        struct queue_delivery *d = NULL;
        struct queue_message m;
        snprintf(name, sizeof name, "d%zu.example", n);
        CHECK_DONE(fiber_yield(), "yield");
        d = schedule_next_for(t->schedule, str_of(name));
        CHECK(d != NULL, name);
        if (d == NULL)
            return;
        err e = queue_message_open(t->queue, d, arena, &m, DEADLINE_NEVER);
        CHECK_DONE(e, name);
        CHECK(e || m.size == sizes[n], name);
        size_t got = 0, done = 0;
        char *bytes = arena_alloc(arena, sizes[n] + 1);
        while (e == NULL && done < sizes[n]) {
            e = queue_message_read(&m, done, bytes + done, sizes[n] - done, &got, DEADLINE_NEVER);
            done += got;
        }
        CHECK(str_eq((str){bytes, done}, bodies[n]), name);
        queue_message_close(&m);
        schedule_put_back(t->schedule, &d, 0);
        arena_close(arena);
    }
}

TEST(queue_bodies_of_all_sizes_survive_a_restart)
{
    struct queue_test t;
    queue_test_begin(&t);
    queue_test_run(&t, commit_sizes);
    queue_test_run(&t, deliver_sizes);
    queue_test_run(&t, deliver_sizes);
    queue_test_end(&t);
}
