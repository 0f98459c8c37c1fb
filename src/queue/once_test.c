/* A key that was acknowledged is known until its window is over, whatever comes in between; one
 * that was not is free. */
#include "base/log.h"
#include "base/rand.h"
#include "queue/admin.h"
#include "queue/once_file.h"
#include "queue/queue_test.h"
#include "runtime/fault.h"
#include "runtime/sim.h"
#include "runtime/sim_fs.h"
#include <errno.h>

enum { HOUR = 3600 * 1000, DAY = 24 * HOUR, WINDOW = 3 * DAY };

static struct sim_fs *fs;
static uint32_t keys_max;

static void ignore_line(void *arg, enum log_level level, str line)
{
    (void)arg, (void)level, (void)line;
}

static void open_again(struct queue_test *t)
{
    struct queue_options options = {.folder = "/spool",
                                    .workers = 1,
                                    .draft_memory_max = 16 << 20,
                                    .segment_bytes = QUEUE_SEGMENT_BYTES_MIN,
                                    .may_block = queue_test_may_block,
                                    .once_window_ms = WINDOW,
                                    .once_keys_max = keys_max};
    CHECK_DONE(queue_open(&options, &t->queue), "open");
    queue_attach(t->queue, 0, &t->schedule);
}

static void open_sim(struct queue_test *t)
{
    fs = sim_fs_open();
    sim_fs_use(fs);
    open_again(t);
}

static void close_it(struct queue_test *t)
{
    schedule_close(t->schedule);
    queue_close(t->queue);
}

static void close_sim(struct queue_test *t)
{
    close_it(t);
    sim_fs_close(fs);
}

static void pass(int64_t ms) { CHECK_DONE(fiber_sleep(deadline_after(ms)), "sleep"); }

static enum queue_once_answer ask(struct queue_test *t, uint32_t number,
                                  struct queue_once_claim **ret_claim, queue_id *ret_id)
{
    uint8_t name[QUEUE_ONCE_NAME_BYTES] = {0};
    struct queue_once_known known = {0};
    memcpy(name + 3, &number, sizeof number);
    *ret_claim = NULL;
    enum queue_once_answer answer = queue_once_claim(t->queue, name, ret_claim, &known);
    if (answer == QUEUE_ONCE_KNOWN) {
        CHECK(known.about == number * 7, "what it is about");
        *ret_id = known.id;
    }
    return answer;
}

/* The answer, and nothing is claimed behind it. */
static enum queue_once_answer look(struct queue_test *t, uint32_t number)
{
    struct queue_once_claim *claim;
    queue_id id;
    enum queue_once_answer answer = ask(t, number, &claim, &id);
    queue_once_release(&claim);
    return answer;
}

static err commit(struct queue_test *t, uint32_t number, str body, queue_id *ret_id)
{
    queue_id known;
    enum queue_once_answer answer = ask(t, number, &t->once, &known);
    CHECK(answer == QUEUE_ONCE_NEW, "it is new");
    if (t->once == NULL)
        return err_new(ERR_LIMIT, "no claim");
    queue_once_set(t->once, number * 7);
    return queue_test_commit(t, "u@one.example", body, ret_id);
}

static void drain(struct queue_test *t, str body)
{
    while (queue_test_deliver(t, body, "deliver"))
        ;
}

/* ---- what is answered ------------------------------------------------------------------------ */

static void answers(void *arg)
{
    struct queue_test *t = arg;
    struct queue_once_claim *first, *second;
    queue_id id, known;
    open_sim(t);
    CHECK(ask(t, 1, &first, &known) == QUEUE_ONCE_NEW, "new");
    CHECK(ask(t, 1, &second, &known) == QUEUE_ONCE_BUSY, "while the first is under way");
    CHECK(look(t, 2) == QUEUE_ONCE_NEW, "another");
    queue_once_release(&first);
    CHECK(first == NULL, "taken away");
    CHECK_DONE(commit(t, 1, S("x"), &id), "commit");
    CHECK(ask(t, 1, &first, &known) == QUEUE_ONCE_KNOWN, "accepted");
    CHECK_STR(str_of(known.text), id.text, "the same message");
    close_it(t);
    open_again(t);
    CHECK(ask(t, 1, &first, &known) == QUEUE_ONCE_KNOWN, "after a restart");
    CHECK_STR(str_of(known.text), id.text, "still the same message");
    CHECK(look(t, 2) == QUEUE_ONCE_NEW, "what was never accepted is free");
    pass(WINDOW - HOUR);
    CHECK(look(t, 1) == QUEUE_ONCE_KNOWN, "to the end of the window");
    pass(HOUR + 2000);
    CHECK(look(t, 1) == QUEUE_ONCE_NEW, "and no longer");
    close_sim(t);
}

static void refused(void *arg)
{
    struct queue_test *t = arg;
    open_sim(t);
    CHECK_DONE(commit(t, 1, S("x"), NULL), "commit");
    fault_arm("spool.sync", FAULT_FAIL, EIO, 1, false);
    CHECK(commit(t, 2, S("x"), NULL) != NULL, "refused");
    err_forget();
    CHECK(look(t, 2) == QUEUE_ONCE_NEW, "nothing is known of what was refused");
    pass(5000);
    CHECK(!queue_stopped(t->queue), "open again");
    CHECK(look(t, 1) == QUEUE_ONCE_KNOWN, "what was acknowledged is");
    CHECK_DONE(commit(t, 2, S("x"), NULL), "and now it is taken");
    close_it(t);
    open_again(t);
    CHECK(look(t, 1) == QUEUE_ONCE_KNOWN && look(t, 2) == QUEUE_ONCE_KNOWN, "both");
    fault_clear();
    close_sim(t);
}

static void full(void *arg)
{
    struct queue_test *t = arg;
    open_sim(t);
    for (uint32_t i = 0; i < keys_max; i++) {
        CHECK(queue_once_has_room(t->queue), "room");
        CHECK_DONE(commit(t, i, S("x"), NULL), "commit");
    }
    CHECK(!queue_once_has_room(t->queue), "full");
    CHECK(look(t, 99) == QUEUE_ONCE_FULL, "no new one");
    CHECK(look(t, 0) == QUEUE_ONCE_KNOWN, "but the oldest is known");
    pass(WINDOW + 2000);
    CHECK(queue_once_has_room(t->queue), "until some are over");
    CHECK(look(t, 99) == QUEUE_ONCE_NEW, "then there is room");
    close_sim(t);
}

/* ---- longer than their mail -------------------------------------------------------------------
 */

static uint64_t segments(struct queue_test *t)
{
    struct queue_stats stats;
    queue_stats(t->queue, &stats);
    return stats.segments;
}

/* So much comes and goes that the segments of the first are used again for the last. */
static void outlive_mail(void *arg)
{
    enum { MAILS = 60 };
    struct queue_test *t = arg;
    open_sim(t);
    str body = queue_test_body(t, 100000);
    for (uint32_t i = 0; i < MAILS; i++) {
        CHECK_DONE(commit(t, i, body, NULL), "commit");
        drain(t, body);
        pass(1000);
    }
    CHECK(queue_test_messages(t) == 0 && segments(t) <= 4, "the log has forgotten the first");
    CHECK(file_exists("/spool/once/00000001.keys"), "a file knows them");
    for (int round = 0; round < 2; round++) {
        for (uint32_t i = 0; i < MAILS; i++)
            CHECK(look(t, i) == QUEUE_ONCE_KNOWN, "known");
        CHECK(look(t, MAILS) == QUEUE_ONCE_NEW, "the next is not");
        close_it(t);
        open_again(t);
    }
    pass(WINDOW + 5000);
    CHECK(look(t, 0) == QUEUE_ONCE_NEW, "over");
    CHECK(!file_exists("/spool/once/00000001.keys"), "and so is its file");
    struct queue_once_stats stats;
    queue_once_stats(t->queue, &stats);
    CHECK(stats.keys == 0, "nothing is left");
    close_sim(t);
}

/* The first slot is damaged: that one is not known any more, all others are. */
static void one_slot_is_damaged(void *arg)
{
    struct queue_test *t = arg;
    struct file *file = NULL;
    open_sim(t);
    str body = queue_test_body(t, 100000);
    for (uint32_t i = 0; i < 30; i++) {
        CHECK_DONE(commit(t, i, body, NULL), "commit");
        drain(t, body);
        pass(1000);
    }
    close_it(t);
    CHECK_DONE(file_open("/spool/once/00000001.keys", FILE_WRITE, &file), "the file");
    struct iovec bad = {"Z", 1};
    CHECK_DONE(file_write_at(file, &bad, 1, 3), "a byte");
    file_close(file);
    open_again(t);
    CHECK(look(t, 0) == QUEUE_ONCE_NEW, "attack 186: a damaged key is no key");
    for (uint32_t i = 1; i < 30; i++)
        CHECK(look(t, i) == QUEUE_ONCE_KNOWN, "attack 186: the others are");
    close_sim(t);
}

/* As long as the keys cannot be written the log keeps them. */
static void check_failing(struct queue_test *t, const char *point, bool no_file)
{
    str body = queue_test_body(t, 100000);
    uint32_t count = no_file ? 1 : 40;
    open_sim(t);
    fault_arm(point, FAULT_FAIL, EIO, 1, true);
    for (uint32_t i = 0; i < count; i++)
        CHECK_DONE(commit(t, i, body, NULL), point);
    pass(5000);
    CHECK((look(t, count) == QUEUE_ONCE_FULL) == no_file, point);
    for (uint32_t i = count; i < 40; i++)
        CHECK_DONE(queue_test_commit(t, "u@one.example", body, NULL), point);
    drain(t, body);
    pass(5000);
    CHECK(segments(t) >= 4, "no segment was freed");
    CHECK(!file_exists("/spool/once/00000010.keys"), "the disk is not filled with tries");
    struct sim_fs *after = sim_fs_crash(fs, SIM_FS_NOTHING, 1);
    fault_clear();
    pass(5000);
    CHECK(segments(t) < 4, "now they are");
    close_sim(t);
    fs = after;
    sim_fs_use(fs);
    open_again(t);
    for (uint32_t i = 0; i < count; i++)
        CHECK(look(t, i) == QUEUE_ONCE_KNOWN, "attack 182: after the power went");
    CHECK(look(t, count) == QUEUE_ONCE_NEW, "the next is not known");
    close_sim(t);
}

static void files_fail(void *arg)
{
    check_failing(arg, "once.create", true);
    check_failing(arg, "once.folder_sync", true);
    check_failing(arg, "once.write", false);
    check_failing(arg, "once.sync", false);
}

/* ---- how much they cost -----------------------------------------------------------------------
 */

static void memory(void *arg)
{
    struct queue_test *t = arg;
    struct queue_once_stats stats;
    open_sim(t);
    for (uint32_t i = 0; i < keys_max; i++) {
        queue_id id;
        CHECK(ask(t, i, &t->once, &id) == QUEUE_ONCE_NEW, "new");
        queue_once_set(t->once, i * 7);
        queue_once_keep(t->queue, t->once, (uint64_t)clock_real_ms() << 22 | i);
        queue_once_release(&t->once);
    }
    for (uint32_t i = 0; i < keys_max; i += 97)
        CHECK(look(t, i) == QUEUE_ONCE_KNOWN, "known");
    queue_once_stats(t->queue, &stats);
    CHECK(stats.keys == keys_max, "all of them");
    CHECK(stats.bytes <= 36 * (uint64_t)keys_max, "36 bytes a key at most");
    pass(10000);
    close_it(t);
    open_again(t);
    for (uint32_t i = 0; i < 16384; i += 97)
        CHECK(look(t, i) == QUEUE_ONCE_KNOWN, "many are saved without a need");
    pass(WINDOW + 5000);
    queue_once_stats(t->queue, &stats);
    CHECK(stats.keys == 0 && stats.bytes < 12 * (uint64_t)keys_max, "the room is given back");
    close_sim(t);
}

static void run(void (*story)(void *arg), uint32_t keys)
{
    struct queue_test t = {.arena = arena_open(64 << 20)};
    keys_max = keys;
    log_set_sink(ignore_line, NULL);
    sim_run(7, story, &t);
    arena_close(t.arena);
}

TEST(queue_once_answers) { run(answers, 1000); }
TEST(queue_once_forgets_what_was_refused) { run(refused, 1000); }
TEST(queue_once_full_is_plain) { run(full, 20); }
TEST(queue_once_outlives_its_mail) { run(outlive_mail, 1000); }
TEST(queue_once_damaged_slot) { run(one_slot_is_damaged, 1000); }
TEST(queue_once_files_fail) { run(files_fail, 1000); }
TEST(queue_once_memory) { run(memory, 100000); }
