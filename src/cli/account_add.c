#include "cli/account.h"
#include "cli/account_discover.h"
#include "cli/account_secret.h"
#include "cli/account_token.h"
#include "cli/profiles.h"
#include "config/tls_word.h"
#include "config/value.h"
#include "secret/secret.h"
#include <string.h>
#include <unistd.h>

enum { KEYS_BYTES_MAX = 16 << 10 };

/* ---- advice ----------------------------------------------------------------------------- */

static bool has_login(const struct config_preset *p, const char *name)
{
    for (size_t i = 0; i < p->login_count; i++)
        if (str_eq(p->logins[i], str_of(name)))
            return true;
    return false;
}

static bool has_app_passwords(const struct config_preset *p)
{
    return str_contains(p->enable, S("app password")) ||
           str_contains(p->enable, S("app-specific")) ||
           str_contains(p->enable, S("application password"));
}

static bool takes_tokens(const struct config_preset *p)
{
    return has_login(p, "XOAUTH2") || has_login(p, "OAUTHBEARER");
}

/* A token is the way in there, and a password none that lasts. */
static bool wants_token(const struct cli_account_found *found)
{
    const struct config_preset *p = found->preset;
    return p ? takes_tokens(p) && !has_app_passwords(p) : found->oauth && !found->password;
}

static const char *advice_of(const struct config_preset *p)
{
    bool app = has_app_passwords(p), token = takes_tokens(p);
    if (!config_preset_needs_login(p))
        return "no login: it trusts your network or your certificate";
    if (app && token)
        return "an app password (PLAIN over TLS) for scripts and your own mailbox; OAuth2 "
               "(`smtptool oauth setup`, then --oauth NAME) where users log in themselves";
    if (app)
        return "an app password (PLAIN over TLS)";
    if (token)
        return "OAuth2, for this provider ends passwords";
    if (p->domain_count == 0 && p->enable.len > 0)
        return "the service's own key, as the password (PLAIN over TLS)";
    return "the mailbox's password, or an app password where there is one (PLAIN over TLS)";
}

/* How to log in there, and where that is made. */
static void advise(const struct config_preset *p, bool password, bool oauth, FILE *out)
{
    if (p) {
        fprintf(out, "  login    %s\n", advice_of(p));
        if (p->enable.len > 0)
            fprintf(out, "  needs    %.*s\n", STR_ARG(p->enable));
        if (p->enable_at.len > 0)
            fprintf(out, "  at       %.*s\n", STR_ARG(p->enable_at));
    } else if (oauth && !password) {
        fprintf(out, "  login    OAuth2\n");
    } else {
        fprintf(out, "  login    a password of its own for this program where the provider makes "
                     "them, else the mailbox's (PLAIN over TLS)\n");
    }
}

/* ---- what is to be added ---------------------------------------------------------------- */

struct adding {
    struct cli_account_run *run;
    struct cli_account_found found;
    str address, name, user, secret;
};

static int wrong(const char *option, err e)
{
    char why[512];
    cli_describe(e, why, sizeof why);
    cli_fail("account add: %s: %s", option, why);
    return CLI_USAGE;
}

static int find_named(struct adding *a)
{
    struct cli_account_run *run = a->run;
    a->found.preset = config_presets_find(&run->presets, str_of(run->preset));
    a->found.origin = S("--preset");
    if (a->found.preset)
        return CLI_OK;
    char words[CONFIG_PRESETS_NONE_CHARS];
    config_presets_none(&run->presets, str_of(run->preset), words);
    cli_fail("%s", words);
    return CLI_USAGE;
}

static int take_server(struct adding *a)
{
    struct cli_account_run *run = a->run;
    struct config_hop hop;
    err e = config_tls_word_server(str_of(run->server), run->arena, &a->found.servers[0]);
    if (e == NULL)
        e = config_value_hop(a->found.servers[0], run->arena, &hop);
    if (e)
        return wrong("--server", e);
    a->found.server_count = 1;
    a->found.origin = S("--server");
    return CLI_OK;
}

static int find_way(struct adding *a)
{
    struct cli_account_run *run = a->run;
    const struct cli_account_search search = {
        .address = a->address,
        .presets = &run->presets,
        .dns_zone = run->dns_zone,
        .autoconfig = run->autoconfig,
        .ca_file = run->ca_file,
    };
    if (run->preset && run->server) {
        cli_fail("account add: --preset or --server, not both");
        return CLI_USAGE;
    }
    if (run->preset)
        return find_named(a);
    if (run->server)
        return take_server(a);
    return cli_account_discover(run->cli, &search, run->arena, &a->found);
}

static void choose_name(struct adding *a)
{
    struct cli_account_run *run = a->run;
    str domain = str_from(a->address, str_find_last(a->address, '@') + 1), first, rest;
    str_split(domain, '.', &first, &rest);
    a->name = run->name ? str_of(run->name) : a->found.preset ? a->found.preset->key : first;
}

/* What the provider wants there, in the words of the presets; other words are for a person. */
static int choose_user(struct adding *a)
{
    const struct config_preset *p = a->found.preset;
    str word = p ? p->user : (str){0};
    if (a->run->user)
        a->user = str_of(a->run->user);
    else if (p && !config_preset_needs_login(p))
        a->user = (str){0};
    else if (str_skip(&word, S("the word ")))
        a->user = word;
    else if (str_eq(word, S("what stands before the @")))
        a->user = str_slice(a->address, 0, str_find_last(a->address, '@'));
    else if (word.len == 0 || str_ends_nocase(word, S(" address")))
        a->user = a->found.user.len > 0 ? a->found.user : a->address;
    else
        cli_fail("account add: --user is wanted: %.*s", STR_ARG(word));
    return a->user.len > 0 || (p && !config_preset_needs_login(p)) ? CLI_OK : CLI_USAGE;
}

/* ---- showing, asking -------------------------------------------------------------------- */

/* The lines that make a login by token. */
static struct cli_account_token login_of(const struct adding *a, str name)
{
    const struct config_preset *p = a->found.preset;
    return (struct cli_account_token){
        .name = name, .address = a->address, .server = p ? p->servers[0] : a->found.servers[0]};
}

static void show_login(const struct adding *a, str name)
{
    struct cli_account_token t = login_of(a, name);
    cli_account_token_show(a->run, &t, stderr);
}

/* A password would be asked for that is not taken there. */
static bool is_stuck(const struct adding *a)
{
    const struct cli_account_run *run = a->run;
    return a->user.len > 0 && wants_token(&a->found) && run->secret == NULL && run->oauth == NULL &&
           run->client_id == NULL && run->keep == NULL;
}

static void show_found(const struct adding *a)
{
    const struct config_preset *p = a->found.preset;
    FILE *out = stderr;
    fprintf(out, "%.*s: ", STR_ARG(a->address));
    if (p)
        cli_print_clean(out, p->name);
    fputs(p ? " (" : "by ", out);
    cli_print_clean(out, a->found.origin);
    fputs(p ? ")\n" : "\n", out);
    size_t count = p ? p->server_count : a->found.server_count;
    for (size_t i = 0; i < count; i++) {
        fprintf(out, "  %-8s ", i == 0 ? "server" : "then");
        cli_print_clean(out, p ? p->servers[i] : a->found.servers[i]);
        fputc('\n', out);
    }
    if (a->user.len > 0)
        fprintf(out, "  user     %.*s\n", STR_ARG(a->user));
    advise(p, a->found.password, a->found.oauth, out);
    if (is_stuck(a))
        show_login(a, a->name);
}

static int not_found(const struct adding *a)
{
    cli_fail("nobody says where %.*s hands over its mail, and nothing is guessed. Asked:",
             STR_ARG(a->address));
    fputs("  presets: none has its domain\n", stderr);
    fprintf(stderr, "%.*s", STR_ARG(a->found.tried));
    fputs("Say it: --server smtps://mail.example.com or --preset NAME\n", stderr);
    return CLI_FINDINGS;
}

/* What the network said is only taken when a person, or --yes, says so. */
static int confirm(const struct adding *a)
{
    const struct cli_account_run *run = a->run;
    char answer[16] = "";
    if (run->yes || run->preset || run->server)
        return CLI_OK;
    if (!isatty(STDIN_FILENO)) {
        cli_fail("account add: this was found and not said: with --yes it is taken");
        return CLI_FINDINGS;
    }
    fputs("Take it? [y/N] ", stderr);
    if (fgets(answer, sizeof answer, stdin) && char_lower(answer[0]) == 'y')
        return CLI_OK;
    cli_fail("account add: nothing was written");
    return CLI_FINDINGS;
}

/* ---- writing ---------------------------------------------------------------------------- */

static err make_keys(const struct adding *a, struct buf *out)
{
    const struct cli_account_run *run = a->run;
    if (a->found.preset)
        TRY(cli_profiles_text_key(out, "preset", a->found.preset->key));
    TRY(cli_profiles_text_key(out, "licence", str_of(run->licence)));
    TRY(cli_profiles_text_key(out, "host", str_of(run->host)));
    for (size_t i = 0; i < a->found.server_count && a->found.preset == NULL; i++)
        TRY(buf_addf(out, "%s\"%.*s\"", i == 0 ? "    servers: [" : ", ",
                     STR_ARG(a->found.servers[i])));
    if (a->found.server_count > 0 && a->found.preset == NULL)
        TRY(buf_add(out, S("]\n")));
    TRY(cli_profiles_text_key(out, "user", a->user));
    TRY(cli_profiles_text_key(out, "mechanism", str_of(run->mechanism)));
    TRY(cli_profiles_text_key(out, "oauth", str_of(run->oauth)));
    return cli_profiles_text_key(out, "secret", a->secret);
}

/* Before anything is asked. */
static int check_secret(struct adding *a)
{
    struct cli_account_run *run = a->run;
    if ((run->secret != NULL) + (run->oauth != NULL) + (run->client_id != NULL) > 1) {
        cli_fail("account add: one of --secret, --oauth and --client-id");
        return CLI_USAGE;
    }
    if (run->secret) {
        err e = config_value_secret(str_of(run->secret));
        return e ? wrong("--secret", e) : CLI_OK;
    }
    if (is_stuck(a)) {
        cli_fail("nothing was added yet: the two lines above come first (--keep file: with a "
                 "password all the same)");
        return CLI_FINDINGS;
    }
    if (run->oauth && !cli_account_token_exists(run, str_of(run->oauth))) {
        fprintf(stderr, "There is no login %s yet:\n", run->oauth);
        show_login(a, str_of(run->oauth));
    }
    return CLI_OK;
}

static int get_secret(struct adding *a)
{
    struct cli_account_run *run = a->run;
    if (a->user.len == 0 || run->oauth)
        return CLI_OK;
    if (run->client_id) {
        struct cli_account_token t = login_of(a, a->name);
        run->oauth = arena_chars(run->arena, a->name);
        return cli_account_token_login(run, &t);
    }
    if (run->secret) {
        a->secret = str_of(run->secret);
        return CLI_OK;
    }
    err e = cli_account_secret_keep(run->keep, a->name, a->user, run->arena, &a->secret);
    return e ? wrong("the password", e) : CLI_OK;
}

static int write_account(struct adding *a)
{
    CLEANUP(buf_release) struct buf keys;
    buf_init(&keys, KEYS_BYTES_MAX);
    bool first = cli_profiles_default(a->run->config, a->run->own).len == 0;
    err e = make_keys(a, &keys);
    if (e == NULL)
        e = cli_profiles_add(a->run->config, a->name, buf_str(&keys),
                             a->run->make_default || first);
    if (e == NULL) {
        if (!a->run->cli->quiet)
            fprintf(stderr,
                    "account %.*s is there.\n  smtptool account test %.*s      does it work?\n"
                    "  smtptool send --account %.*s --subject Hello --text Hello you@example.com\n",
                    STR_ARG(a->name), STR_ARG(a->name), STR_ARG(a->name));
        return CLI_OK;
    }
    cli_account_secret_forget(a->secret, a->name);
    cli_fail_err(e, "account add");
    return e->kind == ERR_CONFIG ? CLI_CONFIG : cli_exit_of(e);
}

static int check_name(const struct adding *a)
{
    if (!cli_profiles_is_name(a->name)) {
        cli_fail("account add: --name: lower-case letters, digits, '.', '_' and '-', at most %d",
                 CLI_PROFILES_NAME_BYTES_MAX);
        return CLI_USAGE;
    }
    if (cli_profiles_find(a->run->config, a->run->own, a->name) == NULL)
        return CLI_OK;
    cli_fail("there is an account \"%.*s\" already: --name gives this one another name",
             STR_ARG(a->name));
    return CLI_FINDINGS;
}

int cli_account_add(struct cli_account_run *run, const char *address)
{
    struct adding a = {.run = run, .address = str_of(address)};
    if (str_find(a.address, '@') == STR_NONE) {
        cli_fail("account add: \"%s\" is no mail address", address);
        return CLI_USAGE;
    }
    int code = find_way(&a);
    if (code != CLI_OK)
        return code;
    if (a.found.preset == NULL && a.found.server_count == 0)
        return not_found(&a);
    if (a.found.preset && a.found.preset->unavailable.len > 0) {
        cli_fail("%.*s", STR_ARG(a.found.preset->unavailable));
        return CLI_FINDINGS;
    }
    choose_name(&a);
    code = choose_user(&a);
    if (code != CLI_OK)
        return code;
    show_found(&a);
    code = check_name(&a);
    if (code == CLI_OK)
        code = check_secret(&a);
    if (code == CLI_OK)
        code = confirm(&a);
    if (code == CLI_OK)
        code = get_secret(&a);
    return code == CLI_OK ? write_account(&a) : code;
}
