/* What has ended is found wherever it stands, and nothing else is. */
#include "queue/admin.h"
#include "queue/ends.h"
#include "queue/queue_test.h"
#include "runtime/sim.h"
#include "runtime/sim_fs.h"

enum { MINUTE = 60 * 1000, DAY = 24 * 60 * MINUTE };

static struct sim_fs *fs;

static void open_sim(struct queue_test *t)
{
    struct queue_options options = {.folder = "/spool",
                                    .workers = 1,
                                    .draft_memory_max = 16 << 20,
                                    .segment_bytes = QUEUE_SEGMENT_BYTES_MIN};
    CHECK_DONE(queue_open(&options, &t->queue), "open");
    queue_attach(t->queue, 0, &t->schedule);
}

static void close_sim(struct queue_test *t)
{
    schedule_close(t->schedule);
    queue_close(t->queue);
}

static void pass(int64_t ms) { CHECK_DONE(fiber_sleep(deadline_after(ms)), "sleep"); }

static void commit(struct queue_test *t, const char *rcpts, int64_t ends_in_ms, queue_id *ret_id)
{
    t->ends_ms = ends_in_ms ? clock_real_ms() + ends_in_ms : 0;
    CHECK_DONE(queue_test_commit(t, rcpts, S("x"), ret_id), "commit");
    CHECK_DONE(fiber_yield(), "yield");
}

static void check_next(struct queue_test *t, const char *destination, const char *label)
{
    struct queue_delivery *d = schedule_next_ended(t->schedule);
    CHECK((d != NULL) == (destination != NULL), label);
    if (d == NULL)
        return;
    CHECK_STR(queue_delivery_destination(d), destination, label);
    queue_id id = queue_delivery_id(d);
    struct queue_admin_filter filter = {.id = str_of(id.text)};
    size_t count = 0;
    schedule_put_back(t->schedule, &d, 0);
    CHECK_DONE(queue_admin_change(t->queue, &filter, QUEUE_REMOVE, &count, deadline_after(1000)),
               label);
    pass(1000);
}

static void change(struct queue_test *t, queue_id id, enum queue_admin_verb action)
{
    struct queue_admin_filter filter = {.id = str_of(id.text)};
    size_t count = 0;
    CHECK_DONE(queue_admin_change(t->queue, &filter, action, &count, deadline_after(1000)),
               id.text);
    CHECK(count > 0, id.text);
}

static void put_off(struct queue_test *t, const char *destination, int64_t ms)
{
    struct queue_delivery *d = schedule_next_for(t->schedule, str_of(destination));
    CHECK(d != NULL, destination);
    if (d)
        schedule_put_back(t->schedule, &d, clock_real_ms() + ms);
}

static void strand(struct queue_test *t, const char *destination)
{
    struct queue_delivery *d = schedule_next_for(t->schedule, str_of(destination));
    CHECK(d != NULL, destination);
    if (d)
        schedule_strand(t->schedule, &d);
}

/* In line, put off, stranded: each at its time, and none before; what has no end never. */
static void stand_anywhere(struct queue_test *t)
{
    commit(t, "u@line.example", 3 * MINUTE, NULL);
    commit(t, "u@line.example", 0, NULL);
    commit(t, "u@off.example", 2 * MINUTE, NULL);
    commit(t, "u@nowhere.example", MINUTE, NULL);
    schedule_pause(t->schedule, S("line.example"));
    put_off(t, "off.example", DAY);
    strand(t, "nowhere.example");
    check_next(t, NULL, "nothing has ended yet");
    pass(MINUTE);
    check_next(t, "nowhere.example", "the stranded one");
    check_next(t, NULL, "one a minute");
    pass(MINUTE);
    check_next(t, "off.example", "the one that was put off");
    pass(MINUTE);
    check_next(t, "line.example", "the one in line");
    pass(30LL * DAY);
    check_next(t, NULL, "the other has no end");
    CHECK(queue_test_messages(t) == 1, "it waits");
    CHECK(t->queue->ends.len == 0, "nothing is kept of those that went");
    CHECK(t->queue->inboxes[0].ends.len == 0, "nor in the heap");
}

/* Who is held is nobody's to end; who is in somebody's hand is looked at again. */
static void held_or_taken(struct queue_test *t)
{
    queue_id id;
    commit(t, "u@one.example", MINUTE, &id);
    change(t, id, QUEUE_HOLD);
    pass(2 * MINUTE);
    check_next(t, NULL, "held");
    change(t, id, QUEUE_RELEASE);
    struct queue_delivery *d = queue_test_next(t);
    CHECK(d != NULL, "it is due");
    pass(MINUTE);
    check_next(t, NULL, "somebody has it");
    if (d)
        schedule_put_back(t->schedule, &d, clock_real_ms() + DAY);
    pass(MINUTE);
    check_next(t, "one.example", "nobody has it");
}

/* The end stands in the log: a restart, and the copies that cleaning makes, keep it. */
static void restart(struct queue_test *t)
{
    commit(t, "u@one.example, u@two.example", 10 * MINUTE, NULL);
    commit(t, "u@three.example", 0, NULL);
    close_sim(t);
    open_sim(t);
    pass(1000);
    CHECK(t->queue->ends.len == 1, "one message has an end");
    CHECK(t->queue->inboxes[0].ends.len == 2, "of two deliveries");
    check_next(t, NULL, "not yet");
    pass(10LL * MINUTE);
    struct queue_delivery *d = schedule_next_ended(t->schedule);
    struct queue_delivery *e = schedule_next_ended(t->schedule);
    CHECK(d && e && d != e, "both");
    CHECK(schedule_next_ended(t->schedule) == NULL, "and no other");
    if (d && e) {
        schedule_put_back(t->schedule, &d, 0);
        schedule_put_back(t->schedule, &e, 0);
    }
}

static void story(void *arg)
{
    struct queue_test *t = arg;
    fs = sim_fs_open();
    sim_fs_use(fs);
    open_sim(t);
    t->body(t);
    close_sim(t);
    sim_fs_close(fs);
}

static void run(void (*body)(struct queue_test *t))
{
    struct queue_test t = {.arena = arena_open(1 << 20), .body = body};
    sim_run(9, story, &t);
    arena_close(t.arena);
}

TEST(queue_ends_anywhere) { run(stand_anywhere); }
TEST(queue_ends_held_or_taken) { run(held_or_taken); }
TEST(queue_ends_over_a_restart) { run(restart); }
