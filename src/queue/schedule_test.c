#include "base/log.h"
#include "base/rand.h"
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

/* What is due is taken without being put back: "a9" is priority 9 for a.example. */
static void commit_at(struct queue_test *t, const char *rcpt, int priority)
{
    t->priority = (int8_t)priority;
    CHECK_DONE(queue_test_commit(t, rcpt, S("x"), NULL), "commit");
}

static struct queue_delivery *take_one(struct queue_test *t, char *ret_text)
{
    struct queue_delivery *d = queue_test_next(t);
    if (d == NULL)
        return NULL;
    int priority = queue_delivery_state(t->queue, d).priority;
    ret_text[0] = queue_delivery_destination(d).ptr[0];
    ret_text[1] = priority < 0 ? '-' : '+';
    ret_text[2] = (char)('0' + (priority < 0 ? -priority : priority));
    ret_text[3] = '\0';
    return d;
}

static void urgent_first(void *arg)
{
    struct queue_test *t = arg;
    static const int priorities[] = {0, 0, -2, 4, 9, 4, -9, 0};
    static const char *const want[] = {"a+9", "a+4", "a+4", "a+0", "a+0", "a+0", "a-2", "a-9"};
    struct queue_delivery *taken[8];
    open_sim(t, false);
    for (size_t i = 0; i < ARRAY_LEN(priorities); i++)
        commit_at(t, "u@a.example", priorities[i]);
    CHECK_DONE(fiber_yield(), "yield");
    uint64_t before = 0;
    for (size_t i = 0; i < ARRAY_LEN(want); i++) {
        char got[4] = "";
        uint64_t id = 0;
        taken[i] = take_one(t, got);
        CHECK_STR(str_of(got), want[i], "the most urgent first");
        if (taken[i] == NULL)
            continue;
        CHECK(queue_id_parse(str_of(queue_delivery_id(taken[i]).text), &id), "id");
        bool as_urgent = i > 0 && str_eq(str_of(want[i]), str_of(want[i - 1]));
        CHECK(!as_urgent || id > before, "of the same the first come");
        before = id;
    }
    /* What goes and comes back keeps the ends of the levels right. */
    for (size_t i = 0; i < 8; i += 2)
        schedule_put_back(t->schedule, &taken[i], 0);
    CHECK_DONE(fiber_yield(), "yield");
    commit_at(t, "u@a.example", 4);
    commit_at(t, "u@a.example", -2);
    static const char *const again[] = {"a+9", "a+4", "a+4", "a+0", "a-2", "a-2"};
    struct queue_delivery *rest[6];
    for (size_t i = 0; i < ARRAY_LEN(again); i++) {
        char got[4] = "";
        rest[i] = take_one(t, got);
        CHECK_STR(str_of(got), again[i], "once more");
    }
    CHECK(queue_test_next(t) == NULL, "that was all");
    for (size_t i = 1; i < 8; i += 2)
        schedule_put_back(t->schedule, &taken[i], 0);
    for (size_t i = 0; i < 6; i++)
        if (rest[i])
            schedule_put_back(t->schedule, &rest[i], 0);
    close_sim(t);
    sim_fs_close(fs);
}

static void turns_by_urgency(void *arg)
{
    struct queue_test *t = arg;
    enum { EACH = 12 };
    static const char want[] = "aaabaaacaaabaaac"; /* a is urgent, b normal, c can wait */
    struct queue_delivery *taken[3 * EACH];
    char order[3 * EACH + 1] = "";
    open_sim(t, false);
    for (int i = 0; i < EACH; i++) {
        commit_at(t, "u@c.example", -4);
        commit_at(t, "u@b.example", 0);
        commit_at(t, "u@a.example", 5);
    }
    CHECK_DONE(fiber_yield(), "yield");
    for (int i = 0; i < 3 * EACH; i++) {
        char got[4] = "-";
        taken[i] = take_one(t, got);
        order[i] = got[0];
    }
    CHECK_STR(str_slice(str_of(order), 0, 16), want, "three turns of four, and nobody starves");
    CHECK(str_find(str_slice(str_of(order), 16, 20), '-') == STR_NONE, "all had their turn");
    /* One that becomes urgent while it waits for its turn goes to the front. */
    for (int i = 0; i < 3 * EACH; i++)
        if (taken[i])
            schedule_put_back(t->schedule, &taken[i],
                              order[i] == 'a' ? clock_real_ms() + 3600 * 1000 : 0);
    CHECK_DONE(fiber_yield(), "yield");
    commit_at(t, "u@c.example", 9);
    char got[4] = "";
    struct queue_delivery *d = take_one(t, got);
    CHECK_STR(str_of(got), "c+9", "it does not wait behind what is normal");
    if (d)
        schedule_put_back(t->schedule, &d, clock_real_ms() + 3600 * 1000);
    queue_id id;
    CHECK_DONE(queue_test_commit(t, "u@c.example", S("x"), &id), "commit");
    CHECK_DONE(fiber_yield(), "yield");
    CHECK(schedule_ready(t->schedule, S("c.example")) == EACH + 1, "it is due");
    struct queue_admin_filter filter = {.id = str_of(id.text)};
    size_t count = 0;
    CHECK_DONE(queue_admin_change(t->queue, &filter, QUEUE_HOLD, &count, deadline_after(1000)),
               "hold");
    CHECK_DONE(fiber_sleep(deadline_after(1000)), "sleep");
    d = take_one(t, got);
    CHECK_STR(str_of(got), "b+0", "then its destination is as urgent as what is left for it");
    if (d)
        schedule_put_back(t->schedule, &d, 0);
    close_sim(t);
    sim_fs_close(fs);
}

/* The last of a level goes out of the middle of the list: who comes then stands behind the others.
 */
static void last_of_a_level(void *arg)
{
    struct queue_test *t = arg;
    queue_id ids[4];
    struct queue_delivery *taken[4] = {0};
    open_sim(t, false);
    for (int i = 0; i < 3; i++) {
        t->priority = 3;
        CHECK_DONE(queue_test_commit(t, "u@a.example", S("x"), &ids[i]), "commit");
    }
    CHECK_DONE(fiber_yield(), "yield");
    CHECK(schedule_ready(t->schedule, S("a.example")) == 3, "three are due");
    struct queue_admin_filter filter = {.id = str_of(ids[2].text)};
    size_t count = 0;
    CHECK_DONE(queue_admin_change(t->queue, &filter, QUEUE_HOLD, &count, deadline_after(1000)),
               "hold");
    CHECK_DONE(fiber_sleep(deadline_after(1000)), "sleep");
    CHECK(schedule_ready(t->schedule, S("a.example")) == 2, "one is held");
    CHECK_DONE(queue_test_commit(t, "u@a.example", S("x"), &ids[3]), "commit");
    static const int order[] = {0, 1, 3};
    for (size_t i = 0; i < ARRAY_LEN(order); i++) {
        taken[i] = queue_test_next(t);
        if (taken[i])
            CHECK_STR(str_of(queue_delivery_id(taken[i]).text), ids[order[i]].text, "as they came");
    }
    CHECK(queue_test_next(t) == NULL, "the held one is not tried");
    for (size_t i = 0; i < ARRAY_LEN(order); i++)
        if (taken[i])
            schedule_put_back(t->schedule, &taken[i], 0);
    close_sim(t);
    sim_fs_close(fs);
}

/* Taken, put back, held, removed, in any order: the list of a destination stays in order. */
static void levels_hold(void *arg)
{
    struct queue_test *t = arg;
    enum { COUNT = 60, STEPS = 400 };
    struct queue_delivery *taken[COUNT];
    size_t out = 0;
    open_sim(t, false);
    for (int i = 0; i < COUNT; i++)
        commit_at(t, "u@a.example", (int)rand_below(19) - 9);
    CHECK_DONE(fiber_yield(), "yield");
    for (int step = 0; step < STEPS; step++) {
        if (out > 0 && rand_below(2) == 0) {
            size_t i = (size_t)rand_below((uint64_t)out);
            schedule_put_back(t->schedule, &taken[i], 0);
            taken[i] = taken[--out];
            CHECK_DONE(fiber_yield(), "yield");
        } else if (out < COUNT) {
            taken[out] = schedule_next_for(t->schedule, S("a.example"));
            out += taken[out] != NULL;
        }
    }
    while (out > 0)
        schedule_put_back(t->schedule, &taken[--out], 0);
    CHECK_DONE(fiber_yield(), "yield");
    int before = 10;
    for (int i = 0; i < COUNT; i++) {
        taken[i] = queue_test_next(t);
        int priority = taken[i] ? queue_delivery_state(t->queue, taken[i]).priority : 99;
        CHECK(priority <= before, "in order");
        before = priority;
    }
    for (int i = 0; i < COUNT; i++)
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
TEST(queue_urgent_first) { run(urgent_first); }
TEST(queue_turns_by_urgency) { run(turns_by_urgency); }
TEST(queue_last_of_a_level) { run(last_of_a_level); }
TEST(queue_levels_hold) { run(levels_hold); }
TEST(queue_stranded) { run(wait_here); }
TEST(queue_stranded_and_removed) { run(strand_and_go); }
TEST(queue_commit_alone)
{
    log_set_sink(ignore_line, NULL);
    run(commit_alone);
    log_set_sink(NULL, NULL);
}
TEST(queue_commit_left_behind) { run(cancel_late); }
