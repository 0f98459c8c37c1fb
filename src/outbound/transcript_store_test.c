/* On the simulated file system, where the thread is a fiber. */
#include "base/buf.h"
#include "outbound/transcript_store.h"
#include "runtime/fiber.h"
#include "runtime/sim.h"
#include "runtime/sim_fs.h"
#include "tests/test.h"
#include <string.h>

enum { DAY_MS = 24 * 3600 * 1000 };
#define FOLDER "/transcripts"

struct story {
    struct sim_fs *fs;
    struct outbound_transcript_store *store;
    struct buf found;
};

static bool note(void *arg, const struct outbound_transcript_record *r)
{
    struct story *s = arg;
    CHECK_DONE(buf_addf(&s->found, "%lld:%.*s|", (long long)r->attempt,
                        STR_ARG(str_slice(r->text, 0, 20))),
               "note");
    return true;
}

static str find(struct story *s, uint64_t number)
{
    queue_id id = queue_id_format(number);
    size_t count = 0;
    buf_clear(&s->found);
    CHECK_DONE(outbound_transcript_store_find(FOLDER, &id, note, s, &count), "find");
    return buf_str(&s->found);
}

static void add(struct story *s, uint64_t number, int64_t attempt, str text)
{
    struct outbound_transcript_record r = {queue_id_format(number), attempt, clock_real_ms(), text};
    outbound_transcript_store_add(s->store, &r);
}

static void open_store(struct story *s, int64_t keep_ms, int64_t bytes_max)
{
    CHECK_DONE(outbound_transcript_store_open(FOLDER, keep_ms, bytes_max, &s->store), "open");
}

static void settle(void) { CHECK_DONE(fiber_sleep(deadline_after(1000)), "sleep"); }

static void begin(struct story *s)
{
    s->fs = sim_fs_open();
    sim_fs_use(s->fs);
    buf_init(&s->found, 1 << 20);
}

static void end(struct story *s)
{
    buf_release(&s->found);
    sim_fs_close(s->fs);
}

static void kept(void *arg)
{
    struct story *s = arg;
    begin(s);
    CHECK_STR(find(s, 7), "", "no folder, no transcripts");
    open_store(s, 7 * DAY_MS, 64 << 20);
    add(s, 7, 1, S("== first\n"));
    add(s, 8, 1, S("== another's\n"));
    add(s, 7, 2, S("== second\n"));
    settle();
    CHECK_STR(find(s, 7), "1:== first\n|2:== second\n|", "a message's own, in order");
    outbound_transcript_store_close(s->store);
    open_store(s, 7 * DAY_MS, 64 << 20);
    add(s, 7, 3, S("== third\n"));
    outbound_transcript_store_close(s->store);
    CHECK_STR(find(s, 7), "1:== first\n|2:== second\n|3:== third\n|", "over a restart");
    end(s);
}

static void grow_old(void *arg)
{
    struct story *s = arg;
    begin(s);
    open_store(s, 7 * DAY_MS, 64 << 20);
    add(s, 7, 1, S("== first\n"));
    CHECK_DONE(fiber_sleep(deadline_after(6LL * DAY_MS)), "sleep");
    CHECK_STR(find(s, 7), "1:== first\n|", "six days");
    CHECK_DONE(fiber_sleep(deadline_after(DAY_MS + 3600 * 1000)), "sleep");
    CHECK_STR(find(s, 7), "", "seven days");
    add(s, 7, 2, S("== later\n"));
    settle();
    CHECK_STR(find(s, 7), "2:== later\n|", "and on");
    outbound_transcript_store_keep(s->store, 0, 64 << 20);
    add(s, 8, 1, S("== when it is off\n"));
    CHECK_DONE(fiber_sleep(deadline_after(3600 * 1000)), "sleep");
    CHECK_STR(find(s, 7), "", "what is switched off goes");
    outbound_transcript_store_close(s->store);
    end(s);
}

/* The oldest make room; nothing grows beyond its bound. */
static void fill_up(void *arg)
{
    struct story *s = arg;
    static char text[64 << 10];
    begin(s);
    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = '\n';
    open_store(s, 7 * DAY_MS, 10 << 20);
    for (uint64_t i = 1; i <= 400; i++) {
        add(s, i, 1, (str){text, sizeof text});
        settle();
    }
    outbound_transcript_store_close(s->store);
    CHECK_STR(find(s, 1), "", "the oldest went");
    CHECK(find(s, 400).len > 0, "the newest is there");
    CHECK(find(s, 300).len > 0, "as many as fit");
    end(s);
}

static void flood(void *arg)
{
    struct story *s = arg;
    static char text[256 << 10];
    begin(s);
    memset(text, 'x', sizeof text);
    open_store(s, 7 * DAY_MS, 64 << 20);
    for (uint64_t i = 1; i <= 100; i++) /* the thread has no turn meanwhile */
        add(s, i, 1, (str){text, sizeof text});
    CHECK(outbound_transcript_store_dropped(s->store) == 100 - 32, "8 MiB wait, the rest goes");
    settle();
    add(s, 101, 1, S("== and on\n"));
    settle();
    CHECK_STR(find(s, 101), "1:== and on\n|", "then it goes on");
    outbound_transcript_store_close(s->store);
    end(s);
}

/* A record that was written in part costs no other. */
static void torn(void *arg)
{
    struct story *s = arg;
    struct file *f;
    begin(s);
    open_store(s, 7 * DAY_MS, 64 << 20);
    add(s, 7, 1, S("== first\n"));
    outbound_transcript_store_close(s->store);
    CHECK_DONE(file_open(FOLDER "/t00000001", FILE_WRITE, &f), "open");
    struct file_facts facts;
    CHECK_DONE(file_facts(f, &facts), "facts");
    char half[] = "\nT1 0000000000007 2 1 900\nbroken off";
    struct iovec part = {half, sizeof half - 1};
    CHECK_DONE(file_write_at(f, &part, 1, facts.size), "write");
    file_close(f);
    open_store(s, 7 * DAY_MS, 64 << 20);
    add(s, 7, 3, S("== third\n"));
    static char text[2000];
    memset(text, 'x', sizeof text);
    add(s, 8, 1, (str){text, sizeof text});
    outbound_transcript_store_close(s->store);
    str found = find(s, 7);
    CHECK_STR(found, "1:== first\n|3:== third\n|", "what was before and behind");
    end(s);
}

static void run(void (*story)(void *arg))
{
    struct story s = {0};
    sim_run(3, story, &s);
}

TEST(outbound_transcript_store_keeps) { run(kept); }
TEST(outbound_transcript_store_grows_old) { run(grow_old); }
TEST(outbound_transcript_store_is_bounded) { run(fill_up); }
TEST(outbound_transcript_store_drops) { run(flood); }
TEST(outbound_transcript_store_torn) { run(torn); }
