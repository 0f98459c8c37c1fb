/* cli/cmd_arc.c -- smtptool arc: check the chain of those who handled a message, and add to it */
#include "cli/commands.h"
#include "cli/dkim_input.h"
#include "mailauth/arc_seal.h"

const char cmd_arc_help[] =
    "usage: smtptool arc verify MESSAGE\n"
    "       smtptool arc seal --domain DOMAIN --key SELECTOR=FILE --results TEXT MESSAGE\n\n"
    "  verify    judge the chain of ARC sets (RFC 8617), and tell who sealed and what holds\n"
    "  seal      add a set of our own and print the message, its lines ended by CRLF; nothing is\n"
    "            added to a chain that has failed before\n\n"
    "MESSAGE is a file, or \"-\" for stdin; a FILE with a key must be for your eyes only.\n\n"
    "options:\n"
    "  --key SELECTOR=FILE   seal: the private key; \"env:NAME\" names an environment variable\n"
    "  --domain DOMAIN       seal: d=: who seals\n"
    "  --results TEXT        seal: what was found, as in Authentication-Results:\n"
    "                        \"mx.example.com; arc=none; spf=pass ...\"\n"
    "  --names LIST          seal: exactly these fields are signed: from:to:subject\n"
    "  --fields              seal: print the new fields alone\n"
    "  --time SECONDS        seal: as if it were that time (since 1970)\n"
    "  --dns-zone FILE       ask this zone file, not the DNS\n"
    "  -q                    verify: the result alone\n"
    "  --json                verify: one JSON object\n\n"
    "exit, verify: 0 the chain holds; 1 it does not, or there is none; 2 a key could not be had\n"
    "exit, seal: 0 done; 64 usage; 65 the message cannot be sealed; 78 a key is not usable\n\n"
    "examples:\n"
    "  smtptool arc verify --dns-zone planned.zone mail.eml\n"
    "  smtptool arc seal --domain example.com --key s=s.pem --results \"mx.example.com; arc=none\" "
    "mail.eml\n";

enum { ARC_TEXT_BYTES_MAX = 1 << 20 };

struct arc_run {
    struct cli_dkim_input in;
    const char *results, *names;
    bool fields_only, failed;
    struct dns_resolver *resolver;
    struct mailauth_arc_plan plan;
    struct mailauth_arc_result result;
    struct buf fields;
};

/* Check, and when there is a key, add a set. */
static err judge(struct arc_run *run)
{
    struct cli_dkim_input *in = &run->in;
    struct dns_budget budget;
    dns_budget_init(&budget, DNS_BUDGET_QUESTIONS, DNS_BUDGET_MS);
    struct mailauth_ask ask = {in->arena, run->resolver, &budget, budget.until, in->now_s * 1000};
    struct mailauth_canon_hash *hash = mailauth_canon_hash_open(in->arena);
    struct mailauth_arc *arc;
    struct mailauth_arc_seal *seal = NULL;
    TRY(mailauth_arc_open(in->header, hash, in->arena, &arc));
    if (run->plan.signer)
        TRY(mailauth_arc_seal_open(in->header, &run->plan, hash, in->arena, &seal));
    mailauth_canon_hash_add(hash, in->body);
    TRY(mailauth_arc_finish(arc, &ask, &in->story, &run->result));
    if (seal == NULL)
        return NULL;
    return mailauth_arc_seal_finish(seal, &run->result, str_of(run->results), in->now_s,
                                    &run->fields, DEADLINE_NEVER);
}

static void judge_fiber(void *arg)
{
    struct arc_run *run = arg;
    err e = judge(run);
    if (e) /* told here: an err ends with its fiber */
        cli_fail_err(e, "arc");
    run->failed = e != NULL;
}

/* ---- verify ---- */

static void print_json(const struct arc_run *run)
{
    const struct mailauth_arc_result *r = &run->result;
    json_t *sets = json_array();
    for (unsigned i = 0; i < r->count; i++) {
        const struct mailauth_dkim_signature *s = &r->sets.items[i].seal_signature;
        json_array_append_new(sets, json_pack("{sI,so,so}", "number", (json_int_t)(i + 1), "domain",
                                              cli_json_str(s->domain), "selector",
                                              cli_json_str(s->selector)));
    }
    cli_print_json(json_pack("{so,so,sI,so,so}", "result",
                             cli_json_str(mailauth_result_name(r->result)), "reason",
                             cli_json_str(r->reason), "oldest_pass", (json_int_t)r->oldest_pass,
                             "sets", sets, "story", cli_dkim_input_story_json(&run->in.story)));
}

static int run_verify(void *arg, int argc, char **argv)
{
    struct arc_run *run = arg;
    (void)argc;
    int code = cli_dkim_input_read(&run->in, argv[0]);
    if (code == CLI_OK)
        code = cli_dkim_input_ask(&run->in, judge_fiber, run, &run->resolver);
    if (code != CLI_OK)
        return code;
    if (run->failed)
        return CLI_DATA;
    if (run->in.cli->json)
        print_json(run);
    else if (run->in.cli->quiet)
        printf("%.*s\n", STR_ARG(mailauth_result_name(run->result.result)));
    else
        cli_dkim_input_print_story(&run->in.story, 0);
    if (run->result.result == MAILAUTH_TEMPERROR)
        return CLI_UNKNOWN;
    return run->result.result == MAILAUTH_PASS ? CLI_OK : CLI_FINDINGS;
}

/* ---- seal ---- */

static int run_seal(void *arg, int argc, char **argv)
{
    struct arc_run *run = arg;
    struct cli_dkim_input *in = &run->in;
    (void)argc;
    int code = cli_dkim_input_keys(in);
    if (code == CLI_OK && (run->results == NULL || in->word_count != 1)) {
        cli_fail("arc seal needs --results, and one --key; see \"smtptool arc --help\"");
        code = CLI_USAGE;
    }
    if (code == CLI_OK)
        code = cli_dkim_input_read(in, argv[0]);
    if (code != CLI_OK)
        return code;
    run->plan =
        (struct mailauth_arc_plan){.domain = str_of(in->domain),
                                   .selector = in->keys[0].selector,
                                   .names = str_of(run->names),
                                   .signer = mailauth_dkim_private_signer(in->keys[0].private)};
    code = cli_dkim_input_ask(in, judge_fiber, run, &run->resolver);
    if (code != CLI_OK)
        return code;
    if (run->failed)
        return CLI_DATA;
    if (run->fields.len == 0 && !in->cli->quiet)
        cli_fail("nothing was added: the chain has failed before, or has fifty sets");
    fwrite(run->fields.ptr, 1, run->fields.len, stdout);
    if (!run->fields_only)
        fwrite(in->message.ptr, 1, in->message.len, stdout);
    return CLI_OK;
}

/* ---- */

const struct cli_verb cmd_arc_verbs[] = {
    {"verify", run_verify, 1, 1, "MESSAGE"                                                   },
    {"seal",   run_seal,   1, 1, "--domain DOMAIN --key SELECTOR=FILE --results TEXT MESSAGE"},
    {NULL,     NULL,       0, 0, NULL                                                        },
};

int cmd_arc(struct cli *cli, int argc, char **argv)
{
    struct arc_run run = {0};
    cli_dkim_input_open(&run.in, cli);
    buf_init(&run.fields, ARC_TEXT_BYTES_MAX);
    const struct cli_option options[] = {
        {.name = "key", .each = cli_dkim_input_add_key, .arg = &run.in},
        {.name = "domain",             .value = &run.in.domain                           },
        {.name = "results",             .value = &run.results},
        {.name = "names",             .value = &run.names                             },
        {.name = "fields",             .flag = &run.fields_only},
        {.name = "time",             .value = &run.in.time                               },
        {.name = "dns-zone",             .value = &run.in.dns_zone},
    };
    int code;
    int first = cli_parse(cli, cli->command, options, ARRAY_LEN(options), argc, argv, &code);
    if (first >= 0)
        code = cli_run_verb(cli, cmd_arc_verbs, ARRAY_LEN(cmd_arc_verbs) - 1, &run, argc - first,
                            argv + first);
    buf_release(&run.fields);
    cli_dkim_input_close(&run.in);
    return code;
}
