#include "base/mem.h"
#include "cli/interchange.h"
#include "cli/profiles.h"
#include "interchange/export.h"
#include "outbound/from.h"
#include <stdlib.h>

/* ---- a preset as an account of whoever takes it ------------------------------------------ */

static bool takes_password(const struct config_preset *p)
{
    bool found = false;
    for (size_t i = 0; i < p->login_count; i++)
        found |= !str_starts(p->logins[i], S("XOAUTH")) && !str_starts(p->logins[i], S("OAUTH"));
    return found;
}

/* The same for everybody, where the preset says so. */
static str user_of(const struct cli_interchange_run *run, const struct config_preset *p)
{
    str word = p->user;
    if (run->user == NULL && str_skip(&word, S("the word ")))
        return word;
    return str_of(run->user);
}

static int check_preset(const struct cli_interchange_run *run, const struct config_preset *p)
{
    if (p->unavailable.len > 0) {
        cli_fail("%.*s", STR_ARG(p->unavailable));
        return CLI_FINDINGS;
    }
    if (p->needs_host && run->host == NULL) {
        cli_fail("config export: --host is wanted: %.*s", STR_ARG(p->host));
        return CLI_USAGE;
    }
    if (config_preset_needs_login(p) && user_of(run, p).len == 0) {
        cli_fail("config export: --user is wanted: %.*s", STR_ARG(p->user));
        return CLI_USAGE;
    }
    return CLI_OK;
}

static int of_preset(struct cli_interchange_run *run, str key, struct config_account *ret_account)
{
    const struct config_preset *p = config_presets_find(&run->presets, key);
    if (p == NULL) {
        char words[CONFIG_PRESETS_NONE_CHARS];
        config_presets_none(&run->presets, key, words);
        cli_fail("%s", words);
        return CLI_USAGE;
    }
    int code = check_preset(run, p);
    if (code != CLI_OK)
        return code;
    struct config_hop *hops = ARENA_ARRAY(run->arena, struct config_hop, p->server_count);
    err e = config_preset_hops(p, str_of(run->host), run->arena, hops);
    if (e) {
        cli_fail_err(e, "config export: --host");
        return CLI_USAGE;
    }
    bool login = config_preset_needs_login(p), password = takes_password(p);
    *ret_account = (struct config_account){
        .name = p->key,
        .user = login ? user_of(run, p) : (str){0},
        .mechanism = login && !password ? S("XOAUTH2") : (str){0},
        .secret = run->secret ? str_of(run->secret)
                  : password  ? S("env:SMTP_PASSWORD")
                              : S("env:SMTP_TOKEN"),
        .hops = hops,
        .hop_count = p->server_count,
    };
    return CLI_OK;
}

/* ---- an account -------------------------------------------------------------------------- */

static int find(struct cli_interchange_run *run, str what, struct config_account *ret_account)
{
    if (str_skip(&what, S("preset:")))
        return of_preset(run, what, ret_account);
    if (run->user || run->secret || run->host) {
        cli_fail("config export: --user, --secret and --host are for preset:NAME; an account has "
                 "its own");
        return CLI_USAGE;
    }
    const struct config_account *account = cli_profiles_find(run->config, run->own, what);
    if (account == NULL) {
        cli_fail("there is no account \"%.*s\": `smtptool account ls` shows them", STR_ARG(what));
        return CLI_FINDINGS;
    }
    *ret_account = *account;
    return CLI_OK;
}

/* Another program looks from another folder. */
static err find_roots(const struct cli_interchange_run *run, str *ret_path)
{
    char *path = run->ca_file ? realpath(run->ca_file, NULL) : NULL;
    if (run->ca_file && path == NULL)
        return err_new(ERR_SYSTEM, "--ca-file %s", run->ca_file);
    *ret_path = arena_str(run->arena, str_of(path));
    mem_free(path);
    return NULL;
}

static err write(const struct cli_interchange_run *run, const struct interchange_export *program,
                 const struct config_account *account, struct buf *out)
{
    struct interchange_way way;
    str ca_file = {0}, from = run->from ? str_of(run->from) : outbound_from_address(account);
    TRY(find_roots(run, &ca_file));
    TRY(interchange_way_of(account, from, ca_file, run->arena, &way));
    return program->write(&way, out);
}

static int export(struct cli_interchange_run *run, const struct interchange_export *program,
                  const char *what)
{
    CLEANUP(buf_release) struct buf out;
    struct config_account account;
    buf_init(&out, INTERCHANGE_EXPORT_BYTES_MAX);
    if (!cli_interchange_open(run))
        return CLI_CONFIG;
    int code = find(run, str_of(what), &account);
    if (code != CLI_OK)
        return code;
    err e = write(run, program, &account, &out);
    if (e) {
        cli_fail_err(e, "config export %s: %s", program->program, what);
        return CLI_FINDINGS;
    }
    fputs(buf_chars(&out), stdout);
    if (!run->cli->quiet)
        fprintf(stderr, "for %s: %s\n", program->program, program->where);
    return CLI_OK;
}

int cli_interchange_export(struct cli_interchange_run *run, const char *program, const char *what)
{
    const struct interchange_export *found = interchange_export_find(str_of(program));
    if (found == NULL) {
        cli_fail("config export: \"%s\" is none of these:", program);
        for (found = interchange_export_table; found->program; found++)
            fprintf(stderr, "  %-12s %s\n", found->program, found->where);
        return CLI_USAGE;
    }
    int code = export(run, found, what);
    cli_interchange_close(run);
    return code;
}
