#include "cli/dmarc_reports.h"
#include "cli/state.h"
#include "inbound/report_letter.h"
#include "report/day.h"
#include "runtime/file.h"
#include <string.h>

enum {
    LISTED_MAX = 1000,
    OF_DOMAIN_MAX = 64, /* reports of one domain: all that are kept */
    ARENA_BYTES_MAX = 64 << 20,
    XML_BYTES_MAX = 256 << 20,
};

struct reports_run {
    struct cli *cli;
    bool xml;
    const struct config *config;
    struct inbound_report_store *store;
    struct arena *arena;
};

/* ---- texts ------------------------------------------------------------------------------- */

static const char *state_word(const struct inbound_report_head *h)
{
    return report_day_word(h->state, h->day, clock_real_ms());
}

static const char *mail_word(const struct inbound_report_mail *m)
{
    static const char *const words[] = {
        [INBOUND_REPORT_MAIL_CLAIMED] = "on its way into the queue",
        [INBOUND_REPORT_MAIL_SENT] = "sent",
        [INBOUND_REPORT_MAIL_WRITTEN] = "written",
        [INBOUND_REPORT_MAIL_REFUSED] = "not sent",
    };
    return m->state < ARRAY_LEN(words) ? words[m->state] : "?";
}

static json_t *time_json(int64_t ms)
{
    char text[CLOCK_RFC3339_BYTES];
    clock_rfc3339(ms, text);
    return json_string(text);
}

static json_t *mails_json(const struct inbound_report_mail *mails, size_t count)
{
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(
            list,
            json_pack("{so,ss,so,so,sI,so}", "recipient", cli_json_str(mails[i].recipient), "state",
                      mail_word(&mails[i]), "queue_id", cli_json_str(mails[i].queue_id), "note",
                      cli_json_str(mails[i].note), "bytes", (json_int_t)mails[i].bytes, "time",
                      time_json(mails[i].time_ms)));
    return list;
}

static json_t *head_json(const struct inbound_report_head *h, json_t *mails)
{
    char day[REPORT_DAY_CHARS];
    report_day_format(h->day, day);
    return json_pack("{ss,so,ss,sI,sI,sI,so,so,so,so}", "day", day, "domain",
                     cli_json_str(h->domain), "state", state_word(h), "messages",
                     (json_int_t)h->messages, "rows", (json_int_t)h->rows, "left_out",
                     (json_int_t)h->left_out, "due", time_json(h->due_ms), "report_id",
                     cli_json_str(h->report_id), "policy", cli_json_str(h->policy), "mails", mails);
}

static void print_mails(const struct inbound_report_mail *mails, size_t count)
{
    char at[CLOCK_RFC3339_BYTES];
    for (size_t i = 0; i < count; i++) {
        const struct inbound_report_mail *m = &mails[i];
        clock_rfc3339(m->time_ms, at);
        printf("    %.16s %s: ", at, mail_word(m));
        cli_print_clean(stdout, m->recipient);
        if (m->queue_id.len > 0)
            printf(" (%.*s)", STR_ARG(m->queue_id));
        if (m->note.len > 0) {
            fputs(": ", stdout);
            cli_print_clean(stdout, m->note);
        }
        putchar('\n');
    }
}

static void print_head(const struct inbound_report_head *h)
{
    char day[REPORT_DAY_CHARS], due[CLOCK_RFC3339_BYTES];
    report_day_format(h->day, day);
    clock_rfc3339(h->due_ms, due);
    printf("%s  ", day);
    cli_print_clean(stdout, h->domain);
    printf("  messages %lld, rows %lld, %s", (long long)h->messages, (long long)h->rows,
           state_word(h));
    if (h->state == REPORT_DAY_OPEN)
        printf(", due %.16s", due);
    if (h->left_out > 0)
        printf(", in no row %lld", (long long)h->left_out);
    putchar('\n');
}

/* ---- ls ---------------------------------------------------------------------------------- */

static err list(struct reports_run *run, str domain, size_t most,
                struct inbound_report_head **ret_heads, size_t *ret_count)
{
    struct inbound_report_query q = {.domain = domain, .day = -1, .most = most};
    return inbound_report_store_list(run->store, &q, run->arena, ret_heads, ret_count);
}

static err print_one(struct reports_run *run, const struct inbound_report_head *h)
{
    struct inbound_report_mail *mails;
    size_t count = 0;
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(1 << 20);
    TRY(inbound_report_store_mails(run->store, h->id, arena, &mails, &count));
    if (run->cli->json) {
        cli_print_json(head_json(h, mails_json(mails, count)));
        return NULL;
    }
    print_head(h);
    print_mails(mails, count);
    return NULL;
}

static err run_ls(struct reports_run *run, int argc, char **argv)
{
    struct inbound_report_head *heads;
    size_t count = 0;
    TRY(list(run, argc > 0 ? str_of(argv[0]) : (str){0}, LISTED_MAX, &heads, &count));
    for (size_t i = 0; i < count; i++)
        TRY(print_one(run, &heads[i]));
    if (count == 0 && !run->cli->quiet)
        fputs("nothing was counted yet\n", stderr);
    if (count == LISTED_MAX && !run->cli->quiet)
        fprintf(stderr, "the newest %d; name a domain to see the rest\n", LISTED_MAX);
    return NULL;
}

/* ---- one report -------------------------------------------------------------------------- */

/* The domain's report on that day; without a day the newest. */
static err find(struct reports_run *run, int argc, char **argv,
                struct inbound_report_head **ret_head)
{
    struct inbound_report_head *heads;
    size_t count = 0;
    char day[REPORT_DAY_CHARS];
    TRY(list(run, str_of(argv[0]), OF_DOMAIN_MAX, &heads, &count));
    for (size_t i = 0; i < count; i++) {
        report_day_format(heads[i].day, day);
        if (argc > 1 && strcmp(argv[1], day) != 0)
            continue;
        *ret_head = &heads[i];
        return NULL;
    }
    return err_new(ERR_CLOSED, "nothing was counted for %s%s%s", argv[0], argc > 1 ? " on " : "",
                   argc > 1 ? argv[1] : "");
}

static const char *yes(bool aligned) { return aligned ? "pass" : "fail"; }

static json_t *signatures_json(const struct mailauth_dmarc_row *row)
{
    json_t *signatures = json_array();
    for (size_t i = 0; i < row->dkim_count; i++)
        json_array_append_new(signatures,
                              json_pack("{so,so,so}", "domain", cli_json_str(row->dkim[i].domain),
                                        "selector", cli_json_str(row->dkim[i].selector), "result",
                                        cli_json_str(mailauth_result_name(row->dkim[i].result))));
    return signatures;
}

static err print_row_json(void *arg, const struct mailauth_dmarc_row *row)
{
    char source[ADDRESS_CHARS];
    (void)arg;
    address_format_ip(&row->source, source);
    cli_print_json(json_pack(
        "{sI,ss,so,ss,ss,so,so,so,so,so}", "count", (json_int_t)row->count, "source", source,
        "disposition", cli_json_str(mailauth_dmarc_record_policy_name(row->disposition)), "dkim",
        yes(row->dkim_aligned), "spf", yes(row->spf_aligned), "header_from",
        cli_json_str(row->header_from), "envelope_from", cli_json_str(row->envelope_from),
        "spf_result", cli_json_str(mailauth_result_name(row->spf.result)), "spf_domain",
        cli_json_str(row->spf.domain), "signatures", signatures_json(row)));
    return NULL;
}

static err print_row(void *arg, const struct mailauth_dmarc_row *row)
{
    char source[ADDRESS_CHARS];
    (void)arg;
    address_format_ip(&row->source, source);
    str done = mailauth_dmarc_record_policy_name(row->disposition),
        spf = mailauth_result_name(row->spf.result);
    printf("%8llu  %-15s  %.*s, dkim %s, spf %s, from ", (unsigned long long)row->count, source,
           STR_ARG(done), yes(row->dkim_aligned), yes(row->spf_aligned));
    cli_print_clean(stdout, row->header_from);
    printf(", spf=%.*s ", STR_ARG(spf));
    cli_print_clean(stdout, row->spf.domain);
    for (size_t i = 0; i < row->dkim_count; i++) {
        str result = mailauth_result_name(row->dkim[i].result);
        printf(", dkim=%.*s ", STR_ARG(result));
        cli_print_clean(stdout, row->dkim[i].domain);
    }
    putchar('\n');
    return NULL;
}

static err run_show(struct reports_run *run, int argc, char **argv)
{
    struct inbound_report_head *head;
    TRY(find(run, argc, argv, &head));
    TRY(print_one(run, head));
    if (!run->cli->json) {
        fputs("    policy: ", stdout);
        cli_print_clean(stdout, head->policy);
        putchar('\n');
    }
    return inbound_report_store_rows(run->store, head->id,
                                     run->cli->json ? print_row_json : print_row, NULL);
}

/* ---- write ------------------------------------------------------------------------------- */

/* The first address of rua=. Whether it may be used nobody asks here. */
static err first_address(struct reports_run *run, str policy, str *ret_to)
{
    struct mailauth_dmarc_record record;
    TRY(mailauth_dmarc_record_parse(policy, run->arena, &record));
    for (size_t i = 0; i < record.rua.count; i++) {
        if (record.rua.items[i].address.len == 0)
            continue;
        *ret_to = record.rua.items[i].address;
        return NULL;
    }
    return err_new(ERR_CONFIG, "the policy names no address");
}

static err write_into(struct reports_run *run, struct inbound_report_letter *letter,
                      struct buf *out)
{
    CLEANUP(buf_release) struct buf file;
    buf_init(&file, MAILAUTH_DMARC_MAIL_FILE_BYTES_MAX);
    if (run->xml)
        return inbound_report_letter_xml(run->store, letter, out);
    TRY(first_address(run, letter->head->policy, &letter->to));
    TRY(inbound_report_letter_pack(run->store, letter, &file));
    return inbound_report_letter_write(letter, buf_str(&file), out);
}

static err run_write(struct reports_run *run, int argc, char **argv)
{
    CLEANUP(buf_release) struct buf out;
    struct inbound_report_head *head;
    char id[MESSAGE_DAILY_REPORT_ID_CHARS];
    const struct config_reports *c = &run->config->mailauth.reports;
    buf_init(&out, XML_BYTES_MAX);
    TRY(find(run, argc, argv, &head));
    message_daily_report_id(clock_real_ms(), id);
    struct inbound_report_letter letter = {
        .head = head,
        .receiver = run->config->hostname,
        .org = c->org,
        .from = c->from,
        .contact = c->contact,
        .id = head->report_id.len ? head->report_id : str_of(id),
        .now_ms = clock_real_ms(),
    };
    TRY(write_into(run, &letter, &out));
    if (fwrite(out.ptr, 1, out.len, stdout) != out.len || fflush(stdout) != 0)
        return err_new(ERR_SYSTEM, "write the report");
    return NULL;
}

/* ---- what all of them do ------------------------------------------------------------------ */

static const struct {
    const char *name;
    int least, most;
    err (*run)(struct reports_run *, int argc, char **argv);
} words[] = {
    {"ls",    0, 1, run_ls   },
    {"show",  1, 2, run_show },
    {"write", 1, 2, run_write},
};

static err open_store(struct reports_run *run)
{
    struct cli_state *state = ARENA_NEW(run->arena, struct cli_state);
    TRY(cli_state_paths(run->config, state));
    const char *path = arena_printf(run->arena, "%s/reports.db", state->reports).ptr;
    if (!file_exists(path))
        return err_new(ERR_CLOSED, "nothing was counted yet: there is no %s%s", path,
                       run->config->mailauth.reports.aggregate == REPORTING_OFF
                           ? " (mailauth.reports.aggregate is off)"
                           : "");
    return inbound_report_store_open(path, false, 0, &run->store);
}

static int run_word(struct reports_run *run, size_t word, int argc, char **argv)
{
    err e = open_store(run);
    if (e == NULL)
        e = words[word].run(run, argc, argv);
    if (e == NULL)
        return CLI_OK;
    cli_fail_err(e, "reports");
    return e->kind == ERR_CLOSED ? CLI_NO_INPUT : cli_exit_of(e);
}

int cli_dmarc_reports_run(struct cli *cli, bool xml, int argc, char **argv)
{
    struct reports_run run = {.cli = cli, .xml = xml};
    size_t word = 0;
    while (word < ARRAY_LEN(words) && strcmp(words[word].name, argv[0]) != 0)
        word++;
    if (word == ARRAY_LEN(words) || argc - 1 < words[word].least || argc - 1 > words[word].most) {
        cli_fail("usage: smtptool dmarc reports ls [DOMAIN] | show DOMAIN [DAY] | write DOMAIN "
                 "[DAY]");
        return CLI_USAGE;
    }
    run.config = cli_config(cli);
    if (run.config == NULL)
        return CLI_CONFIG;
    run.arena = arena_open(ARENA_BYTES_MAX);
    int code = run_word(&run, word, argc - 1, argv + 1);
    inbound_report_store_close(run.store);
    arena_close(run.arena);
    config_close(run.config);
    return code;
}
