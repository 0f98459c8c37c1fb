/* cli/cmd_feedback_loops.c -- smtptool feedback-loops: who tells us of complaints, and who could */
#include "cli/commands.h"
#include "config/share.h"
#include "feedback/feedback.h"
#include <string.h>

const char cmd_feedback_loops_help[] =
    "usage: smtptool feedback-loops [--all]\n\n"
    "Some mailbox providers tell senders which of their users complained of spam, so that these "
    "get\n"
    "no more mail. One has to enrol with each. This shows which of them apply, as far as can be\n"
    "known here: mail went to their domains lately (this needs bounces.domain in the\n"
    "configuration), and whether a report of theirs has come. It exits with 1 when one applies\n"
    "from which nothing has come.\n\n"
    "The table ships as feedback-loops.yaml, and a file of that name in the folder of the key "
    "share\n"
    "is read over it. Reports are to go to an address in bounces.complaints.\n\n"
    "options:\n"
    "  --all            those that do not apply, too\n"
    "  -C, --config F   the server's configuration\n"
    "  --json           one JSON object a line\n\n"
    "examples:\n"
    "  smtptool feedback-loops\n"
    "  smtptool feedback-loops --all --json\n";

enum { LOOPS_MAX = 200, LOOPS_DOMAINS_MAX = 200 };

struct loop {
    str id, name, by, sends, enrol, how, source, date;
    str domains[LOOPS_DOMAINS_MAX], from[LOOPS_DOMAINS_MAX];
    size_t domain_count, from_count;
    int64_t recipients; /* of the last days, at its domains */
    int64_t reports, last_ms;
};

struct loops {
    const struct config *config;
    struct loop *list;
    size_t count;
    bool sent_known; /* there is a record of what was sent */
};

/* ---- the table -------------------------------------------------------------------------- */

static str text_of(const struct config_yaml_node *map, const char *key)
{
    const struct config_yaml_node *n = config_yaml_find(map, str_of(key));
    return n && n->kind == YAML_KIND_TEXT ? n->text : (str){0};
}

static size_t texts_of(const struct config_yaml_node *map, const char *key,
                       str list[LOOPS_DOMAINS_MAX])
{
    const struct config_yaml_node *n = config_yaml_find(map, str_of(key));
    size_t count = 0;
    if (n == NULL || n->kind != YAML_KIND_LIST)
        return 0;
    for (const struct config_yaml_node *i = n->first; i && count < LOOPS_DOMAINS_MAX; i = i->next)
        if (i->kind == YAML_KIND_TEXT)
            list[count++] = i->text;
    return count;
}

static void read_loop(const struct config_yaml_node *n, struct loop *l)
{
    l->id = n->key;
    l->name = text_of(n, "name");
    l->by = text_of(n, "by");
    l->sends = text_of(n, "sends");
    l->enrol = text_of(n, "enrol");
    l->how = text_of(n, "how");
    l->source = text_of(n, "source");
    l->date = text_of(n, "date");
    l->domain_count = texts_of(n, "domains", l->domains);
    l->from_count = texts_of(n, "from", l->from);
}

static bool read_table(struct loops *loops, struct arena *arena)
{
    struct config_yaml_node *root = NULL;
    struct config_errors errors;
    config_errors_init(&errors);
    bool good = config_share_read(S("feedback-loops"), loops->config->share, arena, &errors, &root);
    if (!good) {
        struct buf told;
        buf_init(&told, 64 << 10);
        if (config_errors_print(&errors, &told) == NULL)
            fwrite(told.ptr, 1, told.len, stderr);
        buf_release(&told);
    }
    config_errors_release(&errors);
    const struct config_yaml_node *list =
        good && root ? config_yaml_find(root, S("feedback_loops")) : NULL;
    loops->list = ARENA_ARRAY(arena, struct loop, LOOPS_MAX);
    for (const struct config_yaml_node *n = list ? list->first : NULL;
         n && loops->count < LOOPS_MAX; n = n->next)
        read_loop(n, &loops->list[loops->count++]);
    return good;
}

/* ---- what is known ---------------------------------------------------------------------- */

static bool is_in(const str *list, size_t count, str name)
{
    for (size_t i = 0; i < count; i++)
        if (str_eq_nocase(list[i], name))
            return true;
    return false;
}

static err see_domain(void *arg, str domain, int64_t count)
{
    struct loops *loops = arg;
    for (size_t i = 0; i < loops->count; i++)
        if (is_in(loops->list[i].domains, loops->list[i].domain_count, domain))
            loops->list[i].recipients += count;
    return NULL;
}

/* A report's sender may be a host below the domain that the table has. */
static bool is_from(const struct loop *l, str domain)
{
    for (size_t i = 0; i < l->from_count; i++) {
        size_t more = domain.len > l->from[i].len ? domain.len - l->from[i].len : 0;
        if (str_eq_nocase(domain, l->from[i]) ||
            (more > 0 && domain.ptr[more - 1] == '.' && str_ends_nocase(domain, l->from[i])))
            return true;
    }
    return false;
}

static err see_report(void *arg, const struct feedback_loop *heard)
{
    struct loops *loops = arg;
    for (size_t i = 0; i < loops->count; i++) {
        struct loop *l = &loops->list[i];
        if (!is_from(l, heard->domain))
            continue;
        l->reports += heard->count;
        if (heard->last_ms > l->last_ms)
            l->last_ms = heard->last_ms;
    }
    return NULL;
}

/* Neither file need be there: then nothing is known. */
static void look_into_state(struct loops *loops)
{
    char path[FEEDBACK_PATH_CHARS];
    struct feedback_list *list = NULL;
    struct feedback_sent *sent = NULL;
    snprintf(path, sizeof path, "%.*s/feedback/suppress.db", STR_ARG(loops->config->state));
    err e = feedback_list_open(path, false, &list);
    if (e == NULL)
        e = feedback_list_loops(list, see_report, loops);
    snprintf(path, sizeof path, "%.*s/feedback/sent.db", STR_ARG(loops->config->state));
    e = feedback_sent_open(path, false, &sent);
    if (e == NULL)
        e = feedback_sent_domains(sent, see_domain, loops);
    loops->sent_known = e == NULL && loops->config->bounces.domain.len > 0;
    feedback_list_close(list);
    feedback_sent_close(sent);
    err_forget();
}

/* ---- telling ---------------------------------------------------------------------------- */

static bool sends_mail(const struct loop *l) { return !str_eq(l->sends, S("figures")); }

static const char *state_of(const struct loops *loops, const struct loop *l)
{
    if (l->reports > 0)
        return "works";
    if (!loops->sent_known)
        return "unknown";
    if (l->recipients == 0)
        return "not_needed";
    if (sends_mail(l))
        return "missing";
    return "look"; /* its figures are on a page: nothing comes here */
}

static void print_json(const struct loops *loops, const struct loop *l)
{
    char last[CLOCK_RFC3339_BYTES];
    clock_rfc3339(l->last_ms, last);
    cli_print_json(json_pack("{so,so,ss,so,so,so,so,so,so,sI,sI,so}", "id", cli_json_str(l->id),
                             "name", cli_json_str(l->name), "state", state_of(loops, l), "by",
                             cli_json_str(l->by), "sends", cli_json_str(l->sends), "enrol",
                             cli_json_str(l->enrol), "how", cli_json_str(l->how), "source",
                             cli_json_str(l->source), "date", cli_json_str(l->date), "recipients",
                             (json_int_t)l->recipients, "reports", (json_int_t)l->reports, "last",
                             l->last_ms ? json_string(last) : json_null()));
}

static void print_line(const char *label, str text)
{
    printf("    %-8s ", label);
    cli_print_clean(stdout, text);
    putchar('\n');
}

static void print_loop(const struct loops *loops, const struct loop *l)
{
    char last[CLOCK_RFC3339_BYTES];
    const char *state = state_of(loops, l);
    clock_rfc3339(l->last_ms, last);
    cli_print_clean(stdout, l->name);
    putchar('\n');
    if (strcmp(state, "works") == 0)
        printf("    works    %lld reports, the last on %.10s\n", (long long)l->reports, last);
    else if (strcmp(state, "missing") == 0)
        printf("    MISSING  %lld recipients there lately, and no report has come%s\n",
               (long long)l->recipients, l->from_count ? "" : " that could be told as theirs");
    else if (strcmp(state, "look") == 0)
        printf("    look     %lld recipients there lately; figures are on their page\n",
               (long long)l->recipients);
    else
        printf("    %s\n", strcmp(state, "unknown") == 0 ? "unknown  what is sent is not recorded: "
                                                           "bounces.domain is not set"
                                                         : "         no mail went there lately");
    print_line("enrol", l->enrol);
    print_line("how", l->how);
    printf("    %-8s by %.*s, they send %.*s (", "known", STR_ARG(l->by), STR_ARG(l->sends));
    cli_print_clean(stdout, l->source);
    printf(", %.*s)\n", STR_ARG(l->date));
}

static void tell_preconditions(const struct loops *loops)
{
    const struct config_bounces *b = &loops->config->bounces;
    if (b->domain.len == 0 || !b->verp)
        fputs("bounces.domain is not set: reports could not be matched to their recipients\n",
              stderr);
    if (b->complaint_count == 0)
        fputs("bounces.complaints is empty: name the address that reports are to go to\n", stderr);
}

int cmd_feedback_loops(struct cli *cli, int argc, char **argv)
{
    bool all = false, missing = false;
    const struct cli_option options[] = {
        {.name = "all", .flag = &all},
    };
    int code;
    int first = cli_parse(cli, cli->command, options, ARRAY_LEN(options), argc, argv, &code);
    if (first < 0)
        return code;
    if (first < argc) {
        cli_fail("\"%s\" is too much; see \"smtptool feedback-loops --help\"", argv[first]);
        return CLI_USAGE;
    }
    struct loops loops = {.config = cli_config(cli)};
    if (loops.config == NULL)
        return CLI_CONFIG;
    struct arena *arena = arena_open(2 * (size_t)CONFIG_YAML_ARENA_BYTES_MAX);
    bool good = read_table(&loops, arena);
    if (good)
        look_into_state(&loops);
    if (good && !cli->quiet)
        tell_preconditions(&loops);
    for (size_t i = 0; i < loops.count; i++) {
        const struct loop *l = &loops.list[i];
        missing |= strcmp(state_of(&loops, l), "missing") == 0;
        if (!all && strcmp(state_of(&loops, l), "not_needed") == 0)
            continue;
        if (cli->json)
            print_json(&loops, l);
        else
            print_loop(&loops, l);
    }
    arena_close(arena);
    config_close(loops.config);
    return !good ? CLI_CONFIG : missing ? CLI_FINDINGS : CLI_OK;
}
