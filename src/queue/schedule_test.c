#include "base/log.h"
#include "queue/admin.h"
#include "queue/commit.h"
#include "queue/queue_test.h"
#include "runtime/fault.h"
#include "runtime/sim.h"
#include "runtime/sim_fs.h"
#include <errno.h>
#include <stdlib.h>

static struct sim_fs *fs;

static void ignore_line(void *arg, enum log_level level, str line)
{
    (void)arg, (void)level, (void)line;
}

static void open_sim(struct queue_test *t, bool again)
{
    struct queue_options options = {.folder = "/spool",
                                    .workers = 1,
                                    .draft_memory_max = 16 << 20,
                                    .segment_bytes = QUEUE_SEGMENT_BYTES_MIN};
    if (!again)
        fs = sim_fs_open();
    sim_fs_use(fs);
    CHECK_DONE(queue_open(&options, &t->queue), "open");
    queue_attach(t->queue, 0, &t->schedule);
}

static void close_sim(struct queue_test *t)
{
    schedule_close(t->schedule);
    queue_close(t->queue);
}

static void defer(struct queue_test *t, struct queue_delivery *d, int64_t by_ms)
{
    struct queue_settlement s = {.due_ms = clock_real_ms() + by_ms, .tried = true};
    CHECK_DONE(queue_settle(t->queue, &d, &s, deadline_after(QUEUE_TEST_MS)), "defer");
}

/* How long until the one message is due; it is put back. */
static int64_t due_in_ms(struct queue_test *t)
{
    struct queue_delivery *d = NULL;
    int64_t before = clock_steady_ms();
    CHECK_DONE(schedule_next(t->schedule, &d, deadline_after(1000LL * 86400 * 30)), "due");
    int64_t waited = clock_steady_ms() - before;
    if (d)
        schedule_put_back(t->schedule, &d, 0);
    return waited;
}

static void jump(void *arg)
{
    struct queue_test *t = arg;
    static const int64_t years[] = {10, -1};
    open_sim(t, false);
    CHECK_DONE(queue_test_commit(t, "u@one.example", S("x"), NULL), "commit");
    for (size_t i = 0; i < ARRAY_LEN(years); i++) {
        struct queue_delivery *d = queue_test_next(t);
        CHECK(d != NULL, "due");
        defer(t, d, 3600 * 1000);
        sim_jump_date(years[i] * 365 * 86400 * 1000);
        int64_t waited = due_in_ms(t);
        CHECK(waited > 3590 * 1000 && waited < 3610 * 1000, "attack 198: a jump moves nothing");
    }
    struct queue_delivery *d = queue_test_next(t);
    defer(t, d, 3600 * 1000);
    close_sim(t);
    sim_jump_date(-365LL * 86400 * 1000);
    open_sim(t, true);
    int64_t waited = due_in_ms(t);
    CHECK(waited > 3590 * 1000, "attack 198: no busy retry");
    CHECK(waited < 3610 * 1000, "attack 198: nor a year's wait after a restart");
    close_sim(t);
    sim_fs_close(fs);
}

static void take_turns(void *arg)
{
    struct queue_test *t = arg;
    char order[9] = "";
    open_sim(t, false);
    for (int i = 0; i < 4; i++)
        CHECK_DONE(queue_test_commit(t, "u@a.example", S("x"), NULL), "commit");
    CHECK_DONE(queue_test_commit(t, "u@b.example", S("x"), NULL), "commit");
    CHECK_DONE(queue_test_commit(t, "u@c.example", S("x"), NULL), "commit");
    CHECK_DONE(fiber_yield(), "yield");
    CHECK(schedule_ready(t->schedule, S("a.example")) == 4, "four for a");
    struct queue_delivery *taken[6];
    schedule_pause(t->schedule, S("c.example"));
    for (int i = 0; i < 5; i++) {
        taken[i] = queue_test_next(t);
        order[i] = taken[i] ? queue_delivery_destination(taken[i]).ptr[0] : '-';
    }
    CHECK_STR(str_of(order), "abaaa", "destinations take turns; c is paused");
    CHECK(queue_test_next(t) == NULL, "paused is passed over");
    schedule_resume(t->schedule, S("c.example"));
    taken[5] = queue_test_next(t);
    CHECK(taken[5] && queue_delivery_destination(taken[5]).ptr[0] == 'c', "resumed");
    CHECK(schedule_next_for(t->schedule, S("a.example")) == NULL, "taken once only");
    for (int i = 0; i < 6; i++)
        if (taken[i])
            schedule_put_back(t->schedule, &taken[i], 0);
    close_sim(t);
    sim_fs_close(fs);
}

static bool always(void) { return true; }

static void wait_here(void *arg)
{
    struct queue_test *t = arg;
    open_sim(t, false);
    struct queue_delivery *d = NULL;
    for (int i = 0; i < 2; i++)
        CHECK_DONE(queue_test_commit(t, "u@a.example, u@b.example", S("x"), NULL), "commit");
    for (int i = 0; i < 4 && (d = queue_test_next(t)) != NULL; i++)
        if (queue_delivery_destination(d).ptr[0] == 'a')
            schedule_strand(t->schedule, &d);
        else
            schedule_put_back(t->schedule, &d, clock_real_ms() + 3600 * 1000);
    CHECK_DONE(queue_test_commit(t, "u@a.example, u@c.example", S("x"), NULL), "commit");
    d = queue_test_next(t);
    CHECK(d && queue_delivery_destination(d).ptr[0] == 'c', "a stranded one is passed over");
    if (d)
        schedule_put_back(t->schedule, &d, clock_real_ms() + 3600 * 1000);
    CHECK(queue_test_next(t) == NULL, "also what came later");
    schedule_unstrand(t->schedule);
    for (int i = 0; i < 3; i++)
        CHECK(queue_test_deliver(t, S("x"), "all of it has a way"), "delivered");
    CHECK(queue_test_next(t) == NULL, "that was all");
    close_sim(t);
    sim_fs_close(fs);
}

/* One that went while it was stranded leaves nothing behind; the next is looked at again. */
static void strand_and_go(void *arg)
{
    struct queue_test *t = arg;
    queue_id id;
    open_sim(t, false);
    CHECK_DONE(queue_test_commit(t, "u@a.example", S("x"), &id), "commit");
    struct queue_delivery *d = queue_test_next(t);
    schedule_strand(t->schedule, &d);
    struct queue_admin_filter filter = {.id = str_of(id.text)};
    size_t count = 0;
    err e = queue_admin_change(t->queue, &filter, QUEUE_REMOVE, &count, deadline_after(1000));
    CHECK_DONE(e, "remove");
    CHECK(count == 1, "one delivery");
    CHECK_DONE(fiber_sleep(deadline_after(1000)), "sleep");
    CHECK(queue_test_messages(t) == 0, "removed");
    CHECK_DONE(queue_test_commit(t, "u@a.example", S("y"), NULL), "commit");
    CHECK(queue_test_deliver(t, S("y"), "not stranded any more"), "delivered");
    schedule_unstrand(t->schedule);
    close_sim(t);
    sim_fs_close(fs);
}

static void commit_alone(void *arg)
{
    struct queue_test *t = arg;
    struct queue_stats stats;
    open_sim(t, false);
    t->queue->options.may_block = always;
    for (int i = 0; i < 40; i++)
        CHECK_DONE(queue_test_commit(t, "u@a.example", S("x"), NULL), "commit");
    queue_stats(t->queue, &stats);
    CHECK(stats.here == stats.batches - QUEUE_QUICK_BATCHES, "by its fiber, once syncs are quick");
    fault_arm("spool.sync", FAULT_FAIL, EIO, 1, false);
    err e = queue_test_commit(t, "u@a.example", S("x"), NULL);
    CHECK(e && e->kind != ERR_TIMEOUT, "a failed sync is no 250");
    CHECK(queue_stopped(t->queue), "and stops the store");
    e = queue_test_commit(t, "u@a.example", S("x"), NULL);
    CHECK(e && e->kind == ERR_CLOSED, "until it is open again");
    CHECK_DONE(fiber_sleep(deadline_after(60000)), "sleep");
    for (int i = 0; i < 40; i++)
        CHECK(queue_test_deliver(t, S("x"), "what was acknowledged"), "delivered");
    CHECK(queue_test_messages(t) == 0, "no more than that");
    fault_clear();
    close_sim(t);
    sim_fs_close(fs);
}

static void cancel_late(void *arg)
{
    struct queue_test *t = arg;
    open_sim(t, false);
    struct envelope_rcpt to = {.address = S("u@a"), .destination = S("a.example")};
    struct envelope e = {.rcpts = &to, .rcpt_count = 1, .accepted_at_ms = clock_real_ms()};
    struct queue_draft *draft;
    queue_id id;
    CHECK_DONE(queue_draft_open(t->queue, &draft), "draft");
    CHECK_DONE(queue_draft_write(draft, S("x"), DEADLINE_NEVER), "write");
    err failed = queue_commit(t->queue, &draft, &e, S(""), &id, deadline_after(0));
    CHECK(failed == NULL || failed->kind == ERR_TIMEOUT, "attack 193: say nothing");
    CHECK_DONE(fiber_sleep(deadline_after(1000)), "sleep");
    CHECK(queue_test_messages(t) == 1, "attack 193: one copy is kept");
    close_sim(t);
    sim_fs_close(fs);
}

static void run(void (*story)(void *arg))
{
    struct queue_test t = {.arena = arena_open(1 << 20)};
    sim_run(9, story, &t);
    arena_close(t.arena);
}

TEST(queue_clock_jumps) { run(jump); }
TEST(queue_destinations_take_turns) { run(take_turns); }
TEST(queue_stranded) { run(wait_here); }
TEST(queue_stranded_and_removed) { run(strand_and_go); }
TEST(queue_commit_alone)
{
    log_set_sink(ignore_line, NULL);
    run(commit_alone);
    log_set_sink(NULL, NULL);
}
TEST(queue_commit_left_behind) { run(cancel_late); }
