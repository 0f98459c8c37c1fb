/* What a crash, a bad disk or a full one may do to the spool. */
#include "base/log.h"
#include "base/mem.h"
#include "queue/admin.h"
#include "queue/commit.h"
#include "queue/fsck.h"
#include "queue/queue_test.h"
#include "runtime/fault.h"
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static struct queue_test copy;
static int faults_seen;

static void ignore_line(void *arg, enum log_level level, str line)
{
    (void)arg, (void)level, (void)line;
}

static void quiet(void) { log_set_sink(ignore_line, NULL); }

/* ---- attack 182: a kill at any moment ----------------------------------------------------------
 */

static void commit_three_and_snapshot(struct queue_test *t)
{
    CHECK_DONE(queue_test_commit(t, "u@one.example", S("one"), NULL), "one");
    CHECK_DONE(queue_test_commit(t, "u@two.example", S("two"), NULL), "two");
    CHECK(queue_test_deliver(t, S("one"), "deliver one"), "one is due");
    CHECK_DONE(queue_test_commit(t, "u@three.example", S("three"), NULL), "three");
    queue_test_snapshot(t, &copy);
}

static void expect_two_and_three(struct queue_test *t)
{
    CHECK(queue_test_messages(t) == 2, "attack 182: exactly what was not delivered");
    CHECK(queue_test_next(t) != NULL, "attack 182: they are due");
}

static void expect_two_alone(struct queue_test *t)
{
    CHECK(queue_test_messages(t) == 1, "attack 185: the torn record is cut off");
    CHECK(queue_test_deliver(t, S("two"), "attack 185"), "attack 185: two is there");
}

TEST(queue_survives_a_kill)
{
    struct queue_test t;
    queue_test_begin(&t);
    queue_test_run(&t, commit_three_and_snapshot);
    queue_test_run(&copy, expect_two_and_three);
    queue_test_run(&copy, expect_two_and_three);
    queue_test_end(&copy);
    queue_test_end(&t);
}

/* ---- attacks 185 and 186: torn tails, flipped bits
 * ----------------------------------------------- */

/* The offset of a text in the segment that holds it; the file's path as well. */
static off_t find_text(const char *folder, const char *text, char ret_path[256])
{
    char pattern[128];
    glob_t found;
    off_t at = -1;
    snprintf(pattern, sizeof pattern, "%s/log/*.seg", folder);
    if (glob(pattern, 0, NULL, &found) != 0)
        return -1;
    char *bytes = mem_alloc(QUEUE_SEGMENT_BYTES_MIN);
    for (size_t i = 0; i < found.gl_pathc && at < 0; i++) {
        int fd = open(found.gl_pathv[i], O_RDONLY);
        ssize_t n = read(fd, bytes, QUEUE_SEGMENT_BYTES_MIN);
        char *hit = n > 0 ? memmem(bytes, (size_t)n, text, strlen(text)) : NULL;
        close(fd);
        if (hit == NULL)
            continue;
        at = hit - bytes;
        snprintf(ret_path, 256, "%s", found.gl_pathv[i]);
    }
    mem_free(bytes);
    globfree(&found);
    return at;
}

static void overwrite(const char *folder, const char *text, const char *with, size_t size, off_t by)
{
    char path[256];
    off_t at = find_text(folder, text, path);
    CHECK(at >= 0, text);
    if (at < 0)
        return;
    int fd = open(path, O_WRONLY);
    CHECK(pwrite(fd, with, size, at + by) == (ssize_t)size, "overwrite");
    close(fd);
}

TEST(queue_cuts_a_torn_tail)
{
    static const struct {
        const char *label, *with;
        size_t size;
        off_t by;
    } cases[] = {
        {"attack 185: the body is torn", "XXXX",                                   4,  0  },
        {"attack 185: garbage",
         "garbagegarbagegarbagegarbagegarbagegarbagegarbagegarbagegarbagegarbage", 64, -64},
        {"attack 185: zeros",            "\0\0\0\0\0\0\0\0\0\0",                   8,  0  },
    };
    quiet();
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct queue_test t;
        queue_test_begin(&t);
        queue_test_run(&t, commit_three_and_snapshot);
        overwrite(copy.folder, "three", cases[i].with, cases[i].size, cases[i].by);
        /* the text occurs in the destination's name first: that is the last record's meta */
        queue_test_run(&copy, expect_two_alone);
        queue_test_end(&copy);
        queue_test_end(&t);
    }
}

static void commit_four(struct queue_test *t)
{
    CHECK_DONE(queue_test_commit(t, "u@a.example", S("body-aaaa"), NULL), "a");
    CHECK_DONE(queue_test_commit(t, "u@b.example", S("body-bbbb"), NULL), "b");
    CHECK_DONE(queue_test_commit(t, "u@c.example", S("body-cccc"), NULL), "c");
    CHECK_DONE(queue_test_commit(t, "u@d.example", S("body-dddd"), NULL), "d");
    queue_test_snapshot(t, &copy);
}

static void deliver_all_but_one(struct queue_test *t)
{
    struct queue_stats stats;
    int good = 0, bad = 0;
    for (int i = 0; i < 4; i++) {
        struct queue_delivery *d = queue_test_next(t);
        struct queue_message m;
        struct arena *arena = arena_open(1 << 20);
        err e = d ? queue_message_open(t->queue, d, arena, &m, DEADLINE_NEVER) : NULL;
        if (d && e)
            CHECK(e->kind == ERR_DAMAGED, "attack 186: said to be damaged");
        bad += d && e;
        good += d && e == NULL;
        if (d && e == NULL)
            queue_message_close(&m);
        if (d)
            schedule_put_back(t->schedule, &d, e ? 0 : clock_real_ms() + 60000);
        arena_close(arena);
    }
    queue_stats(t->queue, &stats);
    CHECK(good == 3, "attack 186: all other mail flows");
    CHECK(bad <= 1, "attack 186: one is quarantined");
    CHECK(stats.damaged == 1, "attack 186: the alarm");
    CHECK(queue_test_told(t, EVENT_QUARANTINED) == 1, "attack 186: as an event, once");
}

static void count_damage(void *arg, const char *where, err e)
{
    (void)where, (void)e;
    ++*(int *)arg;
}

TEST(queue_quarantines_a_flipped_bit)
{
    static const struct {
        const char *label, *text;
        off_t by;
    } cases[] = {
        {"attack 186: in a body",      "body-bbbb",   5},
        {"attack 186: in an envelope", "u@b.example", 2},
    };
    quiet();
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct queue_test t;
        struct queue_fsck result;
        int told = 0;
        queue_test_begin(&t);
        queue_test_run(&t, commit_four);
        CHECK_DONE(queue_fsck(t.folder, count_damage, &told, &result), "fsck");
        CHECK(told == 0, "a good spool is found good");
        CHECK(result.messages == 4, "fsck counts");
        overwrite(copy.folder, cases[i].text, "#", 1, cases[i].by);
        CHECK_DONE(queue_fsck(copy.folder, count_damage, &told, &result), "fsck");
        CHECK(told == 1, "fsck finds the place");
        queue_test_run(&copy, deliver_all_but_one);
        overwrite(t.folder, cases[i].text, "#", 1, cases[i].by); /* sealed this time */
        queue_test_run(&t, deliver_all_but_one);
        queue_test_end(&copy);
        queue_test_end(&t);
    }
}

/* ---- attacks 187 and 188: the disk says no
 * --------------------------------------------------------- */

static void fail_a_sync(struct queue_test *t)
{
    CHECK_DONE(queue_test_commit(t, "u@one.example", S("before"), NULL), "before");
    fault_arm("spool.sync", FAULT_FAIL, EIO, 1, false);
    err e = queue_test_commit(t, "u@one.example", S("failed"), NULL);
    CHECK(e != NULL, "attack 187: no 250 when the sync failed");
    CHECK(e && e->kind != ERR_TIMEOUT, "attack 187: it may be said at once");
    CHECK(queue_stopped(t->queue), "attack 187: the store has stopped");
    CHECK(queue_test_told(t, EVENT_QUEUE_STOPPED) == 1, "attack 187: the operator is told");
    CHECK(queue_test_told(t, EVENT_QUEUE_RESUMED) == 0, "attack 187: and of the end not yet");
    e = queue_test_commit(t, "u@one.example", S("failed"), NULL);
    CHECK(e != NULL, "attack 187: and takes nothing");
    for (int i = 0; i < 100 && queue_stopped(t->queue); i++)
        CHECK_DONE(fiber_sleep(deadline_after(100)), "sleep");
    CHECK(!queue_stopped(t->queue), "attack 187: it opens again");
    CHECK_DONE(queue_test_commit(t, "u@one.example", S("after"), NULL), "attack 187: after");
    CHECK(queue_test_told(t, EVENT_QUEUE_RESUMED) == 1, "attack 187: but now");
    CHECK(queue_test_told(t, EVENT_QUEUE_STOPPED) == 1, "attack 187: each once");
    queue_test_snapshot(t, &copy);
    CHECK(queue_test_messages(t) == 2, "attack 187: both acknowledged ones");
}

static void expect_before_and_after(struct queue_test *t)
{
    CHECK(queue_test_messages(t) == 2, "what was acknowledged");
    CHECK(queue_test_deliver(t, S("before"), "before"), "before");
    CHECK(queue_test_deliver(t, S("after"), "after"), "after");
    CHECK(queue_test_messages(t) == 0, "nothing else");
}

TEST(queue_stops_at_a_failed_sync)
{
    struct queue_test t;
    quiet();
    queue_test_begin(&t);
    queue_test_run(&t, fail_a_sync);
    CHECK(queue_test_told(&t, EVENT_QUARANTINED) == 1, "attack 187: the segment is set aside");
    queue_test_run(&copy, expect_before_and_after);
    queue_test_run(&t, expect_before_and_after);
    queue_test_end(&copy);
    queue_test_end(&t);
}

/* After a failed sync some file systems show what was written, some what was there before (Rebello
 * et al., "Can Applications Recover from fsync Failures?", USENIX ATC 2020): here, nothing. */
static void forget_what_was_not_synced(struct queue_test *t)
{
    static const char zeros[1 << 16];
    char name[QUEUE_SEGMENT_PATH_CHARS];
    struct queue_segment *s = NULL;
    pthread_mutex_lock(&t->queue->lock);
    for (uint32_t i = 0; i < t->queue->segment_count; i++)
        if (t->queue->segments[i]->suspect)
            s = t->queue->segments[i];
    uint64_t end = s ? s->end : 0; /* a failed batch does not move it */
    bool named = s && queue_segment_path(t->folder, s->number, s->salt, name);
    pthread_mutex_unlock(&t->queue->lock);
    CHECK(named, "attack 187: the segment is known");
    int fd = named ? open(name, O_WRONLY | O_CLOEXEC) : -1;
    CHECK(fd >= 0 && pwrite(fd, zeros, sizeof zeros, (off_t)end) == sizeof zeros, "zeroed");
    if (fd >= 0)
        close(fd);
}

static void put_off_one(void *arg)
{
    struct queue_test *t = arg;
    struct queue_delivery *d = queue_test_next(t);
    struct queue_settlement later = {
        .tried = true, .due_ms = clock_real_ms() + 3600 * 1000, .reply = S("450 not now")};
    CHECK(d != NULL, "one is due");
    if (d)
        CHECK_DONE(queue_settle(t->queue, &d, &later, deadline_after(QUEUE_TEST_MS)),
                   "attack 187: it is written again, from memory");
}

static void lose_a_batch(struct queue_test *t)
{
    struct group fibers;
    CHECK_DONE(queue_test_commit(t, "u@one.example", S("before"), NULL), "before");
    CHECK_DONE(queue_test_commit(t, "u@two.example", S("before"), NULL), "before");
    fault_arm("spool.sync", FAULT_FAIL, EIO, 1, false);
    group_init(&fibers);
    fiber_spawn(&fibers, "settle", put_off_one, t);
    for (int i = 0; i < 100 && !queue_stopped(t->queue); i++)
        CHECK_DONE(fiber_sleep(deadline_after(5)), "sleep");
    CHECK(queue_stopped(t->queue), "attack 187: the store has stopped");
    forget_what_was_not_synced(t);
    CHECK_DONE(group_wait(&fibers, deadline_after(QUEUE_TEST_MS)), "settled");
    group_close(&fibers);
    CHECK(queue_test_messages(t) == 2, "attack 187: both are there");
    CHECK(queue_test_told(t, EVENT_QUEUE_RESUMED) == 1, "attack 187: it is open again");
    queue_test_snapshot(t, &copy);
}

static void expect_one_put_off(struct queue_test *t)
{
    CHECK(queue_test_messages(t) == 2, "attack 187: what was acknowledged");
    CHECK(queue_test_deliver(t, S("before"), "before"), "the one that was not tried");
    CHECK(!queue_test_deliver(t, S("before"), "later"), "attack 187: the other waits its hour");
    CHECK(queue_test_messages(t) == 1, "and stays");
}

TEST(queue_lost_a_batch_with_its_sync)
{
    struct queue_test t;
    quiet();
    queue_test_begin(&t);
    queue_test_run(&t, lose_a_batch);
    queue_test_run(&copy, expect_one_put_off);
    queue_test_run(&t, expect_one_put_off);
    queue_test_end(&copy);
    queue_test_end(&t);
}

static void fail_a_write(struct queue_test *t)
{
    CHECK_DONE(queue_test_commit(t, "u@one.example", S("before"), NULL), "before");
    CHECK_DONE(fiber_sleep(deadline_after(300)), "the reserve is made");
    fault_arm("spool.write", FAULT_FAIL, ENOSPC, 1, false);
    err e = queue_test_commit(t, "u@one.example", S("failed"), NULL);
    CHECK(e && err_number(e) == ENOSPC, "attack 188: no space");
    CHECK(!queue_stopped(t->queue), "attack 188: aborted, not stopped");
    CHECK_DONE(queue_test_commit(t, "u@one.example", S("after"), NULL), "attack 188: recovers");
    queue_test_snapshot(t, &copy);
}

TEST(queue_aborts_a_failed_write)
{
    struct queue_test t;
    quiet();
    queue_test_begin(&t);
    queue_test_run(&t, fail_a_write);
    queue_test_run(&copy, expect_before_and_after);
    queue_test_run(&t, expect_before_and_after);
    queue_test_end(&copy);
    queue_test_end(&t);
}

static void expect_no_opening(struct queue_test *t, const char *fault)
{
    struct queue_options options = {
        .folder = t->folder, .workers = 1, .segment_bytes = QUEUE_SEGMENT_BYTES_MIN};
    struct queue *q = NULL;
    fault_arm(fault, FAULT_FAIL, EIO, 1, false);
    err e = queue_open(&options, &q);
    CHECK(e && err_number(e) == EIO, fault);
    queue_close(q);
    err_forget();
    fault_clear();
}

/* Nothing may be left of it in memory, either (the ASan build looks). */
TEST(queue_does_not_open_on_a_bad_disk)
{
    static const char *const faults[] = {"spool.write", "spool.sync", "seal.write", "seal.sync"};
    quiet();
    for (size_t i = 0; i < ARRAY_LEN(faults); i++) {
        struct queue_test t;
        queue_test_begin(&t);
        queue_test_run(&t, commit_three_and_snapshot);
        expect_no_opening(&copy, faults[i]);
        queue_test_run(&copy, expect_two_and_three);
        queue_test_end(&copy);
        queue_test_end(&t);
    }
}

static void fail_a_blob(struct queue_test *t)
{
    static const char *const points[] = {"blob.create", "blob.write", "blob.sync",
                                         "blob.folder_sync"};
    str body = queue_test_body(t, 400000);
    for (size_t i = 0; i < ARRAY_LEN(points); i++) {
        fault_arm(points[i], FAULT_FAIL, ENOSPC, 1, false);
        err e = queue_test_commit(t, "u@one.example", body, NULL);
        CHECK(e && err_number(e) == ENOSPC, points[i]);
    }
    CHECK_DONE(queue_test_commit(t, "u@one.example", body, NULL), "attack 188: recovers");
    CHECK(queue_test_deliver(t, body, "attack 188"), "the body");
}

static size_t count_files(const char *folder, const char *pattern)
{
    char path[128];
    glob_t found;
    snprintf(path, sizeof path, "%s/%s", folder, pattern);
    size_t count = glob(path, 0, NULL, &found) == 0 ? found.gl_pathc : 0;
    globfree(&found);
    return count;
}

TEST(queue_removes_body_files)
{
    struct queue_test t;
    quiet();
    queue_test_begin(&t);
    queue_test_run(&t, fail_a_blob);
    CHECK(count_files(t.folder, "body/*") == 0, "attack 188: nothing is left over");
    queue_test_end(&t);
}

/* ---- attacks 139, 140, 200, 201: who may open it
 * ---------------------------------------------------- */

static void try_a_second(struct queue_test *t)
{
    struct queue_options options = {.folder = t->folder, .workers = 1};
    struct queue *second;
    err e = queue_open(&options, &second);
    CHECK(e && e->kind == ERR_LIMIT, "attack 201: the second is refused");
}

TEST(queue_opens_only_a_good_folder)
{
    struct queue_test t;
    struct queue *q;
    queue_test_begin(&t);
    queue_test_run(&t, try_a_second);
    struct queue_options options = {.folder = t.folder, .workers = 1};
    chmod(t.folder, 0777);
    err e = queue_open(&options, &q);
    CHECK(e && e->kind == ERR_CONFIG, "attack 140: others may write");
    chmod(t.folder, 0700);
    char link[128];
    snprintf(link, sizeof link, "%s/body/0000000000001", t.folder);
    CHECK(symlink("/etc/passwd", link) == 0, "attack 139: plant a link");
    quiet();
    queue_test_run(&t, try_a_second);
    struct stat st;
    CHECK(lstat(link, &st) == 0, "attack 139: it is left alone");
    queue_test_end(&t);
}

/* ---- cleaning
 * ------------------------------------------------------------------------------------------ */

static void churn(struct queue_test *t)
{
    struct queue_stats stats;
    str keep = queue_test_body(t, 5000), pass = queue_test_body(t, 60000);
    for (int i = 0; i < 200; i++) {
        if (i % 20 == 0)
            CHECK_DONE(queue_test_commit(t, "u@keep.example", keep, NULL), "commit one that stays");
        CHECK_DONE(queue_test_commit(t, "u@pass.example", pass, NULL), "commit");
        CHECK_DONE(fiber_yield(), "yield");
        struct queue_delivery *d;
        while ((d = schedule_next_for(t->schedule, S("pass.example"))) != NULL) {
            struct queue_outcome done = {0, QUEUE_DONE};
            struct queue_settlement s = {.outcomes = &done, .outcome_count = 1, .tried = true};
            CHECK_DONE(queue_settle(t->queue, &d, &s, deadline_after(QUEUE_TEST_MS)), "settle");
        }
    }
    CHECK_DONE(fiber_sleep(deadline_after(500)), "sleep");
    queue_stats(t->queue, &stats);
    CHECK(stats.segments < 9, "12 MB went through; what is dead is freed");
    queue_test_snapshot(t, &copy);
}

static void expect_ten(struct queue_test *t)
{
    uint64_t left = queue_test_messages(t);
    CHECK(left >= 10, "all that stayed are there");
    CHECK(left <= 12, "and hardly more");
}

TEST(queue_cleans_segments)
{
    struct queue_test t;
    queue_test_begin(&t);
    queue_test_run(&t, churn);
    queue_test_run(&copy, expect_ten);
    queue_test_run(&t, expect_ten);
    queue_test_end(&copy);
    queue_test_end(&t);
}

/* ---- attacks 194, 195, 204: groups and partial outcomes
 * -------------------------------------------------- */

static void defer_with_dsn(struct queue_test *t)
{
    CHECK_DONE(queue_test_commit(t, "a@p.example, b@p.example, c@q.example", S("multi"), NULL),
               "commit");
    CHECK_DONE(fiber_yield(), "yield");
    struct queue_delivery *d = schedule_next_for(t->schedule, S("p.example"));
    CHECK(d != NULL, "p is due");
    if (d == NULL)
        return;
    struct envelope_rcpt to = {.address = S("a@x.example"), .destination = S("x.example")};
    struct envelope bounce = {.rcpts = &to, .rcpt_count = 1, .origin = ORIGIN_DSN};
    struct queue_new_message dsn = {&bounce, S("it failed")};
    struct queue_outcome failed = {0, QUEUE_FAILED};
    struct queue_settlement s = {.outcomes = &failed,
                                 .outcome_count = 1,
                                 .due_ms = clock_real_ms() - 1,
                                 .tried = true,
                                 .reply = S("450 later"),
                                 .dsns = &dsn,
                                 .dsn_count = 1};
    CHECK_DONE(queue_settle(t->queue, &d, &s, deadline_after(QUEUE_TEST_MS)), "settle");
    queue_test_snapshot(t, &copy);
}

static bool see_reply(void *arg, const struct queue_admin_item *l)
{
    if (str_eq(l->reply, S("450 later")) && l->rcpt_count == 1 && l->state.attempts == 1)
        ++*(int *)arg;
    return true;
}

static void expect_survivors(struct queue_test *t)
{
    CHECK(queue_test_messages(t) == 2, "attack 194: the message and its one DSN");
    int seen = 0;
    struct queue_admin_filter filter = {.destination = S("p.example")};
    CHECK_DONE(queue_admin_list(t->queue, &filter, see_reply, &seen, DEADLINE_NEVER), "list");
    CHECK(seen == 1, "why is known after a restart");
    CHECK_DONE(fiber_yield(), "yield");
    struct queue_delivery *d = schedule_next_for(t->schedule, S("p.example"));
    struct arena *arena = arena_open(1 << 20);
    struct queue_message m;
    CHECK(d != NULL, "p is due again");
    if (d && queue_message_open(t->queue, d, arena, &m, DEADLINE_NEVER) == NULL) {
        CHECK(m.envelope->rcpt_count == 1, "attack 195: survivors only");
        CHECK_STR(m.envelope->rcpts[0].address, "b@p.example", "attack 195: the right one");
        queue_message_close(&m);
        schedule_put_back(t->schedule, &d, 0);
    }
    arena_close(arena);
}

TEST(queue_settles_in_one_group)
{
    struct queue_test t;
    queue_test_begin(&t);
    queue_test_run(&t, defer_with_dsn);
    queue_test_run(&copy, expect_survivors);
    queue_test_run(&copy, expect_survivors);
    queue_test_end(&copy);
    queue_test_end(&t);
}

static void expect_nothing_of_it(struct queue_test *t)
{
    CHECK(queue_test_messages(t) == 1, "attack 194: the message alone");
    CHECK_DONE(fiber_yield(), "yield");
    struct queue_delivery *d = schedule_next_for(t->schedule, S("p.example"));
    CHECK(d != NULL, "p is due");
    struct arena *arena = arena_open(1 << 20);
    struct queue_message m;
    if (d && queue_message_open(t->queue, d, arena, &m, DEADLINE_NEVER) == NULL) {
        CHECK(m.envelope->rcpt_count == 2, "attack 194: nobody has failed without the DSN");
        queue_message_close(&m);
        schedule_put_back(t->schedule, &d, 0);
    }
    arena_close(arena);
}

/* Sectors reach the disk in any order: the UPDATE may be there without what stands before it. */
TEST(queue_group_is_torn)
{
    static const struct {
        const char *label, *first; /* of the bytes that did not get there */
        size_t size;
    } cases[] = {
        {"attack 194: the GROUP",             "STQ1\5",    64 },
        {"attack 194: the GROUP and the DSN", "STQ1\5",    192},
        {"attack 194: the DSN's body",        "it failed", 9  },
    };
    static const char zeros[192];
    quiet();
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct queue_test t;
        queue_test_begin(&t);
        queue_test_run(&t, defer_with_dsn);
        overwrite(copy.folder, cases[i].first, zeros, cases[i].size, 0);
        queue_test_run(&copy, expect_nothing_of_it);
        queue_test_run(&copy, expect_nothing_of_it);
        queue_test_end(&copy);
        queue_test_end(&t);
    }
}

/* ---- the operator
 * ------------------------------------------------------------------------------------------ */

static bool count_listed(void *arg, const struct queue_admin_item *l)
{
    (void)l;
    ++*(int *)arg;
    return true;
}

static void change_things(struct queue_test *t)
{
    size_t changed = 0;
    int listed = 0;
    CHECK_DONE(queue_test_commit(t, "u@one.example", S("one"), NULL), "one");
    CHECK_DONE(queue_test_commit(t, "u@two.example, v@three.example", S("two"), NULL), "two");
    struct queue_admin_filter all = {0}, two = {.destination = S("two.example")},
                              held = {.held = true};
    struct queue_admin_filter by_rcpt = {.rcpt = S("V@three.example")};
    CHECK_DONE(queue_admin_list(t->queue, &all, count_listed, &listed, DEADLINE_NEVER), "list");
    CHECK(listed == 3, "three deliveries");
    listed = 0;
    CHECK_DONE(queue_admin_list(t->queue, &by_rcpt, count_listed, &listed, DEADLINE_NEVER), "list");
    CHECK(listed == 1, "found by recipient");
    CHECK_DONE(queue_admin_change(t->queue, &two, QUEUE_HOLD, &changed, DEADLINE_NEVER), "hold");
    CHECK(changed == 1, "one is held");
    CHECK_DONE(fiber_yield(), "yield");
    CHECK(schedule_ready(t->schedule, S("two.example")) == 0, "held mail is not due");
    CHECK_DONE(queue_admin_change(t->queue, &held, QUEUE_RELEASE, &changed, DEADLINE_NEVER),
               "release");
    CHECK_DONE(fiber_yield(), "yield");
    CHECK(schedule_ready(t->schedule, S("two.example")) == 1, "released mail is due");
    CHECK_DONE(queue_admin_change(t->queue, &all, QUEUE_HOLD, &changed, DEADLINE_NEVER),
               "hold all");
    CHECK_DONE(queue_admin_change(t->queue, &two, QUEUE_REMOVE, &changed, DEADLINE_NEVER),
               "remove");
    queue_test_snapshot(t, &copy);
}

static void expect_held(struct queue_test *t)
{
    struct queue_stats stats;
    size_t changed = 0;
    queue_stats(t->queue, &stats);
    CHECK(stats.deliveries == 2, "one delivery was removed");
    CHECK(stats.held == 2, "the others are held");
    CHECK(queue_test_next(t) == NULL, "nothing is due");
    struct queue_admin_filter all = {0};
    CHECK_DONE(queue_admin_change(t->queue, &all, QUEUE_REMOVE, &changed, DEADLINE_NEVER),
               "remove");
    CHECK(queue_test_messages(t) == 0, "all are gone");
}

TEST(queue_obeys_the_operator)
{
    struct queue_test t;
    queue_test_begin(&t);
    queue_test_run(&t, change_things);
    queue_test_run(&copy, expect_held);
    queue_test_end(&copy);
    queue_test_end(&t);
}

/* ---- attack 88: thousands of recipients
 * ---------------------------------------------------------------------- */

static void commit_many(struct queue_test *t)
{
    enum { COUNT = 9000 };
    struct envelope_rcpt *rcpts = ARENA_ARRAY(t->arena, struct envelope_rcpt, COUNT);
    struct envelope e = {.rcpts = rcpts, .rcpt_count = COUNT, .accepted_at_ms = clock_real_ms()};
    struct queue_draft *draft;
    queue_id id;
    for (int i = 0; i < COUNT; i++) {
        rcpts[i].address = arena_printf(t->arena, "user%d@host%d.example", i, i % 4000);
        rcpts[i].destination = arena_printf(t->arena, "host%d.example", i % 4000);
    }
    CHECK_DONE(queue_draft_open(t->queue, &draft), "draft");
    CHECK_DONE(queue_draft_write(draft, S("to many"), DEADLINE_NEVER), "write");
    CHECK_DONE(queue_commit(t->queue, &draft, &e, S(""), &id, DEADLINE_NEVER), "attack 88: commit");
    queue_test_snapshot(t, &copy);
}

static void deliver_many(struct queue_test *t)
{
    struct queue_stats stats;
    queue_stats(t->queue, &stats);
    CHECK(stats.deliveries == 4000, "attack 88: every destination survives");
    CHECK(queue_test_deliver(t, S("to many"), "attack 88"), "attack 88: one is delivered");
    queue_stats(t->queue, &stats);
    CHECK(stats.deliveries == 3999, "attack 88: the others wait");
}

TEST(queue_keeps_thousands_of_recipients)
{
    struct queue_test t;
    queue_test_begin(&t);
    queue_test_run(&t, commit_many);
    queue_test_run(&copy, deliver_many);
    queue_test_end(&copy);
    queue_test_end(&t);
    (void)faults_seen;
}

/* ---- attack 138
 * ---------------------------------------------------------------------------------------------- */

TEST(queue_id_parse)
{
    static const struct {
        const char *label;
        str text;
        bool good;
    } cases[] = {
        {"attack 138: an id",        S("0123456789ABC"),  true },
        {"attack 138: too long",     S("0123456789ABCD"), false},
        {"attack 138: a path",       S("../../etc/pass"), false},
        {"attack 138: a dot",        S("0123456789AB."),  false},
        {"attack 138: NUL",          S("0123456789AB\0"), false},
        {"attack 138: lower case",   S("0123456789abc"),  false},
        {"attack 138: past 64 bits", S("ZZZZZZZZZZZZZ"),  false},
        {"attack 138: empty",        S(""),               false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        uint64_t number;
        bool good = queue_id_parse(cases[i].text, &number);
        CHECK(good == cases[i].good, cases[i].label);
        if (good)
            CHECK_STR(cases[i].text, queue_id_format(number).text, "there and back");
    }
}
