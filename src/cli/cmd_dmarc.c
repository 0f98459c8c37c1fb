/* cli/cmd_dmarc.c -- smtptool dmarc: where is a domain's policy, what would it do, is it right? */
#include "cli/ask_dns.h"
#include "cli/commands.h"
#include "cli/dmarc_reports.h"
#include "mailauth/dmarc.h"
#include "mailauth/dmarc_domain.h"
#include "mailauth/dmarc_external.h"
#include <string.h>

const char cmd_dmarc_help[] =
    "usage: smtptool dmarc walk DOMAIN\n"
    "       smtptool dmarc eval --from FROM [--spf DOMAIN[=RESULT]] [--dkim DOMAIN[=RESULT]]...\n"
    "       smtptool dmarc record DOMAIN|\"v=DMARC1; ...\"\n"
    "       smtptool dmarc reports ls [DOMAIN]\n"
    "       smtptool dmarc reports show DOMAIN [DAY]\n"
    "       smtptool dmarc reports write DOMAIN [DAY] [--xml]\n\n"
    "  walk     climb the DNS as a receiver does (RFC 9989 section 4.10): every question, the\n"
    "           organization's domain, and where the policy is\n"
    "  eval     what DMARC comes to for a message, given what SPF and DKIM came to: each step,\n"
    "           the result, and what the domain's owner asks for\n"
    "  record   read a domain's record, or one that is given, and tell what is wrong with it and\n"
    "           whether reports may go where it wants them\n"
    "  reports  what this server has counted for its own reports to others and what became of\n"
    "           them (see mailauth.reports): \"show\" tells the rows of one, \"write\" writes it\n"
    "           as a mail to stdout. Nothing is sent, also beside a running server. DAY is such\n"
    "           as 2026-11-20, in UTC; without it the newest\n\n"
    "options:\n"
    "  --from FROM       eval: the message's From: a domain, an address, or several\n"
    "  --spf DOMAIN      eval: SPF passed for this domain in MAIL FROM; \"DOMAIN=RESULT\" for\n"
    "                    another result (fail, temperror, ...)\n"
    "  --dkim DOMAIN     eval: a signature of this domain (d=) passed, or had that result; may\n"
    "                    stand several times\n"
    "  --psl FILE        eval: DMARC as it was before RFC 9989, with this public suffix list;\n"
    "                    \"system\" is the one that is installed\n"
    "  --xml             reports write: the report itself, not the mail that carries it\n"
    "  -C, --config F    reports: whose state folder\n"
    "  --dns-zone FILE   ask this zone file, not the DNS\n"
    "  -q                the result alone\n"
    "  --json            one JSON object\n\n"
    "exit, walk: 0 there is a policy; 1 there is none; 2 the DNS could not say\n"
    "exit, eval: 0 pass; 1 another result; 2 temperror: the DNS could not say\n"
    "exit, record: 0 nothing is wrong; 1 something is; 2 the DNS could not say\n"
    "exit, reports: 0 here it is; 66 there is none\n"
    "      all: 64 usage; 66 no such zone file; 78 a mistake in it or in the configuration\n\n"
    "examples:\n"
    "  smtptool dmarc walk mail.example.com\n"
    "  smtptool dmarc eval --from news@example.com --dkim mail.example.com --spf "
    "bounces.example.net\n"
    "  smtptool dmarc record example.com\n"
    "  smtptool dmarc record \"v=DMARC1; p=reject; rua=mailto:dmarc@example.com\"\n"
    "  smtptool dmarc walk example.com --dns-zone planned.zone\n"
    "  smtptool dmarc reports write example.com --xml\n";

enum { DMARC_SIGNATURES_MAX = 16, DMARC_ARENA_BYTES_MAX = 64 << 20 };

struct dmarc_run {
    struct cli *cli;
    const char *from, *spf, *psl, *dns_zone, *operand;
    const char *dkim[DMARC_SIGNATURES_MAX];
    size_t dkim_count, dkim_left_out;
    struct arena *arena;
    struct dns_resolver *resolver;
    struct mailauth_story story;
    err e;

    struct mailauth_dmarc_walk walk;
    struct mailauth_dmarc_from author;
    struct mailauth_dmarc_dkim signatures[DMARC_SIGNATURES_MAX];
    struct mailauth_dmarc_input input;
    struct mailauth_dmarc result;
    const struct mailauth_dmarc_record *record;
    struct mailauth_dmarc_external *reports;
    size_t report_count;
    bool unknown;
    bool xml;
};

/* ---- what all of them do ---- */

static void print_text(const char *before, str text, const char *after)
{
    fputs(before, stdout);
    cli_print_clean(stdout, text);
    fputs(after, stdout);
}

static void print_story(const struct dmarc_run *run)
{
    for (size_t i = 0; i < run->story.count && !run->cli->quiet; i++) {
        printf("%*s", (int)(2 * run->story.steps[i].depth), "");
        print_text("", run->story.steps[i].text, "\n");
    }
}

static json_t *story_json(const struct dmarc_run *run)
{
    json_t *story = json_array();
    for (size_t i = 0; i < run->story.count; i++)
        json_array_append_new(story, json_pack("{si,so}", "depth", (int)run->story.steps[i].depth,
                                               "text", cli_json_str(run->story.steps[i].text)));
    return story;
}

static struct mailauth_ask make_ask(const struct dmarc_run *run, struct dns_budget *budget)
{
    dns_budget_init(budget, DNS_BUDGET_QUESTIONS, DNS_BUDGET_MS);
    return (struct mailauth_ask){run->arena, run->resolver, budget, budget->until, clock_real_ms()};
}

/* With the resolver open, in a fiber; what went wrong is told. */
static int ask_all(struct dmarc_run *run, void (*fiber)(void *))
{
    int code = cli_ask_dns_open(run->cli, run->dns_zone, &run->resolver);
    if (code != CLI_OK)
        return code;
    mailauth_story_init(&run->story, run->arena);
    cli_ask_dns_run("dmarc", fiber, run);
    dns_resolver_close(run->resolver);
    if (run->e) {
        cli_fail_err(run->e, "dmarc");
        return cli_exit_of(run->e);
    }
    return CLI_OK;
}

static bool take_domain(struct dmarc_run *run, const char *text, str *ret_domain)
{
    err e = mailauth_dmarc_domain_read(str_of(text), run->arena, ret_domain);
    if (e)
        cli_fail_err(e, "the domain");
    return e == NULL;
}

/* ---- walk ---- */

static void walk_fiber(void *arg)
{
    struct dmarc_run *run = arg;
    struct dns_budget budget;
    struct mailauth_ask ask = make_ask(run, &budget);
    struct mailauth_dmarc_walks walks;
    mailauth_dmarc_walk_init(&walks, &ask, &run->story);
    run->e = mailauth_dmarc_walk(&walks, str_of(run->operand), &run->walk);
}

static void print_walk_json(const struct dmarc_run *run)
{
    const struct mailauth_dmarc_walk *walk = &run->walk;
    json_t *steps = json_array();
    for (size_t i = 0; i < walk->count; i++) {
        const struct mailauth_dmarc_answer *step = walk->steps[i];
        json_array_append_new(steps,
                              json_pack("{so,ss,so,sb}", "domain", cli_json_str(step->domain),
                                        "answer", dns_answer_status_name(step->status), "record",
                                        cli_json_str(step->record ? step->record->text : (str){0}),
                                        "several", (int)step->several));
    }
    cli_print_json(json_pack("{so,so,so,so,so}", "domain", cli_json_str(walk->domain),
                             "organizational", cli_json_str(walk->organizational), "policy_domain",
                             cli_json_str(walk->policy ? walk->policy->domain : (str){0}),
                             "unknown", cli_json_str(walk->unknown), "steps", steps));
}

static void print_walk(const struct dmarc_run *run)
{
    const struct mailauth_dmarc_walk *walk = &run->walk;
    print_story(run);
    if (walk->unknown.len > 0)
        print_text("the DNS gave no answer for _dmarc.", walk->unknown, "\n");
    else
        print_text("organization: ", walk->organizational, "\n");
    if (walk->policy)
        print_text("policy at: ", walk->policy->domain, "\n");
    else
        puts(walk->unknown.len ? "policy at: not known" : "policy at: none, DMARC does not apply");
}

static int run_walk(void *arg, int argc, char **argv)
{
    struct dmarc_run *run = arg;
    str domain;
    (void)argc;
    if (!take_domain(run, argv[0], &domain))
        return CLI_USAGE;
    run->operand = arena_chars(run->arena, domain);
    int code = ask_all(run, walk_fiber);
    if (code != CLI_OK)
        return code;
    if (run->cli->json)
        print_walk_json(run);
    else
        print_walk(run);
    if (run->walk.unknown.len > 0)
        return CLI_UNKNOWN;
    return run->walk.policy ? CLI_OK : CLI_FINDINGS;
}

/* ---- eval ---- */

static bool result_named(str name, enum mailauth_result *ret_result)
{
    for (enum mailauth_result r = MAILAUTH_NONE; r <= MAILAUTH_PERMERROR; r++)
        if (str_eq_nocase(name, mailauth_result_name(r))) {
            *ret_result = r;
            return true;
        }
    return false;
}

/* "example.com" passed; "example.com=fail" did not. */
static bool take_result(const char *option, const char *text, str *ret_domain,
                        enum mailauth_result *ret_result)
{
    str name;
    str_split(str_of(text), '=', ret_domain, &name);
    *ret_result = MAILAUTH_PASS;
    if (ret_domain->len == strlen(text) || result_named(name, ret_result))
        return true;
    cli_fail("--%s: \"%.*s\" is not a result such as pass, fail or temperror", option,
             STR_ARG(name));
    return false;
}

static bool take_eval_options(struct dmarc_run *run)
{
    if (run->from == NULL) {
        cli_fail("dmarc eval needs --from; see \"smtptool dmarc --help\"");
        return false;
    }
    if (run->dkim_left_out) {
        cli_fail("more than %d --dkim", DMARC_SIGNATURES_MAX);
        return false;
    }
    str header =
        arena_printf(run->arena, "From: %s%s\r\n", strchr(run->from, '@') ? "" : "x@", run->from);
    run->author = mailauth_dmarc_from_header(header, run->arena);
    run->input = (struct mailauth_dmarc_input){
        .from = &run->author, .dkim = run->signatures, .dkim_count = run->dkim_count};
    if (run->spf && !take_result("spf", run->spf, &run->input.spf.domain, &run->input.spf.result))
        return false;
    for (size_t i = 0; i < run->dkim_count; i++)
        if (!take_result("dkim", run->dkim[i], &run->signatures[i].domain,
                         &run->signatures[i].result))
            return false;
    return true;
}

static void eval_fiber(void *arg)
{
    struct dmarc_run *run = arg;
    struct dns_budget budget;
    struct mailauth_ask ask = make_ask(run, &budget);
    run->e = mailauth_dmarc_evaluate(&ask, &run->story, &run->input, &run->result);
}

static void print_eval_json(const struct dmarc_run *run)
{
    const struct mailauth_dmarc *d = &run->result;
    json_t *object =
        json_pack("{so,so,so,so,so}", "result", cli_json_str(mailauth_result_name(d->result)),
                  "disposition", cli_json_str(mailauth_dmarc_record_policy_name(d->disposition)),
                  "reason", cli_json_str(d->reason), "from", cli_json_str(d->author),
                  "policy_domain", cli_json_str(d->policy_domain));
    json_object_set_new(object, "organizational", cli_json_str(d->organizational));
    json_object_set_new(object, "policy",
                        cli_json_str(mailauth_dmarc_record_policy_name(d->policy)));
    json_object_set_new(object, "policy_tag", cli_json_str(str_of(d->policy_tag)));
    json_object_set_new(object, "record", cli_json_str(d->record ? d->record->text : (str){0}));
    json_object_set_new(object, "spf_aligned", json_boolean(d->spf_aligned));
    json_object_set_new(object, "dkim_aligned", json_boolean(d->dkim_aligned));
    json_object_set_new(object, "softened", json_boolean(d->softened));
    json_object_set_new(object, "questions", json_integer((json_int_t)d->questions));
    json_object_set_new(object, "story", story_json(run));
    cli_print_json(object);
}

static void print_eval(const struct dmarc_run *run)
{
    const struct mailauth_dmarc *d = &run->result;
    print_story(run);
    print_text("", mailauth_result_name(d->result), "");
    if (d->result == MAILAUTH_FAIL)
        print_text(", asked for: ", mailauth_dmarc_record_policy_name(d->disposition), "");
    putchar('\n');
}

static int run_eval(void *arg, int argc, char **argv)
{
    struct dmarc_run *run = arg;
    struct mailauth_dmarc_psl *psl = NULL;
    (void)argc, (void)argv;
    if (!take_eval_options(run))
        return CLI_USAGE;
    if (run->psl) {
        bool system = strcmp(run->psl, "system") == 0;
        err e = mailauth_dmarc_psl_open(system ? S("") : str_of(run->psl), &psl);
        if (e) {
            cli_fail_err(e, "--psl");
            return CLI_NO_INPUT;
        }
        run->input.psl = psl;
    }
    int code = ask_all(run, eval_fiber);
    mailauth_dmarc_psl_close(psl);
    if (code != CLI_OK)
        return code;
    if (run->cli->json)
        print_eval_json(run);
    else
        print_eval(run);
    if (run->result.result == MAILAUTH_TEMPERROR)
        return CLI_UNKNOWN;
    return run->result.result == MAILAUTH_PASS ? CLI_OK : CLI_FINDINGS;
}

/* ---- record ---- */

static err check_reports(struct dmarc_run *run, struct mailauth_dmarc_walks *walks,
                         const struct mailauth_dmarc_uris *uris)
{
    for (size_t i = 0; i < uris->count; i++)
        if (uris->items[i].address.len > 0)
            TRY(mailauth_dmarc_external_check(walks, str_of(run->operand), &uris->items[i],
                                              &run->reports[run->report_count++]));
    return NULL;
}

static err look_up(struct dmarc_run *run, struct mailauth_dmarc_walks *walks)
{
    const struct mailauth_dmarc_answer *answer = NULL;
    TRY(mailauth_dmarc_walk_ask(walks, str_of(run->operand), &answer));
    run->record = answer->record;
    run->unknown = mailauth_dmarc_walk_is_unknown(answer->status);
    if (run->record == NULL)
        return NULL;
    run->reports =
        ARENA_ARRAY(run->arena, struct mailauth_dmarc_external, 2 * MAILAUTH_DMARC_URIS_MAX);
    TRY(check_reports(run, walks, &run->record->rua));
    return check_reports(run, walks, &run->record->ruf);
}

static void record_fiber(void *arg)
{
    struct dmarc_run *run = arg;
    struct dns_budget budget;
    struct mailauth_ask ask = make_ask(run, &budget);
    struct mailauth_dmarc_walks walks;
    mailauth_dmarc_walk_init(&walks, &ask, &run->story);
    run->e = look_up(run, &walks);
}

static bool report_refused(const struct mailauth_dmarc_external *r)
{
    return r->verdict == MAILAUTH_DMARC_EXTERNAL_REFUSED;
}

static int record_exit(const struct dmarc_run *run)
{
    bool unknown = run->unknown, wrong = run->record == NULL || run->record->useless;
    for (size_t i = 0; run->record && i < run->record->remark_count; i++)
        wrong |= run->record->remarks[i].is_mistake;
    for (size_t i = 0; i < run->report_count; i++) {
        wrong |= report_refused(&run->reports[i]);
        unknown |= run->reports[i].verdict == MAILAUTH_DMARC_EXTERNAL_UNKNOWN;
    }
    if (unknown)
        return CLI_UNKNOWN;
    return wrong ? CLI_FINDINGS : CLI_OK;
}

static void print_record_json(const struct dmarc_run *run)
{
    const struct mailauth_dmarc_record *r = run->record;
    json_t *remarks = json_array(), *reports = json_array();
    for (size_t i = 0; r && i < r->remark_count; i++)
        json_array_append_new(remarks, json_pack("{ss,so,so}", "weight",
                                                 r->remarks[i].is_mistake ? "error" : "note", "tag",
                                                 cli_json_str(r->remarks[i].tag), "text",
                                                 cli_json_str(r->remarks[i].text)));
    for (size_t i = 0; i < run->report_count; i++)
        json_array_append_new(reports, cli_json_str(run->reports[i].reason));
    cli_print_json(json_pack("{so,so,so,so}", "record", cli_json_str(r ? r->text : (str){0}),
                             "remarks", remarks, "reports", reports, "story", story_json(run)));
}

static void print_tags(const struct mailauth_dmarc_record *r)
{
    const char *tag;
    print_text("for the domain itself: ", mailauth_dmarc_record_policy_name(r->p), "\n");
    print_text("for those below it: ",
               mailauth_dmarc_record_policy_name(mailauth_dmarc_record_policy(r, true, true, &tag)),
               "");
    print_text(
        ", when they do not exist: ",
        mailauth_dmarc_record_policy_name(mailauth_dmarc_record_policy(r, true, false, &tag)),
        "\n");
    printf("alignment: DKIM %s, SPF %s\n", r->adkim_strict ? "strict" : "relaxed",
           r->aspf_strict ? "strict" : "relaxed");
    if (r->testing)
        puts("t=y: receivers are asked for one step less");
    if (r->assumed)
        puts("its policy is of no use, its rua is: it is taken as p=none (section 4.10.1)");
    if (r->useless)
        puts("it is of no use: DMARC is not applied (RFC 9989 section 4.10.1)");
}

static void print_record(const struct dmarc_run *run)
{
    const struct mailauth_dmarc_record *r = run->record;
    print_story(run);
    if (r == NULL) {
        puts(run->unknown ? "the DNS gave no answer" : "no DMARC record of use");
        return;
    }
    if (!run->cli->quiet)
        print_tags(r);
    for (size_t i = 0; i < r->remark_count; i++) {
        print_text(r->remarks[i].is_mistake ? "error: " : "note: ", r->remarks[i].tag, ": ");
        print_text("", r->remarks[i].text, "\n");
    }
    for (size_t i = 0; i < run->report_count; i++)
        print_text(report_refused(&run->reports[i]) ? "error: reports: " : "reports: ",
                   run->reports[i].reason, "\n");
}

static int read_given(struct dmarc_run *run, const char *text)
{
    struct mailauth_dmarc_record *record = ARENA_NEW(run->arena, struct mailauth_dmarc_record);
    err e = mailauth_dmarc_record_parse(str_of(text), run->arena, record);
    if (e) {
        cli_fail_err(e, "the record");
        return CLI_FINDINGS;
    }
    run->record = record;
    return CLI_OK;
}

static int run_record(void *arg, int argc, char **argv)
{
    struct dmarc_run *run = arg;
    str domain;
    (void)argc;
    int code;
    if (strchr(argv[0], '=')) {
        code = read_given(run, argv[0]);
    } else {
        if (!take_domain(run, argv[0], &domain))
            return CLI_USAGE;
        run->operand = arena_chars(run->arena, domain);
        code = ask_all(run, record_fiber);
    }
    if (code != CLI_OK)
        return code;
    if (run->cli->json)
        print_record_json(run);
    else
        print_record(run);
    return record_exit(run);
}

/* ---- reports ---- */

static int run_reports(void *arg, int argc, char **argv)
{
    struct dmarc_run *run = arg;
    return cli_dmarc_reports_run(run->cli, run->xml, argc, argv);
}

/* ---- */

const struct cli_verb cmd_dmarc_verbs[] = {
    {"walk",    run_walk,    1, 1, "DOMAIN"                                              },
    {"eval",    run_eval,    0, 0, "--from FROM --spf DOMAIN --dkim D"                   },
    {"record",  run_record,  1, 1, "DOMAIN|RECORD"                                       },
    {"reports", run_reports, 1, 3, "ls [DOMAIN] | show DOMAIN [DAY] | write DOMAIN [DAY]"},
    {NULL,      NULL,        0, 0, NULL                                                  },
};

static void add_signature(void *arg, const char *value)
{
    struct dmarc_run *run = arg;
    if (run->dkim_count == DMARC_SIGNATURES_MAX)
        run->dkim_left_out++;
    else
        run->dkim[run->dkim_count++] = value;
}

int cmd_dmarc(struct cli *cli, int argc, char **argv)
{
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(DMARC_ARENA_BYTES_MAX);
    struct dmarc_run *run = ARENA_NEW(arena, struct dmarc_run);
    const struct cli_option options[] = {
        {.name = "from", .value = &run->from  },
        {.name = "spf",  .value = &run->spf   },
        {.name = "dkim", .each = add_signature, .arg = run},
        {.name = "psl",              .value = &run->psl                      },
        {.name = "xml",              .flag = &run->xml},
        {.name = "dns-zone",              .value = &run->dns_zone                 },
    };
    int code;
    run->cli = cli;
    run->arena = arena;
    int first = cli_parse(cli, cli->command, options, ARRAY_LEN(options), argc, argv, &code);
    if (first < 0)
        return code;
    return cli_run_verb(cli, cmd_dmarc_verbs, ARRAY_LEN(cmd_dmarc_verbs) - 1, run, argc - first,
                        argv + first);
}
