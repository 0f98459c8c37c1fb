/* cli/cmd_shaping.c -- smtptool shaping: what limits mail on its way out, and why */
#include "cli/admin_client.h"
#include "cli/ask_dns.h"
#include "cli/commands.h"
#include "cli/shaping_view.h"
#include "shaping/limits.h"
#include "shaping/site.h"

const char cmd_shaping_help[] =
    "usage: smtptool shaping show [DOMAIN | SITE]\n\n"
    "  show      a site from each egress: connections, the pace that was learned from its "
    "replies,\n"
    "            pauses and what it said, each limit with the line that sets it, quotas used and\n"
    "            left; then what limits egresses, accounts, tenants and campaigns\n\n"
    "A SITE is a provider (google) or the names of the best MX hosts; for a DOMAIN it is found in\n"
    "the DNS. A running server is asked over its admin_socket; without one, or when it has sent\n"
    "nothing there yet, the limits that the configuration sets are shown.\n\n"
    "options:\n"
    "  -C, --config F    which server: its admin_socket and limits\n"
    "  --dns-zone F      ask this zone file instead of the DNS\n"
    "  --json            one JSON object a line: of kind lane, meter or limits\n\n"
    "exit: 0 done; 69 the DNS does not tell; 77 not root and not the server's user\n\n"
    "examples:\n"
    "  smtptool shaping show\n"
    "  smtptool shaping show gmail.com\n"
    "  smtptool shaping show google --json\n";

enum { ARENA_BYTES_MAX = 1 << 20, LINE_BYTES_MAX = 16 << 10, DNS_MS = 20 * 1000 };

struct shaping_run {
    struct cli *cli;
    const struct config *config;
    const char *dns_zone;
    struct arena *arena;
    struct dns_resolver *resolver;
    str domain;
    struct shaping_site site;
    size_t lines, lanes; /* told by the server */
    err e;
};

static void show_line(void *arg, const json_t *line)
{
    struct shaping_run *run = arg;
    const char *kind = json_string_value(json_object_get(line, "kind"));
    run->lines++;
    run->lanes += kind && kind[0] == 'l';
    if (run->cli->json)
        cli_print_json(json_incref((json_t *)line));
    else
        cli_shaping_view_show(line);
}

/* ---- which site --------------------------------------------------------------------------- */

static void find_mx(void *arg)
{
    struct shaping_run *run = arg;
    struct dns_budget budget;
    struct dns_mx mx = {0};
    dns_budget_init(&budget, run->config->dns.queries_per_message, DNS_MS);
    run->e =
        dns_mx_hosts(run->resolver, &budget, run->domain, run->arena, &mx, deadline_after(DNS_MS));
    if (run->e == NULL && mx.count > 0)
        shaping_site_of_mx(run->config, &mx, run->arena, &run->site);
}

static bool is_provider(const struct config *config, str name)
{
    for (size_t i = 0; i < config->shaping.provider_count; i++)
        if (str_eq(config->shaping.providers[i].limits.name, name))
            return true;
    return false;
}

/* What has a dot is a domain, unless its mail goes to nobody: then it may be a host's name. */
static int find_site(struct shaping_run *run, str asked)
{
    bool known = is_provider(run->config, asked);
    run->site = (struct shaping_site){asked, known ? asked : (str){0}};
    if (known || asked.len == 0 || str_find(asked, ' ') != STR_NONE ||
        str_find(asked, '.') == STR_NONE)
        return CLI_OK;
    int code = cli_ask_dns_open(run->cli, run->dns_zone, &run->resolver);
    if (code != CLI_OK)
        return code;
    run->domain = asked;
    cli_ask_dns_run("shaping", find_mx, run);
    dns_resolver_close(run->resolver);
    if (run->e == NULL)
        return CLI_OK;
    cli_fail_err(run->e, "shaping");
    return cli_exit_of(run->e);
}

/* ---- what the configuration says ---------------------------------------------------------- */

static err show_limits(struct shaping_run *run)
{
    CLEANUP(buf_release) struct buf text;
    struct shaping_limits *limits;
    struct shaping_resolved resolved;
    buf_init(&text, LINE_BYTES_MAX);
    shaping_limits_open(run->config, &limits);
    shaping_limits_site(limits, run->site.name, run->site.provider, &resolved);
    err e = shaping_limits_json(&resolved, &text);
    shaping_limits_close(limits);
    TRY(e);
    json_t *line = json_pack("{ss,so,so}", "kind", "limits", "site", cli_json_str(run->site.name),
                             "limits", json_loadb(text.ptr, text.len, 0, NULL));
    if (run->site.provider.len > 0)
        json_object_set_new(line, "provider", cli_json_str(run->site.provider));
    show_line(&(struct shaping_run){.cli = run->cli}, line);
    json_decref(line);
    return NULL;
}

static int run_show(void *arg, int argc, char **argv)
{
    struct shaping_run *run = arg;
    int64_t count = 0;
    int code = find_site(run, argc > 0 ? str_of(argv[0]) : (str){0});
    if (code != CLI_OK)
        return code;
    json_t *request = json_pack("{ss}", "verb", "shaping");
    if (run->site.name.len > 0)
        json_object_set_new(request, "site", cli_json_str(run->site.name));
    err e = cli_admin_client_ask(run->config, request, show_line, run, &count);
    if (e && e->kind == ERR_CLOSED)
        e = NULL;
    if (e == NULL && run->lanes == 0 && run->site.name.len > 0)
        e = show_limits(run);
    else if (e == NULL && run->lines == 0 && !run->cli->quiet)
        fputs(
            "no server is running, or it has sent nothing yet: name a DOMAIN or a SITE to see the "
            "limits that are set\n",
            stderr);
    if (e == NULL)
        return CLI_OK;
    cli_fail_err(e, "shaping");
    return cli_exit_of(e);
}

const struct cli_verb cmd_shaping_verbs[] = {
    {"show", run_show, 0, 1, "[DOMAIN | SITE]"},
    {0    },
};

int cmd_shaping(struct cli *cli, int argc, char **argv)
{
    struct shaping_run run = {.cli = cli};
    const struct cli_option options[] = {
        {.name = "dns-zone", .value = &run.dns_zone},
    };
    int code;
    int first = cli_parse(cli, cli->command, options, ARRAY_LEN(options), argc, argv, &code);
    if (first < 0)
        return code;
    run.config = cli_config(cli);
    if (run.config == NULL)
        return CLI_CONFIG;
    run.arena = arena_open(ARENA_BYTES_MAX);
    code = cli_run_verb(cli, cmd_shaping_verbs, ARRAY_LEN(cmd_shaping_verbs) - 1, &run,
                        argc - first, argv + first);
    arena_close(run.arena);
    config_close(run.config);
    return code;
}
