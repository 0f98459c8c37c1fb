/* cli/cmd_config.c -- smtptool config: is it right, what is in force, what may be written */
#include "cli/admin_client.h"
#include "cli/commands.h"
#include "cli/domain_keys.h"
#include "cli/egress_view.h"
#include "cli/interchange.h"

const char cmd_config_help[] =
    "usage: smtptool config check [FILE]\n"
    "       smtptool config show [--origin]\n"
    "       smtptool config schema\n"
    "       smtptool config reload\n"
    "       smtptool config import msmtp|swaks|netrc|mutt [FILE]\n"
    "       smtptool config export PROGRAM ACCOUNT|preset:NAME\n\n"
    "  check    read the configuration and tell every mistake as file:line:col\n"
    "  show     every value in force, as YAML that can be used as a file\n"
    "  schema   a JSON Schema of the file, for editors\n"
    "  reload   have the running server read its configuration and its keys again, and wait for\n"
    "           it; when there is a mistake in them, the old ones stay in force\n"
    "  import   makes accounts (smtptool account) of the logins in another program's file: its "
    "own\n"
    "           in the usual place, or FILE. A command or a netrc that has the password stays "
    "what\n"
    "           it is, a password is moved to where --keep says; nothing in the file is run. What\n"
    "           does not come along is told, with its line and what to do\n"
    "  export   writes an account, or a preset, to stdout as the configuration of msmtp, postfix,\n"
    "           exim, swaks, nodemailer, smtplib, phpmailer, thunderbird or as variables (env),\n"
    "           without its secret and with no less TLS\n\n"
    "options of import:\n"
    "  --account NAME  only that account of msmtp, or machine of a netrc\n"
    "  --name NAME     what it is to be called here\n"
    "  --keep WHERE    a password: keyring, file (mode 0600) or encrypted:/path/FILE[#NAME];\n"
    "                  default: keyring in a desktop, else file. It is never in accounts.yaml\n"
    "  --default       make it the default account\n"
    "  --dry-run       show what would be written, and write nothing\n"
    "options of export:\n"
    "  --from ADDRESS  to write as; default: the address of the account\n"
    "  --ca-file FILE  trust these roots (PEM) instead of the system's\n"
    "  --user NAME, --secret REFERENCE, --host NAME\n"
    "                  of preset:NAME: the login, where its secret is (env:SMTP_PASSWORD), the\n"
    "                  server where the preset has none of its own\n"
    "options:\n"
    "  --origin        say behind each value where it comes from\n"
    "  -C, --config F  this file; else the first that exists of $SMTPTOOL_CONFIG,\n"
    "                  $XDG_CONFIG_HOME/smtptool/smtptool.yaml (or ~/.config/...) and\n"
    "                  /etc/smtptool/smtptool.yaml; else the defaults\n"
    "  --json          check: one JSON object with the list of mistakes; import: one for each\n"
    "                  account and note\n\n"
    "exit: 0 it is right (reload: and in force); 69 reload: no server runs; 78 there are "
    "mistakes,\n"
    "      the file cannot be read, or the server has refused it: the reason is told. import,\n"
    "      export: 0 done; 1 not for all, or refused with the reason; 64 usage; 66 no such file\n\n"
    "examples:\n"
    "  smtptool config check /etc/smtptool/smtptool.yaml\n"
    "  smtptool config show --origin | less\n"
    "  smtptool config show > smtptool.yaml      a file to begin with\n"
    "  smtptool config import msmtp --dry-run\n"
    "  smtptool config export postfix preset:gmail --user me@gmail.com --secret file:/root/gmail\n";

struct config_run {
    struct cli *cli;
    bool origin;
    struct cli_interchange_run interchange;
};

enum { CONFIG_TEXT_BYTES_MAX = 4 << 20 };

static void print_errors_json(const struct config_errors *errors)
{
    json_t *list = json_array();
    for (size_t i = 0; i < errors->count; i++) {
        const struct config_error *at = &errors->list[i];
        json_array_append_new(
            list, json_pack("{so,si,si,so,so,so}", "file", cli_json_str(at->file), "line", at->line,
                            "col", at->col, "key", cli_json_str(at->key), "message",
                            cli_json_str(at->message), "suggestion", cli_json_str(at->suggestion)));
    }
    cli_print_json(
        json_pack("{sb,so,sI}", "ok", 0, "errors", list, "left_out", (json_int_t)errors->left_out));
}

static void print_errors(const struct cli *cli, const struct config_errors *errors, err e)
{
    struct buf text;
    if (cli->json) {
        print_errors_json(errors);
        return;
    }
    buf_init(&text, CONFIG_TEXT_BYTES_MAX);
    if (config_errors_print(errors, &text) == NULL)
        fputs(buf_chars(&text), stderr);
    if (errors->count == 0)
        cli_fail_err(e, "the configuration");
    else
        fprintf(stderr, "%zu mistake%s\n", errors->count + errors->left_out,
                errors->count + errors->left_out == 1 ? "" : "s");
    buf_release(&text);
}

static void warn_unsigned(void *arg, str domain, bool seals)
{
    (void)arg;
    fprintf(stderr, "warning: %s %.*s%s, for it has no key: \"smtptool domain add\" makes one\n",
            seals ? "nothing is sealed by" : "mail from", STR_ARG(domain),
            seals ? "" : " leaves unsigned");
}

/* It may come later, with an interface or a move: then mail waits for it. */
static void warn_addresses(const struct config *config)
{
    for (size_t i = 0; i < config->egress_count; i++) {
        const struct config_egress *e = &config->egress[i];
        for (size_t k = 0; k < e->address_count && e->via == NULL; k++) {
            char ip[ADDRESS_CHARS];
            address_format_ip(&e->addresses[k], ip);
            if (!cli_egress_view_is_here(&e->addresses[k]))
                fprintf(stderr, "warning: egress %.*s: this machine does not have the address %s\n",
                        STR_ARG(e->name), ip);
        }
    }
}

static int run_check(void *arg, int argc, char **argv)
{
    const struct config_run *run = arg;
    struct config_errors errors;
    struct config *config = NULL;
    config_errors_init(&errors);
    err e = config_load(argc ? str_of(argv[0]) : run->cli->config_path, &config, &errors);
    if (e) {
        print_errors(run->cli, &errors, e);
    } else if (run->cli->json) {
        cli_print_json(
            json_pack("{sb,so,s[]}", "ok", 1, "file", cli_json_str(config->file), "errors"));
    } else if (!run->cli->quiet && config->file.len) {
        printf("%.*s: no mistakes\n", STR_ARG(config->file));
    } else if (!run->cli->quiet) {
        puts("there is no configuration file: the defaults are in force");
    }
    if (e == NULL && !run->cli->quiet) {
        cli_domain_keys_warn(config, warn_unsigned, NULL);
        warn_addresses(config);
    }
    config_errors_release(&errors);
    config_close(config);
    return e ? CLI_CONFIG : CLI_OK;
}

static int print_text(err e, struct buf *text)
{
    if (e)
        cli_fail_err(e, "the configuration");
    else
        fputs(buf_chars(text), stdout);
    buf_release(text);
    return e ? CLI_SOFTWARE : CLI_OK;
}

static int run_show(void *arg, int argc, char **argv)
{
    const struct config_run *run = arg;
    const struct config *config = cli_config(run->cli);
    struct buf text;
    (void)argc, (void)argv;
    if (config == NULL)
        return CLI_CONFIG;
    buf_init(&text, CONFIG_TEXT_BYTES_MAX);
    int code = print_text(config_show(config, run->origin, &text), &text);
    config_close(config);
    return code;
}

static int run_schema(void *arg, int argc, char **argv)
{
    struct buf text;
    (void)arg, (void)argc, (void)argv;
    buf_init(&text, CONFIG_TEXT_BYTES_MAX);
    return print_text(config_schema(&text), &text);
}

static void print_told(void *arg, const json_t *line)
{
    (void)arg;
    const char *told = json_string_value(json_object_get(line, "told"));
    if (told)
        fputs(told, stderr);
}

static int run_reload(void *arg, int argc, char **argv)
{
    const struct config_run *run = arg;
    const struct config *config = cli_config(run->cli);
    int64_t count;
    (void)argc, (void)argv;
    if (config == NULL)
        return CLI_CONFIG;
    err e =
        cli_admin_client_ask(config, json_pack("{ss}", "verb", "reload"), print_told, NULL, &count);
    config_close(config);
    if (e) {
        cli_fail_err(e, "reload");
        return e->kind == ERR_CLOSED ? CLI_UNAVAILABLE : CLI_CONFIG;
    }
    if (!run->cli->quiet)
        fputs("the server has read its configuration again\n", stderr);
    return CLI_OK;
}

static int run_import(void *arg, int argc, char **argv)
{
    struct config_run *run = arg;
    return cli_interchange_import(&run->interchange, argv[0], argc > 1 ? argv[1] : NULL);
}

static int run_export(void *arg, int argc, char **argv)
{
    struct config_run *run = arg;
    (void)argc;
    return cli_interchange_export(&run->interchange, argv[0], argv[1]);
}

const struct cli_verb cmd_config_verbs[] = {
    {"check",  run_check,  0, 1, "[FILE]"                       },
    {"show",   run_show,   0, 0, "[--origin]"                   },
    {"schema", run_schema, 0, 0, ""                             },
    {"reload", run_reload, 0, 0, ""                             },
    {"import", run_import, 1, 2, "msmtp|swaks|netrc|mutt [FILE]"},
    {"export", run_export, 2, 2, "PROGRAM ACCOUNT|preset:NAME"  },
    {NULL,     NULL,       0, 0, NULL                           },
};

int cmd_config(struct cli *cli, int argc, char **argv)
{
    struct config_run run = {.cli = cli, .interchange.cli = cli};
    struct cli_interchange_run *other = &run.interchange;
    const struct cli_option options[] = {
        {.name = "origin",  .flag = &run.origin         },
        {.name = "account", .value = &other->account    },
        {.name = "name",    .value = &other->name       },
        {.name = "keep",    .value = &other->keep       },
        {.name = "default", .flag = &other->make_default},
        {.name = "dry-run", .flag = &other->dry_run     },
        {.name = "user",    .value = &other->user       },
        {.name = "secret",  .value = &other->secret     },
        {.name = "host",    .value = &other->host       },
        {.name = "from",    .value = &other->from       },
        {.name = "ca-file", .value = &other->ca_file    },
    };
    int code;
    int first = cli_parse(cli, cli->command, options, ARRAY_LEN(options), argc, argv, &code);
    if (first < 0)
        return code;
    return cli_run_verb(cli, cmd_config_verbs, ARRAY_LEN(cmd_config_verbs) - 1, &run, argc - first,
                        argv + first);
}
