#include "tests/sim/chaos.h"
#include "base/mem.h"
#include "base/rand.h"
#include "queue/admin.h"
#include "runtime/fault.h"
#include "runtime/sim.h"
#include "tests/sim/names.h"
#include "tests/sim/trace.h"
#include <errno.h>

enum {
    CUT_OPERATIONS_MAX = 40,
    DISK_FREE_BYTES_MAX = 256 << 10,
    ADMIN_MS = 30 * 1000,
    STALL_MS_MAX = 90 * 1000,
    SLOW_DISK_MS_MAX = 5000,
    HOUR_MS = 3600 * 1000,
};

/* ---- power ------------------------------------------------------------------------------ */

/* From here on nothing that our old process does reaches the disk or anybody. */
static void cut_power(struct sim_stage *s)
{
    bool kill = sim_plan_chance(25);
    enum sim_fs_crash_mode mode =
        (enum sim_fs_crash_mode)sim_plan_between(SIM_FS_NOTHING, SIM_FS_TORN);
    sim_trace("power", "%s, mode %d", kill ? "kill" : "cut", (int)mode);
    sim_trace_count(kill ? SIM_KILLS : SIM_CRASHES);
    s->crashed = true;
    s->next =
        kill ? sim_fs_clone_running(s->world.fs) : sim_fs_crash(s->world.fs, mode, rand_u64());
    sim_fs_freeze(s->world.fs);
    sim_net_cut(true);
    sim_ledger_crashed(&s->ledger);
    sim_ledger_disturb(&s->ledger, true);
    gate_wake_all(&s->something);
}

static void on_operation(void *arg)
{
    struct sim_stage *s = arg;
    if (!s->crashed && s->operations_left > 0 && --s->operations_left == 0)
        cut_power(s);
}

void sim_chaos_cut_power_on(struct sim_stage *s)
{
    sim_fs_on_operation(s->world.fs, on_operation, s);
}

static void crash(struct sim_stage *s)
{
    if (sim_plan_chance(15))
        cut_power(s);
    else
        s->operations_left = 1 + rand_below(CUT_OPERATIONS_MAX);
}

/* ---- faults that end by themselves ------------------------------------------------------- */

struct trouble {
    struct sim_stage *stage;
    int64_t ms;
    void (*end)(struct sim_stage *);
};

static void wait_out(void *arg)
{
    struct trouble t = *(struct trouble *)arg;
    mem_free(arg);
    err e = fiber_sleep(deadline_after(t.ms));
    (void)e; /* it ends now */
    t.end(t.stage);
    err_forget();
}

static void end_after(struct sim_stage *s, int64_t ms, void (*end)(struct sim_stage *))
{
    struct trouble *t = MEM_NEW(struct trouble);
    *t = (struct trouble){s, ms, end};
    fiber_spawn(&s->faults, "fault", wait_out, t);
}

/* ---- the disk ---------------------------------------------------------------------------- */

static void mend_disk(struct sim_stage *s)
{
    sim_trace("disk", "is well");
    fault_clear();
    sim_ledger_disturb(&s->ledger, false);
}

/* A slow disk holds up whoever waits for it. In a simulation that must not be the one thread there
 * is: then no fiber commits by itself. */
static void break_disk(struct sim_stage *s)
{
    static const char *const words[] = {[FAULT_FAIL] = "fails, errno",
                                        [FAULT_SHORT] = "is torn, errno",
                                        [FAULT_SLOW] = "waits, ms"};
    static const char *const points[] = {
        "spool.write",  "spool.sync",    "spool.write",  "spool.sync",       "spool.write",
        "spool.sync",   "segment.write", "segment.sync", "spool.create",     "spool.fill",
        "spool.rename", "spool.unlink",  "seal.write",   "seal.sync",        "spool.folder_sync",
        "blob.create",  "blob.write",    "blob.sync",    "blob.folder_sync", "listener.accept",
    };
    const char *point = points[rand_below(ARRAY_LEN(points))];
    int number = sim_plan_chance(50) ? EIO : ENOSPC;
    int nth = (int)sim_plan_between(1, 4);
    bool sticky = sim_plan_chance(50);
    bool slow = s->plan.alone == SIM_ALONE_NEVER && sim_plan_chance(20);
    bool torn = !slow && sim_plan_chance(30); /* where bytes are written; else it is nothing */
    enum fault_kind kind = slow ? FAULT_SLOW : torn ? FAULT_SHORT : FAULT_FAIL;
    number = slow ? (int)sim_plan_between(1, SLOW_DISK_MS_MAX) : number;
    sim_trace("disk", "%s %s: %d, hit %d%s", point, words[kind], number, nth,
              sticky ? " and on" : "");
    sim_trace_count(SIM_DISK_FAULTS);
    sim_ledger_disturb(&s->ledger, true);
    fault_arm(point, kind, number, nth, sticky);
    end_after(s, sim_plan_about_ms(s->plan.calm_between_ms), mend_disk);
}

static void empty_disk(struct sim_stage *s)
{
    sim_trace("disk", "has room again");
    sim_fs_capacity(s->world.fs, SIM_FS_BYTES_DEFAULT, SIM_FS_INODES_DEFAULT);
    sim_ledger_disturb(&s->ledger, false);
}

static void fill_disk(struct sim_stage *s)
{
    uint64_t bytes, inodes;
    err e = folder_space("/", &bytes, &inodes);
    uint64_t room = rand_below(DISK_FREE_BYTES_MAX);
    if (e || bytes < room)
        return;
    sim_trace("disk", "is full but for %llu bytes", (unsigned long long)room);
    sim_trace_count(SIM_DISK_FAULTS);
    sim_ledger_disturb(&s->ledger, true);
    sim_fs_capacity(s->world.fs, SIM_FS_BYTES_DEFAULT - bytes + room, SIM_FS_INODES_DEFAULT);
    end_after(s, sim_plan_about_ms(s->plan.calm_between_ms), empty_disk);
}

static void trouble_disk(struct sim_stage *s)
{
    s->disk_was_troubled = true;
    if (sim_plan_chance(75))
        break_disk(s);
    else
        fill_disk(s);
    if (s->plan.crash_weight > 0 && sim_plan_chance(30))
        crash(s); /* what was said without the disk is lost now */
}

/* ---- the network, the names, the others --------------------------------------------------- */

static void set_network(struct sim_stage *s, bool stalls)
{
    struct sim_net_rules rules = {.read_bytes_max = s->plan.read_bytes_max,
                                  .pipe_bytes_max = s->plan.pipe_bytes_max,
                                  .latency_ms_max = s->plan.latency_ms_max};
    if (stalls) {
        rules.stall_one_in = (unsigned)sim_plan_between(3, 40);
        rules.stall_ms_max = sim_plan_between(1000, STALL_MS_MAX);
    }
    sim_net_set_rules(&rules);
    for (int i = 0; i < SIM_PLAN_REMOTES; i++)
        s->remotes[i].hold_ms_max = 2 * (rules.latency_ms_max + rules.stall_ms_max);
}

void sim_chaos_begin(struct sim_stage *s) { set_network(s, false); }

static void mend_network(struct sim_stage *s)
{
    sim_trace("network", "is well");
    set_network(s, false);
}

static void trouble_network(struct sim_stage *s)
{
    if (sim_plan_chance(40)) {
        sim_trace("network", "every connection breaks");
        sim_net_reset_all();
        return;
    }
    sim_trace("network", "stalls");
    set_network(s, true);
    end_after(s, sim_plan_about_ms(s->plan.calm_between_ms), mend_network);
}

static void mend_names(struct sim_stage *s)
{
    (void)s;
    sim_trace("names", "are well");
    sim_names_trouble(false);
}

static void trouble_names(struct sim_stage *s)
{
    sim_trace("names", "are troubled");
    sim_names_trouble(true);
    end_after(s, sim_plan_about_ms(s->plan.calm_between_ms), mend_names);
}

static void trouble_remotes(struct sim_stage *s)
{
    int count = (int)sim_plan_between(1, 3);
    for (int i = 0; i < count; i++) {
        struct sim_remote *r = &s->remotes[rand_below(SIM_PLAN_REMOTES)];
        bool flaky = sim_plan_chance(50);
        sim_remote_set_mood(r, flaky ? SIM_MOOD_FLAKY : (enum sim_mood)rand_below(SIM_MOODS));
    }
}

/* ---- the operator ------------------------------------------------------------------------- */

static void operate(struct sim_stage *s)
{
    static const enum queue_admin_verb verbs[] = {QUEUE_RETRY, QUEUE_HOLD, QUEUE_RELEASE};
    static const char *const names[] = {"retry", "hold", "release"};
    size_t which = rand_below(ARRAY_LEN(verbs)), count = 0;
    struct queue_admin_filter all = {0};
    if (sim_plan_chance(20)) {
        sim_trace("operator", "moves the date by an hour");
        sim_jump_date(HOUR_MS);
        s->date_moved_ms = clock_steady_ms();
        return;
    }
    err e = queue_admin_change(service_queue(s->world.service), &all, verbs[which], &count,
                               deadline_after(ADMIN_MS));
    sim_trace("operator", "%s: %zu%s", names[which], count, e ? ", failed" : "");
}

/* ---- all of it ---------------------------------------------------------------------------- */

bool sim_chaos_step(struct sim_stage *s)
{
    const struct sim_plan *p = &s->plan;
    const struct {
        unsigned weight;
        void (*act)(struct sim_stage *);
    } faults[] = {
        {p->crash_weight,   crash          },
        {p->disk_weight,    trouble_disk   },
        {p->network_weight, trouble_network},
        {p->remote_weight,  trouble_remotes},
        {p->name_weight,    trouble_names  },
        {1,                 operate        },
        {p->stop_weight,    NULL           },
    };
    unsigned total = 0;
    for (size_t i = 0; i < ARRAY_LEN(faults); i++)
        total += faults[i].weight;
    unsigned dice = (unsigned)rand_below(total);
    size_t which = 0;
    while (dice >= faults[which].weight)
        dice -= faults[which++].weight;
    if (faults[which].act)
        faults[which].act(s);
    err_forget();
    return faults[which].act != NULL;
}

void sim_chaos_end(struct sim_stage *s)
{
    sim_trace("world", "is calm");
    group_close(&s->faults);
    group_init(&s->faults);
    s->operations_left = 0;
    sim_names_trouble(false);
    set_network(s, false);
    for (int i = 0; i < SIM_PLAN_REMOTES; i++)
        sim_remote_set_mood(&s->remotes[i], SIM_MOOD_WELL);
}
