#include "tests/talk_run.h"
#include "base/rand.h"
#include "runtime/fault.h"
#include "runtime/tls.h"
#include "tests/talk_actor.h"
#include "tests/talk_fact.h"
#include "tests/talk_peer.h"
#include "tests/talk_send.h"
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void talk_run_init(struct talk_run *run)
{
    gate_init(&run->something);
    group_init(&run->fibers);
    list_init(&run->clients);
    list_init(&run->peers);
    buf_init(&run->failure, 64 << 10);
    buf_init(&run->transcript, TALK_TRANSCRIPT_BYTES_MAX);
}

/* ---- telling ---- */

void talk_run_fail(struct talk_run *run, str file, int line, const char *fmt, ...)
{
    char text[4096];
    va_list args;
    if (run->failed)
        return;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    err e = buf_addf(&run->failure, "%.*s:%d: %s\n", STR_ARG(file), line, text);
    (void)e;
    run->failed = true;
    gate_wake_all(&run->something);
}

void talk_run_note(struct talk_run *run, str who, const char *mark, str line)
{
    int64_t ms = clock_steady_ms() - run->began_ms;
    bool more = line.len > 400;
    err e = buf_addf(&run->transcript, "    %7lld.%03lld %.*s %s ", (long long)ms / 1000,
                     (long long)ms % 1000, STR_ARG(who), mark);
    line = str_slice(line, 0, 400);
    for (size_t i = 0; e == NULL && i < line.len; i++) {
        unsigned char c = (unsigned char)line.ptr[i];
        e = c >= 32 && c != 127 ? buf_add_char(&run->transcript, (char)c)
                                : buf_addf(&run->transcript, "\\x%02x", c);
    }
    if (e == NULL)
        e = buf_add(&run->transcript, more ? S("...\n") : S("\n"));
    (void)e; /* what is beyond the limit nobody reads */
}

/* ---- crashing ---- */

/* At a fault point, on whatever fiber of the service is there: from here on the disk takes nothing
 * and nobody can be reached, so that what still runs can change neither disk nor world. */
static void crash(void *arg)
{
    struct talk_run *run = arg;
    if (run->crashed)
        return;
    run->crashed = run->crashed_ever = true;
    run->next = sim_fs_crash(run->world.fs, (enum sim_fs_crash_mode)run->crash_mode, rand_u64());
    sim_fs_freeze(run->world.fs);
    world_freeze(&run->world);
    sim_net_reset_all();
    gate_wake_all(&run->something);
}

static void crashed_start(struct talk_run *run)
{
    world_lose_power(&run->world, run->next);
    run->next = NULL;
    run->crashed = false;
    LIST_EACH(&run->clients, node)
    talk_actor_close(LIST_OF(node, struct talk_actor, link));
}

static bool start(struct talk_run *run, str file, int line)
{
    for (;;) {
        err e = world_start(&run->world);
        if (run->crashed) { /* while it started: once more, from what the disk has now */
            crashed_start(run);
            continue;
        }
        if (e == NULL)
            return true;
        char why[2000];
        err_describe(e, why, sizeof why);
        talk_run_fail(run, file, line, "the server does not start: %s", why);
        return false;
    }
}

static bool restart(struct talk_run *run, const struct talk_item *item)
{
    talk_run_note(run, S("world"), "==", S("restart"));
    if (run->crashed)
        crashed_start(run);
    else
        world_stop(&run->world, 1000);
    return start(run, item->file, item->line);
}

/* ---- items ---- */

/* A crash is the end of it. */
static bool let_pass(struct talk_run *run, int64_t ms)
{
    deadline by = deadline_after(ms);
    while (!deadline_passed(by) && !run->crashed) {
        err e = gate_wait(&run->something, by);
        if (e && e->kind != ERR_TIMEOUT)
            return false;
        err_forget();
    }
    return true;
}

static bool wrong(struct talk_run *run, const struct talk_item *item, const char *usage)
{
    talk_run_fail(run, item->file, item->line, "this is written as: %s", usage);
    return false;
}

struct fault_words { /* what stands behind the point */
    enum fault_kind kind;
    int number; /* errno; milliseconds */
    uint64_t nth;
    bool always;
};

static bool read_fault_kind(str *rest, struct fault_words *f)
{
    int64_t ms;
    str word = talk_script_word(rest);
    if (str_eq(word, S("fail"))) {
        f->kind = FAULT_FAIL;
        f->number = EIO;
    } else if (str_eq(word, S("short"))) {
        f->kind = FAULT_SHORT;
        f->number = ENOSPC;
    } else if (str_eq(word, S("slow")) && talk_script_duration(talk_script_word(rest), &ms) &&
               ms < INT32_MAX) {
        f->kind = FAULT_SLOW;
        f->number = (int)ms;
    } else {
        return false;
    }
    return true;
}

static bool read_fault_word(str word, str *rest, struct fault_words *f)
{
    static const struct {
        const char *name;
        int number;
    } numbers[] = {
        {"EIO",    EIO   },
        {"ENOSPC", ENOSPC},
        {"EMFILE", EMFILE},
        {"EROFS",  EROFS },
        {"EDQUOT", EDQUOT},
    };
    for (size_t i = 0; f->kind != FAULT_SLOW && i < ARRAY_LEN(numbers); i++)
        if (str_eq(word, str_of(numbers[i].name))) {
            f->number = numbers[i].number;
            return true;
        }
    if (str_eq(word, S("nth")))
        return str_to_u64(talk_script_word(rest), 100000, &f->nth) && f->nth > 0;
    f->always = str_eq(word, S("always"));
    return f->always;
}

/* "spool.sync fail ENOSPC nth 2 always", "spool.write short", "spool.sync slow 5s" */
static bool arm_fault(struct talk_run *run, const struct talk_item *item)
{
    static const char usage[] = "fault POINT fail|short [ERRNO] or slow DURATION [nth N] [always]";
    struct fault_words f = {.nth = 1};
    str rest = item->text, point = talk_script_word(&rest);
    if (point.len == 0 || !read_fault_kind(&rest, &f))
        return wrong(run, item, usage);
    while (rest.len > 0) {
        str word = talk_script_word(&rest);
        if (!read_fault_word(word, &rest, &f))
            return wrong(run, item, usage);
    }
    fault_arm(arena_chars(run->arena, point), f.kind, f.number, (int)f.nth, f.always);
    return true;
}

/* "reads of 1 byte", "pipes of 4096 bytes" */
static bool set_network(struct talk_run *run, const struct talk_item *item)
{
    uint64_t size;
    str rest = item->text, what = talk_script_word(&rest);
    if (!str_eq(talk_script_word(&rest), S("of")) ||
        !str_to_u64(talk_script_word(&rest), 1 << 20, &size))
        return wrong(run, item, "network reads|pipes of N bytes");
    struct sim_net_rules rules = {0};
    if (str_eq(what, S("reads")))
        rules.read_bytes_max = size;
    else
        rules.pipe_bytes_max = size;
    sim_net_set_rules(&rules);
    return true;
}

static bool silence(struct talk_run *run, const struct talk_item *item)
{
    struct address at;
    if (world_host(&run->world, item->text, &at))
        return wrong(run, item, "away HOST, which is in the zone");
    sim_net_silence(&at);
    return true;
}

/* "free 4096": blocks of a disk with so many bytes in all */
static bool set_disk(struct talk_run *run, const struct talk_item *item)
{
    uint64_t size;
    str rest = item->text, word = talk_script_word(&rest);
    if (!str_eq(word, S("size")) || !str_to_u64(talk_script_word(&rest), 1ull << 40, &size))
        return wrong(run, item, "disk size BYTES");
    sim_fs_capacity(run->world.fs, size, SIM_FS_INODES_DEFAULT);
    return true;
}

static bool run_item(struct talk_run *run, const struct talk_item *item)
{
    switch (item->word) {
    case TALK_ITEM_BLOCK:
        return talk_actor_client(run, item->block);
    case TALK_ITEM_THEN:
        return talk_fact_check(run, item);
    case TALK_ITEM_AFTER:
        return let_pass(run, item->ms);
    case TALK_ITEM_DATE:
        sim_jump_date(item->ms);
        return true;
    case TALK_ITEM_INJECT:
        return talk_actor_inject(run, item);
    case TALK_ITEM_SEND:
        return talk_send_begin(run, item);
    case TALK_ITEM_RESTART:
        return restart(run, item);
    case TALK_ITEM_FAULT:
        return arm_fault(run, item);
    case TALK_ITEM_CLEAR:
        fault_clear();
        return true;
    case TALK_ITEM_NETWORK:
        return set_network(run, item);
    case TALK_ITEM_AWAY:
        return silence(run, item);
    case TALK_ITEM_DISK:
        return set_disk(run, item);
    }
    return false;
}

/* ---- the story ---- */

/* Peers' blocks that the story has passed must be over before anything but a block goes on. */
static bool wait_for_peers(struct talk_run *run, const struct talk_item **waiting,
                           const struct talk_item *item)
{
    bool ok = true;
    for (const struct talk_item *i = *waiting; ok && i && i != item; i = i->next)
        if (i->word == TALK_ITEM_BLOCK && i->block->peer)
            ok = talk_peer_wait(run, i->block);
    *waiting = NULL;
    return ok;
}

static bool next_item(struct talk_run *run, const struct talk_item **waiting,
                      const struct talk_item *item)
{
    if (item->word == TALK_ITEM_BLOCK && *waiting == NULL)
        *waiting = item;
    if (item->word == TALK_ITEM_BLOCK && item->block->peer) {
        talk_peer_reach(run, item->block);
        return true;
    }
    if (item->word != TALK_ITEM_BLOCK && !wait_for_peers(run, waiting, item))
        return false;
    return run_item(run, item);
}

static void follow(struct talk_run *run)
{
    const struct talk_item *waiting = NULL;
    for (const struct talk_item *i = run->script->first; i; i = i->next) {
        if (run->crashed && i->word != TALK_ITEM_RESTART) {
            waiting = NULL; /* until the power is back nothing can be said */
            continue;
        }
        bool ok = next_item(run, &waiting, i);
        if (run->failed || (!ok && !run->crashed))
            return;
        if (run->crash_wanted && i->word == TALK_ITEM_THEN && run->crashed)
            waiting = NULL;
    }
    wait_for_peers(run, &waiting, NULL);
}

static err open_tls(struct talk_run *run)
{
    const char *folder = run->world.options.folder;
    const char *certificate =
        arena_chars(run->arena, arena_printf(run->arena, "%s/peer.crt", folder));
    const char *key = arena_chars(run->arena, arena_printf(run->arena, "%s/peer.key", folder));
    TRY(tls_make_certificate(S("mx.example.net"), certificate, key));
    struct tls_certificate c = {{0}, str_of(certificate), str_of(key)};
    struct tls_server_options o = {TLS_INTERMEDIATE, &c, 1};
    TRY(tls_server_open(&o, &run->tls_server));
    return tls_client_open((str){0}, &run->tls_client);
}

static bool needs_tls(const struct talk_script *script)
{
    for (struct talk_item *i = script->first; i; i = i->next)
        for (struct talk_step *s = i->block ? i->block->first : NULL; s; s = s->next)
            if (s->word == TALK_TLS)
                return true;
    return false;
}

struct opening {
    struct talk_run *run;
    err result;
};

static void open_tls_job(void *arg)
{
    struct opening *o = arg;
    o->result = open_tls(o->run);
}

static bool prepare(struct talk_run *run)
{
    struct opening opening = {run, NULL};
    err e = NULL;
    if (needs_tls(run->script))
        e = job_run(open_tls_job, &opening, NULL, DEADLINE_NEVER);
    e = e ? e : opening.result;
    if (e) {
        char why[512];
        err_describe(e, why, sizeof why);
        talk_run_fail(run, run->script->path, 1, "no TLS for the actors: %s", why);
        return false;
    }
    if (!run->real)
        fault_on_crash(crash, run);
    return (run->real || start(run, run->script->path, 1)) && talk_peer_open_all(run);
}

void talk_run_story(struct talk_run *run)
{
    run->began_ms = clock_steady_ms();
    if (prepare(run))
        follow(run);
    if (run->crashed) /* nothing more was to happen after it */
        crashed_start(run);
    LIST_EACH(&run->clients, node)
    talk_actor_close(LIST_OF(node, struct talk_actor, link));
    group_close(&run->fibers);
    talk_peer_close_all(run);
    fault_clear();
    if (!run->real)
        world_stop(&run->world, 0);
    tls_server_close(run->tls_server);
    tls_client_close(run->tls_client);
    size_t left = run->real ? 0 : sim_net_open_count();
    if (left > 0)
        talk_run_fail(run, run->script->path, 1, "%zu sockets are still open at the end", left);
}
