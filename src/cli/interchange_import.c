#include "base/mem.h"
#include "cli/account_secret.h"
#include "cli/interchange.h"
#include "cli/profiles.h"
#include "config/value.h"
#include "interchange/import.h"
#include "secret/netrc.h"
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_CHARS = 1024, KEYS_BYTES_MAX = 16 * 1024, PRESETS_OF_HOST_MAX = 16 };

struct importing {
    struct cli_interchange_run *run;
    struct interchange_import import;
    const char *path;
    char default_path[PATH_CHARS];
    str *names; /* given in this run */
    size_t taken;
};

/* ---- files ------------------------------------------------------------------------------ */

/* "~/x" below the home, "+/x" below $XDG_CONFIG_HOME. */
static bool expand(str place, char ret_path[PATH_CHARS])
{
    const char *home = getenv("HOME"), *xdg = getenv("XDG_CONFIG_HOME");
    str rest = place;
    bool config = str_skip(&rest, S("+/"));
    if (!config && !str_skip(&rest, S("~/")))
        return str_to_chars(place, ret_path, PATH_CHARS);
    int n = config && xdg && *xdg ? snprintf(ret_path, PATH_CHARS, "%s/%.*s", xdg, STR_ARG(rest))
                                  : snprintf(ret_path, PATH_CHARS, "%s/%s%.*s", home ? home : "",
                                             config ? ".config/" : "", STR_ARG(rest));
    return n > 0 && n < PATH_CHARS;
}

static const char *find_file(struct importing *i, const struct interchange_import_reader *reader)
{
    const char *netrc = getenv("NETRC");
    if (netrc && *netrc && strcmp(reader->program, "netrc") == 0)
        return netrc;
    for (const char *const *at = reader->places; *at; at++)
        if (expand(str_of(*at), i->default_path) && access(i->default_path, R_OK) == 0)
            return i->default_path;
    return NULL;
}

/* Where "netrc:" looks, by whatever name. */
static bool is_home_netrc(const char *path)
{
    const char *netrc = getenv("NETRC");
    char usual[PATH_CHARS];
    struct stat a, b;
    if (!expand(netrc && *netrc ? str_of(netrc) : S("~/.netrc"), usual))
        return false;
    return stat(path, &a) == 0 && stat(usual, &b) == 0 && a.st_dev == b.st_dev &&
           a.st_ino == b.st_ino;
}

static err include(void *arg, str path, struct arena *arena, str *ret_text)
{
    CLEANUP(buf_release) struct buf text;
    char chars[PATH_CHARS];
    struct stat info;
    (void)arg;
    buf_init(&text, INTERCHANGE_FILE_BYTES_MAX);
    if (!expand(path, chars))
        return err_new(ERR_CONFIG, "its path is too long");
    if (stat(chars, &info) == 0 && !S_ISREG(info.st_mode))
        return err_new(ERR_CONFIG, "%s is no file", chars);
    TRY(cli_read_file(chars, &text));
    *ret_text = arena_str(arena, buf_str(&text));
    mem_wipe(text.ptr, text.cap);
    return NULL;
}

static bool netrc_has(void *arg, str host, str user)
{
    CLEANUP(buf_release) struct buf secret;
    (void)arg;
    buf_init(&secret, SECRET_BYTES_MAX);
    bool found = secret_netrc_read(host, user, &secret) == NULL;
    mem_wipe(secret.ptr, secret.cap);
    err_forget();
    return found;
}

/* ---- presets ---------------------------------------------------------------------------- */

/* Is it that server, in the preset's words? */
static bool is_server(const struct config_preset *p, const struct config_hop *hop,
                      struct arena *arena)
{
    for (size_t i = 0; i < p->server_count; i++) {
        struct config_hop other;
        if (str_contains(p->servers[i], S("{host}")) ||
            config_value_hop(p->servers[i], arena, &other) != NULL)
            continue;
        bool same = !hop->port_given ||
                    (other.port == hop->port && other.implicit_tls == hop->implicit_tls);
        if (same && str_eq_nocase(other.host, hop->host))
            return true;
    }
    return false;
}

static bool known_host(void *arg, str host)
{
    const struct importing *i = arg;
    const struct config_hop hop = {.host = host};
    for (size_t k = 0; k < i->run->presets.count; k++)
        if (is_server(&i->run->presets.list[k], &hop, i->run->arena))
            return true;
    return false;
}

/* Of several that share a server: the one that has the user's domain, else one that has no
 * mailboxes of its own, else none, for their quotas differ. */
static const struct config_preset *find_preset(const struct importing *i,
                                               const struct config_hop *hop, str user)
{
    const struct config_presets *all = &i->run->presets;
    const struct config_preset *only = NULL, *open = NULL;
    size_t at = str_find_last(user, '@'), count = 0;
    const struct config_preset *own =
        at == STR_NONE ? NULL : config_presets_of_domain(all, str_from(user, at + 1));
    if (hop->lmtp || hop->tls != HOP_TLS_VERIFIED)
        return NULL;
    if (own && is_server(own, hop, i->run->arena))
        return own;
    for (size_t k = 0; k < all->count; k++)
        if (is_server(&all->list[k], hop, i->run->arena)) {
            only = &all->list[k];
            count++;
            open = open == NULL && only->domain_count == 0 ? only : open;
        }
    return count == 1 ? only : open;
}

/* ---- one account ------------------------------------------------------------------------ */

struct adding {
    const struct interchange_account *from;
    const struct config_preset *preset;
    str name, secret;
    bool port_given;
};

/* Lower-case letters, digits, '.', '_' and '-'. */
static str clean_name(str text, struct arena *arena)
{
    char *name = arena_chars(arena, str_slice(text, 0, CLI_PROFILES_NAME_BYTES_MAX));
    for (char *c = name; *c; c++)
        *c = char_is_alnum(*c) || *c == '.' || *c == '_' ? char_lower(*c) : '-';
    str clean = str_of(name);
    while (clean.len > 0 && !char_is_alnum(clean.ptr[0]))
        clean = str_from(clean, 1);
    return clean;
}

static bool is_given(const struct importing *i, str name)
{
    for (size_t k = 0; k < i->taken; k++)
        if (str_eq(i->names[k], name))
            return true;
    return false;
}

/* What it is called there; of what has no name of its own, the preset's or the user's domain's. */
static str choose_name(const struct importing *i, const struct adding *a, bool named)
{
    struct arena *arena = i->run->arena;
    str user = a->from->user, first, rest, name;
    size_t at = str_find_last(user, '@');
    str_split(at == STR_NONE ? a->from->name : str_from(user, at + 1), '.', &first, &rest);
    if (i->run->name)
        return str_of(i->run->name);
    if (named && !str_eq(a->from->name, S("default")))
        name = clean_name(a->from->name, arena);
    else
        name =
            a->preset ? a->preset->key : clean_name(at == STR_NONE ? a->from->name : first, arena);
    for (int n = 2; is_given(i, name); n++)
        name = arena_printf(arena, "%.*s-%d", STR_ARG(str_slice(name, 0, 60)), n);
    return name;
}

static err make_keys(const struct adding *a, struct buf *out)
{
    const struct interchange_account *from = a->from;
    if (a->preset)
        TRY(cli_profiles_text_key(out, "preset", a->preset->key));
    if (a->preset == NULL || a->port_given)
        TRY(cli_profiles_text_list(out, "servers", from->server));
    TRY(cli_profiles_text_key(out, "user", from->user));
    TRY(cli_profiles_text_key(out, "mechanism", from->mechanism));
    if (!str_eq_nocase(from->from, from->user))
        TRY(cli_profiles_text_list(out, "aliases", from->from));
    return cli_profiles_text_key(out, "secret", a->secret);
}

static bool check_name(const struct importing *i, const struct adding *a)
{
    struct cli_interchange_run *run = i->run;
    if (!cli_profiles_is_name(a->name)) {
        cli_fail("config import: \"%.*s\" is no name: give it one by --name", STR_ARG(a->name));
        return false;
    }
    if (cli_profiles_find(run->config, run->own, a->name) == NULL)
        return true;
    bool several = i->import.count > 1;
    cli_fail("there is an account \"%.*s\" already: --name gives this one another name%s%.*s",
             STR_ARG(a->name), several ? ", with --account " : "",
             several ? (int)a->from->name.len : 0, a->from->name.ptr);
    return false;
}

/* A reference stays; a password goes where --keep says; one that is not there is asked for. */
static err choose_secret(const struct importing *i, struct adding *a)
{
    const struct cli_interchange_run *run = i->run;
    str user = a->from->user;
    if (a->from->secret.len > 0 && !a->from->secret_clear) {
        a->secret = a->from->secret;
        return config_value_secret(a->secret);
    }
    if (run->dry_run)
        return cli_account_secret_plan(run->keep, a->name, user, run->arena, &a->secret);
    if (a->from->secret_clear)
        return cli_account_secret_put(run->keep, a->name, user, a->from->secret, run->arena,
                                      &a->secret);
    if (isatty(STDIN_FILENO))
        fprintf(stderr, "%.*s: its password is not written in %s\n", STR_ARG(a->name), i->path);
    return cli_account_secret_keep(run->keep, a->name, user, run->arena, &a->secret);
}

static void tell(const struct importing *i, const struct adding *a, str keys)
{
    const struct cli_interchange_run *run = i->run;
    if (run->cli->json)
        cli_print_json(json_pack(
            "{so,so,so,so,so,sI,sb}", "account", cli_json_str(a->name), "server",
            cli_json_str(a->from->server), "user", cli_json_str(a->from->user), "preset",
            cli_json_str(a->preset ? a->preset->key : (str){0}), "secret", cli_json_str(a->secret),
            "line", (json_int_t)a->from->line, "written", !run->dry_run));
    else if (run->dry_run)
        printf("  %.*s:\n%.*s", STR_ARG(a->name), STR_ARG(keys));
    else if (!run->cli->quiet)
        fprintf(stderr, "account %.*s is there.\n  smtptool account test %.*s      does it work?\n",
                STR_ARG(a->name), STR_ARG(a->name));
}

/* Mail goes out as the user's address when that is one. */
static void tell_from(const struct importing *i, const struct adding *a)
{
    const struct interchange_account *f = a->from;
    if (!i->run->cli->quiet && f->from.len > 0 && str_find(f->user, '@') != STR_NONE &&
        !str_eq_nocase(f->from, f->user))
        fprintf(stderr,
                "  From is %.*s by itself; `send --from %.*s` writes as the address in the file\n",
                STR_ARG(f->user), STR_ARG(f->from));
}

static err write_account(const struct importing *i, const struct adding *a, str keys)
{
    struct cli_interchange_run *run = i->run;
    bool none = cli_profiles_default(run->config, run->own).len == 0;
    bool chosen = run->make_default || (none && a->from->is_default);
    if (run->dry_run)
        return NULL;
    err e = cli_profiles_add(run->config, a->name, keys, chosen);
    if (e)
        cli_account_secret_forget(a->secret, a->name);
    return e;
}

static bool import_one(struct importing *i, const struct interchange_account *from, bool named)
{
    CLEANUP(buf_release) struct buf keys;
    struct config_hop hop;
    struct adding a = {.from = from};
    buf_init(&keys, KEYS_BYTES_MAX);
    err e = config_value_hop(from->server, i->run->arena, &hop);
    if (e == NULL) {
        a.port_given = hop.port_given;
        a.preset = find_preset(i, &hop, from->user);
        a.name = choose_name(i, &a, named);
        if (!check_name(i, &a))
            return false;
        e = choose_secret(i, &a);
    }
    if (e == NULL)
        e = make_keys(&a, &keys);
    if (e == NULL)
        e = write_account(i, &a, buf_str(&keys));
    if (e) {
        cli_fail_err(e, "config import: account %.*s", STR_ARG(a.name));
        return false;
    }
    i->names[i->taken++] = a.name;
    tell(i, &a, buf_str(&keys));
    tell_from(i, &a);
    return true;
}

/* ---- all of them ------------------------------------------------------------------------ */

static void print_note(const struct importing *i, const struct interchange_note *n)
{
    str file = n->file.len > 0 ? n->file : str_of(i->path);
    if (i->run->cli->json) {
        cli_print_json(json_pack("{so,sI,so,so}", "file", cli_json_str(file), "line",
                                 (json_int_t)n->line, "option", cli_json_str(n->option), "note",
                                 cli_json_str(n->advice)));
        return;
    }
    cli_print_clean(stderr, file);
    if (n->line > 0)
        fprintf(stderr, ":%zu", n->line);
    fputs(": ", stderr);
    cli_print_clean(stderr, n->option);
    fputs(": ", stderr);
    cli_print_clean(stderr, n->advice);
    fputc('\n', stderr);
}

static void warn_open(const struct importing *i)
{
    struct stat info;
    bool clear = false;
    for (size_t k = 0; k < i->import.count; k++)
        clear |= i->import.accounts[k].secret_clear;
    if (clear && stat(i->path, &info) == 0 && (info.st_mode & 077) != 0)
        fprintf(stderr,
                "%s: it holds a password, and others may read it: chmod 600, or change the "
                "password\n",
                i->path);
}

static int import_all(struct importing *i, bool named)
{
    struct interchange_import *m = &i->import;
    size_t left = 0;
    i->names = ARENA_ARRAY(i->run->arena, str, m->count + 1);
    if (i->run->name && m->count > 1) {
        cli_fail("config import: --name is for one account, and there are %zu: --account NAME "
                 "chooses one",
                 m->count);
        return CLI_USAGE;
    }
    if (i->run->dry_run && m->count > 0 && !i->run->cli->json)
        puts("accounts:");
    for (size_t k = 0; k < m->count; k++) {
        left += !import_one(i, &m->accounts[k], named);
        err_forget();
    }
    for (size_t k = 0; k < m->note_count; k++)
        print_note(i, &m->notes[k]);
    warn_open(i);
    if (m->count == 0)
        cli_fail("%s: no account was found in it%s%s", i->path,
                 i->run->account ? " by the name " : "", i->run->account ? i->run->account : "");
    return m->count == 0 || left > 0 ? CLI_FINDINGS : CLI_OK;
}

static void wipe(struct interchange_import *m)
{
    for (size_t k = 0; k < m->count; k++)
        if (m->accounts[k].secret_clear)
            mem_wipe((char *)m->accounts[k].secret.ptr, m->accounts[k].secret.len);
}

static int import(struct importing *i, const struct interchange_import_reader *reader)
{
    struct buf text;
    buf_init(&text, INTERCHANGE_FILE_BYTES_MAX);
    err e = cli_read_file(i->path, &text);
    int code = CLI_NO_INPUT;
    if (e == NULL) {
        code = CLI_CONFIG;
        e = reader->read(&i->import, buf_str(&text));
    }
    if (e)
        cli_fail_err(e, "%s", i->path);
    else
        code = import_all(i, reader->read == interchange_import_find(S("msmtp"))->read);
    wipe(&i->import);
    mem_wipe(text.ptr, text.cap);
    buf_release(&text);
    return code;
}

static int open_and_import(struct cli_interchange_run *run, struct importing *i,
                           const struct interchange_import_reader *reader)
{
    if (i->path == NULL) {
        cli_fail("config import: there is no file of %s in its usual places: name it",
                 reader->program);
        return CLI_NO_INPUT;
    }
    if (!cli_interchange_open(run))
        return CLI_CONFIG;
    interchange_import_init(&i->import, run->arena);
    i->import.only = str_of(run->account);
    i->import.home_netrc = is_home_netrc(i->path);
    i->import.include = include;
    i->import.netrc_has = netrc_has;
    i->import.known_host = known_host;
    i->import.arg = i;
    return import(i, reader);
}

int cli_interchange_import(struct cli_interchange_run *run, const char *program, const char *path)
{
    const struct interchange_import_reader *reader = interchange_import_find(str_of(program));
    if (reader == NULL) {
        cli_fail("config import: msmtp, swaks, netrc or mutt, not \"%s\"", program);
        return CLI_USAGE;
    }
    if (run->account &&
        (str_eq(str_of(program), S("swaks")) || str_eq(str_of(program), S("mutt")))) {
        cli_fail("config import: --account is for msmtp and netrc; a file of %s has one", program);
        return CLI_USAGE;
    }
    prctl(PR_SET_DUMPABLE, 0); /* no core holds what the file has */
    struct importing *i = MEM_NEW(struct importing);
    i->run = run;
    i->path = path ? path : find_file(i, reader);
    int code = open_and_import(run, i, reader);
    cli_interchange_close(run);
    mem_free(i);
    return code;
}
