/* cli/cmd_config.c -- smtptool config: is it right, what is in force, what may be written */
#include "cli/admin_client.h"
#include "cli/commands.h"
#include "cli/domain_keys.h"
#include "cli/egress_view.h"

const char cmd_config_help[] =
    "usage: smtptool config check [FILE]\n"
    "       smtptool config show [--origin]\n"
    "       smtptool config schema\n"
    "       smtptool config reload\n\n"
    "  check    read the configuration and tell every mistake as file:line:col\n"
    "  show     every value in force, as YAML that can be used as a file\n"
    "  schema   a JSON Schema of the file, for editors\n"
    "  reload   have the running server read its configuration and its keys again, and wait for\n"
    "           it; when there is a mistake in them, the old ones stay in force\n\n"
    "options:\n"
    "  --origin        say behind each value where it comes from\n"
    "  -C, --config F  this file; else the first that exists of $SMTPTOOL_CONFIG,\n"
    "                  $XDG_CONFIG_HOME/smtptool/smtptool.yaml (or ~/.config/...) and\n"
    "                  /etc/smtptool/smtptool.yaml; else the defaults\n"
    "  --json          check: one JSON object with the list of mistakes\n\n"
    "exit: 0 it is right (reload: and in force); 69 reload: no server runs; 78 there are "
    "mistakes,\n"
    "      the file cannot be read, or the server has refused it: the reason is told\n\n"
    "examples:\n"
    "  smtptool config check /etc/smtptool/smtptool.yaml\n"
    "  smtptool config show --origin | less\n"
    "  smtptool config show > smtptool.yaml      a file to begin with\n";

struct config_run {
    struct cli *cli;
    bool origin;
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

const struct cli_verb cmd_config_verbs[] = {
    {"check",  run_check,  0, 1, "[FILE]"    },
    {"show",   run_show,   0, 0, "[--origin]"},
    {"schema", run_schema, 0, 0, ""          },
    {"reload", run_reload, 0, 0, ""          },
    {NULL,     NULL,       0, 0, NULL        },
};

int cmd_config(struct cli *cli, int argc, char **argv)
{
    struct config_run run = {cli, false};
    const struct cli_option options[] = {
        {.name = "origin", .flag = &run.origin},
    };
    int code;
    int first = cli_parse(cli, cli->command, options, ARRAY_LEN(options), argc, argv, &code);
    if (first < 0)
        return code;
    return cli_run_verb(cli, cmd_config_verbs, ARRAY_LEN(cmd_config_verbs) - 1, &run, argc - first,
                        argv + first);
}
