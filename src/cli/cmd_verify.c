/* cli/cmd_verify.c -- smtptool verify: what a receiver finds out about a message, and why */
#include "cli/commands.h"
#include "cli/dkim_input.h"
#include "mailauth/dmarc_domain.h"
#include "mailauth/judge.h"

const char cmd_verify_help[] =
    "usage: smtptool verify [--ip ADDRESS] [--helo NAME] [--from SENDER] MESSAGE\n\n"
    "Judge a message as a receiver does: SPF, DKIM and ARC, then DMARC; tell each step, the "
    "verdict\n"
    "in one line, what to mend, and the field Authentication-Results. MESSAGE is a file, or \"-\"\n"
    "for stdin; its line ends are made CRLF.\n\n"
    "options:\n"
    "  --ip ADDRESS      the client that brought it; without it SPF is not checked\n"
    "  --helo NAME       what the client said in HELO or EHLO\n"
    "  --from SENDER     MAIL FROM; \"<>\" or nothing is the empty one: then postmaster at the "
    "HELO\n"
    "                    name\n"
    "  --receiver NAME   our own host, in Authentication-Results; else \"localhost\"\n"
    "  --sealer DOMAIN   believe the ARC seal of this domain; may stand several times\n"
    "  --time SECONDS    as if it were that time (since 1970)\n"
    "  --dns-zone FILE   ask this zone file, not the DNS\n"
    "  -q                the verdict alone\n"
    "  --json            one JSON object\n\n"
    "exit: 0 DMARC passes; 1 another result; 2 temperror: the DNS could not say\n"
    "      64 usage; 65 no message that can be judged; 66 no such file; 78 a mistake in the zone\n"
    "      file or in the configuration\n\n"
    "examples:\n"
    "  smtptool verify --ip 192.0.2.1 --helo mail.example.com --from bob@example.com mail.eml\n"
    "  smtptool verify --dns-zone planned.zone --json mail.eml\n";

enum {
    VERIFY_SEALERS_MAX = 16,
    VERIFY_ADVICE_MAX = 8,
};

struct verify_run {
    struct cli_dkim_input *in;
    const char *ip, *helo, *from, *receiver;
    str sealers[VERIFY_SEALERS_MAX];
    size_t sealer_count;
    bool wrong_sealer, failed;

    struct address address;
    struct dns_resolver *resolver;
    struct mailauth_story stories[4]; /* in the order of the judging */
    struct mailauth_judgement out;
    str field;
    str advice[VERIFY_ADVICE_MAX];
    size_t advice_count;
};

/* ---- what is given ---- */

static void add_sealer(void *arg, const char *value)
{
    struct verify_run *run = arg;
    err e = run->sealer_count == VERIFY_SEALERS_MAX
                ? err_new(ERR_LIMIT, "more than %d of them", VERIFY_SEALERS_MAX)
                : mailauth_dmarc_domain_read(str_of(value), run->in->arena,
                                             &run->sealers[run->sealer_count]);
    if (e)
        cli_fail_err(e, "--sealer %s", value);
    run->wrong_sealer |= e != NULL;
    run->sealer_count += e == NULL;
}

static bool take_options(struct verify_run *run)
{
    if (run->wrong_sealer)
        return false;
    if (run->ip && address_parse_ip(str_of(run->ip), &run->address)) {
        cli_fail("--ip: \"%s\" is not an IP address", run->ip);
        return false;
    }
    return true;
}

/* "<bob@example.com>" is as good as without. */
static str without_brackets(str path)
{
    bool both = path.len >= 2 && path.ptr[0] == '<' && path.ptr[path.len - 1] == '>';
    return both ? str_slice(path, 1, path.len - 2) : path;
}

/* ---- judging ---- */

static err write_field(struct verify_run *run)
{
    CLEANUP(buf_release) struct buf field;
    buf_init(&field, MAILAUTH_JUDGE_FIELD_BYTES_MAX);
    TRY(mailauth_judge_write(&run->out, run->out.peer.receiver, false, run->in->arena, &field));
    run->field = arena_str(run->in->arena, buf_str(&field));
    return NULL;
}

static err judge(struct verify_run *run)
{
    struct dns_budget budget;
    struct mailauth_judge *judge;
    dns_budget_init(&budget, DNS_BUDGET_QUESTIONS, DNS_BUDGET_MS);
    struct mailauth_ask ask = {run->in->arena, run->resolver, &budget, budget.until,
                               run->in->now_s * 1000};
    struct mailauth_judge_peer peer = {
        .ip = run->ip ? &run->address : NULL,
        .helo = str_of(run->helo),
        .sender = without_brackets(str_of(run->from)),
        .receiver = run->receiver ? str_of(run->receiver) : S("localhost"),
        .sealers = run->sealers,
        .sealer_count = run->sealer_count,
    };
    struct mailauth_judge_stories stories = {&run->stories[0], &run->stories[1], &run->stories[2],
                                             &run->stories[3]};
    TRY(mailauth_judge_open(run->in->header, run->in->arena, &judge));
    mailauth_judge_add(judge, run->in->body);
    TRY(mailauth_judge_finish(judge, &ask, &peer, &stories, &run->out));
    return write_field(run);
}

static void judge_fiber(void *arg)
{
    struct verify_run *run = arg;
    err e = judge(run);
    if (e) /* told here: an err ends with its fiber */
        cli_fail_err(e, "the message");
    run->failed = e != NULL;
}

/* ---- what to mend ---- */

static void advise(struct verify_run *run, str advice)
{
    if (run->advice_count < VERIFY_ADVICE_MAX)
        run->advice[run->advice_count++] = advice;
}

static void advise_spf(struct verify_run *run)
{
    const struct mailauth_spf *spf = &run->out.spf;
    const struct mailauth_dmarc *dmarc = &run->out.dmarc;
    str domain;
    if (run->ip == NULL) {
        advise(run, S("tell the client's address (--ip), so that SPF can be checked"));
        return;
    }
    bool near = mailauth_dmarc_domain_read(spf->domain, run->in->arena, &domain) == NULL &&
                mailauth_dmarc_domain_is_below(domain, dmarc->organizational);
    if (!near || spf->result == MAILAUTH_PASS)
        advise(run, arena_printf(run->in->arena,
                                 "SPF was asked for %.*s: only with a MAIL FROM in %.*s can it "
                                 "speak for that",
                                 STR_ARG(spf->domain), STR_ARG(dmarc->author)));
    else if (spf->result == MAILAUTH_FAIL || spf->result == MAILAUTH_SOFTFAIL)
        advise(run, arena_printf(run->in->arena,
                                 "if this client does send for %.*s, add its address (ip4:, ip6:) "
                                 "to the SPF policy",
                                 STR_ARG(spf->domain)));
    else if (spf->result == MAILAUTH_PERMERROR)
        advise(run, arena_printf(run->in->arena, "mend the SPF policy: smtptool spf tree %.*s",
                                 STR_ARG(spf->domain)));
}

static void advise_dkim(struct verify_run *run)
{
    const struct mailauth_dkim_verdict *dkim = &run->out.dkim;
    str author = run->out.dmarc.author;
    bool passed = mailauth_judge_dkim(&run->out) == MAILAUTH_PASS;
    if (dkim->count == 0 || passed)
        advise(run, arena_printf(run->in->arena, "sign it with a key of %.*s (d=%.*s)%s",
                                 STR_ARG(author), STR_ARG(author),
                                 passed ? ", and all of the body" : ""));
    for (size_t i = 0; i < dkim->count && !passed; i++) {
        const struct mailauth_dkim_result *r = &dkim->results[i];
        advise(run, arena_printf(run->in->arena, "mend the signature of %.*s: %.*s",
                                 STR_ARG(r->signature->domain), STR_ARG(r->reason)));
    }
}

static void advise_all(struct verify_run *run)
{
    const struct mailauth_dmarc *dmarc = &run->out.dmarc;
    if (dmarc->result == MAILAUTH_TEMPERROR)
        advise(run, S("ask again later: a receiver may answer 451 meanwhile"));
    if (dmarc->result == MAILAUTH_PERMERROR)
        advise(run, S("write exactly one From field, with addresses of one domain"));
    if (dmarc->result == MAILAUTH_NONE && dmarc->author.len > 0)
        advise(run, arena_printf(run->in->arena,
                                 "publish a policy: _dmarc.%.*s TXT \"v=DMARC1; p=none; "
                                 "rua=mailto:...\"",
                                 STR_ARG(dmarc->author)));
    if (dmarc->result == MAILAUTH_PASS && !dmarc->dkim_aligned)
        advise(run, S("sign it with DKIM as well: SPF does not survive forwarding"));
    if (dmarc->result == MAILAUTH_FAIL && run->out.believed.len == 0) {
        advise_spf(run);
        advise_dkim(run);
    }
}

/* ---- telling ---- */

static const char *const parts[] = {"SPF", "DKIM", "ARC", "DMARC"};

static str part_result(const struct verify_run *run, size_t part)
{
    const struct mailauth_judgement *j = &run->out;
    enum mailauth_result results[] = {j->spf.result, mailauth_judge_dkim(j), j->arc.result,
                                      j->dmarc.result};
    return mailauth_result_name(results[part]);
}

static const char *consequence(const struct mailauth_judgement *j)
{
    if (j->sealer_unknown)
        return "; a receiver that enforces policies would ask for it again later";
    if (j->disposition == MAILAUTH_DMARC_REJECT)
        return "; a receiver that enforces policies would refuse it";
    if (j->disposition == MAILAUTH_DMARC_QUARANTINE)
        return "; a receiver that enforces policies would put it aside";
    return "";
}

static void print_verdict(const struct verify_run *run)
{
    printf("verdict: dmarc=%.*s: ", STR_ARG(part_result(run, 3)));
    cli_print_clean(stdout, run->out.reason);
    printf("%s\n", consequence(&run->out));
}

static void print_part(const struct verify_run *run, size_t part)
{
    printf("%s: %.*s\n", parts[part], STR_ARG(part_result(run, part)));
    cli_dkim_input_print_story(&run->stories[part], 1);
}

static void print_all(const struct verify_run *run)
{
    for (size_t part = 0; part < ARRAY_LEN(parts) && !run->in->cli->quiet; part++)
        print_part(run, part);
    print_verdict(run);
    if (run->in->cli->quiet)
        return;
    for (size_t i = 0; i < run->advice_count; i++) {
        fputs("-> ", stdout);
        cli_print_clean(stdout, run->advice[i]);
        putchar('\n');
    }
    putchar('\n');
    for (size_t i = 0; i < run->field.len; i++)
        if (run->field.ptr[i] != '\r')
            putchar(run->field.ptr[i]);
}

static json_t *dkim_json(const struct mailauth_dkim_verdict *dkim)
{
    json_t *list = json_array();
    for (size_t i = 0; i < dkim->count; i++) {
        const struct mailauth_dkim_result *r = &dkim->results[i];
        json_t *one = json_pack(
            "{so,so,so,so,so}", "result", cli_json_str(mailauth_result_name(r->result)), "domain",
            cli_json_str(r->signature->domain), "selector", cli_json_str(r->signature->selector),
            "algorithm", cli_json_str(r->signature->algorithm_name), "reason",
            cli_json_str(r->reason));
        json_object_set_new(one, "key_bits", json_integer(r->key_bits));
        json_object_set_new(one, "unsigned_bytes", json_integer((json_int_t)r->unsigned_bytes));
        json_array_append_new(list, one);
    }
    return list;
}

static json_t *dmarc_json(const struct mailauth_dmarc *d)
{
    json_t *object =
        json_pack("{so,so,so,so}", "result", cli_json_str(mailauth_result_name(d->result)),
                  "reason", cli_json_str(d->reason), "from", cli_json_str(d->author),
                  "policy_domain", cli_json_str(d->policy_domain));
    json_object_set_new(object, "policy",
                        cli_json_str(mailauth_dmarc_record_policy_name(d->policy)));
    json_object_set_new(object, "spf_aligned", json_boolean(d->spf_aligned));
    json_object_set_new(object, "dkim_aligned", json_boolean(d->dkim_aligned));
    return object;
}

static void print_json(const struct verify_run *run)
{
    const struct mailauth_judgement *j = &run->out;
    json_t *advice = json_array(), *story = json_object();
    for (size_t i = 0; i < run->advice_count; i++)
        json_array_append_new(advice, cli_json_str(run->advice[i]));
    static const char *const names[] = {"spf", "dkim", "arc", "dmarc"};
    for (size_t part = 0; part < ARRAY_LEN(names); part++)
        json_object_set_new(story, names[part], cli_dkim_input_story_json(&run->stories[part]));
    json_t *spf = json_pack("{so,so,so,so}", "result", cli_json_str(part_result(run, 0)), "domain",
                            cli_json_str(j->spf.domain), "mechanism",
                            cli_json_str(j->spf.mechanism), "reason", cli_json_str(j->spf.reason));
    json_t *arc = json_pack("{so,sI,so,so}", "result", cli_json_str(part_result(run, 2)), "sets",
                            (json_int_t)j->arc.count, "reason", cli_json_str(j->arc.reason),
                            "believed", cli_json_str(j->believed));
    json_t *object =
        json_pack("{so,so,so,so,so,so}", "result", cli_json_str(part_result(run, 3)), "disposition",
                  cli_json_str(mailauth_dmarc_record_policy_name(j->disposition)), "reason",
                  cli_json_str(j->reason), "spf", spf, "dkim", dkim_json(&j->dkim), "arc", arc);
    json_object_set_new(object, "dmarc", dmarc_json(&j->dmarc));
    json_object_set_new(object, "questions", json_integer(j->questions));
    json_object_set_new(object, "authentication_results", cli_json_str(run->field));
    json_object_set_new(object, "advice", advice);
    json_object_set_new(object, "story", story);
    cli_print_json(object);
}

/* ---- */

static int verify(struct verify_run *run, const char *path)
{
    if (!take_options(run))
        return CLI_USAGE;
    int code = cli_dkim_input_read(run->in, path);
    if (code == CLI_OK)
        code = cli_dkim_input_ask(run->in, judge_fiber, run, &run->resolver);
    if (code != CLI_OK)
        return code;
    if (run->failed)
        return CLI_DATA;
    advise_all(run);
    if (run->in->cli->json)
        print_json(run);
    else
        print_all(run);
    if (run->out.dmarc.result == MAILAUTH_TEMPERROR)
        return CLI_UNKNOWN;
    return run->out.dmarc.result == MAILAUTH_PASS ? CLI_OK : CLI_FINDINGS;
}

int cmd_verify(struct cli *cli, int argc, char **argv)
{
    struct cli_dkim_input in;
    cli_dkim_input_open(&in, cli);
    struct verify_run *run = ARENA_NEW(in.arena, struct verify_run);
    const struct cli_option options[] = {
        {.name = "ip",       .value = &run->ip      },
        {.name = "helo",     .value = &run->helo    },
        {.name = "from",     .value = &run->from    },
        {.name = "receiver", .value = &run->receiver},
        {.name = "sealer",   .each = add_sealer,      .arg = run},
        {.name = "time",                  .value = &in.time                           },
        {.name = "dns-zone",                  .value = &in.dns_zone},
    };
    int code;
    run->in = &in;
    for (size_t i = 0; i < ARRAY_LEN(run->stories); i++)
        mailauth_story_init(&run->stories[i], in.arena);
    int first = cli_parse(cli, cli->command, options, ARRAY_LEN(options), argc, argv, &code);
    if (first >= 0 && argc - first != 1) {
        cli_fail("verify needs one message; see \"smtptool verify --help\"");
        code = CLI_USAGE;
    } else if (first >= 0) {
        code = verify(run, argv[first]);
    }
    cli_dkim_input_close(&in);
    return code;
}
