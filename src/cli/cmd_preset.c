/* cli/cmd_preset.c -- smtptool preset: mail providers, their servers, quotas and rules */
#include "base/mem.h"
#include "cli/commands.h"
#include "config/preset.h"
#include "config/yaml.h"

const char cmd_preset_help[] =
    "usage: smtptool preset ls [TEXT]\n"
    "       smtptool preset show NAME...\n\n"
    "  ls        providers whose name or domains contain TEXT; without it all of them\n"
    "  show      servers in the order to try them, logins, quotas by licence, what becomes of\n"
    "            another From, what must be switched on; with source and date\n\n"
    "An account of the configuration has all that with `preset: NAME` (docs/presets.md). Your own\n"
    "presets.yaml in the folder of the key `share` adds to what ships and replaces parts of it.\n\n"
    "options:\n"
    "  --json              one JSON object for each preset\n\n"
    "exit: 0 shown; 1 there is none of that name or text; 64 usage; 78 your presets.yaml is "
    "wrong\n\n"
    "examples:\n"
    "  smtptool preset ls zoho\n"
    "  smtptool preset show microsoft365\n"
    "  smtptool preset show --json gmail | jq '.quota.personal.per_day'\n";

struct preset_run {
    struct cli *cli;
    struct arena *arena;
    struct config_presets presets;
};

/* ---- reading ------------------------------------------------------------------------------- */

static bool read_presets(struct preset_run *run, str folder)
{
    struct config_errors errors;
    CLEANUP(buf_release) struct buf text;
    buf_init(&text, 1 << 20);
    config_errors_init(&errors);
    bool good = config_presets_read(folder, run->arena, &errors, &run->presets);
    err e = good ? NULL : config_errors_print(&errors, &text);
    if (!good && e == NULL)
        fputs(buf_chars(&text), stderr);
    config_errors_release(&errors);
    return good;
}

/* A configuration with mistakes may have them for want of a preset's name, so it stops nobody. */
static bool open_presets(struct preset_run *run)
{
    struct config *config = NULL;
    struct config_errors errors;
    config_errors_init(&errors);
    err e = config_load(run->cli->config_path, &config, &errors);
    if (e)
        cli_fail("the configuration has mistakes, so only the presets that ship are shown");
    bool good = read_presets(run, e ? (str){0} : config->share);
    err_forget();
    config_errors_release(&errors);
    config_close(config);
    return good;
}

/* ---- JSON ---------------------------------------------------------------------------------- */

static json_t *json_limit(int limit)
{
    return limit == CONFIG_PRESET_UNKNOWN    ? json_string("unknown")
           : limit == CONFIG_PRESET_NO_LIMIT ? json_string("none")
                                             : json_integer(limit);
}

static json_t *json_texts(const str *texts, size_t count)
{
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(list, cli_json_str(texts[i]));
    return list;
}

static json_t *json_quota(const struct config_preset *p)
{
    json_t *quota = json_object();
    for (size_t i = 0; i < p->licence_count; i++) {
        const struct config_preset_licence *l = &p->licences[i];
        json_t *one =
            json_pack("{so,so,so,so,so}", "per_minute", json_limit(l->per_minute), "per_hour",
                      json_limit(l->per_hour), "per_day", json_limit(l->per_day),
                      "recipients_per_message", json_limit(l->recipients_per_message),
                      "recipients_per_day", json_limit(l->recipients_per_day));
        if (l->note.len > 0)
            json_object_set_new(one, "note", cli_json_str(l->note));
        json_object_setn_new(quota, l->name.ptr, l->name.len, one);
    }
    return quota;
}

static void add_text(json_t *object, const char *key, str text)
{
    if (text.len > 0)
        json_object_set_new(object, key, cli_json_str(text));
}

static void print_json(const struct config_preset *p)
{
    json_t *o = json_pack("{so,so,so,so,so,ss,so}", "preset", cli_json_str(p->key), "name",
                          cli_json_str(p->name), "domains", json_texts(p->domains, p->domain_count),
                          "servers", json_texts(p->servers, p->server_count), "login",
                          json_texts(p->logins, p->login_count), "from",
                          config_preset_from_name(p->from), "quota", json_quota(p));
    add_text(o, "unavailable", p->unavailable);
    add_text(o, "host", p->host);
    add_text(o, "user", p->user);
    add_text(o, "from_note", p->from_note);
    add_text(o, "enable", p->enable);
    add_text(o, "enable_at", p->enable_at);
    add_text(o, "price", p->price);
    add_text(o, "note", p->note);
    add_text(o, "source", p->source);
    add_text(o, "date", p->date);
    cli_print_json(o);
}

/* ---- for people ---------------------------------------------------------------------------- */

static void print_line(const char *label, str text)
{
    if (text.len == 0)
        return;
    printf("  %-9s ", label);
    cli_print_clean(stdout, text);
    putchar('\n');
}

static str joined(const str *texts, size_t count, struct arena *arena)
{
    str line = {0};
    for (size_t i = 0; i < count; i++)
        line = arena_printf(arena, "%.*s%s%.*s", STR_ARG(line), i ? ", " : "", STR_ARG(texts[i]));
    return line;
}

static void print_preset(const struct preset_run *run, const struct config_preset *p)
{
    struct arena *arena = run->arena;
    printf("%.*s: ", STR_ARG(p->key));
    cli_print_clean(stdout, p->name);
    putchar('\n');
    print_line("none", p->unavailable);
    for (size_t i = 0; i < p->server_count; i++)
        print_line(i == 0 ? "servers" : "then", p->servers[i]);
    print_line("{host}", p->host);
    print_line("login", joined(p->logins, p->login_count, arena));
    print_line("user", p->user);
    print_line("mailboxes", joined(p->domains, p->domain_count, arena));
    for (size_t i = 0; i < p->licence_count; i++) {
        const struct config_preset_licence *l = &p->licences[i];
        print_line(i == 0 ? "quota" : "or",
                   arena_printf(arena, "%.*s: %.*s%s%.*s", STR_ARG(l->name),
                                STR_ARG(config_preset_quota_text(l, arena)),
                                l->note.len ? "; " : "", STR_ARG(l->note)));
    }
    print_line("From", arena_printf(arena, "%s: %s%s%.*s", config_preset_from_name(p->from),
                                    config_preset_from_meaning(p->from),
                                    p->from_note.len ? "; " : "", STR_ARG(p->from_note)));
    print_line("enable", p->enable);
    print_line("at", p->enable_at);
    print_line("price", p->price);
    print_line("note", p->note);
    print_line("source",
               arena_printf(arena, "%.*s (read %.*s)", STR_ARG(p->source), STR_ARG(p->date)));
}

/* ---- the verbs ----------------------------------------------------------------------------- */

static int run_ls(void *arg, int argc, char **argv)
{
    struct preset_run *run = arg;
    str text = argc > 0 ? str_of(argv[0]) : (str){0};
    size_t shown = 0;
    if (!open_presets(run))
        return CLI_CONFIG;
    for (size_t i = 0; i < run->presets.count; i++) {
        const struct config_preset *p = &run->presets.list[i];
        if (!config_preset_has(p, text))
            continue;
        shown++;
        if (run->cli->json) {
            print_json(p);
            continue;
        }
        printf("%-27.*s ", STR_ARG(p->key));
        cli_print_clean(stdout, p->name);
        putchar('\n');
    }
    if (shown > 0)
        return CLI_OK;
    if (!run->cli->quiet)
        fprintf(stderr, "no provider has that in its name, domains or servers\n");
    return CLI_FINDINGS;
}

static int run_show(void *arg, int argc, char **argv)
{
    struct preset_run *run = arg;
    int code = CLI_OK;
    char words[CONFIG_PRESETS_NONE_CHARS];
    if (!open_presets(run))
        return CLI_CONFIG;
    for (int i = 0; i < argc; i++) {
        const struct config_preset *p = config_presets_find(&run->presets, str_of(argv[i]));
        if (p == NULL) {
            config_presets_none(&run->presets, str_of(argv[i]), words);
            cli_fail("%s", words);
            code = CLI_FINDINGS;
        } else if (run->cli->json) {
            print_json(p);
        } else {
            print_preset(run, p);
        }
    }
    return code;
}

const struct cli_verb cmd_preset_verbs[] = {
    {"ls",   run_ls,   0, 1,  "[TEXT]" },
    {"show", run_show, 1, -1, "NAME..."},
    {NULL,   NULL,     0, 0,  NULL     },
};

int cmd_preset(struct cli *cli, int argc, char **argv)
{
    struct preset_run run = {.cli = cli, .arena = arena_open(3 * CONFIG_YAML_ARENA_BYTES_MAX)};
    int code;
    int first = cli_parse(cli, cli->command, NULL, 0, argc, argv, &code);
    if (first >= 0)
        code = cli_run_verb(cli, cmd_preset_verbs, ARRAY_LEN(cmd_preset_verbs) - 1, &run,
                            argc - first, argv + first);
    arena_close(run.arena);
    return code;
}
