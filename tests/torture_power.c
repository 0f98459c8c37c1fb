/* Attacks 183 and 184: every state that a power cut may leave, after every single operation of the
 * disk, in each kind of work that the queue does. */
#include "base/mem.h"
#include "queue/commit.h"
#include "runtime/fault.h"
#include "tests/torture.h"
#include <errno.h>

enum {
    RECORDS_MAX = 8192,
    DRAWS = 64,
    REPLAY_CHARS = 96,
    AGAIN_EACH = 8,    /* states are looked at twice */
    OPENINGS_EACH = 9, /* records are opened with a second power cut on the way */
    OPENINGS_DRAWS = 6,
    SLICE_STRIDE = 37, /* operations of the long story */
};

enum kind {
    ACCEPT,
    DEFER,
    DELIVER,
    BOUNCE,
    EXPIRE,
    MOVE,
    CLEAN,
    SEAL,
    RECYCLE,
    ABORT,
    REOPEN,
    OPEN,
    KINDS
};
static const char *const kind_names[KINDS] = {"accept",  "defer", "deliver", "bounce",
                                              "expire",  "move",  "clean",   "seal",
                                              "recycle", "abort", "reopen",  "open"};

struct record { /* after one operation of the disk */
    struct sim_fs *fs;
    struct torture_ledger *ledger;
    uint64_t op;
    enum kind kind;
    const char *step;
    bool may_return;
};

struct tally {
    uint64_t ops, states;
};

struct power {
    const struct torture_options *options;
    const struct story *story;
    struct torture_run run;
    struct torture_verdict verdict;
    struct tally tallies[KINDS];
    struct {
        const char *name;
        uint64_t ops;
    } steps[FAULT_POINTS_MAX];
    size_t step_count;
    struct record *records;
    size_t count;
    uint64_t op, stride;
    enum kind kind; /* of what the story does now */
    bool recording;
};

struct story {
    const char *name;
    enum kind kind;
    void (*prepare)(struct power *); /* not recorded; NULL: nor is there a queue before it */
    void (*body)(struct power *);
};

/* ---- recording ------------------------------------------------------------------------------- */

/* What the batch being written does, when it is not what the story asked for. */
static enum kind kind_of_batch(const struct power *p)
{
    const struct queue_batch *b = &p->run.queue->committer->batch;
    enum kind kind = p->kind;
    for (uint32_t i = 0; i < b->count; i++) {
        const struct queue_write *w = &b->writes[i];
        if (w->effect == QUEUE_EFFECT_NAME && w->record.type == QUEUE_RECORD_ABORT)
            return ABORT;
        if (w->effect == QUEUE_EFFECT_AGAIN || w->effect == QUEUE_EFFECT_NAME)
            return CLEAN;
        if (w->effect == QUEUE_EFFECT_MOVE)
            kind = MOVE;
    }
    return kind;
}

static enum kind kind_of_step(const struct power *p, const char *step)
{
    static const char *const recycles[] = {"spool.rename", "spool.folder_sync", "spool.create",
                                           "spool.fill",   "segment.write",     "segment.sync"};
    if (p->run.queue == NULL)
        return OPEN;
    if (p->kind == REOPEN)
        return REOPEN;
    if (str_starts(str_of(step), S("seal.")))
        return SEAL;
    for (size_t i = 0; i < ARRAY_LEN(recycles); i++)
        if (strcmp(step, recycles[i]) == 0)
            return RECYCLE;
    bool commits = strcmp(step, "spool.write") == 0 || strcmp(step, "spool.sync") == 0;
    return commits ? kind_of_batch(p) : p->kind;
}

static void count_step(struct power *p, const char *step)
{
    size_t i = 0;
    while (i < p->step_count && strcmp(p->steps[i].name, step) != 0)
        i++;
    if (i == p->step_count)
        p->steps[p->step_count++].name = step;
    p->steps[i].ops++;
}

static void record_operation(void *arg)
{
    struct power *p = arg;
    uint64_t op = p->op++;
    long only = p->options->op;
    if (!p->recording)
        return;
    count_step(p, fault_last());
    enum kind kind = kind_of_step(p, fault_last());
    bool rare = kind == MOVE || kind == CLEAN;
    bool wanted = rare || op % p->stride == p->options->seed % p->stride;
    if (only >= 0)
        wanted = op == (uint64_t)only;
    if (!wanted || p->count == RECORDS_MAX)
        return;
    struct record *r = &p->records[p->count++];
    r->fs = sim_fs_clone_running(p->run.fs);
    r->ledger = torture_ledger_copy(p->run.ledger);
    r->op = op;
    r->step = fault_last();
    r->kind = kind;
    r->may_return = p->run.queue && p->run.queue->stopped;
    p->tallies[r->kind].ops++;
}

static void record_drop(struct record *r)
{
    sim_fs_close(r->fs);
    mem_free(r->ledger);
}

/* ---- judging every state of a record --------------------------------------------------------- */

static const char *const mode_names[] = {"none", "all", "prefix", "torn", "subset"};

static void judge(struct power *p, const struct record *r, enum sim_fs_crash_mode mode,
                  uint64_t draw)
{
    const struct torture_options *o = p->options;
    char replay[REPLAY_CHARS];
    if (o->mode && (strcmp(o->mode, mode_names[mode]) != 0 || o->draw != draw))
        return;
    snprintf(replay, sizeof replay, "torture --seed %llu power %s %llu %s %llu",
             (unsigned long long)o->seed, p->story->name, (unsigned long long)r->op,
             mode_names[mode], (unsigned long long)draw);
    struct torture_claim claim = {.ledger = r->ledger,
                                  .may_return = r->may_return,
                                  .again = p->verdict.states % AGAIN_EACH == 0,
                                  .replay = replay};
    struct sim_fs *after = sim_fs_crash(r->fs, mode, draw);
    if (!torture_judge(after, &claim, &p->verdict))
        printf("    after %s (%s)\n", r->step[0] ? r->step : "the start", kind_names[r->kind]);
    sim_fs_use(NULL);
    sim_fs_close(after);
    p->tallies[r->kind].states++;
}

static void judge_record(struct power *p, const struct record *r)
{
    size_t units = sim_fs_units(r->fs), pending = sim_fs_pending(r->fs);
    bool every = units <= SIM_FS_UNITS_COUNTED_MAX;
    uint64_t draws = p->options->slice ? 4 : DRAWS;
    judge(p, r, SIM_FS_NOTHING, 0);
    if (units == 0)
        return; /* all is synced: there is no other state */
    judge(p, r, SIM_FS_EVERYTHING, 0);
    for (uint64_t n = 1; n < pending; n += p->options->slice ? 3 : 1)
        judge(p, r, SIM_FS_PREFIX, n);
    uint64_t subsets = every ? UINT64_C(1) << units : draws / 2;
    for (uint64_t i = 0; i < subsets && !(p->options->slice && i >= draws); i++)
        judge(p, r, SIM_FS_SUBSET, i);
    for (uint64_t i = 0; i < draws / 2 && !every; i++)
        judge(p, r, SIM_FS_TORN, i);
}

/* ---- the stories -------------------------------------------------------------------------------
 */

static void commit(struct power *p, uint32_t size, int deliveries, int rcpts)
{
    torture_commit(&p->run,
                   &(struct torture_plan){size, (uint8_t)deliveries, (uint8_t)rcpts, false});
}

static void settle(struct power *p, int message, int delivery, enum torture_outcome outcome,
                   int rcpts)
{
    struct torture_settlement s = {message, delivery, outcome, rcpts, 3600 * 1000, 700};
    torture_settle(&p->run, &s);
}

static void settle_soon(struct power *p, int message, int delivery, enum torture_outcome outcome)
{
    struct torture_settlement s = {message, delivery, outcome, 1, 1000, 700};
    torture_settle(&p->run, &s);
}

static void pause_ms(int64_t ms)
{
    err e = fiber_sleep(deadline_after(ms));
    if (e)
        err_forget();
}

static void commit_small_and_large(struct power *p)
{
    static const uint32_t sizes[] = {0, 100, 5000, 120000, 262144, 300000};
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++)
        commit(p, sizes[i], 1 + (int)i % 3, 1 + (int)i % 2);
}

static void commit_one(void *arg) { commit(arg, 3000, 2, 1); }

static void commit_together(struct power *p)
{
    struct group group;
    group_init(&group);
    for (int i = 0; i < 6; i++)
        fiber_spawn(&group, "commit", commit_one, p);
    err e = group_wait(&group, DEADLINE_NEVER);
    ASSERT(e == NULL);
    group_close(&group);
}

static void commit_to_many(struct power *p)
{
    torture_commit(&p->run, &(struct torture_plan){2000, 1, 1, true});
}

static void commit_four(struct power *p)
{
    commit(p, 200, 1, 1);
    commit(p, 6000, 2, 2);
    commit(p, 300000, 1, 3);
    commit(p, 50000, 3, 3);
}

static void defer_all(struct power *p)
{
    for (int i = 0; i < 4; i++)
        for (int d = 0; d < p->run.ledger->messages[i].delivery_count; d++)
            settle(p, i, d, TORTURE_DEFER, 0);
}

static void deliver_all(struct power *p)
{
    settle(p, 3, 1, TORTURE_DELIVER, 1); /* the others of it are deferred */
    settle(p, 3, 0, TORTURE_DELIVER, 3);
    for (int i = 0; i < 3; i++)
        for (int d = 0; d < p->run.ledger->messages[i].delivery_count; d++)
            settle(p, i, d, TORTURE_DELIVER, 3);
    pause_ms(2000);
}

static void report_all(struct power *p, enum torture_outcome outcome)
{
    for (int i = 0; i < 4; i++)
        for (int d = 0; d < p->run.ledger->messages[i].delivery_count; d++) {
            struct torture_settlement s = {i, d, outcome, 2 - d % 2, 3600 * 1000, 700};
            s.dsn_size = i == 2 ? 280000 : s.dsn_size; /* a report in a file of its own */
            torture_settle(&p->run, &s);
        }
    pause_ms(2000);
}

static void bounce_all(struct power *p) { report_all(p, TORTURE_BOUNCE); }
static void expire_all(struct power *p) { report_all(p, TORTURE_EXPIRE); }

/* Keepers with all sorts of state, then so much that comes and goes that segments are cleaned. */
static void keep_some(struct power *p)
{
    commit_four(p);
    settle_soon(p, 1, 0, TORTURE_DEFER);
    settle_soon(p, 3, 2, TORTURE_DEFER);
    settle(p, 3, 0, TORTURE_DELIVER, 1);
    settle(p, 3, 1, TORTURE_BOUNCE, 1);
}

/* What was deferred a while ago is due: the keepers wait on, the others are delivered. Their
 * records stand in other segments than the messages. */
static void come_back(struct power *p)
{
    struct torture_ledger *l = p->run.ledger;
    pause_ms(2500);
    p->kind = DEFER;
    settle_soon(p, 1, 0, TORTURE_DEFER);
    settle_soon(p, 3, 2, TORTURE_DEFER);
    p->kind = DELIVER;
    for (int i = 4; i < l->count; i++)
        if (l->messages[i].deliveries[0].state_known &&
            l->messages[i].deliveries[0].rcpts[0] == TORTURE_WAITING)
            settle_soon(p, i, 0, TORTURE_DELIVER);
}

static void come_and_go(struct power *p)
{
    for (int i = 0; i < 130; i++) {
        int message = p->run.ledger->count;
        p->kind = ACCEPT;
        commit(p, i % 4 ? 200000 : 900, 1, 1);
        p->kind = DELIVER;
        if (i % 7 == 3)
            settle_soon(p, message, 0, TORTURE_DEFER);
        else if (i % 20)
            settle_soon(p, message, 0, TORTURE_DELIVER);
        if (i % 20 == 19)
            come_back(p);
    }
    struct queue_stats stats;
    queue_stats(p->run.queue, &stats);
    if (stats.cleaned == 0)
        printf("    WRONG: the story cleaned nothing\n");
    p->verdict.failed += stats.cleaned == 0;
}

/* The mail goes, then its segments; later its keys. */
static void outlive(struct power *p)
{
    for (int i = 0; i < 14; i++) {
        commit(p, 200000, 1, 1);
        settle(p, i, 0, TORTURE_DELIVER, 1);
    }
    pause_ms(3000);
}

static void outlive_keys(struct power *p)
{
    outlive(p);
    pause_ms(TORTURE_KEYS_MS);
}

static void close_it(struct power *p)
{
    commit_four(p);
    p->kind = SEAL;
    torture_queue_close(&p->run);
}

static void fail_a_write(struct power *p)
{
    commit(p, 3000, 1, 1);
    settle(p, 0, 0, TORTURE_DEFER, 0);
    fault_arm("spool.write", FAULT_FAIL, ENOSPC, 1, false);
    commit(p, 3000, 1, 1);
    p->kind = ACCEPT;
    commit(p, 3000, 1, 1);
    pause_ms(3000);
}

static void fail_a_sync(struct power *p)
{
    commit_four(p);
    settle(p, 0, 0, TORTURE_DEFER, 0);
    settle(p, 3, 0, TORTURE_DELIVER, 1);
    fault_arm("spool.sync", FAULT_FAIL, EIO, 1, false);
    commit(p, 3000, 1, 1);
    pause_ms(3000);
    p->kind = ACCEPT;
    commit(p, 3000, 1, 1);
}

static void nothing(struct power *p) { (void)p; } /* is prepared but an open queue */

static const struct story stories[] = {
    {"accept",  ACCEPT,  NULL,        commit_small_and_large},
    {"group",   ACCEPT,  nothing,     commit_together       },
    {"many",    ACCEPT,  nothing,     commit_to_many        },
    {"defer",   DEFER,   commit_four, defer_all             },
    {"deliver", DELIVER, commit_four, deliver_all           },
    {"bounce",  BOUNCE,  commit_four, bounce_all            },
    {"expire",  EXPIRE,  commit_four, expire_all            },
    {"churn",   DELIVER, keep_some,   come_and_go           },
    {"keys",    DELIVER, nothing,     outlive               },
    {"forget",  DELIVER, nothing,     outlive_keys          },
    {"close",   ACCEPT,  nothing,     close_it              },
    {"abort",   ABORT,   nothing,     fail_a_write          },
    {"reopen",  REOPEN,  nothing,     fail_a_sync           },
};

/* ---- a second power cut while the first is recovered from -------------------------------------
 */

struct opening {
    struct power *power;
    const struct record *first;
    struct sim_fs *fs;
    struct sim_fs *cut[RECORDS_MAX / 4];
    size_t count;
};

static void record_opening(void *arg)
{
    struct opening *o = arg;
    if (o->count < ARRAY_LEN(o->cut))
        o->cut[o->count++] = sim_fs_clone_running(o->fs);
}

static void judge_opening(struct opening *o, struct sim_fs *fs)
{
    static const enum sim_fs_crash_mode modes[] = {SIM_FS_NOTHING, SIM_FS_EVERYTHING};
    struct record r = *o->first;
    r.fs = fs;
    r.kind = OPEN;
    r.step = "an opening after it";
    for (size_t i = 0; i < ARRAY_LEN(modes); i++)
        judge(o->power, &r, modes[i], 0);
    for (uint64_t i = 0; i < OPENINGS_DRAWS; i++)
        judge(o->power, &r, i % 2 ? SIM_FS_TORN : SIM_FS_SUBSET, i);
}

static void open_twice(struct power *p, const struct record *r)
{
    static struct opening o;
    o = (struct opening){.power = p, .first = r};
    struct torture_run run = {.fs = sim_fs_crash(r->fs, SIM_FS_TORN, r->op)};
    o.fs = run.fs;
    sim_fs_use(run.fs);
    sim_fs_on_operation(run.fs, record_opening, &o);
    err e = torture_queue_open(&run);
    if (e == NULL)
        torture_queue_close(&run);
    sim_fs_on_operation(run.fs, NULL, NULL);
    sim_fs_use(NULL);
    sim_fs_close(run.fs);
    for (size_t i = 0; i < o.count; i++) {
        judge_opening(&o, o.cut[i]);
        sim_fs_close(o.cut[i]);
    }
    p->tallies[OPEN].ops += o.count;
    err_forget();
}

/* ---- running a story ----------------------------------------------------------------------------
 */

static void play(struct power *p)
{
    if (p->story->prepare) {
        err e = torture_queue_open(&p->run);
        ASSERT(e == NULL);
        p->story->prepare(p);
        pause_ms(3000); /* until the supply thread has made its segments */
    }
    p->kind = p->story->kind;
    p->recording = true;
    fault_count(true);
    if (p->story->prepare == NULL) {
        err e = torture_queue_open(&p->run);
        ASSERT(e == NULL);
    }
    p->story->body(p);
    p->recording = false;
    fault_clear();
    if (p->run.queue)
        torture_queue_close(&p->run);
}

static void run_story(void *arg)
{
    struct power *p = arg;
    torture_run_open(&p->run);
    sim_fs_on_operation(p->run.fs, record_operation, p);
    play(p);
    sim_fs_on_operation(p->run.fs, NULL, NULL);
    for (size_t i = 0; i < p->count; i++)
        judge_record(p, &p->records[i]);
    size_t each = p->options->slice ? 3 * OPENINGS_EACH : OPENINGS_EACH;
    each = p->options->op >= 0 ? 1 : each;
    for (size_t i = 0; i < p->count; i += each)
        open_twice(p, &p->records[i]);
    for (size_t i = 0; i < p->count; i++)
        record_drop(&p->records[i]);
    p->count = 0;
    torture_run_close(&p->run);
}

static void print_tallies(const struct power *p)
{
    for (int k = 0; k < KINDS; k++)
        printf("    power %-8s %6llu operations %8llu states opened\n", kind_names[k],
               (unsigned long long)p->tallies[k].ops, (unsigned long long)p->tallies[k].states);
    printf("    power steps");
    for (size_t i = 0; i < p->step_count; i++)
        printf(" %s %llu", p->steps[i].name[0] ? p->steps[i].name : "before",
               (unsigned long long)p->steps[i].ops);
    printf("\n    power at most %llu calls and %llu KiB read in one opening; %llu bodies compared, "
           "%llu keys known\n",
           (unsigned long long)p->verdict.calls, (unsigned long long)p->verdict.bytes_read >> 10,
           (unsigned long long)p->verdict.bodies, (unsigned long long)p->verdict.keys);
}

/* Every kind of work was cut, and every step that the queue names. */
static void check_coverage(struct power *p)
{
    const char *names[FAULT_POINTS_MAX];
    size_t count = fault_names(names);
    for (int k = 0; k < KINDS; k++)
        if (p->tallies[k].states == 0) {
            printf("    WRONG: no state of %s was opened\n", kind_names[k]);
            p->verdict.failed++;
        }
    for (size_t i = 0; i < count; i++) {
        bool seen = torture_is_elsewhere(names[i]);
        for (size_t k = 0; k < p->step_count; k++)
            seen |= strcmp(p->steps[k].name, names[i]) == 0;
        if (!seen) {
            printf("    WRONG: no story comes by %s\n", names[i]);
            p->verdict.failed++;
        }
    }
}

void torture_power(const struct torture_options *o, struct torture_counts *counts)
{
    static struct power p;
    p = (struct power){.options = o};
    p.records = mem_alloc(RECORDS_MAX * sizeof *p.records);
    for (size_t i = 0; i < ARRAY_LEN(stories); i++) {
        if (o->only && strcmp(o->only, stories[i].name) != 0)
            continue;
        p.story = &stories[i];
        p.stride = o->slice && stories[i].body == come_and_go ? SLICE_STRIDE : 1;
        p.op = 0;
        sim_run(o->seed + i, run_story, &p);
    }
    if (o->only == NULL && !o->slice)
        check_coverage(&p);
    print_tallies(&p);
    mem_free(p.records);
    counts->passed +=
        p.verdict.states - (p.verdict.failed < p.verdict.states ? p.verdict.failed : 0);
    counts->failed += p.verdict.failed;
}
