/* Every fault point of the queue goes wrong, once and for good, in every way, while mail comes and
 * goes (attacks 187 to 192); and the date jumps (attack 198).
 */
#include "base/mem.h"
#include "runtime/fault.h"
#include "tests/torture.h"
#include <errno.h>

enum {
    SHORT_WRITE = -1, /* half of the next write, then ENOSPC */
    BEFORE = 6,       /* messages before the fault */
    DURING = 34,
    KEYED = 16, /* more, where the fault is about keys */
    PATIENCE_MS = 20 * 1000,
    IDLE_S = 600,
    CALLS_A_SECOND = 40, /* of the disk, when there is nothing to do but to try again */
    RECOVERY_MS = 120 * 1000,
    CUTS_MAX = 64,
    CUT_EACH = 9, /* operations of the disk */
};

static const struct way {
    const char *name;
    int number;
} ways[] = {
    {"EIO",    EIO        },
    {"ENOSPC", ENOSPC     },
    {"EMFILE", EMFILE     },
    {"ENOMEM", ENOMEM     },
    {"EINTR",  EINTR      },
    {"EROFS",  EROFS      },
    {"short",  SHORT_WRITE},
};

static const struct turn {
    const char *name;
    int nth;
    bool sticky;
} turns[] = {
    {"once",      1, false},
    {"third",     3, false},
    {"from-then", 2, true },
};

struct cut { /* the power goes, too */
    struct sim_fs *fs;
    struct torture_ledger *ledger;
    bool may_return;
};

struct fault {
    const struct torture_options *options;
    const char *point; /* NULL: the date jumps */
    const struct way *way;
    const struct turn *turn;
    int64_t jump_ms;
    struct torture_run run;
    struct torture_verdict verdict;
    struct cut cuts[CUTS_MAX];
    size_t cut_count;
    uint64_t op, checks, failed, calls_most, stops, resumes;
    int hits;
    char replay[128];
};

static void check(struct fault *f, bool good, const char *what)
{
    f->checks++;
    f->failed += !good;
    if (!good)
        printf("    WRONG %s; replay: %s\n", what, f->replay);
}

static void sleep_ms(int64_t ms)
{
    err e = fiber_sleep(deadline_after(ms));
    if (e)
        err_forget();
}

/* ---- the power
 * ------------------------------------------------------------------------------------ */

static void record_cut(void *arg)
{
    struct fault *f = arg;
    if (f->op++ % CUT_EACH || f->cut_count == CUTS_MAX)
        return;
    struct cut *c = &f->cuts[f->cut_count++];
    c->fs = sim_fs_clone_running(f->run.fs);
    c->ledger = torture_ledger_copy(f->run.ledger);
    c->may_return = f->run.queue && f->run.queue->stopped;
}

static void judge_cut(struct fault *f, struct cut *c, enum sim_fs_crash_mode mode)
{
    struct torture_claim claim = {
        .ledger = c->ledger, .may_return = c->may_return, .replay = f->replay};
    struct sim_fs *after = sim_fs_crash(c->fs, mode, f->op);
    check(f, torture_judge(after, &claim, &f->verdict), "after a power cut under the fault");
    sim_fs_use(NULL);
    sim_fs_close(after);
}

static void judge_cuts(struct fault *f)
{
    for (size_t i = 0; i < f->cut_count; i++) {
        judge_cut(f, &f->cuts[i], SIM_FS_NOTHING);
        judge_cut(f, &f->cuts[i], SIM_FS_TORN);
        sim_fs_close(f->cuts[i].fs);
        mem_free(f->cuts[i].ledger);
    }
    f->cut_count = 0;
}

/* ---- the load
 * ------------------------------------------------------------------------------------- */

static void settle(struct fault *f, int message, int delivery, enum torture_outcome outcome,
                   int64_t due_in_ms)
{
    struct torture_settlement s = {message, delivery, outcome, 1, due_in_ms, 900};
    if (f->run.ledger->messages[message].fate == TORTURE_ACCEPTED)
        torture_settle(&f->run, &s);
}

/* Some of each: small and large, of one and of several recipients, deferred, done, returned. */
static void one_message(struct fault *f, int i)
{
    static const uint32_t sizes[] = {900, 180000, 200000, 300000, 40, 220000, 190000};
    struct torture_plan p = {sizes[i % 7], (uint8_t)(1 + i % 2), (uint8_t)(1 + i % 3 / 2), false};
    int message = f->run.ledger->count;
    torture_commit(&f->run, &p);
    if (i % 5 == 1)
        settle(f, message, 0, TORTURE_DEFER, 3600 * 1000);
    else if (i % 5 == 2)
        settle(f, message, 0, TORTURE_BOUNCE, 3600 * 1000);
    else if (i % 9)
        settle(f, message, 0, TORTURE_DELIVER, 3600 * 1000);
    if (i % 4)
        settle(f, message, p.deliveries - 1, TORTURE_DELIVER, 3600 * 1000);
}

static void arm(struct fault *f)
{
    bool is_short = f->way->number == SHORT_WRITE;
    fault_arm(f->point, is_short ? FAULT_SHORT : FAULT_FAIL, is_short ? ENOSPC : f->way->number,
              f->turn->nth, f->turn->sticky);
}

/* With nothing to do and the fault still there: it is tried again, but not in a hurry. */
static void wait_idle(struct fault *f)
{
    struct sim_fs_cost before = sim_fs_cost(f->run.fs);
    sleep_ms(IDLE_S * 1000);
    uint64_t calls = sim_fs_cost(f->run.fs).calls - before.calls;
    f->calls_most = calls > f->calls_most ? calls : f->calls_most;
    check(f, calls <= IDLE_S * CALLS_A_SECOND, "it is tried again and again");
}

static bool is_of_keys(const struct fault *f)
{
    return f->point && str_starts(str_of(f->point), S("once."));
}

/* Whole segments come and go, and in the end their keys. */
static void use_keys(struct fault *f)
{
    for (int i = 0; i < KEYED; i++) {
        int message = f->run.ledger->count;
        torture_commit(&f->run, &(struct torture_plan){200000, 1, 1, false});
        settle(f, message, 0, TORTURE_DELIVER, 1000);
    }
    sleep_ms(5000);
    if (strcmp(f->point, "once.unlink") == 0)
        sleep_ms(TORTURE_KEYS_MS);
}

static void under_fault(struct fault *f)
{
    if (f->point)
        arm(f);
    f->run.keyed_from = 0;
    for (int i = 0; i < DURING; i++) {
        one_message(f, BEFORE + i);
        if (f->point == NULL && i == DURING / 2)
            sim_jump_date(f->jump_ms);
        if (i % 10 == 9)
            sleep_ms(2500);
    }
    if (is_of_keys(f))
        use_keys(f);
    if (f->point == NULL || f->turn->sticky)
        wait_idle(f);
    f->hits = f->point ? fault_hits(f->point) : 1;
    fault_clear();
}

/* After a jump what was deferred by an hour is not due at once, and is due in an hour. */
static void check_date(struct fault *f)
{
    for (int i = 0; i < f->run.ledger->count; i++) {
        const struct torture_message *m = &f->run.ledger->messages[i];
        if (!m->deliveries[0].state_known || m->deliveries[0].rcpts[0] != TORTURE_WAITING)
            continue;
        struct torture_settlement s = {i, 0, TORTURE_DEFER, 1, 3600 * 1000, 0};
        check(f, !torture_settle(&f->run, &s), "attack 198: it is not due yet");
        sleep_ms(3601 * 1000);
        check(f, torture_settle(&f->run, &s), "attack 198: but in an hour");
        return;
    }
    check(f, false, "attack 198: nothing was deferred");
}

static void run(void *arg)
{
    struct fault *f = arg;
    torture_run_open(&f->run);
    f->run.patience_ms = PATIENCE_MS;
    f->run.keyed_from = TORTURE_MESSAGES_MAX; /* so that their first file is made under the fault */
    err e = torture_queue_open(&f->run);
    ASSERT(e == NULL);
    for (int i = 0; i < BEFORE; i++)
        one_message(f, i);
    sleep_ms(2000);
    sim_fs_on_operation(f->run.fs, f->options->slice ? NULL : record_cut, f);
    under_fault(f);
    sleep_ms(RECOVERY_MS);
    sim_fs_on_operation(f->run.fs, NULL, NULL);
    check(f, !queue_stopped(f->run.queue), "it is open again");
    check(f, torture_commit(&f->run, &(struct torture_plan){500, 1, 1, false}), "and takes mail");
    check(f, f->run.too_early == 0, "attack 187: no 250 between a failed sync and the reopening");
    check(f, f->run.stops == f->run.resumes, "each stop and each end of it is told");
    f->stops += (uint64_t)f->run.stops;
    if (f->point == NULL)
        check_date(f);
    struct cut last = {.fs = sim_fs_clone_running(f->run.fs),
                       .ledger = torture_ledger_copy(f->run.ledger)};
    torture_queue_close(&f->run);
    judge_cut(f, &last, SIM_FS_NOTHING);
    sim_fs_close(last.fs);
    mem_free(last.ledger);
    struct torture_claim claim = {.ledger = f->run.ledger, .again = true, .replay = f->replay};
    check(f, torture_judge(f->run.fs, &claim, &f->verdict), "after a good end");
    judge_cuts(f);
    torture_run_close(&f->run);
}

/* ---- all of them
 * ---------------------------------------------------------------------------------- */

static void run_one(struct fault *f)
{
    f->op = 0;
    sim_run(f->options->seed, run, f);
    fault_clear();
}

static void take_point(struct fault *f, const char *point)
{
    int hits = 0;
    f->point = point;
    for (size_t w = 0; w < ARRAY_LEN(ways); w++)
        for (size_t t = 0; t < ARRAY_LEN(turns); t++) {
            f->way = &ways[w];
            f->turn = &turns[t];
            if (f->options->slice && (w > 0 || t == 1))
                continue;
            snprintf(f->replay, sizeof f->replay, "torture --seed %llu fault %s (%s %s)",
                     (unsigned long long)f->options->seed, point, f->way->name, f->turn->name);
            run_one(f);
            hits += f->hits;
        }
    snprintf(f->replay, sizeof f->replay, "torture fault %s", point);
    check(f, hits > 0, "the load comes by this point");
}

static void jump_dates(struct fault *f)
{
    static const int64_t years[] = {10, -1};
    f->point = NULL;
    for (size_t i = 0; i < ARRAY_LEN(years); i++) {
        f->jump_ms = years[i] * 365 * 86400 * 1000;
        snprintf(f->replay, sizeof f->replay, "torture --seed %llu fault date (%lld years)",
                 (unsigned long long)f->options->seed, (long long)years[i]);
        run_one(f);
    }
}

void torture_fault(const struct torture_options *o, struct torture_counts *counts)
{
    static struct fault f;
    const char *names[FAULT_POINTS_MAX];
    size_t count = fault_names(names), taken = 0;
    f = (struct fault){.options = o};
    for (size_t i = 0; i < count; i++) {
        if (torture_is_elsewhere(names[i]) || (o->only && strcmp(o->only, names[i]) != 0))
            continue;
        take_point(&f, names[i]);
        taken++;
    }
    if (o->only == NULL || strcmp(o->only, "date") == 0)
        jump_dates(&f);
    printf(
        "    fault %zu points, %zu ways, %zu turns: %llu stops, %llu spools opened, at most %llu "
        "calls of the disk in %d s of nothing to do\n",
        taken, ARRAY_LEN(ways), ARRAY_LEN(turns), (unsigned long long)f.stops,
        (unsigned long long)f.verdict.states, (unsigned long long)f.calls_most, IDLE_S);
    counts->passed += f.checks - f.failed;
    counts->failed += f.failed;
}
