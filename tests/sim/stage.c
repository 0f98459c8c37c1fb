#include "tests/sim/stage.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/rand.h"
#include "queue/admin.h"
#include "queue/fsck.h"
#include "runtime/fault.h"
#include "runtime/sim.h"
#include "tests/sim/chaos.h"
#include "tests/sim/client.h"
#include "tests/sim/names.h"
#include "tests/sim/trace.h"
#include <malloc.h>
#include <stdio.h>

enum {
    ARENA_BYTES_MAX = 1 << 30,
    TURNS_PER_SECOND_MAX = 400000,
    DOWN_MS_MAX = 10 * 60 * 1000,
    GRACE_MS_MAX = 60 * 1000,
    START_AGAIN_MS = 30 * 1000,
    LOOK_MS = 10 * 60 * 1000,
    LIST_MS = 10 * 1000,
    HOUR_MS = 3600 * 1000,
    MEMORY_BYTES_BASE = 8 << 20,
    COPIES_MAX = 12, /* of a content: client, disk, each remote server in buffers that double */
    AFTERWARDS_MS = 3 * 60 * 1000,
    OLD_DATE_MS = 10 * 60 * 1000,
};

/* Exact: main() has turned off the caches of the allocator that count as in use. */
static size_t memory_now(void) { return mallinfo2().uordblks; }

static void check_memory(struct sim_stage *s)
{
    size_t now = memory_now(), size = s->plan.size;
    size_t most =
        s->memory_before + size * MEMORY_BYTES_BASE + COPIES_MAX * s->ledger.content_bytes;
    if (now > s->memory_most)
        s->memory_most = now;
    if (now > most)
        sim_trace_fail("memory is bounded",
                       "%zu bytes in use, at most %zu expected; ours %zu, content %zu", now, most,
                       arena_used(s->arena), s->ledger.content_bytes);
}

/* ---- what our server tells ---------------------------------------------------------------- */

/* What a slow disk holds up may have been said to be due at an hour of the old date. */
static bool date_moved(const struct sim_stage *s)
{
    return s->date_moved_ms > 0 && clock_steady_ms() < s->date_moved_ms + OLD_DATE_MS;
}

static void take_event(void *arg, const struct event *e)
{
    struct sim_stage *s = arg;
    str name = event_kind_name(e->kind);
    check_memory(s);
    sim_trace("event", "%.*s %.*s <%.*s> %lld %.*s %.*s", STR_ARG(name), STR_ARG(e->queue_id),
              STR_ARG(e->recipient), (long long)e->code, STR_ARG(e->status), STR_ARG(e->reason));
    /* As it was when that was decided: a disk in trouble may hold up the telling for a minute. */
    if (e->kind == EVENT_DEFERRED && e->next_due_ms <= e->time_ms && !date_moved(s))
        sim_trace_fail("a retry waits", "%.*s is tried again at once", STR_ARG(e->queue_id));
    if (e->kind == EVENT_DELIVERED && !s->crashed)
        sim_ledger_known(&s->ledger, e->recipient);
    if (e->kind == EVENT_BOUNCED || e->kind == EVENT_EXPIRED)
        sim_ledger_ended(&s->ledger, e->recipient, !s->crashed);
    /* A segment that failed to sync is put there, too; and a dead process may say what it likes. */
    if (e->kind == EVENT_QUARANTINED && e->queue_id.len > 0 && !s->crashed)
        sim_trace_fail("nothing is damaged", "%.*s was put into quarantine", STR_ARG(e->queue_id));
}

/* ---- our server's life --------------------------------------------------------------------- */

/* What a crash has left, as the disk of a machine that is off. */
static void power_off(struct sim_stage *s)
{
    world_lose_power(&s->world, s->next);
    sim_fs_capacity(s->world.fs, SIM_FS_BYTES_DEFAULT, SIM_FS_INODES_DEFAULT);
    s->next = NULL;
    s->crashed = false;
    s->operations_left = 0;
    sim_net_cut(false);
    sim_chaos_cut_power_on(s);
    sim_ledger_disturb(&s->ledger, false);
    sim_trace("server", "is off");
}

static err sleep_or_crash(struct sim_stage *s, int64_t ms)
{
    deadline until = deadline_after(ms);
    while (!s->crashed && !deadline_passed(until)) {
        err e = gate_wait(&s->something, until);
        if (e && e->kind == ERR_CANCELED)
            return e;
    }
    return NULL;
}

static bool tell_waiting(void *arg, const struct queue_admin_item *item)
{
    (void)arg;
    sim_trace("waits", "%s to %.*s, %zu rcpts from <%.*s>, due %lld, attempts %u, flags %u: %.*s",
              item->id.text, STR_ARG(item->destination), item->rcpt_count, STR_ARG(item->sender),
              (long long)item->state.due_ms, (unsigned)item->state.attempts,
              (unsigned)item->state.flags, STR_ARG(item->reply));
    return true;
}

static void tell_queue(struct sim_stage *s)
{
    struct queue_admin_filter all = {0};
    err e = queue_admin_list(service_queue(s->world.service), &all, tell_waiting, NULL,
                             deadline_after(LIST_MS));
    (void)e; /* a crash may come between */
}

static void tell_failed_start(struct sim_stage *s, err e)
{
    char why[1000] = "the power went";
    if (e)
        err_describe(e, why, sizeof why);
    sim_trace("server", "does not start: %s", why);
    sim_trace_count(SIM_FAILED_STARTS);
    if (s->calm)
        sim_trace_fail("our server starts", "%s", why);
    err_forget();
}

/* As a service manager would: again, and less and less often. A broken disk is mended in time. */
static void start(struct sim_stage *s)
{
    int64_t wait_ms = START_AGAIN_MS;
    for (;;) {
        err e = world_start(&s->world);
        if (e == NULL && !s->crashed)
            break;
        tell_failed_start(s, e);
        if (s->crashed)
            power_off(s);
        if (sleep_or_crash(s, wait_ms))
            return;
        wait_ms = wait_ms < HOUR_MS ? wait_ms * 2 : wait_ms;
    }
    s->up = true;
    s->disk_was_troubled = false;
    sim_trace("server", "is up");
    tell_queue(s);
}

static void count_batches(struct sim_stage *s)
{
    struct queue_stats stats;
    queue_stats(service_queue(s->world.service), &stats);
    sim_trace_add(SIM_BATCHES, stats.batches);
    sim_trace_add(SIM_BATCHES_HERE, stats.here);
}

static void stop(struct sim_stage *s)
{
    int64_t grace_ms = sim_plan_chance(50) ? 0 : sim_plan_between(0, GRACE_MS_MAX);
    sim_trace("server", "stops, %lld ms of grace", (long long)grace_ms);
    sim_trace_count(SIM_STOPS);
    if (queue_stopped(service_queue(s->world.service))) /* no abort can be written any more */
        sim_ledger_crashed(&s->ledger);
    sim_ledger_disturb(&s->ledger, true);
    s->up = false;
    count_batches(s);
    world_stop(&s->world, grace_ms);
    sim_ledger_disturb(&s->ledger, false);
    sim_trace("server", "has stopped");
}

/* Whatever has happened to it: it is up again. */
static void bring_up(struct sim_stage *s)
{
    if (s->up && !s->crashed)
        return;
    s->up = false;
    if (s->crashed)
        power_off(s);
    err e = sleep_or_crash(s, sim_plan_chance(50) ? 0 : sim_plan_between(0, DOWN_MS_MAX));
    (void)e; /* an operation of the disk makes a crash, and it is off */
    start(s);
}

static void live_through_chaos(struct sim_stage *s)
{
    int64_t end_ms = clock_steady_ms() + s->plan.chaos_ms;
    while (clock_steady_ms() < end_ms) {
        if (sleep_or_crash(s, sim_plan_about_ms(s->plan.calm_between_ms)))
            return;
        bring_up(s);
        check_memory(s);
        if (!sim_chaos_step(s) && !s->crashed)
            stop(s);
        bring_up(s);
    }
}

/* ---- the end -------------------------------------------------------------------------------- */

static uint64_t messages(struct sim_stage *s)
{
    struct queue_stats stats;
    queue_stats(service_queue(s->world.service), &stats);
    return stats.messages;
}

static void release_held(struct sim_stage *s)
{
    struct queue_admin_filter all = {0};
    size_t count;
    err e = queue_admin_change(service_queue(s->world.service), &all, QUEUE_RELEASE, &count,
                               deadline_after(HOUR_MS));
    if (e)
        sim_trace_fail("the operator can release", "an err of kind %d", (int)e->kind);
}

/* Faults are over: all that waits is delivered or given up in time. */
static void drain(struct sim_stage *s)
{
    int64_t most_ms = s->plan.give_up_ms * 2 + s->plan.longest_ms * 2 + 2 * HOUR_MS;
    err e = group_wait(&s->clients, DEADLINE_NEVER); /* each wait of theirs ends */
    if (e)
        return;
    release_held(s);
    deadline until = deadline_after(most_ms);
    while (messages(s) > 0) {
        if (deadline_passed(until)) {
            struct queue_admin_filter all = {0};
            e = queue_admin_list(service_queue(s->world.service), &all, tell_waiting, NULL,
                                 DEADLINE_NEVER);
            sim_trace_fail("the queue empties", "%llu messages wait%s",
                           (unsigned long long)messages(s), e ? "" : ", see above");
        }
        if (fiber_sleep(deadline_after(LOOK_MS)))
            return;
        check_memory(s);
    }
}

static err count_file(void *arg, const char *name)
{
    sim_trace("spool", "holds %s", name);
    ++*(size_t *)arg;
    return NULL;
}

static void tell_damage(void *arg, const char *where, err e)
{
    (void)arg, (void)e;
    sim_trace("fsck", "damage at %s", where);
}

static void check_bodies(struct sim_stage *s)
{
    size_t files = 0;
    const char *bodies = arena_chars(s->arena, arena_printf(s->arena, "%s/spool/body", s->folder));
    err e = folder_list(bodies, count_file, &files);
    if (e || files > 0)
        sim_trace_fail("body files go with their mail", "%zu are left", files);
}

static void check_spool(struct sim_stage *s)
{
    struct queue_fsck result = {0};
    const char *spool = arena_chars(s->arena, arena_printf(s->arena, "%s/spool", s->folder));
    err e = queue_fsck(spool, tell_damage, NULL, &result);
    if (e || result.damaged > 0 || result.messages > 0)
        sim_trace_fail("the spool is good and empty", "%s, %llu damaged places, %llu messages",
                       e ? "fsck fails" : "fsck", (unsigned long long)result.damaged,
                       (unsigned long long)result.messages);
    if (sim_fs_open_files(s->world.fs) > 0)
        sim_trace_fail("every file is closed", "%zu are open", sim_fs_open_files(s->world.fs));
    err_forget();
}

static void finish(struct sim_stage *s)
{
    s->calm = true;
    fault_clear();
    sim_chaos_end(s);
    bring_up(s);
    drain(s);
    if (!s->disk_was_troubled)
        check_bodies(s);
    stop(s);
    start(s);
    if (fiber_sleep(deadline_after(AFTERWARDS_MS)))
        return;
    if (messages(s) > 0)
        sim_trace_fail("an empty queue stays empty", "%llu messages after a restart",
                       (unsigned long long)messages(s));
    world_stop(&s->world, 0);
    sim_ledger_audit(&s->ledger);
    check_bodies(s);
    check_spool(s);
}

static bool always(void) { return true; }
static bool never(void) { return false; }
static bool now_and_then(void) { return sim_plan_chance(50); }

static void open_world(struct sim_stage *s)
{
    static bool (*const ways[])(void) = {
        [SIM_ALONE_NEVER] = never, [SIM_ALONE_ALWAYS] = always, [SIM_ALONE_DRAWN] = now_and_then};
    s->sink = (struct event_sink){take_event, s};
    struct world_options o = {.config = s->plan.config,
                              .dns = s->plan.zone,
                              .folder = s->folder,
                              .log_to_stderr = s->verbose,
                              .events = &s->sink,
                              .keeper = sim_client_keeper(),
                              .resolver = sim_names_transport,
                              .may_block = ways[s->plan.alone],
                              .segment_bytes = 1 << 20};
    err e = world_open(&s->world, &o);
    if (e) {
        char why[2000];
        err_describe(e, why, sizeof why);
        sim_trace_fail("the world stands", "%s", why);
    }
    sim_chaos_cut_power_on(s);
    for (int i = 0; i < SIM_PLAN_REMOTES; i++)
        sim_remote_open(&s->remotes[i], &s->plan.remotes[i], &s->ledger);
    sim_chaos_begin(s);
}

static void send_clients(struct sim_stage *s)
{
    for (int i = 0; i < s->plan.clients; i++) {
        struct sim_client *c = MEM_NEW(struct sim_client);
        *c = (struct sim_client){s, i};
        fiber_spawn(&s->clients, "client", sim_client_run, c);
    }
}

static void close_remotes(struct sim_stage *s)
{
    for (int i = 0; i < SIM_PLAN_REMOTES; i++)
        sim_remote_close(&s->remotes[i]);
}

static void prepare(struct sim_stage *s)
{
    sim_limit_turns(TURNS_PER_SECOND_MAX);
    s->arena = arena_open(ARENA_BYTES_MAX);
    sim_plan_draw(&s->plan, s->size, s->arena);
    size_t tries = 4; /* a client may begin a mail so often */
    sim_ledger_init(&s->ledger, s->arena,
                    tries * (size_t)s->plan.clients * (size_t)s->plan.mails_each);
    s->ledger.give_up_ms = s->plan.give_up_ms;
    s->ledger.warn_after_ms = s->plan.warn_after_ms;
    group_init(&s->clients);
    group_init(&s->faults);
    gate_init(&s->something);
}

static void play(void *arg)
{
    struct sim_stage *s = arg;
    prepare(s);
    open_world(s);
    start(s);
    send_clients(s);
    live_through_chaos(s);
    finish(s);
    group_close(&s->clients);
    group_close(&s->faults);
    close_remotes(s);
    if (sim_net_open_count() > 0)
        sim_trace_fail("every socket is closed", "%zu are open", sim_net_open_count());
    for (int64_t ms = clock_steady_ms(); ms > HOUR_MS; ms -= HOUR_MS)
        sim_trace_count(SIM_HOURS);
}

static void start_and_stop(void *arg)
{
    struct sim_stage *s = arg;
    prepare(s);
    open_world(s);
    start(s);
    world_stop(&s->world, 0);
    close_remotes(s);
}

static void release(struct sim_stage *s)
{
    world_close(&s->world);
    sim_ledger_release(&s->ledger);
    arena_close(s->arena);
}

void sim_stage_warm_up(const char *folder)
{
    static struct sim_trace trace;
    static struct sim_stage s = {.size = 1};
    s.folder = folder;
    sim_trace_use(&trace);
    sim_run(0, start_and_stop, &s);
    release(&s);
}

void sim_stage_play(struct sim_stage *s)
{
    s->memory_before = memory_now();
    sim_run(s->seed, play, s);
    release(s);
    size_t left = memory_now();
    if (left != s->memory_before)
        sim_trace_fail("memory goes back", "%zd bytes more than before",
                       (ssize_t)(left - s->memory_before));
}
