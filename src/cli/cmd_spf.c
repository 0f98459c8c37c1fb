/* cli/cmd_spf.c -- smtptool spf: may this client use this domain, and what does its policy say? */
#include "cli/ask_dns.h"
#include "cli/commands.h"
#include "mailauth/spf.h"
#include "mailauth/spf_field.h"
#include "mailauth/spf_tree.h"

const char cmd_spf_help[] =
    "usage: smtptool spf eval --ip ADDRESS [--from SENDER] [--helo NAME]\n"
    "       smtptool spf tree DOMAIN\n\n"
    "  eval    judge one client as a receiver does (RFC 7208), and tell each step: what the "
    "policy\n"
    "          says, what was asked, what matched\n"
    "  tree    all of a domain's policy: every include, its DNS lookups against the limit of 10,\n"
    "          the addresses it lets send, and what is wrong with it\n\n"
    "options:\n"
    "  --ip ADDRESS      eval: the client, IPv4 or IPv6\n"
    "  --from SENDER     eval: MAIL FROM; \"<>\" is the empty one: then postmaster at the HELO "
    "name\n"
    "  --helo NAME       eval: what the client said in HELO or EHLO; without --from it is the "
    "name\n"
    "                    that is judged\n"
    "  --receiver NAME   eval: our own host, for the macro %{r} and the field Received-SPF\n"
    "  --dns-zone FILE   ask this zone file, not the DNS\n"
    "  -q                eval: the result alone; tree: what is wrong alone\n"
    "  --json            one JSON object\n\n"
    "exit, eval: 0 pass; 1 another result; 2 temperror: the DNS could not say\n"
    "exit, tree: 0 nothing is wrong; 1 something is; 2 the DNS could not say\n"
    "      both: 64 usage; 66 no such zone file; 78 a mistake in it or in the configuration\n\n"
    "examples:\n"
    "  smtptool spf eval --ip 192.0.2.1 --helo mail.example.com --from bob@example.com\n"
    "  smtptool spf tree example.com\n"
    "  smtptool spf tree example.com --dns-zone planned.zone\n";

enum { SPF_ARENA_BYTES_MAX = MAILAUTH_SPF_TREE_BYTES_MAX + (1 << 20) };

struct spf_run {
    struct cli *cli;
    const char *ip, *from, *helo, *receiver, *dns_zone, *domain;
    struct arena *arena;
    struct dns_resolver *resolver;
    struct address address;
    struct mailauth_spf_args args;
    struct mailauth_story story;
    struct mailauth_spf spf;
    struct mailauth_spf_tree tree;
    err e;
};

static void print_field(const char *fmt, str text, const char *after)
{
    fputs(fmt, stdout);
    cli_print_clean(stdout, text);
    fputs(after, stdout);
}

static void indent(unsigned depth) { printf("%*s", (int)(2 * depth), ""); }

static struct mailauth_ask make_ask(const struct spf_run *run, struct dns_budget *budget,
                                    int questions)
{
    dns_budget_init(budget, questions, DNS_BUDGET_MS);
    return (struct mailauth_ask){run->arena, run->resolver, budget, budget->until, clock_real_ms()};
}

/* ---- eval ---- */

static void eval_fiber(void *arg)
{
    struct spf_run *run = arg;
    struct dns_budget budget;
    struct mailauth_ask ask = make_ask(run, &budget, DNS_BUDGET_QUESTIONS);
    mailauth_story_init(&run->story, run->arena);
    run->e = mailauth_spf_check(&ask, &run->args, &run->story, &run->spf);
}

static str received_field(const struct spf_run *run)
{
    struct buf field;
    buf_init(&field, MAILAUTH_SPF_FIELD_BYTES_MAX);
    err e = mailauth_spf_field_write(&run->spf, &run->args, &field);
    ASSERT(e == NULL);
    str kept = arena_str(run->arena, buf_str(&field));
    buf_release(&field);
    return kept;
}

static void print_eval_json(const struct spf_run *run)
{
    const struct mailauth_spf *s = &run->spf;
    bool helo = s->identity == MAILAUTH_SPF_HELO;
    json_t *story = json_array();
    for (size_t i = 0; i < run->story.count; i++)
        json_array_append_new(story, json_pack("{si,so}", "depth", (int)run->story.steps[i].depth,
                                               "text", cli_json_str(run->story.steps[i].text)));
    json_t *object =
        json_pack("{so,ss,so,so,so}", "result", cli_json_str(mailauth_result_name(s->result)),
                  "identity", helo ? "helo" : "mailfrom", "domain", cli_json_str(s->domain),
                  "sender", cli_json_str(s->sender), "mechanism", cli_json_str(s->mechanism));
    json_object_set_new(object, "policy", cli_json_str(s->policy));
    json_object_set_new(object, "explanation", cli_json_str(s->explanation));
    json_object_set_new(object, "reason", cli_json_str(s->reason));
    json_object_set_new(object, "lookups", json_integer(s->lookups));
    json_object_set_new(object, "void_lookups", json_integer(s->void_lookups));
    json_object_set_new(object, "received_spf", cli_json_str(received_field(run)));
    json_object_set_new(object, "story", story);
    cli_print_json(object);
}

/* What a person should do about it. */
static const char *advice(const struct mailauth_spf *s)
{
    switch (s->result) {
    case MAILAUTH_PERMERROR:
        return "the owner of the domain must mend its policy: \"smtptool spf tree\" shows all of "
               "it";
    case MAILAUTH_TEMPERROR:
        return "a receiver would answer 451 and let the client try again";
    case MAILAUTH_NONE:
        return "a receiver has nothing to go by; the owner of the domain could publish a policy";
    case MAILAUTH_FAIL:
    case MAILAUTH_SOFTFAIL:
        return "if this client does send for the domain, add its address (ip4:, ip6:) to the "
               "policy";
    default:
        return NULL;
    }
}

static void print_eval(const struct spf_run *run)
{
    const struct mailauth_spf *s = &run->spf;
    for (size_t i = 0; i < run->story.count && !run->cli->quiet; i++) {
        indent(run->story.steps[i].depth);
        print_field("", run->story.steps[i].text, "\n");
    }
    if (run->cli->quiet) {
        print_field("", mailauth_result_name(s->result), "\n");
        return;
    }
    printf("%u of %d lookups, %u of %d for nothing\n", s->lookups, MAILAUTH_SPF_LOOKUPS_MAX,
           s->void_lookups, MAILAUTH_SPF_VOID_LOOKUPS_MAX);
    if (advice(s))
        printf("-> %s\n", advice(s));
    printf("\n");
    str field = received_field(run);
    for (size_t i = 0; i < field.len; i++)
        if (field.ptr[i] != '\r')
            putchar(field.ptr[i]);
}

/* "<bob@example.com>" is as good as without. */
static str without_brackets(str path)
{
    bool both = path.len >= 2 && path.ptr[0] == '<' && path.ptr[path.len - 1] == '>';
    return both ? str_slice(path, 1, path.len - 2) : path;
}

static bool take_eval_options(struct spf_run *run)
{
    if (run->ip == NULL || (run->from == NULL && run->helo == NULL)) {
        cli_fail("spf eval needs --ip, and --from or --helo or both; see \"smtptool spf --help\"");
        return false;
    }
    if (address_parse_ip(str_of(run->ip), &run->address)) {
        cli_fail("--ip: \"%s\" is not an IP address", run->ip);
        return false;
    }
    run->args = (struct mailauth_spf_args){
        .identity = run->from ? MAILAUTH_SPF_MAIL_FROM : MAILAUTH_SPF_HELO,
        .ip = &run->address,
        .helo = run->helo ? str_of(run->helo) : S("unknown"),
        .sender = without_brackets(str_of(run->from)),
        .receiver = str_of(run->receiver),
    };
    return true;
}

/* On a loop with the resolver open; what went wrong is told. */
static int ask_all(struct spf_run *run, void (*fiber)(void *))
{
    int code = cli_ask_dns_open(run->cli, run->dns_zone, &run->resolver);
    if (code != CLI_OK)
        return code;
    cli_ask_dns_run("spf", fiber, run);
    dns_resolver_close(run->resolver);
    if (run->e) {
        cli_fail_err(run->e, "spf");
        return cli_exit_of(run->e);
    }
    return CLI_OK;
}

static int run_eval(void *arg, int argc, char **argv)
{
    struct spf_run *run = arg;
    (void)argc, (void)argv;
    if (!take_eval_options(run))
        return CLI_USAGE;
    int code = ask_all(run, eval_fiber);
    if (code != CLI_OK)
        return code;
    if (run->cli->json)
        print_eval_json(run);
    else
        print_eval(run);
    if (run->spf.result == MAILAUTH_TEMPERROR)
        return CLI_UNKNOWN;
    return run->spf.result == MAILAUTH_PASS ? CLI_OK : CLI_FINDINGS;
}

/* ---- tree ---- */

static void tree_fiber(void *arg)
{
    struct spf_run *run = arg;
    struct dns_budget budget;
    struct mailauth_ask ask = make_ask(run, &budget, MAILAUTH_SPF_TREE_QUESTIONS);
    run->e = mailauth_spf_tree_read(&ask, str_of(run->domain), &run->tree);
}

static void print_row_facts(const struct mailauth_spf_tree_row *row)
{
    if (row->term.len && row->lookups)
        printf("   [%u lookup%s]", row->lookups, row->lookups == 1 ? "" : "s");
    if (row->term.len && row->record.len == 0 && row->void_lookups)
        printf("   nothing there");
    if (row->varies)
        printf("   depends on the message");
    if (row->problem.len)
        print_field("   PROBLEM: ", row->problem, "");
    putchar('\n');
}

static void print_row(const struct mailauth_spf_tree_row *row)
{
    indent(row->depth);
    print_field("", row->term.len ? row->term : row->target, "");
    print_row_facts(row);
    if (row->record.len) {
        indent(row->depth + 2);
        print_field("\"", row->record, "\"\n");
    }
    bool itself = row->range_count == 1 && !row->asks; /* ip4: and ip6: say it already */
    for (size_t i = 0; i < row->range_count && !itself; i++) {
        indent(row->depth + 2);
        print_field("", row->ranges[i], "\n");
    }
    if (row->ranges_left_out) {
        indent(row->depth + 2);
        printf("and %zu more\n", row->ranges_left_out);
    }
}

static const char *const weight_names[] = {"error", "unknown", "warning"};

static void print_tree(const struct spf_run *run)
{
    const struct mailauth_spf_tree *t = &run->tree;
    for (size_t i = 0; i < t->count && !run->cli->quiet; i++)
        print_row(&t->rows[i]);
    if (!run->cli->quiet)
        printf("\n%u of %d lookups, %u of %d for nothing%s\n", t->lookups, MAILAUTH_SPF_LOOKUPS_MAX,
               t->void_lookups, MAILAUTH_SPF_VOID_LOOKUPS_MAX,
               t->cut ? ", and not all was looked at" : "");
    for (size_t i = 0; i < t->finding_count; i++) {
        printf("%s: ", weight_names[t->findings[i].weight]);
        print_field("", t->findings[i].what, "\n");
        print_field("  -> ", t->findings[i].fix, "\n");
    }
    if (t->finding_count == 0 && !run->cli->quiet)
        puts("nothing is wrong with it");
}

static json_t *row_json(const struct mailauth_spf_tree_row *row)
{
    json_t *ranges = json_array();
    for (size_t i = 0; i < row->range_count; i++)
        json_array_append_new(ranges, cli_json_str(row->ranges[i]));
    json_t *object =
        json_pack("{si,so,so,so,so}", "depth", (int)row->depth, "term", cli_json_str(row->term),
                  "target", cli_json_str(row->target), "record", cli_json_str(row->record),
                  "problem", cli_json_str(row->problem));
    json_object_set_new(object, "depends_on_message", json_boolean(row->varies));
    json_object_set_new(object, "lookups", json_integer(row->lookups));
    json_object_set_new(object, "void_lookups", json_integer(row->void_lookups));
    json_object_set_new(object, "ranges", ranges);
    json_object_set_new(object, "ranges_left_out", json_integer((json_int_t)row->ranges_left_out));
    return object;
}

static void print_tree_json(const struct spf_run *run)
{
    const struct mailauth_spf_tree *t = &run->tree;
    json_t *rows = json_array(), *findings = json_array();
    for (size_t i = 0; i < t->count; i++)
        json_array_append_new(rows, row_json(&t->rows[i]));
    for (size_t i = 0; i < t->finding_count; i++)
        json_array_append_new(findings,
                              json_pack("{ss,so,so}", "weight", weight_names[t->findings[i].weight],
                                        "what", cli_json_str(t->findings[i].what), "fix",
                                        cli_json_str(t->findings[i].fix)));
    cli_print_json(json_pack("{ss,si,si,si,si,sb,so,so}", "domain", run->domain, "lookups",
                             (int)t->lookups, "lookups_max", MAILAUTH_SPF_LOOKUPS_MAX,
                             "void_lookups", (int)t->void_lookups, "void_lookups_max",
                             MAILAUTH_SPF_VOID_LOOKUPS_MAX, "cut", (int)t->cut, "terms", rows,
                             "findings", findings));
}

/* An error outweighs what could not be found out. */
static int tree_exit(const struct mailauth_spf_tree *t)
{
    bool unknown = false;
    for (size_t i = 0; i < t->finding_count; i++) {
        if (t->findings[i].weight == MAILAUTH_SPF_TREE_ERROR)
            return CLI_FINDINGS;
        unknown |= t->findings[i].weight == MAILAUTH_SPF_TREE_UNKNOWN;
    }
    if (unknown)
        return CLI_UNKNOWN;
    return t->finding_count ? CLI_FINDINGS : CLI_OK;
}

static int run_tree(void *arg, int argc, char **argv)
{
    struct spf_run *run = arg;
    (void)argc;
    run->domain = argv[0];
    if (!str_is_utf8(str_of(run->domain))) {
        cli_fail("\"%s\" is not a domain", run->domain);
        return CLI_USAGE;
    }
    int code = ask_all(run, tree_fiber);
    if (code != CLI_OK)
        return code;
    if (run->cli->json)
        print_tree_json(run);
    else
        print_tree(run);
    return tree_exit(&run->tree);
}

/* ---- */

const struct cli_verb cmd_spf_verbs[] = {
    {"eval", run_eval, 0, 0, "--ip ADDRESS --from SENDER"},
    {"tree", run_tree, 1, 1, "DOMAIN"                    },
    {NULL,   NULL,     0, 0, NULL                        },
};

int cmd_spf(struct cli *cli, int argc, char **argv)
{
    struct spf_run run = {.cli = cli, .arena = arena_open(SPF_ARENA_BYTES_MAX)};
    const struct cli_option options[] = {
        {.name = "ip",       .value = &run.ip      },
        {.name = "from",     .value = &run.from    },
        {.name = "helo",     .value = &run.helo    },
        {.name = "receiver", .value = &run.receiver},
        {.name = "dns-zone", .value = &run.dns_zone},
    };
    int code;
    int first = cli_parse(cli, cli->command, options, ARRAY_LEN(options), argc, argv, &code);
    if (first >= 0)
        code = cli_run_verb(cli, cmd_spf_verbs, ARRAY_LEN(cmd_spf_verbs) - 1, &run, argc - first,
                            argv + first);
    arena_close(run.arena);
    return code;
}
