/* Attack 183: every state that a power cut may leave, in the simulation's strict file system. */
#include "base/log.h"
#include "base/mem.h"
#include "queue/admin.h"
#include "queue/queue_test.h"
#include "runtime/fault.h"
#include "runtime/sim.h"
#include "runtime/sim_fs.h"
#include <errno.h>

enum {
    MESSAGES = 120,
    STATES_MAX = 9000,
};

enum fate { UNKNOWN, ACCEPTED, REFUSED, SETTLING, SETTLED };

struct state { /* one power cut, and what had been promised by then */
    struct sim_fs *fs;
    bool stopped;
    uint8_t fates[MESSAGES];
};

struct power {
    struct sim_fs *fs;
    struct queue *queue;
    struct schedule *schedule;
    uint8_t fates[MESSAGES];
    struct state *states;
    size_t count;
    uint64_t operations;
    const char *fault;
    int nth;
    bool direct;
    int found[MESSAGES];
    uint64_t cleaned;
};

static void cut_power(void *arg)
{
    struct power *p = arg;
    uint64_t n = p->operations++;
    for (int mode = SIM_FS_NOTHING; mode <= SIM_FS_TORN && p->count < STATES_MAX; mode++) {
        struct state *s = &p->states[p->count++];
        s->fs = sim_fs_crash(p->fs, (enum sim_fs_crash_mode)mode, n * 7);
        s->stopped = p->queue && p->queue->stopped;
        memcpy(s->fates, p->fates, sizeof s->fates);
    }
}

static err open_queue(struct power *p)
{
    struct queue_options options = {.folder = "/spool",
                                    .workers = 1,
                                    .draft_memory_max = 16 << 20,
                                    .may_block = queue_test_may_block,
                                    .segment_bytes = QUEUE_SEGMENT_BYTES_MIN};
    return queue_open(&options, &p->queue);
}

static str body_of(int i, char *text)
{
    /* Some are large enough for files of their own, some fill segments. */
    size_t size = i % 8 == 3 ? 300000 : i % 3 ? 120000 : 100;
    memset(text, ' ' + i, size);
    return (str){text, size};
}

static void commit_one(struct power *p, int i)
{
    static char text[300000];
    char name[32];
    snprintf(name, sizeof name, "d%d.example", i);
    struct envelope_rcpt to = {.address = S("u@d"), .destination = str_of(name)};
    struct envelope e = {.rcpts = &to, .rcpt_count = 1, .accepted_at_ms = clock_real_ms()};
    if (i % 3 == 0)
        e.expires_ms = e.accepted_at_ms + 1000LL * 86400 * 365;
    struct queue_draft *draft = NULL;
    queue_id id;
    err failed = queue_draft_open(p->queue, &draft);
    if (failed == NULL)
        failed = queue_draft_write(draft, body_of(i, text), DEADLINE_NEVER);
    if (failed == NULL)
        failed = queue_commit(p->queue, &draft, &e, S("R\r\n"), &id, DEADLINE_NEVER);
    queue_draft_abandon(&draft);
    p->fates[i] = failed ? REFUSED : ACCEPTED;
}

/* The number in "d17.example". */
static int number_of(str destination)
{
    str head, tail;
    uint64_t number;
    str_split(str_from(destination, 1), '.', &head, &tail);
    return str_to_u64(head, MESSAGES - 1, &number) ? (int)number : -1;
}

/* Most are delivered, every eighth is deferred. */
static void settle_one(struct power *p)
{
    struct queue_delivery *d;
    if (schedule_next(p->schedule, &d, deadline_after(50)))
        return;
    int i = number_of(queue_delivery_destination(d));
    ASSERT(i >= 0);
    struct queue_outcome done = {0, QUEUE_DONE};
    struct queue_settlement s = {.outcomes = &done, .outcome_count = i % 8 != 0, .tried = true};
    s.due_ms = clock_real_ms() + 3600 * 1000;
    p->fates[i] = i % 8 ? SETTLING : p->fates[i];
    err e = queue_settle(p->queue, &d, &s, deadline_after(120000));
    if (e == NULL && i % 8)
        p->fates[i] = SETTLED;
}

static void work(struct power *p)
{
    queue_attach(p->queue, 0, &p->schedule);
    for (int i = 0; i < MESSAGES; i++) {
        commit_one(p, i);
        settle_one(p);
        if (p->fates[i] == REFUSED)
            CHECK_DONE(fiber_sleep(deadline_after(3000)), "sleep");
        err_forget();
    }
    struct queue_stats stats;
    queue_stats(p->queue, &stats);
    p->cleaned += stats.cleaned;
    schedule_close(p->schedule);
}

static bool note_listed(void *arg, const struct queue_admin_item *l)
{
    struct power *p = arg;
    int i = number_of(l->destination);
    CHECK(i >= 0, "a message that was sent");
    if (i < 0)
        return true;
    CHECK(!l->damaged, "a message that is damaged");
    CHECK(l->rcpt_count == 1, "its envelope can be read");
    p->found[i]++;
    return true;
}

static void check_state(struct power *p, const struct state *s, size_t number)
{
    static const char *const names[] = {"unknown", "accepted", "refused", "settling", "settled"};
    struct queue_admin_filter all = {0};
    struct queue_stats stats = {0};
    memset(p->found, 0, sizeof p->found);
    sim_fs_use(s->fs);
    err e = open_queue(p);
    CHECK_DONE(e, "open after a power cut");
    if (e == NULL) {
        CHECK_DONE(queue_admin_list(p->queue, &all, note_listed, p, DEADLINE_NEVER), "list");
        queue_stats(p->queue, &stats);
        queue_close(p->queue);
    }
    CHECK(stats.damaged == 0, "nothing is called damaged");
    for (int i = 0; i < MESSAGES; i++) {
        bool must = s->fates[i] == ACCEPTED, may = must || s->fates[i] == SETTLING ||
                                                   s->fates[i] == UNKNOWN ||
                                                   (s->fates[i] == REFUSED && s->stopped);
        bool right = p->found[i] <= 1 && (p->found[i] == 1 ? may : !must);
        char label[128];
        snprintf(label, sizeof label,
                 "attack 183: fault %s %d, state %zu: message %d (%s) found %d",
                 p->fault ? p->fault : "none", p->nth, number, i, names[s->fates[i]], p->found[i]);
        CHECK(right, label);
    }
    p->queue = NULL;
    err_forget();
}

static void run_power(void *arg)
{
    struct power *p = arg;
    p->fs = sim_fs_open();
    sim_fs_use(p->fs);
    sim_fs_direct(p->fs, p->direct);
    CHECK_DONE(open_queue(p), "open");
    if (p->fault)
        fault_arm(p->fault, FAULT_FAIL, EIO, p->nth, false);
    sim_fs_on_operation(p->fs, cut_power, p);
    work(p);
    struct queue *q = p->queue;
    queue_close(q);
    p->queue = NULL;
    sim_fs_on_operation(p->fs, NULL, NULL);
    fault_clear();
    for (size_t i = 0; i < p->count; i += p->fault ? 11 : 3) /* all are right; some are looked at */
        check_state(p, &p->states[i], i);
    sim_fs_use(NULL);
    for (size_t i = 0; i < p->count; i++)
        sim_fs_close(p->states[i].fs);
    sim_fs_close(p->fs);
}

static void ignore_line(void *arg, enum log_level level, str line)
{
    (void)arg, (void)level;
    if (str_contains(line, S("DAMAGED")))
        fprintf(stderr, "%.*s\n", STR_ARG(line));
}

TEST(queue_power_cuts)
{
    static const struct {
        const char *fault;
        int nth;
    } runs[] = {
        {NULL,           0 },
        {"spool.sync",   3 },
        {"spool.sync",   20},
        {"spool.write",  5 },
        {"spool.write",  18},
        {"seal.sync",    1 },
        {"seal.write",   1 },
        {"segment.sync", 2 },
    };
    log_set_sink(ignore_line, NULL);
    for (size_t i = 0; i < 2 * ARRAY_LEN(runs); i++) {
        struct power p = {.fault = runs[i / 2].fault, .nth = runs[i / 2].nth, .direct = i % 2 == 0};
        p.states = mem_alloc(STATES_MAX * sizeof *p.states);
        sim_run(i + 1, run_power, &p);
        CHECK(p.count > 100, "there were states to look at");
        CHECK(p.fault || p.cleaned > 0, "segments were cleaned in it");
        mem_free(p.states);
    }
}

/* ---- a disk on which no write succeeds any more ------------------------------------------------
 */

enum { BROKEN_MS = 3600 * 1000, TRIES_MAX = 300 }; /* every 30 s, and faster at first */

struct broken {
    const char *fault;
    struct event_sink sink;
    int stops, files;
};

static void note_stop(void *arg, const struct event *e)
{
    struct broken *b = arg;
    b->stops += e->kind == EVENT_QUEUE_STOPPED;
}

static err count_file(void *arg, const char *name)
{
    (void)name;
    ++*(int *)arg;
    return NULL;
}

static uint64_t free_bytes(void)
{
    uint64_t bytes = 0, inodes;
    CHECK_DONE(folder_space("/spool", &bytes, &inodes), "space");
    return bytes;
}

static void try_for_an_hour(struct power *p, const char *fault)
{
    uint64_t before = free_bytes();
    int64_t end_ms = clock_steady_ms() + BROKEN_MS;
    queue_attach(p->queue, 0, &p->schedule);
    commit_one(p, 0);
    CHECK(p->fates[0] == ACCEPTED, "the disk is well");
    fault_arm(fault, FAULT_FAIL, EIO, 1, true);
    while (clock_steady_ms() < end_ms) {
        commit_one(p, 1);
        CHECK(p->fates[1] == REFUSED, "no write, no promise");
        CHECK_DONE(fiber_sleep(deadline_after(1000)), "sleep");
        err_forget();
    }
    CHECK(before < free_bytes() + 8 * QUEUE_SEGMENT_BYTES_MIN, "the disk does not fill up");
    fault_clear();
    CHECK_DONE(fiber_sleep(deadline_after(60 * 1000)), "sleep");
    commit_one(p, 2);
    CHECK(p->fates[2] == ACCEPTED, "the disk is well again");
    schedule_close(p->schedule);
}

static void run_broken(void *arg)
{
    struct broken *b = arg;
    struct power p = {0};
    b->sink = (struct event_sink){note_stop, b};
    p.fs = sim_fs_open();
    sim_fs_use(p.fs);
    struct queue_options options = {.folder = "/spool",
                                    .workers = 1,
                                    .draft_memory_max = 16 << 20,
                                    .segment_bytes = QUEUE_SEGMENT_BYTES_MIN,
                                    .events = &b->sink};
    CHECK_DONE(queue_open(&options, &p.queue), "open");
    try_for_an_hour(&p, b->fault);
    CHECK_DONE(folder_list("/spool/quarantine", count_file, &b->files), "quarantine");
    queue_close(p.queue);
    sim_fs_use(NULL);
    sim_fs_close(p.fs);
}

TEST(queue_on_a_broken_disk)
{
    static const char *const faults[] = {"spool.write", "spool.sync"};
    log_set_sink(ignore_line, NULL);
    for (size_t i = 0; i < ARRAY_LEN(faults); i++) {
        struct broken b = {.fault = faults[i]};
        sim_run(1, run_broken, &b);
        CHECK(b.stops > 0, faults[i]);
        CHECK(b.stops < TRIES_MAX, "tried less and less often");
        CHECK(b.files <= 2, "and little is left behind");
    }
}
