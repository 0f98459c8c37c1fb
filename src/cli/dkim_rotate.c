#include "cli/dkim_rotate.h"
#include "base/clock.h"
#include "base/mem.h"
#include "cli/admin_client.h"
#include "cli/domain_keys.h"
#include "cli/rotate_report.h"
#include "dns/name.h"
#include "runtime/file.h"
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
    PATH_BYTES_MAX = 4096,
    LOOK_AGAIN_MS = 10 * 1000,            /* --wait: while records are to be published */
    LOOK_AGAIN_MS_MAX = 5 * 60 * 1000,    /* …and while they spread */
    ROUNDS_MAX = ACCOUNT_ROTATION_PHASES, /* steps that one run can take at once */
};

/* ---- the folder ------------------------------------------------------------------------------ */

static err path_of(const struct config *c, str domain, struct arena *arena, const char **ret_path)
{
    str path = arena_printf(arena, "%.*s/dkim/%.*s", STR_ARG(c->state), STR_ARG(domain));
    if (path.len >= PATH_BYTES_MAX)
        return err_new(ERR_CONFIG, "the state folder's name is too long");
    *ret_path = arena_chars(arena, path);
    return NULL;
}

/* Nobody else goes on with the same rotation meanwhile; who only looks does not mind. */
static err open_folder(const char *folder, str domain, bool alone, int *ret_fd)
{
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return err_new(ERR_SYSTEM, "%.*s has no keys in %s (\"smtptool domain add\" makes some)",
                       STR_ARG(domain), folder);
    if (!alone || flock(fd, LOCK_EX | LOCK_NB) == 0) {
        *ret_fd = fd;
        return NULL;
    }
    err e = err_new(ERR_CONFIG, "another \"dkim rotate\" is at work on %.*s", STR_ARG(domain));
    close(fd);
    return e;
}

/* What root makes in somebody's folder is that user's: the server must be able to read it. */
static err give_to_owner(const struct cli_rotate *r, const char *name)
{
    struct stat st;
    if (geteuid() != 0)
        return NULL;
    if (fstat(r->folder_fd, &st) != 0 ||
        fchownat(r->folder_fd, name, st.st_uid, st.st_gid, AT_SYMLINK_NOFOLLOW) != 0)
        return err_new(ERR_SYSTEM, "give %s/%s to its folder's owner", r->folder, name);
    return NULL;
}

static err give_keys_to_owner(const struct cli_rotate *r)
{
    for (size_t i = 0; i < r->state->fresh_count; i++) {
        char name[ACCOUNT_ROTATION_SELECTOR_BYTES_MAX + 10];
        snprintf(name, sizeof name, "%.*s.pem.new", STR_ARG(r->state->fresh[i]));
        TRY(give_to_owner(r, name));
    }
    return NULL;
}

static err save(const struct cli_rotate *r)
{
    TRY(account_rotation_write(r->folder, r->state));
    return give_to_owner(r, "rotation");
}

/* ---- beginning ------------------------------------------------------------------------------- */

static err check_configuration(const struct cli_rotate *r)
{
    for (size_t i = 0; i < r->config->domain_count; i++)
        if (str_eq(r->config->domains[i].name, r->domain) && r->config->domains[i].dkim_count > 0)
            return err_new(ERR_CONFIG,
                           "the keys of %.*s are named in the configuration (domains.%.*s.dkim): "
                           "only those that \"domain add\" has made are changed here",
                           STR_ARG(r->domain), STR_ARG(r->domain));
    return NULL;
}

static err begin(struct cli_rotate *r)
{
    struct cli_domain_key *keys = ARENA_ARRAY(r->arena, struct cli_domain_key, CLI_DOMAIN_KEYS_MAX);
    str *old = ARENA_ARRAY(r->arena, str, CLI_DOMAIN_KEYS_MAX), fresh[2];
    size_t count = 0;
    TRY(check_configuration(r));
    TRY(cli_domain_keys_read(r->config, r->domain, r->arena, keys, &count));
    if (count == 0)
        return err_new(ERR_CONFIG, "%.*s has no keys: \"smtptool domain add %.*s\"",
                       STR_ARG(r->domain), STR_ARG(r->domain));
    for (size_t i = 0; i < count; i++) {
        str file = arena_printf(r->arena, "%s/%.*s.pem", r->folder, STR_ARG(keys[i].selector));
        if (!file_exists(arena_chars(r->arena, file))) /* SELECTOR.PEM would sign, and stay */
            return err_new(ERR_CONFIG, "there is no file %.*s", STR_ARG(file));
        old[i] = keys[i].selector;
    }
    /* Their selectors are taken, too, and a first rotation does not know them yet. */
    struct account_rotation *probe = ARENA_NEW(r->arena, struct account_rotation);
    *probe = *r->state;
    for (size_t i = 0; i < count && probe->used_count < ACCOUNT_ROTATION_USED_MAX; i++)
        probe->used[probe->used_count++] = old[i];
    TRY(cli_rotate_keys_choose(probe, r->options->word, r->now_ms, r->arena, fresh));
    TRY(account_rotation_begin(r->state, old, count, fresh, 2, r->now_ms));
    return save(r);
}

/* ---- looking --------------------------------------------------------------------------------- */

static err load_keys(struct cli_rotate *r)
{
    const struct account_rotation *s = r->state;
    r->fresh_count = s->fresh_count;
    r->old_count = s->old_count;
    TRY(cli_rotate_keys_load(r->folder, r->domain, s->fresh, s->fresh_count, r->arena, r->fresh));
    return cli_rotate_keys_load(r->folder, r->domain, s->old, s->old_count, r->arena, r->old);
}

static void judge(struct cli_rotate *r, struct cli_rotate_key *keys, size_t count,
                  const struct cli_live_question *q)
{
    for (size_t i = 0; i < count; i++) {
        keys[i].live = cli_rotate_keys_judge(&keys[i], &q[i], r->options->live.resolver, r->arena);
        if (q[i].negative_ttl > r->look.negative_ttl)
            r->look.negative_ttl = q[i].negative_ttl;
    }
}

static int ask_dns(struct cli_rotate *r)
{
    size_t count = r->fresh_count + r->old_count;
    r->questions = ARENA_ARRAY(r->arena, struct cli_live_question, count);
    for (size_t i = 0; i < count; i++) {
        bool fresh = i < r->fresh_count;
        r->questions[i].name = fresh ? r->fresh[i].name : r->old[i - r->fresh_count].name;
        r->questions[i].type = DNS_TXT;
    }
    int code = cli_live_ask(r->cli, &r->options->live, r->arena, r->questions, count);
    if (code != CLI_OK)
        return code;
    const struct cli_live_question *old = r->questions + r->fresh_count;
    judge(r, r->fresh, r->fresh_count, r->questions);
    judge(r, r->old, r->old_count, old);
    r->look.fresh = cli_rotate_keys_join(r->fresh, r->fresh_count);
    r->look.old = cli_rotate_keys_join(r->old, r->old_count);
    for (size_t i = 0; i < r->old_count; i++)
        if (cli_live_ttl(&old[i]) > r->look.old_ttl)
            r->look.old_ttl = cli_live_ttl(&old[i]);
    return CLI_OK;
}

/* The server reads the keys again; one that does not run will, when it starts. */
static void tell_server(struct cli_rotate *r)
{
    int64_t done;
    err e = cli_admin_client_ask(r->config, json_pack("{ss}", "verb", "reload"), NULL, NULL, &done);
    r->no_server = e && e->kind == ERR_CLOSED;
    r->look.told = e == NULL || r->no_server;
    if (!r->look.told)
        cli_describe(e, r->not_told, sizeof r->not_told);
}

/* ---- one run --------------------------------------------------------------------------------- */

static int tell(err e, str domain)
{
    if (e == NULL)
        return CLI_OK;
    cli_fail_err(e, "dkim rotate %.*s", STR_ARG(domain));
    return e->kind == ERR_CONFIG || e->kind == ERR_LIMIT ? CLI_CONFIG : cli_exit_of(e);
}

static err act(struct cli_rotate *r)
{
    /* A key that cannot be read must not come where the server would have to read it. */
    TRY(r->state->phase == ACCOUNT_ROTATION_SWITCH ? load_keys(r) : NULL);
    TRY(account_rotation_files_apply(r->folder, r->state, &cli_rotate_keys_maker));
    if (r->state->phase == ACCOUNT_ROTATION_PUBLISH)
        TRY(give_keys_to_owner(r));
    /* Once more before the old keys and records go: one that was just starting when it was told the
     * first time may have been missed. */
    bool kept = r->state->phase == ACCOUNT_ROTATION_KEEP && r->now_ms >= r->state->until_ms;
    if (r->state->phase == ACCOUNT_ROTATION_SWITCH || kept)
        tell_server(r);
    return NULL;
}

static err advance(struct cli_rotate *r)
{
    enum account_rotation_phase before = r->state->phase;
    int64_t last_ms = r->state->last_ms;
    r->clock_was_back |= r->now_ms < last_ms - ACCOUNT_ROTATION_CLOCK_SLACK_MS;
    if (r->options->abort && !r->aborted) {
        TRY(account_rotation_abort(r->state, &r->look, r->now_ms));
        r->aborted = true;
    } else {
        account_rotation_step(r->state, &r->look, r->now_ms);
    }
    r->finished = before == ACCOUNT_ROTATION_RETIRE && r->state->phase == ACCOUNT_ROTATION_NONE;
    return save(r);
}

/* As many steps as can be taken now. */
static int go_on(struct cli_rotate *r)
{
    bool more = true;
    for (int i = 0; more && i < ROUNDS_MAX; i++) {
        enum account_rotation_phase before = r->state->phase;
        bool first_abort = r->options->abort && !r->aborted;
        r->look = (struct account_rotation_look){0};
        err e = first_abort ? NULL : act(r);
        if (e == NULL && before == ACCOUNT_ROTATION_NONE && !first_abort)
            return CLI_OK;
        if (e == NULL && before != ACCOUNT_ROTATION_NONE)
            e = load_keys(r);
        if (e)
            return tell(e, r->domain);
        int code = before == ACCOUNT_ROTATION_NONE ? CLI_OK : ask_dns(r);
        if (code != CLI_OK)
            return code;
        e = advance(r);
        if (e)
            return tell(e, r->domain);
        more = r->state->phase != before || first_abort;
    }
    return CLI_OK;
}

static int show_status(struct cli_rotate *r)
{
    err e = load_keys(r);
    if (e)
        return tell(e, r->domain);
    return r->state->phase == ACCOUNT_ROTATION_NONE ? CLI_OK : ask_dns(r);
}

static int run_round(struct cli_rotate *r)
{
    r->state = ARENA_NEW(r->arena, struct account_rotation);
    err e = account_rotation_read(r->folder, r->arena, r->state);
    bool starts = r->state->phase == ACCOUNT_ROTATION_NONE && !r->options->abort;
    r->questions = NULL;
    if (e == NULL && starts && !r->options->status && !r->finished)
        e = begin(r);
    if (e)
        return tell(e, r->domain);
    int code = r->options->status ? show_status(r) : go_on(r);
    if (code != CLI_OK)
        return code;
    cli_rotate_report(r);
    return cli_rotate_report_exit(r);
}

/* ---- waiting --------------------------------------------------------------------------------- */

/* False: there is nothing to wait for that would come soon. */
static bool wait_for_more(const struct cli_rotate *r)
{
    enum account_rotation_phase phase = r->state->phase;
    int64_t ms = LOOK_AGAIN_MS;
    if (phase == ACCOUNT_ROTATION_SPREAD && r->state->until_ms > r->now_ms)
        ms = r->state->until_ms - r->now_ms;
    else if (phase != ACCOUNT_ROTATION_PUBLISH && phase != ACCOUNT_ROTATION_SPREAD &&
             phase != ACCOUNT_ROTATION_SWITCH)
        return false;
    ms = ms > LOOK_AGAIN_MS_MAX ? LOOK_AGAIN_MS_MAX : ms;
    struct timespec rest = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    fflush(stdout);
    nanosleep(&rest, NULL);
    return true;
}

static bool read_now(const struct cli_dkim_rotate_options *o, int64_t *ret_now_ms)
{
    uint64_t seconds = 0;
    *ret_now_ms = clock_real_ms();
    if (o->time == NULL)
        return true;
    if (o->live.zone_file == NULL || o->wait) {
        cli_fail("--time is for rehearsals: with --dns-zone, and without --wait");
        return false;
    }
    if (!str_to_u64(str_of(o->time), INT32_MAX * 100ULL, &seconds)) {
        cli_fail("--time: \"%s\" is not a number of seconds since 1970", o->time);
        return false;
    }
    *ret_now_ms = (int64_t)seconds * 1000;
    return true;
}

static int run_all(struct cli_rotate *r)
{
    int code;
    bool more;
    do {
        if (!read_now(r->options, &r->now_ms))
            return CLI_USAGE;
        r->not_told[0] = '\0';
        code = run_round(r);
        bool going_on =
            code == CLI_OK || code == CLI_FINDINGS || code == CLI_UNKNOWN || code == CLI_TEMPORARY;
        more = r->options->wait && going_on && wait_for_more(r);
        if (more)
            arena_reset(r->arena);
    } while (more);
    return code;
}

static bool read_options(const char *name, const struct cli_dkim_rotate_options *o,
                         char ret_domain[DNS_NAME_CHARS])
{
    if (!dns_name_canonical(str_of(name), ret_domain) || !dns_name_is_host(str_of(ret_domain))) {
        cli_fail("\"%s\" is not a domain", name);
        return false;
    }
    if (o->status + o->abort + o->wait > 1) {
        cli_fail("--status, --abort and --wait exclude each other");
        return false;
    }
    return true;
}

int cli_dkim_rotate(struct cli *cli, const char *name, const struct cli_dkim_rotate_options *o)
{
    char domain[DNS_NAME_CHARS];
    if (!read_options(name, o, domain))
        return CLI_USAGE;
    const struct config *config = cli_config(cli);
    if (config == NULL)
        return CLI_CONFIG;
    CLEANUP(arena_cleanup) struct arena *names = arena_open(64 << 10);
    struct cli_rotate *r = MEM_NEW(struct cli_rotate);
    r->cli = cli;
    r->options = o;
    r->config = config;
    r->folder_fd = -1;
    r->arena = arena_open(CLI_LIVE_ARENA_BYTES);
    r->domain = str_of(domain);
    err e = path_of(config, r->domain, names, &r->folder);
    if (e == NULL)
        e = open_folder(r->folder, r->domain, !o->status, &r->folder_fd);
    int code = e ? tell(e, r->domain) : run_all(r);
    if (r->folder_fd >= 0)
        close(r->folder_fd);
    arena_close(r->arena);
    mem_free(r);
    config_close(config);
    return code;
}
