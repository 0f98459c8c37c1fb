/* cli/cmd_account.c -- smtptool account: a user's accounts at mail providers */
#include "cli/account.h"
#include "cli/account_secret.h"
#include "cli/commands.h"
#include "cli/profiles.h"
#include "config/yaml.h"

const char cmd_account_help[] =
    "usage: smtptool account add ADDRESS [options]\n"
    "       smtptool account ls\n"
    "       smtptool account show NAME\n"
    "       smtptool account test [NAME | --all]\n"
    "       smtptool account watch\n"
    "       smtptool account default [NAME]\n"
    "       smtptool account rm NAME\n\n"
    "An account is a login at somebody's mail server, under a name for `smtptool send --account\n"
    "NAME`. Yours stand in $XDG_CONFIG_HOME/smtptool/accounts.yaml (or ~/.config/...), those of "
    "the\n"
    "configuration are shown and tested, too.\n\n"
    "  add       finds the server: by a preset (smtptool preset ls), SRV records, the provider's\n"
    "            autoconfiguration file, or the preset of its MX hosts; shows what was found and\n"
    "            where, which login is best and where to make its password; nothing is guessed\n"
    "  ls, show  the accounts; one of them with all that its preset adds. Never a secret\n"
    "  test      connect, TLS, EHLO and login, and nothing is sent: what works, and what differs\n"
    "            from the preset or from what the server says, with the line to write\n"
    "  watch     test --all that tells only what the last run did not: for a timer\n"
    "  default   the account that `send` takes when it is told no other way; shows it without "
    "NAME\n"
    "  rm        takes it out, and the file of its password when `add` has made that\n\n"
    "options of add:\n"
    "  --preset NAME       take this one; --licence WORD and --host NAME belong to it\n"
    "  --server URL        this server: smtps://mail.example.com, mail.example.com:587\n"
    "  --name NAME         default: the preset's name, or the domain's first part\n"
    "  --user NAME         of the login; default: what the provider says, else the address\n"
    "  --secret REFERENCE  where the password is: keyring:SERVICE/USER, file:/path, env:NAME,\n"
    "                      command:..., encrypted:FILE#name (docs/secrets.md)\n"
    "  --client-id ID      log in by token now, under the account's name; `smtptool oauth setup`\n"
    "                      tells how to get an ID. --client-secret-ref REF belongs to it\n"
    "  --oauth NAME        a login made by `smtptool oauth login NAME`\n"
    "  --keep WHERE        without one of these a password is asked for (or is the first line of\n"
    "                      stdin) and kept in the keyring, in a file of mode 0600 (file), or in\n"
    "                      encrypted:/path/FILE#NAME; default: keyring in a desktop, else file\n"
    "  --mechanism NAME    default: the best that is offered\n"
    "  --default           make it the default account; the first one is\n"
    "  --yes               take what was found in the network without asking\n"
    "  --autoconfig URL    where the provider's file is, instead of the two usual places\n"
    "options of add, test and watch:\n"
    "  --dns-zone FILE     names are looked up in this zone file and not in the DNS\n"
    "  --ca-file FILE      trust these roots (PEM) instead of the system's\n"
    "  --json              ls, show, test, watch: one JSON object for each account\n\n"
    "exit: 0 done, or all is well; 1 something was found (add: nothing was); 2 test: the server\n"
    "cannot be reached; 64 usage; 78 accounts.yaml or the configuration has mistakes\n\n"
    "examples:\n"
    "  smtptool account add me@gmail.com\n"
    "  smtptool account add me@example.com --server smtps://mail.example.com --keep file\n"
    "  smtptool account test && smtptool send --subject Hi --text Hello you@example.com\n";

/* ---- showing ---------------------------------------------------------------------------- */

static bool is_default(const struct cli_account_run *run, const struct config_account *a)
{
    return a == cli_profiles_find(run->config, run->own, (str){0});
}

static void add_text(json_t *o, const char *key, str text)
{
    if (text.len > 0)
        json_object_set_new(o, key, cli_json_str(text));
}

static void print_json(const struct cli_account_run *run, const struct config_account *a, bool own)
{
    json_t *servers = json_array();
    for (size_t i = 0; i < a->hop_count; i++)
        json_array_append_new(servers, cli_json_str(a->hops[i].url));
    json_t *o =
        json_pack("{so,sb,ss,so}", "account", cli_json_str(a->name), "default", is_default(run, a),
                  "of", own ? "user" : "configuration", "servers", servers);
    add_text(o, "user", a->user);
    add_text(o, "preset", a->preset);
    add_text(o, "licence", a->licence);
    add_text(o, "mechanism", a->mechanism);
    add_text(o, "secret", a->secret);
    cli_print_json(o);
}

static void print_row(const struct cli_account_run *run, const struct config_account *a, bool own)
{
    if (run->cli->json) {
        print_json(run, a, own);
        return;
    }
    printf("%c %-20.*s %-30.*s ", is_default(run, a) ? '*' : ' ', STR_ARG(a->name),
           STR_ARG(a->user));
    cli_print_clean(stdout, a->preset.len > 0  ? a->preset
                            : a->hop_count > 0 ? a->hops[0].url
                                               : (str){0});
    puts(own ? "" : "  (configuration)");
}

static int run_ls(void *arg, int argc, char **argv)
{
    const struct cli_account_run *run = arg;
    (void)argc, (void)argv;
    for (size_t i = 0; i < run->own->account_count; i++)
        print_row(run, &run->own->accounts[i], true);
    for (size_t i = 0; i < run->config->account_count; i++)
        print_row(run, &run->config->accounts[i], false);
    if (run->own->account_count + run->config->account_count == 0 && !run->cli->quiet)
        fputs("there are no accounts: `smtptool account add ADDRESS` makes one\n", stderr);
    return CLI_OK;
}

static const struct config_account *find(const struct cli_account_run *run, const char *name)
{
    const struct config_account *a = cli_profiles_find(run->config, run->own, str_of(name));
    if (a == NULL)
        cli_fail("there is no account \"%s\": `smtptool account ls` shows them", name);
    return a;
}

static bool is_own(const struct cli_account_run *run, const struct config_account *a)
{
    return a >= run->own->accounts && a < run->own->accounts + run->own->account_count;
}

static void print_line(const char *label, str text)
{
    if (text.len == 0)
        return;
    printf("  %-9s ", label);
    cli_print_clean(stdout, text);
    putchar('\n');
}

static void print_account(const struct cli_account_run *run, const struct config_account *a)
{
    const struct config_preset *p = config_presets_find(&run->presets, a->preset);
    const struct config_preset_licence *l = p ? config_preset_licence(p, a->licence) : NULL;
    printf("%.*s%s\n", STR_ARG(a->name), is_default(run, a) ? " (the default)" : "");
    print_line("file", is_own(run, a) ? run->own->file : run->config->file);
    print_line("preset", a->preset);
    for (size_t i = 0; i < a->hop_count; i++)
        print_line(i == 0 ? "servers" : "then", a->hops[i].url);
    print_line("user", a->user);
    print_line("secret", a->secret);
    print_line("mechanism", a->mechanism);
    if (l)
        print_line("quota", config_preset_quota_text(l, run->arena));
    if (p)
        print_line("From", str_of(config_preset_from_meaning(p->from)));
    if (p)
        print_line("at", p->enable_at);
}

static int run_show(void *arg, int argc, char **argv)
{
    const struct cli_account_run *run = arg;
    (void)argc;
    const struct config_account *a = find(run, argv[0]);
    if (a == NULL)
        return CLI_FINDINGS;
    if (run->cli->json)
        print_json(run, a, is_own(run, a));
    else
        print_account(run, a);
    return CLI_OK;
}

/* ---- changing --------------------------------------------------------------------------- */

static int run_add(void *arg, int argc, char **argv)
{
    (void)argc;
    return cli_account_add(arg, argv[0]);
}

static int run_test(void *arg, int argc, char **argv)
{
    return cli_account_check_run(arg, argc > 0 ? argv[0] : NULL);
}

static int run_watch(void *arg, int argc, char **argv)
{
    (void)argc, (void)argv;
    return cli_account_check_watch(arg);
}

static int told(err e)
{
    if (e == NULL)
        return CLI_OK;
    cli_fail_err(e, "account");
    return e->kind == ERR_CONFIG ? CLI_CONFIG : cli_exit_of(e);
}

static int run_default(void *arg, int argc, char **argv)
{
    const struct cli_account_run *run = arg;
    str name = cli_profiles_default(run->config, run->own);
    if (argc > 0)
        return find(run, argv[0]) ? told(cli_profiles_set_default(run->config, str_of(argv[0])))
                                  : CLI_FINDINGS;
    if (name.len > 0)
        printf("%.*s\n", STR_ARG(name));
    else
        fputs("there is no default account\n", stderr);
    return name.len > 0 ? CLI_OK : CLI_FINDINGS;
}

static int run_rm(void *arg, int argc, char **argv)
{
    const struct cli_account_run *run = arg;
    (void)argc;
    const struct config_account *a = find(run, argv[0]);
    if (a == NULL)
        return CLI_FINDINGS;
    if (!is_own(run, a)) {
        cli_fail("%s is an account of the configuration %.*s, which is not ours to change", argv[0],
                 STR_ARG(run->config->file));
        return CLI_FINDINGS;
    }
    err e = cli_profiles_remove(run->config, a->name);
    if (e == NULL)
        cli_account_secret_forget(a->secret, a->name);
    return told(e);
}

/* ---- the way in ------------------------------------------------------------------------- */

const struct cli_verb cmd_account_verbs[] = {
    {"add",     run_add,     1, 1, "ADDRESS"     },
    {"ls",      run_ls,      0, 0, ""            },
    {"show",    run_show,    1, 1, "NAME"        },
    {"test",    run_test,    0, 1, "[NAME|--all]"},
    {"watch",   run_watch,   0, 0, ""            },
    {"default", run_default, 0, 1, "[NAME]"      },
    {"rm",      run_rm,      1, 1, "NAME"        },
    {NULL,      NULL,        0, 0, NULL          },
};

static bool open_run(struct cli_account_run *run)
{
    struct config_errors errors;
    run->config = cli_config(run->cli);
    if (run->config == NULL || cli_profiles_read(run->config, &run->own) != NULL)
        return false;
    config_errors_init(&errors);
    bool good = config_presets_read(run->config->share, run->arena, &errors, &run->presets);
    config_errors_release(&errors);
    if (!good)
        cli_fail("your presets.yaml in %.*s has mistakes: `smtptool preset ls` tells them",
                 STR_ARG(run->config->share));
    err_forget(); /* of all that was read */
    return good;
}

int cmd_account(struct cli *cli, int argc, char **argv)
{
    struct cli_account_run run = {.cli = cli};
    const struct cli_option options[] = {
        {.name = "preset",            .value = &run.preset           },
        {.name = "server",            .value = &run.server           },
        {.name = "name",              .value = &run.name             },
        {.name = "user",              .value = &run.user             },
        {.name = "host",              .value = &run.host             },
        {.name = "licence",           .value = &run.licence          },
        {.name = "secret",            .value = &run.secret           },
        {.name = "oauth",             .value = &run.oauth            },
        {.name = "client-id",         .value = &run.client_id        },
        {.name = "client-secret-ref", .value = &run.client_secret_ref},
        {.name = "mechanism",         .value = &run.mechanism        },
        {.name = "keep",              .value = &run.keep             },
        {.name = "autoconfig",        .value = &run.autoconfig       },
        {.name = "dns-zone",          .value = &run.dns_zone         },
        {.name = "ca-file",           .value = &run.ca_file          },
        {.name = "default",           .flag = &run.make_default      },
        {.name = "yes",               .flag = &run.yes               },
        {.name = "all",               .flag = &run.all               },
    };
    int code;
    int first = cli_parse(cli, cli->command, options, ARRAY_LEN(options), argc, argv, &code);
    if (first < 0)
        return code;
    run.arena = arena_open(4 * CONFIG_YAML_ARENA_BYTES_MAX);
    code = CLI_CONFIG;
    if (open_run(&run))
        code = cli_run_verb(cli, cmd_account_verbs, ARRAY_LEN(cmd_account_verbs) - 1, &run,
                            argc - first, argv + first);
    config_close(run.own);
    config_close(run.config);
    arena_close(run.arena);
    return code;
}
