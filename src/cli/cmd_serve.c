#include "account/keeper_process.h"
#include "account/keeper_remote.h"
#include "account/rotation_watch.h"
#include "base/log.h"
#include "base/mem.h"
#include "cli/commands.h"
#include "cli/domain_keys.h"
#include "cli/service.h"
#include "cli/state.h"
#include "dns/zone.h"
#include "message/charset.h"
#include "runtime/confine.h"
#include "runtime/fiber.h"
#include "runtime/thread.h"
#include <libgen.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum {
    SERVE_GRACE_MS = 30 * 1000,
    SERVE_PATHS_MAX = 64,
    SERVE_RELOAD_MS_MAX =
        2 * KEEPER_PROCESS_ANSWER_MS_MAX, /* one under way, and the one asked for */
    SERVE_RELOAD_LOOK_MS = 20,
    SERVE_OVERDUE_S = 24 * 3600,
    SERVE_TOLD_BYTES_MAX = 256 << 10,
    SERVE_WHY_BYTES = 512,
};

const char cmd_serve_help[] =
    "usage: smtptool serve [options]\n"
    "\n"
    "Runs the server: submission, relay and inbound MX with a durable queue. Without a\n"
    "configuration it listens on loopback only (submission 2525, relay 2526), makes itself a\n"
    "certificate, and keeps mail for elsewhere until a route says where it may go.\n"
    "\n"
    "  -C, --config FILE   the configuration (see \"smtptool config --help\")\n"
    "      --dns-zone FILE answer DNS questions from this file instead of the network\n"
    "      --one-process   no keeper and no confinement: for a debugger\n"
    "  -v                  say more on stderr\n"
    "\n"
    "It is two processes: the keeper, which is the one that was started, holds the passwords\n"
    "and binds the ports; the other one talks to the world and may do little else.\n"
    "\n"
    "Where mail goes by MX it finds out at start whether outbound port 25 is blocked, by\n"
    "connections without a word to five large providers (outbound.port_25_test).\n"
    "\n"
    "SIGHUP reads the configuration again; a broken one leaves the old one in force.\n"
    "SIGTERM and SIGINT stop: no new mail is taken, what is under way may end.\n"
    "\n"
    "examples:\n"
    "  smtptool serve\n"
    "  smtptool serve -C /etc/smtptool/smtptool.yaml\n";

/* Reloads are done by the main thread; whoever asks for one waits until its number is done. */
struct reloads {
    pthread_mutex_t lock;
    uint64_t begun, done;
    bool good; /* the last one that was done; else: */
    char why[SERVE_WHY_BYTES];
    struct buf told; /* the mistakes in the file, a line each */
};

/* The main process, from the moment there are two. */
struct serving {
    struct cli *cli;
    const struct config *config;
    struct cli_state state;
    struct keeper_process process;
    bool one_process;
    struct keeper_remote *remote;
    int *fds; /* listening, workers for each listener; -1: taken over, or not needed */
    size_t fd_count, workers;
    struct service *service;
    struct reloads reloads;
};

/* As many descriptors as the system lets us have: one for each connection. */
static void raise_descriptor_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

/* ---- ports and rights ------------------------------------------------------------------- */

/* Those that nobody has taken over. */
static void close_ports(struct serving *s)
{
    for (size_t i = 0; i < s->fd_count; i++)
        if (s->fds[i] >= 0)
            close(s->fds[i]);
    mem_free(s->fds);
    s->fds = NULL;
    s->fd_count = 0;
}

static bool listens_on(const struct config *c, const struct address *at)
{
    for (size_t i = 0; i < c->listener_count; i++)
        if (address_eq(&c->listeners[i].address, at))
            return true;
    return false;
}

/* Listening sockets for all workers from the keeper; none for addresses that the configuration
 * before, if there is one, listens on already. */
static err ask_for_ports(struct serving *s, const struct config *c, const struct config *before)
{
    size_t workers = s->workers;
    close_ports(s);
    s->fds = mem_alloc((c->listener_count * workers + 1) * sizeof *s->fds);
    for (size_t i = 0; i < c->listener_count && !s->one_process; i++) {
        const struct address *at = &c->listeners[i].address;
        for (size_t k = 0; k < workers; k++)
            s->fds[s->fd_count + k] = -1;
        if (before == NULL || !listens_on(before, at))
            TRY(keeper_process_listen(&s->process, at, s->fds + s->fd_count, workers));
        s->fd_count += workers;
    }
    return NULL;
}

struct paths {
    struct arena *arena;
    const char *list[SERVE_PATHS_MAX];
    size_t count;
};

static void add_path(struct paths *p, str path)
{
    if (path.len && p->count < SERVE_PATHS_MAX)
        p->list[p->count++] = arena_chars(p->arena, path);
}

static void add_folder_of(struct paths *p, str path)
{
    if (path.len && p->count < SERVE_PATHS_MAX)
        p->list[p->count++] = dirname(arena_chars(p->arena, path));
}

static void list_paths(const struct serving *s, struct paths *writable, struct paths *readable)
{
    const struct config *c = s->config;
    add_path(writable, str_of(s->state.spool));
    add_path(writable, str_of(s->state.reports));
    add_path(writable, str_of(s->state.shaping));
    add_path(writable, str_of(s->state.transcripts));
    add_path(writable, str_of(s->state.feedback));
    if (s->config->outbound.mta_sts)
        add_path(writable, str_of(s->state.policies));
    if (c->events.to.len && c->events.to.ptr[0] == '/')
        add_folder_of(writable, c->events.to);
    add_folder_of(writable, c->metrics_file);
    add_path(readable, str_of(s->state.certificate));
    add_path(readable, str_of(s->state.key));
    add_folder_of(readable, c->file); /* an editor may put a new file in its place */
    add_path(readable, c->share);     /* a reload reads presets anew */
    add_folder_of(readable, c->certificate);
    add_folder_of(readable, c->key);
    for (size_t i = 0; i < c->sni_count; i++) {
        add_folder_of(readable, c->sni[i].certificate);
        add_folder_of(readable, c->sni[i].key);
    }
    for (size_t i = 0; i < c->domain_count; i++)
        add_folder_of(readable, c->domains[i].recipients_file);
}

static err confine(struct serving *s)
{
    struct arena *arena = arena_open(1 << 20);
    struct paths writable = {.arena = arena}, readable = {.arena = arena};
    struct confine_report report = {0};
    list_paths(s, &writable, &readable);
    const char *names_only = s->state.folder;
    struct confine_options o = {
        .user = arena_chars(arena, s->config->user),
        .read_write = writable.list,
        .read_write_count = writable.count,
        .read_only = readable.list,
        .read_only_count = readable.count,
        .names_only = &names_only,
        .names_only_count = 1,
        .parent = s->process.other,
    };
    err e = confine_apply(&o, &report);
    if (e == NULL && report.landlock_abi == 0)
        log_warn("no Landlock: %s", report.why_no_landlock);
    if (e == NULL && !report.seccomp)
        log_warn("no seccomp: %s", report.why_no_seccomp);
    arena_close(arena);
    return e;
}

/* All that needs rights is open: give them up, and ask the keeper from here on. */
static err settle(void *arg, const struct keeper **ret_keeper)
{
    struct serving *s = arg;
    if (s->one_process)
        return NULL;
    TRY(confine(s));
    TRY(keeper_remote_open(s->process.requests_fd, &s->remote));
    *ret_keeper = keeper_remote_seam(s->remote);
    return NULL;
}

/* ---- reload and stop --------------------------------------------------------------------- */

static err reload(struct serving *s, const struct config *fresh)
{
    if (!s->one_process)
        TRY(keeper_process_reload(&s->process));
    err e = ask_for_ports(s, fresh, s->config);
    if (e == NULL)
        e = service_reload(s->service, fresh, s->fds, s->fd_count);
    close_ports(s);
    TRY(e);
    config_close(s->config);
    s->config = config_hold(fresh);
    return NULL;
}

/* NULL: the file has mistakes; they are in the buf. */
static struct config *load_fresh(struct serving *s, struct buf *mistakes)
{
    struct config_errors errors;
    struct config *config = NULL;
    config_errors_init(&errors);
    err e = config_load(s->cli->config_path, &config, &errors);
    if (e) {
        err cut = config_errors_print(&errors, mistakes);
        (void)cut; /* it is full: the first mistakes are in it */
    }
    config_errors_release(&errors);
    return e ? NULL : config;
}

/* Through the log, for stderr itself may be blocked. */
static void log_mistakes(str mistakes)
{
    for (str line; mistakes.len > 0;) {
        str_split(mistakes, '\n', &line, &mistakes);
        log_error("%.*s", STR_ARG(line));
    }
    log_error("the configuration was not reloaded: the old one stays in force");
}

/* Of a reload that came to nothing: the log has it already. The first mistake stands for all: an
 * event is no place for a list. */
static void refuse(struct serving *s, err e, str mistakes, char why[SERVE_WHY_BYTES])
{
    str first, rest;
    str_split(mistakes, '\n', &first, &rest);
    if (e)
        err_describe(e, why, SERVE_WHY_BYTES);
    else
        snprintf(why, SERVE_WHY_BYTES,
                 "the configuration has mistakes: the old one stays in force");
    service_config_refused(s->service, e || first.len == 0 ? str_of(why) : first);
}

static void end_reload(struct reloads *r, bool good, const char *why, struct buf *mistakes)
{
    pthread_mutex_lock(&r->lock);
    r->done = r->begun;
    r->good = good;
    snprintf(r->why, sizeof r->why, "%s", why);
    buf_release(&r->told);
    r->told = *mistakes;
    pthread_mutex_unlock(&r->lock);
}

static void reload_from_signal(struct serving *s)
{
    char why[SERVE_WHY_BYTES] = "";
    struct buf mistakes;
    buf_init(&mistakes, SERVE_TOLD_BYTES_MAX);
    pthread_mutex_lock(&s->reloads.lock);
    s->reloads.begun++;
    pthread_mutex_unlock(&s->reloads.lock);
    const struct config *fresh = load_fresh(s, &mistakes);
    err e = fresh ? reload(s, fresh) : NULL;
    if (fresh == NULL)
        log_mistakes(buf_str(&mistakes));
    else if (e)
        log_err(e, "the configuration was not reloaded");
    else
        log_info("configuration reloaded");
    if (fresh == NULL || e)
        refuse(s, e, buf_str(&mistakes), why);
    end_reload(&s->reloads, fresh && e == NULL, why, &mistakes);
    config_close(fresh);
    err_forget();
}

static uint64_t count_reloads(struct reloads *r, bool done)
{
    pthread_mutex_lock(&r->lock);
    uint64_t count = done ? r->done : r->begun;
    pthread_mutex_unlock(&r->lock);
    return count;
}

static err outcome_of_reload(struct reloads *r, struct buf *ret_told)
{
    pthread_mutex_lock(&r->lock);
    err e = buf_add(ret_told, buf_str(&r->told));
    if (!r->good)
        e = err_new(ERR_CONFIG, "%s", r->why);
    pthread_mutex_unlock(&r->lock);
    return e;
}

/* On a fiber. The files are read by a reload that begins after the question. */
static err admin_reload(void *arg, struct buf *ret_told)
{
    struct serving *s = arg;
    uint64_t mine = count_reloads(&s->reloads, false) + 1;
    deadline until = deadline_after(SERVE_RELOAD_MS_MAX);
    kill(getpid(), SIGHUP);
    while (count_reloads(&s->reloads, true) < mine) {
        if (deadline_passed(until))
            return err_new(ERR_TIMEOUT, "the reload is not done after %d s",
                           SERVE_RELOAD_MS_MAX / 1000);
        TRY(fiber_sleep(deadline_after(SERVE_RELOAD_LOOK_MS)));
    }
    return outcome_of_reload(&s->reloads, ret_told);
}

static void admin_stop(void *arg)
{
    (void)arg;
    kill(getpid(), SIGTERM);
}

static void tell_one_overdue(void *arg, str why)
{
    struct serving *s = arg;
    log_warn("%.*s", STR_ARG(why));
    service_rotation_late(s->service, why);
}

/* Changes of keys that nobody goes on with. They lie where only the keeper may look. */
static void tell_overdue(struct serving *s)
{
    char why[KEEPER_PROCESS_WHY_BYTES_MAX] = "";
    err e = NULL;
    if (s->one_process)
        e = account_rotation_watch(s->config->state, clock_real_ms(), tell_one_overdue, s);
    for (size_t i = 0; !s->one_process && e == NULL && i < ACCOUNT_ROTATION_WATCH_MAX; i++) {
        e = keeper_process_overdue(&s->process, i, why);
        if (e == NULL && why[0] == '\0')
            break;
        if (e == NULL)
            tell_one_overdue(s, str_of(why));
    }
    if (e)
        log_err(e, "it could not be seen whether a change of keys is overdue");
    err_forget();
}

/* Wait for one, a day at most. In the first quiet second after work memory is given back. */
static int next_signal(const sigset_t *signals, struct mem_quiet *quiet)
{
    const struct timespec second = {.tv_sec = 1};
    int number = -1;
    for (int i = 0; i < SERVE_OVERDUE_S && number < 0; i++) {
        number = sigtimedwait(signals, NULL, &second);
        mem_quiet_look(quiet);
    }
    return number;
}

static void obey_signals(struct serving *s, const sigset_t *signals)
{
    struct mem_quiet quiet = {0};
    for (;;) {
        tell_overdue(s); /* at the start, after a reload, and every day */
        int number = next_signal(signals, &quiet);
        if (number > 0 && number != SIGHUP)
            break;
        if (number == SIGHUP)
            reload_from_signal(s);
    }
    log_info("stopping");
}

/* ---- a life ------------------------------------------------------------------------------ */

static err open_zone(const char *path, struct dns_transport **ret_transport)
{
    struct dns_zone *zone;
    if (path == NULL)
        return NULL;
    TRY(dns_zone_read(path, &zone));
    *ret_transport = dns_zone_transport(zone);
    return NULL;
}

static err start(struct serving *s, const char *zone)
{
    struct service_options options = {
        .config = s->config,
        .settle = settle,
        .settle_arg = s,
        .admin_reload = admin_reload,
        .admin_stop = admin_stop,
        .admin_arg = s,
    };
    if (!s->one_process)
        TRY(keeper_process_ready(&s->process));
    TRY(open_zone(zone, &options.dns));
    s->workers = (size_t)service_worker_count(s->config);
    TRY(ask_for_ports(s, s->config, NULL));
    options.listen_fds = s->fd_count ? s->fds : NULL;
    options.listen_fd_count = s->fd_count;
    return service_start(&options, &s->service);
}

static int run_main(struct serving *s, const char *zone, const sigset_t *signals)
{
    int status = CLI_OK;
    raise_descriptor_limit();
    err e = start(s, zone);
    if (e) {
        cli_fail_err(e, "cannot start");
        status = e->kind == ERR_CONFIG ? CLI_CONFIG : CLI_UNAVAILABLE;
    } else {
        log_info("smtptool " SMTPTOOL_VERSION " is up as %.*s, state in %s, events to %.*s",
                 STR_ARG(s->config->hostname), s->state.folder, STR_ARG(s->config->events.to));
        obey_signals(s, signals);
        service_stop(s->service, SERVE_GRACE_MS);
    }
    keeper_remote_close(s->remote);
    if (!s->one_process)
        keeper_process_close(&s->process);
    close_ports(s);
    return status;
}

static void warn_unsigned(void *arg, str domain, bool seals)
{
    (void)arg;
    log_warn("%s %.*s%s, for it has no key: \"smtptool domain add\" makes one",
             seals ? "nothing is sealed by" : "mail from", STR_ARG(domain),
             seals ? "" : " leaves unsigned");
}

static int serve(struct serving *s, const char *zone)
{
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGHUP);
    err e = cli_state_paths(s->config, &s->state);
    cli_domain_keys_warn(s->config, warn_unsigned, NULL);
    if (e == NULL)
        e = cli_state_prepare(s->config, &s->state);
    if (e == NULL && !s->one_process)
        e = keeper_process_fork(&s->process);
    if (e) {
        cli_fail_err(e, "cannot start");
        return e->kind == ERR_CONFIG ? CLI_CONFIG : CLI_UNAVAILABLE;
    }
    if (!s->one_process && !s->process.is_main)
        return keeper_process_run(&s->process, &(struct keeper_process_options){
                                                   .config_path = s->cli->config_path,
                                                   .config = s->config,
                                                   .store_path = str_of(s->state.accounts),
                                               });
    sigprocmask(SIG_BLOCK, &signals, NULL);
    return run_main(s, zone, &signals);
}

static int serve_with(struct serving *s, const char *zone)
{
    struct cli *cli = s->cli;
    log_set_level(cli->verbose ? LOG_LEVEL_DEBUG : cli->quiet ? LOG_LEVEL_WARN : LOG_LEVEL_INFO);
    s->config = cli_config(cli);
    if (s->config == NULL)
        return CLI_CONFIG;
    int status = serve(s, zone);
    config_close(s->config);
    return status;
}

int cmd_serve(struct cli *cli, int argc, char **argv)
{
    const char *zone = NULL;
    struct serving *s = MEM_NEW(struct serving);
    struct cli_option options[] = {
        {.name = "dns-zone",    .value = &zone         },
        {.name = "one-process", .flag = &s->one_process},
    };
    const struct cli_command self = {"serve", cmd_serve, "run the server", cmd_serve_help};
    int status = CLI_USAGE;
    s->cli = cli;
    pthread_mutex_init(&s->reloads.lock, NULL);
    int first = cli_parse(cli, &self, options, ARRAY_LEN(options), argc, argv, &status);
    if (first >= 0 && first < argc) {
        cli_fail("serve takes no operands: \"%s\"", argv[first]);
        status = CLI_USAGE;
    } else if (first >= 0) {
        message_charset_confine(true); /* libc's converters would be loaded inside the sandbox */
        status = serve_with(s, zone);
    }
    buf_release(&s->reloads.told);
    pthread_mutex_destroy(&s->reloads.lock);
    mem_free(s);
    return status;
}
