/* cli/cmd_egress.c -- smtptool egress: the addresses that mail leaves by */
#include "base/mem.h"
#include "cli/admin_client.h"
#include "cli/ask_dns.h"
#include "cli/commands.h"
#include "cli/egress_view.h"
#include "outbound/egress_look.h"
#include "runtime/fiber.h"
#include "runtime/net.h"
#include <string.h>

const char cmd_egress_help[] =
    "usage: smtptool egress ls [NAME]...\n"
    "       smtptool egress check [NAME]... [--dns-zone FILE]\n\n"
    "  ls        each egress: its addresses, its name in EHLO, its pools and weights, whose alone\n"
    "            it is or whose mail it takes; and, from the running server, whether it is in "
    "use,\n"
    "            since when and why not\n"
    "  check     look now, from here: does this machine have the address, does the proxy answer,\n"
    "            does the address have a name in the DNS that leads back to it and agrees with\n"
    "            EHLO's, and is it on one of the block lists in egress_watch.dnsbl\n\n"
    "options:\n"
    "  --dns-zone FILE   check: ask this zone file, not the DNS\n"
    "  -C, --config F    which configuration, and by its admin_socket which server\n"
    "  --json            one JSON object a line\n\n"
    "exit: 0 all is right; 1 something is not (ls: one is out); 2 could not be found out;\n"
    "      64 usage; 78 a mistake in the configuration\n\n"
    "examples:\n"
    "  smtptool egress ls\n"
    "  smtptool egress check out1\n";

enum {
    EGRESS_ARENA_BYTES_MAX = 64 << 20,
    EGRESS_PROXY_MS = 10 * 1000,
    EGRESS_CHECK_MS = 120 * 1000,
};

struct egress_run {
    struct cli *cli;
    const struct config *config;
    const char *dns_zone;
    struct arena *arena;
    char **names;
    int name_count;
    json_t *states;   /* by name, from the server; NULL: none runs */
    const char *dumb; /* why not */
    struct dns_resolver *resolver;
    int code;
    err e;
};

/* ---- which ------------------------------------------------------------------------------ */

static bool is_meant(const struct egress_run *run, const struct config_egress *e)
{
    for (int i = 0; i < run->name_count; i++)
        if (str_eq(str_of(run->names[i]), e->name))
            return true;
    return run->name_count == 0;
}

/* The configured ones, and last the built-in default where no other has its name. */
static const struct config_egress *egress_at(const struct config *c, size_t at)
{
    if (at < c->egress_count)
        return &c->egress[at];
    for (size_t i = 0; i < c->egress_count; i++)
        if (&c->egress[i] == c->egress_default)
            return NULL;
    return at == c->egress_count ? c->egress_default : NULL;
}

static bool take_names(struct egress_run *run, int argc, char **argv)
{
    run->names = argv;
    run->name_count = argc;
    run->config = cli_config(run->cli);
    if (run->config == NULL) {
        run->code = CLI_CONFIG;
        return false;
    }
    for (int i = 0; i < argc; i++)
        if (config_egress_find(run->config, str_of(argv[i])) == NULL) {
            cli_fail("there is no egress \"%s\"", argv[i]);
            run->code = CLI_USAGE;
            return false;
        }
    return true;
}

/* ---- ls --------------------------------------------------------------------------------- */

static void take_state(void *arg, const json_t *line)
{
    struct egress_run *run = arg;
    const char *name = json_string_value(json_object_get(line, "name"));
    if (name)
        json_object_set(run->states, name, (json_t *)line);
}

static void ask_server(struct egress_run *run)
{
    int64_t done;
    run->states = json_object();
    err e = cli_admin_client_ask(run->config, json_pack("{ss}", "verb", "egress"), take_state, run,
                                 &done);
    if (e == NULL)
        return;
    json_decref(run->states);
    run->states = NULL;
    run->dumb = e->kind == ERR_CLOSED ? "no server runs" : "the server cannot be asked";
}

typedef err (*view)(const struct config_egress *, struct buf *);

static str words(struct egress_run *run, view of, const struct config_egress *e)
{
    CLEANUP(buf_release) struct buf text;
    buf_init(&text, CLI_EGRESS_VIEW_BYTES_MAX);
    err failed = of(e, &text);
    (void)failed; /* cut */
    return arena_str(run->arena, buf_str(&text));
}

static str words_of_all(struct egress_run *run,
                        err (*of)(const struct config *, const struct config_egress *,
                                  struct buf *),
                        const struct config_egress *e)
{
    CLEANUP(buf_release) struct buf text;
    buf_init(&text, CLI_EGRESS_VIEW_BYTES_MAX);
    err failed = of(run->config, e, &text);
    (void)failed; /* cut */
    return arena_str(run->arena, buf_str(&text));
}

static json_t *state_of(struct egress_run *run, const struct config_egress *e)
{
    char name[80];
    bool fits = str_to_chars(e->name, name, sizeof name);
    return run->states && fits ? json_object_get(run->states, name) : NULL;
}

static void print_row(const char *what, str text)
{
    if (text.len == 0)
        return;
    printf("    %-10s ", what);
    cli_print_clean(stdout, text);
    putchar('\n');
}

static void print_state(struct egress_run *run, const struct config_egress *e)
{
    char since[CLOCK_RFC3339_BYTES] = "";
    const json_t *state = state_of(run, e);
    const char *standing = json_string_value(json_object_get(state, "standing"));
    const char *reason = json_string_value(json_object_get(state, "reason"));
    int64_t since_ms = json_integer_value(json_object_get(state, "since_ms"));
    bool watched = e->address_count > 0;
    if (since_ms)
        clock_rfc3339(since_ms, since);
    printf("%.*s  ", STR_ARG(e->name));
    if (!watched)
        fputs("not watched: it has no address that we know", stdout);
    else if (standing == NULL)
        printf("not known: %s", run->dumb ? run->dumb : "the server does not have it");
    else
        printf("%s%s%s%s", standing, since_ms ? " since " : "", since,
               reason && *reason ? ": " : "");
    if (watched && standing && reason)
        cli_print_clean(stdout, str_of(reason));
    putchar('\n');
}

static json_t *addresses_json(const struct config_egress *e)
{
    json_t *list = json_array();
    for (size_t i = 0; i < e->address_count; i++) {
        char ip[ADDRESS_CHARS];
        address_format_ip(&e->addresses[i], ip);
        json_array_append_new(list, json_string(ip));
    }
    return list;
}

static str whose(struct egress_run *run, const struct config_egress *e)
{
    str shared = words_of_all(run, cli_egress_view_shared, e);
    if (config_egress_is_dedicated(e) || shared.len > 0)
        return shared;
    return S("nobody: no route leads to it");
}

static void list_one(struct egress_run *run, const struct config_egress *e)
{
    str dedicated = words(run, cli_egress_view_dedicated, e);
    if (json_is_true(json_object_get(state_of(run, e), "out")))
        run->code = CLI_FINDINGS;
    if (run->cli->json) {
        json_t *state = state_of(run, e);
        cli_print_json(json_pack("{so,so,so,so,so,so,so,so}", "name", cli_json_str(e->name),
                                 "addresses", addresses_json(e), "hello", cli_json_str(e->hello),
                                 "via", cli_json_str(e->via ? e->via->url : (str){0}), "pools",
                                 cli_json_str(words_of_all(run, cli_egress_view_pools, e)),
                                 "dedicated_to", cli_json_str(dedicated), "shared_by",
                                 cli_json_str(words_of_all(run, cli_egress_view_shared, e)),
                                 "health", state ? json_incref(state) : json_null()));
        return;
    }
    print_state(run, e);
    print_row("address", words(run, cli_egress_view_addresses, e));
    print_row("EHLO", e->hello);
    print_row("via", e->via ? e->via->url : (str){0});
    print_row("pools", words_of_all(run, cli_egress_view_pools, e));
    print_row("alone for", dedicated);
    print_row("shared by", whose(run, e));
}

static int run_ls(void *arg, int argc, char **argv)
{
    struct egress_run *run = arg;
    const struct config_egress *e;
    if (!take_names(run, argc, argv))
        return run->code;
    ask_server(run);
    for (size_t i = 0; (e = egress_at(run->config, i)) != NULL; i++)
        if (is_meant(run, e))
            list_one(run, e);
    json_decref(run->states);
    return run->code;
}

/* ---- check ------------------------------------------------------------------------------ */

struct checked {
    const struct config_egress *egress;
    const char *ip;
    bool wrong, unknown;
    str text;
};

static void tell(struct egress_run *run, const struct checked *c)
{
    if (c->wrong)
        run->code = CLI_FINDINGS;
    else if (c->unknown && run->code == CLI_OK)
        run->code = CLI_UNKNOWN;
    const char *weight = c->wrong ? "error" : c->unknown ? "unknown" : "ok";
    if (run->cli->json) {
        cli_print_json(json_pack("{so,ss,ss,so}", "egress", cli_json_str(c->egress->name),
                                 "address", c->ip, "weight", weight, "text",
                                 cli_json_str(c->text)));
    } else if (!run->cli->quiet || c->wrong) {
        printf("%-8s%.*s: %s: ", weight, STR_ARG(c->egress->name), c->ip);
        cli_print_clean(stdout, c->text);
        putchar('\n');
    }
}

static void check_here(struct egress_run *run, const struct config_egress *e,
                       const struct address *a, const char *ip)
{
    bool here = cli_egress_view_is_here(a);
    tell(run, &(struct checked){e, ip, !here, false,
                                here ? S("this machine has the address")
                                     : S("this machine does not have the address")});
}

static void check_proxy(struct egress_run *run, const struct config_egress *e)
{
    struct net_conn *c;
    char at[ADDRESS_CHARS], why[300] = "";
    address_format(&e->via->address, at);
    err failed = net_connect(&e->via->address, NULL, &c, deadline_after(EGRESS_PROXY_MS));
    if (failed)
        cli_describe(failed, why, sizeof why);
    else
        net_close(c);
    err_forget();
    tell(run, &(struct checked){e, at, failed != NULL, false,
                                failed ? arena_printf(run->arena, "the proxy: %s", why)
                                       : S("the proxy answers")});
}

static str good_words(struct egress_run *run, const struct outbound_egress_look *seen)
{
    if (seen->name == EGRESS_NAME_PRIVATE)
        return S("a private address: the world does not see it");
    return arena_printf(run->arena, "its name in the DNS is %.*s and agrees; on none of %zu lists",
                        STR_ARG(seen->said), run->config->egress_watch.dnsbl_count);
}

static err check_name(struct egress_run *run, const struct config_egress *e,
                      const struct address *a, const char *ip)
{
    struct dns_budget budget;
    struct outbound_egress_look seen;
    struct outbound_egress_finding f = {0};
    dns_budget_init(&budget, OUTBOUND_EGRESS_LOOK_QUESTIONS, EGRESS_CHECK_MS);
    TRY(outbound_egress_look(run->resolver, &budget, &run->config->egress_watch, a, e->hello,
                             run->arena, &seen, deadline_after(EGRESS_CHECK_MS)));
    outbound_egress_look_note(&seen, e->hello, &f);
    bool wrong = f.listed || f.wrong_name;
    tell(run, &(struct checked){e, ip, wrong, f.uncertain && !wrong,
                                wrong || f.uncertain ? arena_str(run->arena, str_of(f.reason))
                                                     : good_words(run, &seen)});
    return NULL;
}

static err check_one(struct egress_run *run, const struct config_egress *e)
{
    for (size_t i = 0; i < e->address_count; i++) {
        char ip[ADDRESS_CHARS];
        address_format_ip(&e->addresses[i], ip);
        if (e->via == NULL)
            check_here(run, e, &e->addresses[i], ip);
        TRY(check_name(run, e, &e->addresses[i], ip));
    }
    if (e->via)
        check_proxy(run, e);
    return NULL;
}

static void check_fiber(void *arg)
{
    struct egress_run *run = arg;
    const struct config_egress *e;
    char why[300];
    for (size_t i = 0; (e = egress_at(run->config, i)) != NULL; i++) {
        err failed = is_meant(run, e) ? check_one(run, e) : NULL;
        if (failed == NULL)
            continue;
        cli_describe(failed, why, sizeof why);
        cli_fail("%.*s: %s", STR_ARG(e->name), why);
        run->code = run->code == CLI_OK ? CLI_UNKNOWN : run->code;
        err_forget();
    }
}

static int run_check(void *arg, int argc, char **argv)
{
    struct egress_run *run = arg;
    if (!take_names(run, argc, argv))
        return run->code;
    int code = cli_ask_dns_open(run->cli, run->dns_zone, &run->resolver);
    if (code != CLI_OK)
        return code;
    cli_ask_dns_run("egress", check_fiber, run);
    dns_resolver_close(run->resolver);
    return run->code;
}

/* ---- the command ------------------------------------------------------------------------ */

const struct cli_verb cmd_egress_verbs[] = {
    {"ls",    run_ls,    0, -1, "[NAME]..."},
    {"check", run_check, 0, -1, "[NAME]..."},
    {NULL,    NULL,      0, 0,  NULL       },
};

int cmd_egress(struct cli *cli, int argc, char **argv)
{
    struct egress_run run = {.cli = cli, .arena = arena_open(EGRESS_ARENA_BYTES_MAX)};
    const struct cli_option options[] = {
        {.name = "dns-zone", .value = &run.dns_zone},
    };
    int code;
    int first = cli_parse(cli, cli->command, options, ARRAY_LEN(options), argc, argv, &code);
    if (first >= 0)
        code = cli_run_verb(cli, cmd_egress_verbs, ARRAY_LEN(cmd_egress_verbs) - 1, &run,
                            argc - first, argv + first);
    config_close(run.config);
    arena_close(run.arena);
    return code;
}
