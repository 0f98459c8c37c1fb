/* cli/cmd_oauth.c -- smtptool oauth: log in at a provider, and have tokens from then on */
#include "base/clock.h"
#include "cli/commands.h"
#include "cli/oauth_ask.h"
#include "cli/oauth_logins.h"
#include "cli/oauth_show.h"
#include "config/yaml.h"
#include "oauth/advice.h"
#include "oauth/grant.h"
#include "secret/secret.h"
#include <string.h>
#include <unistd.h>

const char cmd_oauth_help[] =
    "usage: smtptool oauth login NAME --provider PROVIDER --client-id ID [options]\n"
    "       smtptool oauth setup [PROVIDER] [--client-id ID] [options]\n"
    "       smtptool oauth status [NAME...]\n"
    "       smtptool oauth token NAME [--show] [--renew]\n"
    "       smtptool oauth revoke NAME\n"
    "       smtptool oauth ls\n\n"
    "A login is made once, by a person; from then on there is always a token that is good. Where "
    "a\n"
    "secret is wanted, oauth:NAME stands for it: in accounts of the configuration, and in\n"
    "`smtptool send --secret oauth:NAME`. Tokens are kept sealed, and are never shown unless "
    "asked\n"
    "for.\n\n"
    "  login     log in, and keep the login as NAME; again: a new one in its place\n"
    "  setup     what to do in the provider's console, in order; with --client-id a trial login\n"
    "            follows, which tells what is wrong and is not kept\n"
    "  status    until when, for what, by which provider, when it was renewed last\n"
    "  token     the access token on stdout, renewed first when it is due\n"
    "  revoke    tell the provider that it is over (RFC 7009), and forget the login\n"
    "  ls        the names of all logins\n\n"
    "options:\n"
    "  --provider WORD          google, microsoft, yahoo, fastmail, or the https URL of any "
    "OpenID\n"
    "                           provider, which describes itself\n"
    "  --client-id ID           of the application that you registered there\n"
    "  --client-secret-ref REF  where its secret is, when it has one: file:/path, env:NAME or\n"
    "                           another kind (docs/secrets.md)\n"
    "  --loopback               log in with a browser on this machine (the default where there is\n"
    "                           no device flow)\n"
    "  --device                 log in with a code on any device (the default where there is one)\n"
    "  --client-credentials     a service logs in as itself, without a user\n"
    "  --tenant WORD            Microsoft: a domain or id; default common\n"
    "  --scope SCOPE            in place of the provider's smallest scopes; several: blanks "
    "between\n"
    "  --user ADDRESS           whose mailbox: offered in the browser, and shown by status\n"
    "  --port N                 of the loopback address; default: any that is free\n"
    "  --open                   open the address with xdg-open; without it, it is only shown\n"
    "  --browser COMMAND        the same with a command of yours; no shell is started\n"
    "  --wait TIME              how long the user may take: 1s to 60m; default 15m\n"
    "  --ca-file FILE           trust these roots (PEM) instead of the system's\n"
    "  --show                   token: print it although stdout is a terminal\n"
    "  --renew                  token: ask for a new one, however good the old one is\n"
    "  --server                 the server's own logins (oauth in its state folder), not yours\n"
    "  -C, --config F           whose server\n"
    "  --json                   one JSON object for each login\n\n"
    "exit: 0 done; 1 a login is over (status), a trial found something (setup); 64 usage; 65 no\n"
    "such login, or the user has to log in again; 75 try again later; 77 refused\n\n"
    "examples:\n"
    "  smtptool oauth setup google\n"
    "  smtptool oauth login me --provider google --client-id 1234.apps.googleusercontent.com \\\n"
    "      --client-secret-ref file:$HOME/.google-client --open\n"
    "  smtptool oauth login shop --provider microsoft --tenant example.com --client-id 0a1b… "
    "--device\n"
    "  smtptool send --server smtp://smtp.gmail.com --user me@gmail.com --secret oauth:me …\n";

struct oauth_run {
    struct cli *cli;
    struct arena *arena;
    const struct config *config;
    struct oauth_store *store;
    const char *provider, *client_id, *client_secret_ref, *tenant, *scope, *user, *port, *browser,
        *wait, *ca_file;
    bool loopback, device, client_credentials, open, show, renew, server;
};

/* ---- what is asked for ------------------------------------------------------------------ */

static err find_provider(struct oauth_run *run, str word, struct oauth_provider *ret_provider)
{
    struct oauth_providers all;
    struct config_errors errors;
    str ca_file = run->ca_file ? str_of(run->ca_file) : (str){0};
    str tenant = run->tenant ? str_of(run->tenant) : (str){0};
    if (str_starts(word, S("https://")) || str_starts(word, S("http://")))
        return oauth_provider_discover(word, ca_file, run->arena, ret_provider);
    config_errors_init(&errors);
    str folder = run->config ? run->config->share : (str){0};
    bool good = oauth_provider_read_all(folder, run->arena, &errors, &all);
    config_errors_release(&errors);
    if (!good)
        return err_new(ERR_CONFIG, "your oauth.yaml in %.*s has mistakes", STR_ARG(folder));
    const struct oauth_provider *p = oauth_provider_find(&all, word);
    if (p == NULL)
        return err_new(
            ERR_CONFIG,
            "\"%.*s\" is no provider of ours: smtptool oauth setup shows them; any other "
            "is named by its https URL",
            STR_ARG(word));
    if (p->unavailable.len > 0)
        return err_new(ERR_CONFIG, "%.*s", STR_ARG(p->unavailable));
    return oauth_provider_of_tenant(p, tenant, run->arena, ret_provider);
}

static err read_flow(const struct oauth_run *run, const struct oauth_provider *p,
                     enum oauth_entry_flow *ret_flow)
{
    if (run->loopback + run->device + run->client_credentials > 1)
        return err_new(ERR_CONFIG, "--loopback, --device, --client-credentials: one of them");
    *ret_flow = run->client_credentials            ? OAUTH_FLOW_CLIENT
                : run->loopback                    ? OAUTH_FLOW_LOOPBACK
                : run->device || p->device.len > 0 ? OAUTH_FLOW_DEVICE
                                                   : OAUTH_FLOW_LOOPBACK;
    return NULL;
}

static err read_scopes(const struct oauth_run *run, const struct oauth_provider *p,
                       enum oauth_entry_flow flow, str *ret_scopes)
{
    str given = run->scope ? str_of(run->scope) : (str){0};
    *ret_scopes = given.len > 0 ? given : flow == OAUTH_FLOW_CLIENT ? p->app_scopes : p->scopes;
    if (ret_scopes->len > 0 || flow == OAUTH_FLOW_CLIENT)
        return NULL;
    return err_new(ERR_CONFIG, "--scope is wanted for this provider");
}

static err read_numbers(const struct oauth_run *run, struct oauth_login *l)
{
    uint64_t port = 0;
    l->ms_max = OAUTH_LOGIN_MS_MAX;
    if (run->port && (!str_to_u64(str_of(run->port), 65535, &port) || port == 0))
        return err_new(ERR_CONFIG, "--port: 1 to 65535");
    l->port = (uint16_t)port;
    return run->wait ? cli_oauth_ask_wait(str_of(run->wait), &l->ms_max) : NULL;
}

/* All but the client's secret. */
static err read_login(struct oauth_run *run, str word, struct oauth_provider *p,
                      struct oauth_login *l)
{
    TRY(find_provider(run, word, p));
    TRY(read_flow(run, p, &l->flow));
    TRY(read_scopes(run, p, l->flow, &l->scopes));
    TRY(read_numbers(run, l));
    if (run->client_id == NULL || run->client_id[0] == '\0')
        return err_new(ERR_CONFIG,
                       "--client-id is wanted: smtptool oauth setup %.*s says how to "
                       "get one",
                       STR_ARG(word));
    l->provider = p;
    l->user = run->user ? str_of(run->user) : (str){0};
    l->client = (struct oauth_client){.id = str_of(run->client_id),
                                      .basic = p->basic,
                                      .ca_file = run->ca_file ? str_of(run->ca_file) : (str){0}};
    return NULL;
}

/* ---- logging in ------------------------------------------------------------------------- */

static err log_in(struct oauth_run *run, struct oauth_login *l, struct oauth_token_answer *answer,
                  struct oauth_refusal *refusal)
{
    struct buf secret;
    struct cli_oauth_ask ask = {.quiet = run->cli->quiet && l->flow == OAUTH_FLOW_CLIENT,
                                .browser = run->open ? "xdg-open" : run->browser};
    buf_init(&secret, SECRET_BYTES_MAX);
    err e = run->client_secret_ref
                ? cli_oauth_logins_read(NULL, str_of(run->client_secret_ref), &secret)
                : NULL;
    l->client.secret = buf_str(&secret);
    l->show = cli_oauth_ask_show;
    l->arg = &ask;
    if (e == NULL)
        e = oauth_login_run(l, run->arena, answer, refusal);
    l->client.secret = (str){0};
    secret_wipe(&secret);
    return e;
}

static int exit_of_refusal(const struct oauth_refusal *r)
{
    return r->kind == OAUTH_TEMPORARY || r->kind == OAUTH_EXPIRED ? CLI_TEMPORARY
                                                                  : CLI_NO_PERMISSION;
}

static int tell_refusal(const struct oauth_login *l, const struct oauth_refusal *r)
{
    fputs("smtptool: ", stderr);
    cli_print_clean(stderr, l->provider->name);
    fputs(" refused: ", stderr);
    cli_print_clean(stderr, r->code);
    if (r->description.len > 0) {
        fputs(": ", stderr);
        cli_print_clean(stderr, r->description);
    }
    fprintf(stderr, "\n  %s\n", oauth_advice_of(r));
    return exit_of_refusal(r);
}

/* Is this token fit for what it was asked for? What is wrong is told. */
static bool check_token(const struct oauth_run *run, const struct oauth_login *l,
                        const struct oauth_token_answer *a)
{
    str missing =
        a->scope.len > 0 ? oauth_answer_missing_scope(l->scopes, a->scope, run->arena) : (str){0};
    if (missing.len > 0)
        cli_fail("the token lacks %.*s, without which no mail can be sent by it: add the scope to "
                 "the client in the provider's console, and leave its box ticked when you log in",
                 STR_ARG(missing));
    if (a->refresh.len == 0 && l->flow != OAUTH_FLOW_CLIENT)
        cli_fail("the provider gave no refresh token, so the login ends in %lld min: ask for it by "
                 "the scope offline_access, or allow it for the client",
                 (long long)(a->life_s / 60));
    return missing.len == 0;
}

static int tell_err(err e, const char *what)
{
    cli_fail_err(e, "%s", what);
    if (e->kind == ERR_CONFIG)
        return CLI_CONFIG;
    return e->kind == ERR_SYSTEM || e->kind == ERR_LIMIT ? CLI_TEMPORARY : cli_exit_of(e);
}

static err keep(struct oauth_run *run, str name, const struct oauth_login *l,
                const struct oauth_token_answer *answer, struct oauth_entry *entry)
{
    int64_t now_ms = clock_real_ms();
    *entry = (struct oauth_entry){
        .provider = l->provider->key,
        .token = l->provider->token,
        .revoke = l->provider->revoke,
        .client_id = l->client.id,
        .client_secret_ref = run->client_secret_ref ? str_of(run->client_secret_ref) : (str){0},
        .basic = l->client.basic,
        .scopes = l->scopes,
        .user = l->user,
        .ca_file = l->client.ca_file,
        .flow = l->flow,
        .login_ms = now_ms,
    };
    oauth_entry_take(entry, answer, now_ms);
    TRY(cli_oauth_logins_make(run->server ? run->config : NULL));
    return oauth_store_put(run->store, name, entry);
}

static int run_login(void *arg, int argc, char **argv)
{
    struct oauth_run *run = arg;
    struct oauth_provider provider;
    struct oauth_login l = {0};
    struct oauth_token_answer answer = {0};
    struct oauth_refusal refusal;
    struct oauth_entry entry;
    str name = str_of(argv[0]);
    (void)argc;
    if (!oauth_entry_name_ok(name)) {
        cli_fail("a login's name has letters, digits, . - _ and @, and at most %d of them",
                 OAUTH_ENTRY_NAME_CHARS);
        return CLI_USAGE;
    }
    err e = run->provider ? read_login(run, str_of(run->provider), &provider, &l)
                          : err_new(ERR_CONFIG, "--provider is wanted");
    if (e) {
        cli_fail_err(e, "login");
        return e->kind == ERR_CONFIG ? CLI_USAGE : tell_err(e, "login");
    }
    e = log_in(run, &l, &answer, &refusal);
    if (e)
        return tell_err(e, "login");
    if (refusal.kind != OAUTH_NOT_REFUSED)
        return tell_refusal(&l, &refusal);
    if (!check_token(run, &l, &answer))
        return CLI_NO_PERMISSION;
    e = keep(run, name, &l, &answer, &entry);
    if (e)
        return tell_err(e, "keep the login");
    if (!run->cli->quiet || run->cli->json)
        cli_oauth_show_entry(name, &entry, run->cli->json);
    oauth_store_forget(&entry);
    if (!run->cli->quiet && !run->server && run->user && l.flow != OAUTH_FLOW_CLIENT)
        fprintf(stderr, "  smtptool account add %s --oauth %s      send by it\n", run->user,
                argv[0]);
    return CLI_OK;
}

/* ---- setting up ------------------------------------------------------------------------- */

static int list_providers(struct oauth_run *run)
{
    struct oauth_providers all;
    struct config_errors errors;
    config_errors_init(&errors);
    bool good = oauth_provider_read_all(run->config ? run->config->share : (str){0}, run->arena,
                                        &errors, &all);
    config_errors_release(&errors);
    if (!good) {
        cli_fail("your oauth.yaml has mistakes");
        return CLI_CONFIG;
    }
    for (size_t i = 0; i < all.count; i++)
        cli_oauth_show_provider(&all.list[i], run->cli->json);
    return CLI_OK;
}

/* A token that nobody is to have: it is over before anybody asks. */
static void undo(const struct oauth_login *l, const struct oauth_token_answer *a,
                 struct arena *arena)
{
    struct oauth_refusal ignored;
    if (l->provider->revoke.len == 0)
        return;
    str token = a->refresh.len > 0 ? a->refresh : a->access;
    err e =
        oauth_grant_revoke(&l->client, l->provider->revoke, token,
                           a->refresh.len > 0 ? "refresh_token" : "access_token", arena, &ignored);
    if (e)
        cli_fail_err(e, "revoke the trial's token");
    err_forget();
}

static int try_login(struct oauth_run *run, struct oauth_login *l)
{
    struct oauth_token_answer answer = {0};
    struct oauth_refusal refusal;
    err e = log_in(run, l, &answer, &refusal);
    if (e)
        return tell_err(e, "the trial login");
    if (refusal.kind != OAUTH_NOT_REFUSED) {
        tell_refusal(l, &refusal);
        return CLI_FINDINGS;
    }
    bool good =
        check_token(run, l, &answer) && (answer.refresh.len > 0 || l->flow == OAUTH_FLOW_CLIENT);
    undo(l, &answer, run->arena);
    if (good)
        cli_oauth_show_trial(l);
    return good ? CLI_OK : CLI_FINDINGS;
}

static int run_setup(void *arg, int argc, char **argv)
{
    struct oauth_run *run = arg;
    struct oauth_provider provider;
    struct oauth_login l = {0};
    if (argc == 0)
        return list_providers(run);
    err e = find_provider(run, str_of(argv[0]), &provider);
    if (e)
        return tell_err(e, "setup");
    cli_oauth_show_steps(&provider);
    if (run->client_id == NULL)
        return CLI_OK;
    e = read_login(run, str_of(argv[0]), &provider, &l);
    return e ? tell_err(e, "setup") : try_login(run, &l);
}

/* ---- those that were made --------------------------------------------------------------- */

static int show_one(struct oauth_run *run, str name)
{
    struct oauth_entry entry;
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(OAUTH_STORE_ARENA_BYTES);
    err e = oauth_store_get(run->store, name, arena, &entry);
    if (e) {
        cli_fail_err(e, "status");
        return cli_exit_of(e);
    }
    cli_oauth_show_entry(name, &entry, run->cli->json);
    bool over = entry.login_again || (entry.refresh.len == 0 && entry.flow != OAUTH_FLOW_CLIENT &&
                                      oauth_entry_is_over(&entry, clock_real_ms()));
    oauth_store_forget(&entry);
    return over ? CLI_FINDINGS : CLI_OK;
}

static int run_status(void *arg, int argc, char **argv)
{
    struct oauth_run *run = arg;
    str *names = NULL;
    size_t count = 0;
    int code = CLI_OK;
    err e = argc > 0 ? NULL : oauth_store_names(run->store, run->arena, &names, &count);
    if (e)
        return tell_err(e, "status");
    for (size_t i = 0; i < (argc > 0 ? (size_t)argc : count); i++) {
        int one = show_one(run, argc > 0 ? str_of(argv[i]) : names[i]);
        err_forget();
        code = one > code ? one : code;
    }
    return code;
}

static int run_ls(void *arg, int argc, char **argv)
{
    struct oauth_run *run = arg;
    str *names = NULL;
    size_t count = 0;
    (void)argc, (void)argv;
    err e = oauth_store_names(run->store, run->arena, &names, &count);
    if (e)
        return tell_err(e, "ls");
    for (size_t i = 0; i < count; i++)
        if (run->cli->json)
            cli_print_json(json_pack("{so}", "login", cli_json_str(names[i])));
        else
            printf("%.*s\n", STR_ARG(names[i]));
    return CLI_OK;
}

static int run_token(void *arg, int argc, char **argv)
{
    struct oauth_run *run = arg;
    struct buf token;
    (void)argc;
    if (isatty(STDOUT_FILENO) && !run->show) {
        cli_fail("stdout is a terminal, and a token is a secret: --show prints it nevertheless");
        return CLI_USAGE;
    }
    buf_init(&token, OAUTH_TOKEN_BYTES_MAX);
    err e =
        oauth_store_token(run->store, str_of(argv[0]),
                          run->renew ? OAUTH_STORE_RENEW_NOW : OAUTH_STORE_RENEW_IF_DUE, &token);
    if (e) {
        cli_fail_err(e, "token");
        secret_wipe(&token);
        return e->kind == ERR_SYSTEM || e->kind == ERR_LIMIT ? CLI_TEMPORARY : cli_exit_of(e);
    }
    fwrite(token.ptr, 1, token.len, stdout);
    putchar('\n');
    secret_wipe(&token);
    return CLI_OK;
}

static err revoke_entry(struct oauth_run *run, const struct oauth_entry *entry,
                        struct oauth_refusal *ret_refusal)
{
    struct buf secret;
    buf_init(&secret, SECRET_BYTES_MAX);
    err e = entry->client_secret_ref.len > 0
                ? cli_oauth_logins_read(NULL, entry->client_secret_ref, &secret)
                : NULL;
    struct oauth_client client = {entry->client_id, buf_str(&secret), entry->basic, entry->ca_file};
    bool refresh = entry->refresh.len > 0;
    if (e == NULL)
        e = oauth_grant_revoke(&client, entry->revoke, refresh ? entry->refresh : entry->access,
                               refresh ? "refresh_token" : "access_token", run->arena, ret_refusal);
    secret_wipe(&secret);
    return e;
}

static int run_revoke(void *arg, int argc, char **argv)
{
    struct oauth_run *run = arg;
    struct oauth_entry entry;
    struct oauth_refusal refusal = {0};
    str name = str_of(argv[0]);
    (void)argc;
    err e = oauth_store_get(run->store, name, run->arena, &entry);
    if (e) {
        cli_fail_err(e, "revoke");
        return cli_exit_of(e);
    }
    if (entry.revoke.len == 0)
        cli_fail("%.*s has no address for revoking: the login is forgotten here, and ends there "
                 "where you remove the application from your account",
                 STR_ARG(entry.provider));
    else
        e = revoke_entry(run, &entry, &refusal);
    oauth_store_forget(&entry);
    if (e)
        return tell_err(e, "revoke: nothing was forgotten");
    if (refusal.kind == OAUTH_TEMPORARY) {
        cli_fail("the provider is in trouble, and nothing was forgotten: try again later");
        return CLI_TEMPORARY;
    }
    if (refusal.kind != OAUTH_NOT_REFUSED)
        cli_fail("the provider says %.*s; the login is forgotten here", STR_ARG(refusal.code));
    e = oauth_store_remove(run->store, name);
    return e ? tell_err(e, "forget the login") : CLI_OK;
}

const struct cli_verb cmd_oauth_verbs[] = {
    {"login",  run_login,  1, 1,  "NAME"      },
    {"setup",  run_setup,  0, 1,  "[PROVIDER]"},
    {"status", run_status, 0, -1, "[NAME...]" },
    {"token",  run_token,  1, 1,  "NAME"      },
    {"revoke", run_revoke, 1, 1,  "NAME"      },
    {"ls",     run_ls,     0, 0,  ""          },
    {NULL,     NULL,       0, 0,  NULL        },
};

/* Without --server the configuration only says where the operator's oauth.yaml may be. */
static int open_all(struct oauth_run *run)
{
    struct config_errors errors;
    struct config *config = NULL;
    if (run->server) {
        run->config = cli_config(run->cli);
    } else {
        config_errors_init(&errors);
        err ignored = config_load(run->cli->config_path, &config, &errors);
        config_errors_release(&errors);
        run->config = ignored ? NULL : config;
        err_forget();
    }
    if (run->server && run->config == NULL)
        return CLI_CONFIG;
    err e = cli_oauth_logins_open(run->server ? run->config : NULL, &run->store);
    return e ? tell_err(e, "oauth") : CLI_OK;
}

int cmd_oauth(struct cli *cli, int argc, char **argv)
{
    struct oauth_run run = {.cli = cli};
    const struct cli_option options[] = {
        {.name = "provider",           .value = &run.provider         },
        {.name = "client-id",          .value = &run.client_id        },
        {.name = "client-secret-ref",  .value = &run.client_secret_ref},
        {.name = "loopback",           .flag = &run.loopback          },
        {.name = "device",             .flag = &run.device            },
        {.name = "client-credentials", .flag = &run.client_credentials},
        {.name = "tenant",             .value = &run.tenant           },
        {.name = "scope",              .value = &run.scope            },
        {.name = "user",               .value = &run.user             },
        {.name = "port",               .value = &run.port             },
        {.name = "open",               .flag = &run.open              },
        {.name = "browser",            .value = &run.browser          },
        {.name = "wait",               .value = &run.wait             },
        {.name = "ca-file",            .value = &run.ca_file          },
        {.name = "show",               .flag = &run.show              },
        {.name = "renew",              .flag = &run.renew             },
        {.name = "server",             .flag = &run.server            },
    };
    int code;
    int first = cli_parse(cli, cli->command, options, ARRAY_LEN(options), argc, argv, &code);
    if (first < 0)
        return code;
    run.arena = arena_open(OAUTH_LOGIN_ARENA_BYTES + CONFIG_YAML_ARENA_BYTES_MAX);
    code = open_all(&run);
    if (code == CLI_OK)
        code = cli_run_verb(cli, cmd_oauth_verbs, ARRAY_LEN(cmd_oauth_verbs) - 1, &run,
                            argc - first, argv + first);
    oauth_store_close(run.store);
    if (run.config)
        config_close(run.config);
    arena_close(run.arena);
    return code;
}
