/* cli/cmd_tls_reports.c -- smtptool tls-reports: what others say of TLS on the way to us, and what
 * we say of theirs */
#include "cli/commands.h"
#include "cli/state.h"
#include "outbound/tlsrpt_job.h"
#include "report/day.h"
#include "runtime/file.h"
#include "tlspolicy/report_read.h"
#include "tlspolicy/report_unpack.h"
#include <string.h>

const char cmd_tls_reports_help[] =
    "usage: smtptool tls-reports read FILE...\n"
    "       smtptool tls-reports ls [DOMAIN]\n"
    "       smtptool tls-reports show DOMAIN [DAY]\n\n"
    "  read   sum up what others report of TLS on the way to a domain of yours (RFC 8460), and\n"
    "         say what each failure means. A FILE is the JSON, the same packed by gzip, or the\n"
    "         mail that carried it; \"-\" is stdin. With tls_reports.receive the mails that came\n"
    "         lie in reports/tls in state\n"
    "  ls     what this server has counted for its own reports to others, and what became of\n"
    "         them (see tls_reports)\n"
    "  show   one of these as JSON, as it is sent. Nothing is sent, also beside a running server.\n"
    "         DAY is such as 2026-11-20, in UTC; without it the newest\n\n"
    "options:\n"
    "  -C, --config F    ls, show: whose state folder\n"
    "  -q                read: the sums alone\n"
    "  --json            one JSON object a report\n\n"
    "exit, read: 0 nothing failed; 1 something did\n"
    "exit, ls, show: 0 here it is; 66 there is none\n"
    "      all: 64 usage; 65 no such report; 66 no such file; 78 a mistake in the configuration\n\n"
    "examples:\n"
    "  smtptool tls-reports read report.json.gz\n"
    "  smtptool tls-reports read /var/lib/smtptool/reports/tls/*.eml\n"
    "  smtptool tls-reports show example.com | jq .\n";

enum {
    LISTED_MAX = 1000,
    OF_DOMAIN_MAX = 64,
    FILE_BYTES_MAX = 32 << 20,
    TIME_CHARS = 17,
};

struct tls_run {
    struct cli *cli;
    const struct config *config;
    struct outbound_tlsrpt_store *store;
    struct arena *arena;
};

/* ---- read ---- */

/* What to look at when this is counted. */
static const char *const meanings[TLSPOLICY_RESULTS] = {
    [TLSPOLICY_SUCCESS] = "a kind of failure that RFC 8460 does not know",
    [TLSPOLICY_STARTTLS_NOT_SUPPORTED] =
        "no STARTTLS was offered: it is off at that host, or somebody on the way cut it out",
    [TLSPOLICY_CERTIFICATE_HOST_MISMATCH] =
        "the certificate is for other names: it must have the MX host's own name",
    [TLSPOLICY_CERTIFICATE_EXPIRED] = "the certificate is out of date: renew it, and reload",
    [TLSPOLICY_CERTIFICATE_NOT_TRUSTED] =
        "the certificate's issuer is not trusted, or its intermediate was not sent along",
    [TLSPOLICY_VALIDATION_FAILURE] =
        "TLS failed otherwise: versions, ciphers, a record that does not fit, a host the policy "
        "does not name",
    [TLSPOLICY_TLSA_INVALID] = "none of the TLSA records can be used: publish 3 1 1",
    [TLSPOLICY_DNSSEC_INVALID] = "the zone's signatures do not validate, or its servers do not "
                                 "answer: look at the signing, and at expiry",
    [TLSPOLICY_DANE_REQUIRED] = "the sender wants DANE, and the host has no TLSA records",
    [TLSPOLICY_STS_POLICY_FETCH_ERROR] =
        "the MTA-STS policy could not be fetched: see `smtptool mta-sts check`",
    [TLSPOLICY_STS_POLICY_INVALID] =
        "the MTA-STS policy has a mistake: see `smtptool mta-sts check`",
    [TLSPOLICY_STS_WEBPKI_INVALID] =
        "the certificate of the web server with the MTA-STS policy is not trusted",
};

static void print_field(const char *before, str text)
{
    if (text.len == 0)
        return;
    fputs(before, stdout);
    cli_print_clean(stdout, text);
}

static str name_of(const struct tlspolicy_report_detail *d)
{
    return d->result == TLSPOLICY_SUCCESS ? d->result_name
                                          : str_of(tlspolicy_result_name(d->result));
}

static void print_detail(const struct tlspolicy_report_detail *d)
{
    printf("    %8llu  ", (unsigned long long)d->count);
    cli_print_clean(stdout, name_of(d));
    print_field(", at ", d->mx_host);
    print_field(" ", d->receiving_ip);
    print_field(", from ", d->sending_ip);
    print_field(": ", d->info);
    print_field(" ", d->reason_code);
    printf("\n              %s\n", meanings[d->result]);
}

static void print_report(const struct tls_run *run, const struct tlspolicy_report *r)
{
    char begin[CLOCK_RFC3339_BYTES], end[CLOCK_RFC3339_BYTES];
    clock_rfc3339(r->begin_s * 1000, begin);
    clock_rfc3339(r->end_s * 1000, end);
    cli_print_clean(stdout, r->organization);
    printf(", %.16s to %.16s", begin, end);
    print_field(", ask ", r->contact);
    putchar('\n');
    for (size_t i = 0; i < r->policy_count; i++) {
        const struct tlspolicy_report_policy *p = &r->policies[i];
        print_field("  ", p->domain);
        printf(", %s: %llu succeeded, %llu failed\n", tlspolicy_report_type_name(p->type),
               (unsigned long long)p->successes, (unsigned long long)p->failures);
        for (size_t d = 0; d < p->detail_count && !run->cli->quiet; d++)
            print_detail(&p->details[d]);
    }
}

static json_t *details_json(const struct tlspolicy_report_policy *p)
{
    json_t *list = json_array();
    for (size_t i = 0; i < p->detail_count; i++) {
        const struct tlspolicy_report_detail *d = &p->details[i];
        json_array_append_new(
            list, json_pack("{so,sI,so,so,so,so,so,ss}", "result", cli_json_str(name_of(d)),
                            "count", (json_int_t)d->count, "mx_host", cli_json_str(d->mx_host),
                            "receiving_ip", cli_json_str(d->receiving_ip), "sending_ip",
                            cli_json_str(d->sending_ip), "info", cli_json_str(d->info), "reason",
                            cli_json_str(d->reason_code), "meaning", meanings[d->result]));
    }
    return list;
}

static void print_json(const struct tlspolicy_report *r)
{
    json_t *list = json_array();
    for (size_t i = 0; i < r->policy_count; i++) {
        const struct tlspolicy_report_policy *p = &r->policies[i];
        json_array_append_new(list, json_pack("{so,ss,sI,sI,so}", "domain", cli_json_str(p->domain),
                                              "policy", tlspolicy_report_type_name(p->type),
                                              "successes", (json_int_t)p->successes, "failures",
                                              (json_int_t)p->failures, "details", details_json(p)));
    }
    cli_print_json(json_pack("{so,so,so,sI,sI,so}", "organization", cli_json_str(r->organization),
                             "contact", cli_json_str(r->contact), "id", cli_json_str(r->id),
                             "begin", (json_int_t)r->begin_s, "end", (json_int_t)r->end_s,
                             "policies", list));
}

static uint64_t failures_of(const struct tlspolicy_report *r)
{
    uint64_t failures = 0;
    for (size_t i = 0; i < r->policy_count; i++)
        failures += r->policies[i].failures;
    return failures;
}

static err read_report(const char *path, struct arena *arena, struct tlspolicy_report *ret_report)
{
    CLEANUP(buf_release) struct buf bytes;
    str json;
    buf_init(&bytes, FILE_BYTES_MAX);
    TRY(cli_read_file(path, &bytes));
    TRY(tlspolicy_report_unpack(buf_str(&bytes), arena, &json));
    return tlspolicy_report_read(json, arena, ret_report);
}

static int read_one(struct tls_run *run, const char *path)
{
    struct tlspolicy_report report;
    CLEANUP(arena_cleanup)
    struct arena *arena =
        arena_open(TLSPOLICY_REPORT_UNPACK_ARENA_BYTES + 5 * TLSPOLICY_REPORT_BYTES_MAX);
    err e = read_report(path, arena, &report);
    if (e) {
        cli_fail_err(e, "%s", path);
        return e->kind == ERR_SYSTEM ? CLI_NO_INPUT : CLI_DATA;
    }
    if (run->cli->json)
        print_json(&report);
    else
        print_report(run, &report);
    return failures_of(&report) > 0 ? CLI_FINDINGS : CLI_OK;
}

/* The worst of all. */
static int run_read(void *arg, int argc, char **argv)
{
    int worst = CLI_OK;
    for (int i = 0; i < argc; i++) {
        int code = read_one(arg, argv[i]);
        err_forget();
        worst = code > worst ? code : worst;
    }
    return worst;
}

/* ---- ours ---- */

static err open_store(struct tls_run *run)
{
    struct cli_state *state = ARENA_NEW(run->arena, struct cli_state);
    TRY(cli_state_paths(run->config, state));
    const char *path = arena_printf(run->arena, "%s/tls.db", state->reports).ptr;
    if (!file_exists(path))
        return err_new(ERR_CLOSED, "nothing was counted yet: there is no %s%s", path,
                       run->config->tls_reports.send == REPORTING_OFF ? " (tls_reports.send is off)"
                                                                      : "");
    return outbound_tlsrpt_store_open(path, false, &run->store);
}

static const char *state_word(const struct outbound_tlsrpt_head *h)
{
    return report_day_word(h->state, h->day, clock_real_ms());
}

static json_t *head_json(const struct outbound_tlsrpt_head *h,
                         const struct outbound_tlsrpt_note *notes, size_t count)
{
    char day[REPORT_DAY_CHARS];
    json_t *list = json_array();
    report_day_format(h->day, day);
    for (size_t i = 0; i < count; i++)
        json_array_append_new(list,
                              json_pack("{so,so,sb}", "to", cli_json_str(notes[i].uri), "note",
                                        cli_json_str(notes[i].text), "sent", (int)notes[i].sent));
    return json_pack("{ss,so,ss,sI,sI,so}", "day", day, "domain", cli_json_str(h->domain), "state",
                     state_word(h), "sessions", (json_int_t)h->sessions, "failures",
                     (json_int_t)h->failures, "notes", list);
}

static void print_head(const struct outbound_tlsrpt_head *h,
                       const struct outbound_tlsrpt_note *notes, size_t count)
{
    char day[REPORT_DAY_CHARS], at[CLOCK_RFC3339_BYTES];
    report_day_format(h->day, day);
    clock_rfc3339(h->due_ms, at);
    printf("%s  ", day);
    cli_print_clean(stdout, h->domain);
    printf("  sessions %lld, failed %lld, %s", (long long)h->sessions, (long long)h->failures,
           state_word(h));
    if (h->state == REPORT_DAY_OPEN)
        printf(", due %.16s", at);
    putchar('\n');
    for (size_t i = 0; i < count; i++) {
        clock_rfc3339(notes[i].time_ms, at);
        printf("    %.16s ", at);
        cli_print_clean(stdout, notes[i].uri);
        print_field(": ", notes[i].text);
        putchar('\n');
    }
}

static err list(struct tls_run *run, str domain, size_t most, struct outbound_tlsrpt_head **ret,
                size_t *ret_count)
{
    struct outbound_tlsrpt_query q = {.domain = domain, .most = most};
    TRY(open_store(run));
    return outbound_tlsrpt_store_list(run->store, &q, run->arena, ret, ret_count);
}

static err list_all(struct tls_run *run, int argc, char **argv)
{
    struct outbound_tlsrpt_head *heads;
    size_t count = 0, note_count = 0;
    TRY(list(run, argc > 0 ? str_of(argv[0]) : (str){0}, LISTED_MAX, &heads, &count));
    for (size_t i = 0; i < count; i++) {
        struct outbound_tlsrpt_note *notes;
        TRY(outbound_tlsrpt_store_notes(run->store, heads[i].id, run->arena, &notes, &note_count));
        if (run->cli->json)
            cli_print_json(head_json(&heads[i], notes, note_count));
        else
            print_head(&heads[i], notes, note_count);
    }
    return NULL;
}

static err find(struct tls_run *run, int argc, char **argv, struct outbound_tlsrpt_head *ret_head)
{
    struct outbound_tlsrpt_head *heads;
    size_t count = 0;
    char day[REPORT_DAY_CHARS];
    TRY(list(run, str_of(argv[0]), OF_DOMAIN_MAX, &heads, &count));
    for (size_t i = 0; i < count; i++) {
        report_day_format(heads[i].day, day);
        if (argc > 1 && strcmp(argv[1], day) != 0)
            continue;
        *ret_head = heads[i];
        return NULL;
    }
    return err_new(ERR_CLOSED, "nothing was counted for %s%s%s", argv[0], argc > 1 ? " on " : "",
                   argc > 1 ? argv[1] : "");
}

static err show(struct tls_run *run, int argc, char **argv)
{
    struct outbound_tlsrpt_head head;
    char id[MESSAGE_DAILY_REPORT_ID_CHARS];
    TRY(find(run, argc, argv, &head));
    message_daily_report_id(clock_real_ms(), id);
    CLEANUP(outbound_tlsrpt_job_cleanup)
    struct outbound_tlsrpt_job *j = outbound_tlsrpt_job_new(run->store, outbound_tlsrpt_job_write);
    j->head = head;
    j->report_id = head.report_id.len > 0 ? head.report_id : str_of(id);
    j->org = run->config->tls_reports.org;
    j->contact = run->config->tls_reports.contact;
    TRY(outbound_tlsrpt_job_do(&j, DEADLINE_NEVER));
    printf("%.*s\n", STR_ARG(buf_str(&j->json)));
    return NULL;
}

static int run_ours(struct tls_run *run, err (*what)(struct tls_run *, int, char **), int argc,
                    char **argv)
{
    run->config = cli_config(run->cli);
    if (run->config == NULL)
        return CLI_CONFIG;
    err e = what(run, argc, argv);
    outbound_tlsrpt_store_close(run->store);
    config_close(run->config);
    if (e == NULL)
        return CLI_OK;
    cli_fail_err(e, "tls-reports");
    return e->kind == ERR_CLOSED ? CLI_NO_INPUT : cli_exit_of(e);
}

static int run_ls(void *arg, int argc, char **argv) { return run_ours(arg, list_all, argc, argv); }

static int run_show(void *arg, int argc, char **argv) { return run_ours(arg, show, argc, argv); }

/* ---- the command ---- */

const struct cli_verb cmd_tls_reports_verbs[] = {
    {"read", run_read, 1, -1, "FILE..."     },
    {"ls",   run_ls,   0, 1,  "[DOMAIN]"    },
    {"show", run_show, 1, 2,  "DOMAIN [DAY]"},
    {NULL,   NULL,     0, 0,  NULL          },
};

int cmd_tls_reports(struct cli *cli, int argc, char **argv)
{
    struct tls_run run = {.cli = cli, .arena = arena_open(OUTBOUND_TLSRPT_JOB_ARENA_BYTES)};
    int code;
    int first = cli_parse(cli, cli->command, NULL, 0, argc, argv, &code);
    if (first >= 0)
        code = cli_run_verb(cli, cmd_tls_reports_verbs, ARRAY_LEN(cmd_tls_reports_verbs) - 1, &run,
                            argc - first, argv + first);
    arena_close(run.arena);
    return code;
}
