/* cli/cmd_bulk.c -- smtptool bulk: one mailing to many */
#include "base/mem.h"
#include "bulk/folder.h"
#include "bulk/report.h"
#include "cli/ask_dns.h"
#include "cli/bulk_before.h"
#include "cli/bulk_clean.h"
#include "cli/bulk_plan.h"
#include "cli/bulk_server.h"
#include "cli/bulk_view.h"
#include "cli/commands.h"
#include "runtime/file.h"
#include "runtime/loop.h"
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char cmd_bulk_help[] =
    "usage: smtptool bulk run JOB.yaml [options]      send, or go on where it stopped\n"
    "       smtptool bulk status|pause|resume|cancel JOB.yaml\n"
    "       smtptool bulk report JOB.yaml             write JOB.bulk/report.html again\n"
    "       smtptool bulk clean LIST [options]        who of a list is left, and why not\n"
    "       smtptool bulk unsubscribe-verify LINK --unsubscribe-key REFERENCE [--suppress]\n\n"
    "Sends a mail made of templates to each row of a list, once: who was killed or stopped runs\n"
    "again and goes on. All options may stand in the job file, as keys. docs/template.md "
    "describes\n"
    "the templates, docs/bulk.md what is promised.\n\n"
    "The list:\n"
    "  --list FILE             CSV with a line of columns, JSON lines, or an address a line;\n"
    "                          \"-\" is stdin\n"
    "  --email-column NAME     default: email, address, mail ...\n"
    "  --type COLUMN=TYPE      number, date, date-dmy, date-mdy, bool: rows that differ are left "
    "out\n"
    "  --encoding NAME         utf-8, or windows-1252\n"
    "  --separator C           default: found out\n"
    "  --segment EXPR          'country = DE and engaged < 90d'\n"
    "  --sample N%             a part of it, the same one each time\n"
    "  --split N | by FIELD    parts that are reported each; {{split}} is the part's number\n"
    "  --check-mx              leave out domains that take no mail\n"
    "  --keep-roles            also to info@, postmaster@ ...\n"
    "  --no-suppression        also to those on the suppression list\n"
    "  --inactive T            leave out who was not active for so long, like 180d; goes by the\n"
    "                          columns last_active, last_open, last_click, last_reply and\n"
    "                          last_delivery, or by --active COLUMN (may stand several times)\n\n"
    "The mail (templates):\n"
    "  --campaign NAME         what this mailing is called; needed\n"
    "  --from ADDRESS          who it is from; --reply-to, --envelope-from, --from-domain\n"
    "  --to TEXT               default {{email}}; like '{{name}} <{{email}}>'\n"
    "  --subject TEXT\n"
    "  --text TEXT, --text-file FILE, --html-file FILE\n"
    "  --markdown FILE         becomes the HTML, and is the text as it stands\n"
    "  --header 'Name: value'  may stand several times\n"
    "  --attach PATH           below the texts' folder; like 'invoices/{{id}}.pdf'\n"
    "  --var NAME=VALUE        a field that rows lack; may stand several times\n"
    "  --allow-raw             {{{raw}}} in HTML\n"
    "  --unsubscribe-url URL, --unsubscribe-mailto ADDRESS, --unsubscribe-key REFERENCE\n"
    "                          List-Unsubscribe with One-Click; links are signed by the key\n\n"
    "The server:\n"
    "  --server URL | --account NAME | --queue    as for send; --queue is this machine's relay;\n"
    "                          default: your default account\n"
    "  --fallback ACCOUNT      when the one before is down or has no room for a minute; may stand\n"
    "                          several times\n"
    "  --user NAME --secret REFERENCE   a login; --mechanism NAME, --token\n"
    "  --connections N         default 20; --messages-per-connection N, default 1000\n"
    "  --connect-timeout T, --io-timeout T, --ca-file FILE, --hello NAME, --dns-zone FILE\n\n"
    "The pace:\n"
    "  The quota of the account, or of the server's provider, holds for all that you send there\n"
    "  and for the next run, too; a full one is waited for.\n"
    "  --rate N/s|m|h|d        no faster than that\n"
    "  --burst N | all         so many of a quota at once; default: a quarter of it in a quarter\n"
    "                          of its time\n"
    "  --warmup PLAN           a new address or account: so many a day, more each day; plans are\n"
    "                          default, slow, sendgrid (docs/warmup.md)\n"
    "  --wave 5000 every 1h    so many, then wait\n"
    "  --pause-on EXPR         'bounce > 3% or complaint > 0.1%': stop then, exit 75\n"
    "  --limit N               at most so many in this run\n"
    "  --passes N              over those refused for now; default 4. --pass-wait T: default 1m\n"
    "  --in-doubt skip|send    who may have it already, at a server that keeps no keys\n\n"
    "Before and after:\n"
    "  --no-preflight          do not ask the DNS first whether SPF, DKIM, DMARC and MX of From's\n"
    "                          domain fit; --preflight asks for servers of this machine, too\n"
    "  --from-policy WORD      refuse, warn, rewrite or off: a From that the account may not use\n"
    "  --dkim DOMAIN:SELECTOR:KEY   sign each mail; may stand several times\n"
    "  --preview N             print the first N mails; --dry-run: make all, send none\n"
    "  --job FOLDER            where the journal is; default JOB.bulk beside the job\n"
    "  --kept FILE, --removed FILE      what clean writes; default LIST.kept.csv and\n"
    "                          LIST.removed.csv (.jsonl of JSON lines)\n"
    "                          clean leaves out who was inactive for 180 days: --inactive T|none\n"
    "  --reconfirm             clean: who is inactive goes to LIST.reconfirm.csv, to be asked\n\n"
    "exit:\n"
    "   0  everybody has it           3  some were refused, are in doubt or make no mail\n"
    "  75  not all now: paused, canceled, refused for now; run it again to go on\n"
    "  64  wrong usage  66  no such file  78  the job is wrong  (others as for send)\n\n"
    "examples:\n"
    "  smtptool bulk run spring.yaml --preview 2\n"
    "  smtptool bulk run spring.yaml --pause-on 'bounce > 3%'\n"
    "  smtptool bulk run --campaign hi --list people.csv --from news@example.com \\\n"
    "      --subject 'Hi {{name}}' --text 'Good news' --server smtp://mail.example.com\n"
    "  smtptool bulk clean people.csv --check-mx --active last_login\n";

enum { BULK_EXIT_SOME = 3, WAITING_BYTES = 600 };

static volatile sig_atomic_t stopped;
static volatile int stop_flag;

static void on_signal(int number)
{
    (void)number;
    if (stopped)
        _Exit(CLI_TEMPORARY); /* asked twice: the journal has all that matters */
    stopped = 1;
    stop_flag = 1;
}

static void catch_signals(void)
{
    struct sigaction action = {.sa_handler = on_signal};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

static int tell(err e)
{
    char why[1024];
    if (e == NULL)
        return CLI_OK;
    cli_describe(e, why, sizeof why);
    cli_fail("%s", why);
    return e->kind == ERR_CONFIG ? CLI_CONFIG : cli_exit_of(e);
}

/* ---- run ---------------------------------------------------------------------------------- */

struct sending {
    struct cli_bulk_plan *plan;
    struct bulk_tally *tally;
    struct cli_bulk_view view;
    enum bulk_run_end end;
    char why[BULK_RUN_WHY_BYTES];
    int exit;
    bool began;
    uint64_t preview, shown;
};

static void send_fiber(void *arg)
{
    struct sending *s = arg;
    err e = bulk_run(&s->plan->options, cli_bulk_view_look, &s->view, &stop_flag, s->tally, &s->end,
                     s->why);
    cli_bulk_view_end(&s->view);
    s->began = e == NULL;
    s->exit = tell(e);
}

static const char *state_name(enum bulk_run_end end)
{
    static const char *const names[] = {[BULK_RUN_DONE] = "done",
                                        [BULK_RUN_PAUSED] = "paused",
                                        [BULK_RUN_CANCELED] = "stopped",
                                        [BULK_RUN_NO_SERVER] = "no server",
                                        [BULK_RUN_FAILED] = "failed"};
    return names[end];
}

static int exit_of(const struct sending *s)
{
    const struct bulk_tally *t = s->tally;
    if (s->end == BULK_RUN_FAILED)
        return CLI_IO;
    if (s->end != BULK_RUN_DONE || t->open > 0)
        return CLI_TEMPORARY;
    bool some = t->all.refused > 0 || t->doubt > 0 || t->reasons[BULK_UNREADABLE] > 0 ||
                t->reasons[BULK_SYNTAX] > 0 || t->reasons[BULK_NO_ADDRESS] > 0;
    return some ? BULK_EXIT_SOME : CLI_OK;
}

static err write_report(const char *folder, str campaign, const char *state,
                        const struct bulk_tally *t)
{
    CLEANUP(buf_release) struct buf page;
    struct bulk_report report = {campaign, str_of(state), clock_real_ms()};
    buf_init(&page, BULK_REPORT_BYTES_MAX);
    TRY(bulk_report_write(&report, t, &page));
    return bulk_folder_put(folder, "report.html", buf_str(&page));
}

static int finish(struct sending *s)
{
    const struct cli_bulk_plan *p = s->plan;
    if (!s->began)
        return s->exit;
    cli_bulk_view_summary(p->cli, p->options.letter.campaign, state_name(s->end), s->why, s->tally);
    int code =
        tell(write_report(p->folder, p->options.letter.campaign, state_name(s->end), s->tally));
    if (code == CLI_OK && !p->cli->quiet && !p->cli->json)
        printf("  report: %s/report.html\n", p->folder);
    return code == CLI_OK ? exit_of(s) : code;
}

/* ---- preview ------------------------------------------------------------------------------- */

static bool show_mail(void *arg, const struct bulk_list_row *row, str mail, const char *why)
{
    struct sending *s = arg;
    (void)why;
    s->shown++;
    if (s->preview > 0) {
        printf("--- line %llu\n", (unsigned long long)row->line);
        for (size_t i = 0; i < mail.len; i++)
            if (mail.ptr[i] != '\r')
                putchar(mail.ptr[i]);
    }
    return s->preview == 0 || s->shown < s->preview;
}

static void preview_fiber(void *arg)
{
    struct sending *s = arg;
    s->exit = tell(bulk_run_preview(&s->plan->options, show_mail, s, s->tally));
    s->began = s->exit == CLI_OK;
}

static int preview(struct sending *s)
{
    const char *text = s->plan->args.preview;
    if (text && (!str_to_u64(str_of(text), 100000, &s->preview) || s->preview == 0))
        return tell(err_new(ERR_CONFIG, "--preview: a number"));
    cli_ask_dns_run("preview", preview_fiber, s);
    if (s->began && text == NULL) {
        s->tally->all = (struct bulk_tally_counts){.tried = s->shown};
        cli_bulk_view_dry(s->plan->cli, s->plan->options.letter.campaign, s->tally);
    }
    return s->exit;
}

static err prepare(struct cli_bulk_plan *p, bool server)
{
    TRY(cli_bulk_plan_folder(p, NULL));
    TRY(cli_bulk_plan_letter(p));
    TRY(cli_bulk_plan_list(p));
    if (server)
        TRY(cli_bulk_server_open(p));
    return cli_bulk_before_open(p);
}

static int run_plan(struct cli_bulk_plan *p)
{
    struct sending s = {.plan = p, .tally = MEM_NEW(struct bulk_tally)};
    bool only_look = p->args.preview || p->args.dry_run;
    int code = tell(prepare(p, !only_look));
    if (code == CLI_OK && !only_look)
        code = tell(cli_bulk_before_check(p));
    if (code == CLI_OK && only_look) {
        code = preview(&s);
    } else if (code == CLI_OK) {
        catch_signals();
        cli_bulk_view_init(&s.view, p->cli);
        struct loop *loop = loop_open(NULL);
        loop_run(loop, "bulk", send_fiber, &s);
        dns_resolver_close(p->resolver);
        p->resolver = NULL;
        loop_close(loop);
        code = finish(&s);
    }
    mem_free(s.tally);
    return code;
}

/* ---- verbs --------------------------------------------------------------------------------- */

static int work_run(void *arg, int argc, char **argv)
{
    struct cli_bulk_plan *p = arg;
    if (argc > 0 && p->args.job_file == NULL) {
        cli_fail("bulk run: \"%s\" is neither a job file (.yaml) nor an option", argv[0]);
        return CLI_USAGE;
    }
    return run_plan(p);
}

struct replay {
    struct bulk_tally *tally;
    struct bulk_seen *seen;
    bool ended;
    err failure; /* the first one */
};

static void replay_entry(void *arg, const struct bulk_entry *e)
{
    struct replay *r = arg;
    static const enum bulk_seen_state states[] = {
        [BULK_ENTRY_TRY] = BULK_SEEN_DOUBT,
        [BULK_ENTRY_SENT] = BULK_SEEN_DONE,
        [BULK_ENTRY_REFUSED] = BULK_SEEN_DONE,
        [BULK_ENTRY_LATER] = BULK_SEEN_LATER,
    };
    bulk_tally_entry(r->tally, e);
    r->ended = e->kind == BULK_ENTRY_END;
    if (e->kind > BULK_ENTRY_BEGIN && e->kind < BULK_ENTRY_END && r->failure == NULL)
        r->failure = bulk_seen_set(r->seen, e->key, states[e->kind]);
}

static err read_past(struct cli_bulk_plan *p, struct bulk_tally *t, bool *ret_running,
                     bool *ret_ended)
{
    char path[BULK_FOLDER_PATH_CHARS];
    struct replay r = {.tally = t, .seen = bulk_seen_open(NULL)};
    err e = bulk_folder_read_groups(p->folder, t);
    if (e == NULL)
        e = bulk_folder_file(p->folder, "journal", path);
    if (e == NULL)
        e = bulk_journal_read(path, replay_entry, &r, ret_running);
    if (e == NULL)
        e = r.failure;
    if (e == NULL)
        e = bulk_seen_states(r.seen, &t->doubt, &t->open);
    bulk_seen_close(r.seen);
    *ret_ended = r.ended;
    return e;
}

static str name_of(const struct cli_bulk_plan *p)
{
    return p->args.campaign ? str_of(p->args.campaign) : str_of(p->folder);
}

static void read_waiting(const char *folder, char ret_words[WAITING_BYTES])
{
    CLEANUP(buf_release) struct buf text;
    char path[BULK_FOLDER_PATH_CHARS];
    buf_init(&text, WAITING_BYTES - 1);
    err e = bulk_folder_file(folder, "waiting", path);
    if (e == NULL && file_exists(path))
        e = cli_read_file(path, &text);
    (void)str_to_chars(buf_str(&text), ret_words, WAITING_BYTES);
    if (e)
        err_forget();
}

static int show_past(struct cli_bulk_plan *p, int argc, char **argv, bool report)
{
    bool running = false, ended = false;
    struct bulk_tally *t = MEM_NEW(struct bulk_tally);
    int code = tell(cli_bulk_plan_folder(p, argc > 0 ? argv[0] : NULL));
    if (code == CLI_OK)
        code = tell(read_past(p, t, &running, &ended));
    const char *state = running ? "running" : ended ? "done" : "not finished";
    char waiting[WAITING_BYTES] = "";
    if (code == CLI_OK && running)
        read_waiting(p->folder, waiting);
    if (running && bulk_folder_control(p->folder) == BULK_CONTROL_PAUSE)
        state = "paused";
    if (code == CLI_OK && report)
        code = tell(write_report(p->folder, name_of(p), state, t));
    if (code == CLI_OK)
        cli_bulk_view_summary(p->cli, name_of(p), state, waiting, t);
    if (code == CLI_OK && report && !p->cli->json)
        printf("  report: %s/report.html\n", p->folder);
    mem_free(t);
    return code;
}

static int work_status(void *arg, int argc, char **argv)
{
    struct cli_bulk_plan *p = arg;
    return show_past(p, argc, argv, false);
}

static int work_report(void *arg, int argc, char **argv)
{
    struct cli_bulk_plan *p = arg;
    return show_past(p, argc, argv, true);
}

/* *ret_running: a run was there to hear it. */
static int control(struct cli_bulk_plan *p, int argc, char **argv, enum bulk_control word,
                   bool *ret_running)
{
    bool ended;
    struct bulk_tally *t = MEM_NEW(struct bulk_tally);
    int code = tell(cli_bulk_plan_folder(p, argc > 0 ? argv[0] : NULL));
    if (code == CLI_OK)
        code = tell(read_past(p, t, ret_running, &ended));
    if (code == CLI_OK && *ret_running)
        code = tell(bulk_folder_set_control(p->folder, word));
    mem_free(t);
    return code;
}

static int tell_control(struct cli_bulk_plan *p, int argc, char **argv, enum bulk_control word,
                        const char *what)
{
    bool running = false;
    int code = control(p, argc, argv, word, &running);
    if (code != CLI_OK)
        return code;
    printf("%s: %s\n", p->folder, running ? what : "nothing is running");
    return running ? CLI_OK : CLI_TEMPORARY;
}

static int work_pause(void *arg, int argc, char **argv)
{
    struct cli_bulk_plan *p = arg;
    return tell_control(p, argc, argv, BULK_CONTROL_PAUSE, "pauses within a second");
}

static int work_cancel(void *arg, int argc, char **argv)
{
    struct cli_bulk_plan *p = arg;
    return tell_control(p, argc, argv, BULK_CONTROL_CANCEL, "stops within a second");
}

static int work_resume(void *arg, int argc, char **argv)
{
    struct cli_bulk_plan *p = arg;
    bool running = false;
    int code = control(p, argc, argv, BULK_CONTROL_GO, &running);
    if (code != CLI_OK || !running)
        return code == CLI_OK ? run_plan(p) : code;
    printf("%s: goes on within a second\n", p->folder);
    return CLI_OK;
}

static err verify(struct cli_bulk_plan *p, const char *link, str *ret_campaign, str *ret_address)
{
    if (p->args.unsubscribe_key == NULL)
        return err_new(ERR_CONFIG, "--unsubscribe-key is needed");
    TRY(cli_bulk_plan_key(p));
    return bulk_token_read(str_trim(buf_str(&p->key)), str_of(link), p->arena, ret_campaign,
                           ret_address);
}

static err suppress(struct cli_bulk_plan *p, str campaign, str address)
{
    char path[500];
    size_t added;
    struct feedback_list *list;
    int64_t lasts = p->config->suppression.unsubscribe_ms, now = clock_real_ms();
    struct feedback_entry entry = {.address = address,
                                   .tenant = str_of(p->args.tenant),
                                   .stream = str_of(p->args.stream),
                                   .reason = FEEDBACK_UNSUBSCRIBE,
                                   .since_ms = now,
                                   .expires_ms = lasts ? now + lasts : 0,
                                   .count = 1,
                                   .source = campaign};
    snprintf(path, sizeof path, "%.*s/feedback", STR_ARG(p->config->state));
    TRY(cli_make_state(p->config));
    TRY(folder_make(path));
    snprintf(path, sizeof path, "%.*s/feedback/suppress.db", STR_ARG(p->config->state));
    TRY(feedback_list_open(path, true, &list));
    err e = feedback_list_add(list, &entry, 1, &added);
    feedback_list_close(list);
    return e;
}

static int work_verify(void *arg, int argc, char **argv)
{
    struct cli_bulk_plan *p = arg;
    str campaign = {0}, address = {0};
    (void)argc;
    err e = verify(p, argv[0], &campaign, &address);
    if (e && e->kind != ERR_PROTOCOL)
        return tell(e);
    if (e) {
        (void)tell(e);
        return CLI_FINDINGS;
    }
    if (p->args.suppress && tell(suppress(p, campaign, address)) != CLI_OK)
        return CLI_IO;
    if (p->cli->json) {
        cli_print_json(json_pack("{s:o, s:o}", "campaign", cli_json_str(campaign), "address",
                                 cli_json_str(address)));
        return CLI_OK;
    }
    cli_print_clean(stdout, address);
    printf(" %.*s\n", STR_ARG(campaign));
    return CLI_OK;
}

static int work_clean(void *arg, int argc, char **argv)
{
    struct cli_bulk_plan *p = arg;
    if (argc > 0 && p->args.list == NULL && p->args.job_file == NULL)
        p->args.list = argv[0];
    if (p->args.inactive == NULL)
        p->args.inactive = "180d";
    if (strcmp(p->args.inactive, "none") == 0)
        p->args.inactive = NULL;
    int code = tell(cli_bulk_plan_list(p));
    return code == CLI_OK ? cli_bulk_clean(p) : code;
}

const struct cli_verb cmd_bulk_verbs[] = {
    {"run",                work_run,    0, 1, "[JOB.yaml]"},
    {"status",             work_status, 0, 1, "JOB"       },
    {"pause",              work_pause,  0, 1, "JOB"       },
    {"resume",             work_resume, 0, 1, "JOB"       },
    {"cancel",             work_cancel, 0, 1, "JOB"       },
    {"report",             work_report, 0, 1, "JOB"       },
    {"clean",              work_clean,  0, 1, "LIST"      },
    {"unsubscribe-verify", work_verify, 1, 1, "LINK"      },
    {NULL,                 NULL,        0, 0, NULL        },
};

int cmd_bulk(struct cli *cli, int argc, char **argv)
{
    int code = CLI_USAGE;
    struct cli_bulk_plan *p = MEM_NEW(struct cli_bulk_plan);
    p->cli = cli;
    p->arena = arena_open(CLI_BULK_ARGS_ARENA_BYTES_MAX);
    for (size_t i = 0; i < BULK_WAYS_MAX; i++)
        buf_init(&p->passwords[i], SECRET_BYTES_MAX);
    buf_init(&p->key, SECRET_BYTES_MAX);
    int first = cli_bulk_args_read(cli, cli->command, argc, argv, p->arena, &p->args, &code);
    if (first >= 0) {
        p->config = cli_config(cli);
        code = p->config ? cli_run_verb(cli, cmd_bulk_verbs, ARRAY_LEN(cmd_bulk_verbs) - 1, p,
                                        p->args.operands - first, argv + first)
                         : CLI_CONFIG;
    }
    cli_bulk_plan_release(p);
    mem_free(p);
    return code;
}
