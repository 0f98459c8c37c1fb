/* Attacks 97 and 188 to 191: a full disk takes no mail, and can always be emptied. */
#include "base/log.h"
#include "queue/queue_test.h"
#include "runtime/fault.h"
#include "runtime/sim.h"
#include "runtime/sim_fs.h"
#include <errno.h>

static void ignore_line(void *arg, enum log_level level, str line)
{
    (void)arg, (void)level, (void)line;
}

static struct sim_fs *fs;

static err open_small(struct queue_test *t, uint64_t capacity, uint64_t inodes)
{
    struct queue_options options = {.folder = "/spool",
                                    .workers = 1,
                                    .free_space_floor = 1 << 20,
                                    .draft_memory_max = 16 << 20,
                                    .segment_bytes = QUEUE_SEGMENT_BYTES_MIN};
    fs = sim_fs_open();
    sim_fs_use(fs);
    sim_fs_capacity(fs, capacity, inodes);
    TRY(queue_open(&options, &t->queue));
    queue_attach(t->queue, 0, &t->schedule);
    return NULL;
}

static void fill_and_drain(void *arg)
{
    struct queue_test *t = arg;
    int taken = 0, drained = 0;
    CHECK_DONE(open_small(t, 12 << 20, 1000), "open");
    str body = queue_test_body(t, 100000);
    for (int round = 0; round < 3; round++) {
        err e = NULL;
        for (int i = 0; i < 500 && e == NULL; i++) {
            e = queue_test_commit(t, "u@one.example", body, NULL);
            taken += e == NULL;
            err_forget();
        }
        CHECK(e != NULL, "attack 188: a full disk is said to be full");
        CHECK(!queue_has_room(t->queue), "attack 97: MAIL is refused");
        CHECK(!queue_stopped(t->queue), "attack 97: the store has not stopped");
        while (queue_test_deliver(t, body, "attack 97: it drains"))
            drained++;
        CHECK(queue_test_messages(t) == 0, "attack 97: to the last");
        CHECK_DONE(fiber_sleep(deadline_after(10000)), "sleep");
        CHECK(queue_has_room(t->queue), "attack 188: then there is room");
    }
    CHECK(taken >= 150, "most of the disk was used");
    CHECK(taken == drained, "all that was taken was delivered");
    schedule_close(t->schedule);
    queue_close(t->queue);
    sim_fs_close(fs);
}

static void drain_by_halves(void *arg)
{
    struct queue_test *t = arg;
    CHECK_DONE(open_small(t, 12 << 20, 1000), "open");
    str body = queue_test_body(t, 30000);
    int taken = 0;
    err e = NULL;
    for (int i = 0; i < 2000 && e == NULL; i++) {
        e = queue_test_commit(t, i % 10 ? "u@go.example" : "u@stay.example", body, NULL);
        taken += e == NULL;
        err_forget();
    }
    CHECK_DONE(fiber_yield(), "yield");
    struct queue_delivery *d;
    while ((d = schedule_next_for(t->schedule, S("go.example"))) != NULL) {
        struct queue_outcome done = {0, QUEUE_DONE};
        struct queue_settlement s = {.outcomes = &done, .outcome_count = 1, .tried = true};
        CHECK_DONE(queue_settle(t->queue, &d, &s, deadline_after(QUEUE_TEST_MS)), "settle");
    }
    CHECK_DONE(fiber_sleep(deadline_after(20000)), "sleep");
    CHECK(queue_has_room(t->queue), "attack 97: what stays was moved together");
    CHECK_DONE(queue_test_commit(t, "u@go.example", body, NULL), "attack 97: and mail is taken");
    CHECK(queue_test_messages(t) == (uint64_t)(taken + 9) / 10 + 1, "none was lost");
    schedule_close(t->schedule);
    queue_close(t->queue);
    sim_fs_close(fs);
}

static uint64_t free_now(void)
{
    uint64_t bytes = 0, inodes = 0;
    CHECK_DONE(folder_space("/spool", &bytes, &inodes), "free space");
    return bytes;
}

static void reopen(struct queue_test *t)
{
    struct queue_options options = t->queue->options;
    options.folder = "/spool";
    schedule_close(t->schedule);
    queue_close(t->queue);
    CHECK_DONE(queue_open(&options, &t->queue), "open again");
    queue_attach(t->queue, 0, &t->schedule);
}

static void plant_spare(uint32_t number, uint64_t bytes)
{
    char path[64];
    struct file *file = NULL;
    snprintf(path, sizeof path, "/spool/log/spare-%08x", number);
    CHECK_DONE(file_open(path, FILE_WRITE | FILE_CREATE, &file), "a file");
    CHECK_DONE(file_zero_fill(file, bytes), "of zeros");
    file_close(file);
}

/* Files that are kept for later are of no use where their room is what is missing. */
static void give_spares_back(void *arg)
{
    struct queue_test *t = arg;
    CHECK_DONE(open_small(t, 12 << 20, 1000), "open");
    plant_spare(0x99, 2 << 20); /* from when the disk was larger, and segments were */
    str body = queue_test_body(t, 100000);
    err e = NULL;
    while (e == NULL)
        e = queue_test_commit(t, "u@one.example", body, NULL);
    err_forget();
    while (queue_test_deliver(t, body, "deliver"))
        ;
    CHECK_DONE(fiber_sleep(deadline_after(10000)), "sleep");
    plant_spare(0x97, QUEUE_SEGMENT_BYTES_MIN); /* as a server that was killed may leave them */
    plant_spare(0x98, QUEUE_SEGMENT_BYTES_MIN);
    reopen(t);
    CHECK_DONE(fiber_sleep(deadline_after(10000)), "sleep");
    sim_fs_capacity(fs, (12 << 20) - free_now() + (1 << 19), 1000); /* others took the rest */
    CHECK_DONE(fiber_sleep(deadline_after(10000)), "sleep");
    CHECK(queue_has_room(t->queue), "attack 188: its own files make room");
    CHECK(!file_exists("/spool/log/spare-00000099"), "what does not fit goes");
    CHECK_DONE(queue_test_commit(t, "u@one.example", body, NULL), "mail is taken");
    schedule_close(t->schedule);
    queue_close(t->queue);
    sim_fs_close(fs);
}

static void sync_no_folder(void *arg)
{
    struct queue_test *t = arg;
    CHECK_DONE(open_small(t, 64 << 20, 1000), "open");
    fault_arm("spool.folder_sync", FAULT_FAIL, EIO, 1, true);
    uint64_t before = free_now();
    CHECK_DONE(fiber_sleep(deadline_after(100 * 1000)), "a hundred tries to make a segment");
    CHECK(fault_hits("spool.folder_sync") > 50, "attack 188: it goes on trying");
    CHECK(free_now() + 2 * QUEUE_SEGMENT_BYTES_MIN >= before, "attack 188: and leaves one file");
    fault_clear();
    CHECK_DONE(fiber_sleep(deadline_after(10000)), "sleep");
    str body = queue_test_body(t, 100000);
    for (int i = 0; i < 50; i++)
        CHECK_DONE(queue_test_commit(t, "u@one.example", body, NULL), "a mended disk is used");
    while (queue_test_deliver(t, body, "deliver"))
        ;
    CHECK(queue_test_messages(t) == 0, "to the last");
    schedule_close(t->schedule);
    queue_close(t->queue);
    sim_fs_close(fs);
}

/* As a disk is whose power is going: it says yes, and nothing changes. */
static void give_back_in_vain(void *arg)
{
    struct queue_test *t = arg;
    CHECK_DONE(open_small(t, 12 << 20, 1000), "open");
    CHECK_DONE(fiber_sleep(deadline_after(10000)), "sleep");
    plant_spare(0x97, QUEUE_SEGMENT_BYTES_MIN);
    sim_fs_capacity(fs, (12 << 20) - free_now() + (1 << 19), 1000);
    sim_fs_freeze(fs);
    CHECK_DONE(fiber_sleep(deadline_after(10000)), "it ends");
    CHECK(file_exists("/spool/log/spare-00000097"), "nothing was removed");
    schedule_close(t->schedule);
    queue_close(t->queue);
    sim_fs_close(fs);
}

static void run(void (*story)(void *arg))
{
    struct queue_test t = {.arena = arena_open(64 << 20)};
    log_set_sink(ignore_line, NULL);
    sim_run(5, story, &t);
    arena_close(t.arena);
}

TEST(queue_full_disk_drains) { run(fill_and_drain); }
TEST(queue_full_disk_is_cleaned) { run(drain_by_halves); }
TEST(queue_full_disk_gives_spares_back) { run(give_spares_back); }
TEST(queue_bad_disk_is_not_filled) { run(sync_no_folder); }
TEST(queue_frozen_disk_gives_nothing_back) { run(give_back_in_vain); }
