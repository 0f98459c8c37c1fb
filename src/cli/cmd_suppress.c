/* cli/cmd_suppress.c -- smtptool suppress: addresses that nothing is sent to any more */
#include "cli/admin_client.h"
#include "cli/commands.h"
#include "config/value.h"
#include "feedback/csv.h"
#include "feedback/feedback.h"
#include <errno.h>
#include <string.h>

const char cmd_suppress_help[] =
    "usage: smtptool suppress add ADDRESS... [--tenant T] [--stream S] [--for TIME] [--note TEXT]\n"
    "       smtptool suppress rm ADDRESS... [--tenant T] [--stream S]\n"
    "       smtptool suppress check ADDRESS [--tenant T] [--stream S]\n"
    "       smtptool suppress ls [--tenant T] [--reason R] [--limit N]\n"
    "       smtptool suppress import FILE|- [--tenant T] [--reason R] [--for TIME]\n"
    "       smtptool suppress export [--format csv|ndjson]\n"
    "       smtptool suppress campaigns [--days N]\n\n"
    "Mail to an address on this list is refused at RCPT (550 5.7.1), and what is queued already\n"
    "fails without a connection. The server adds addresses by itself: when they do not exist, "
    "when\n"
    "they complain of spam, when they unsubscribe. An entry is for everybody, or for one tenant, "
    "or\n"
    "for one stream of a tenant. Changes count at once, also in a running server.\n\n"
    "rm takes an address off for everybody, or with --tenant and --stream the one entry for "
    "these.\n"
    "check exits with 0 when mail may be sent, with 1 when the address is on the list.\n"
    "import reads CSV (with a line that names the columns, or addresses alone) or one JSON object "
    "a\n"
    "line; export writes the same. campaigns shows what came back for each.\n\n"
    "options:\n"
    "  --tenant T      for this tenant only\n"
    "  --stream S      for this stream only\n"
    "  --reason R      hard_bounce, repeated, complaint, unsubscribe or manual (the default)\n"
    "  --for TIME      how long, such as 30d; default: as suppression.* in the configuration says\n"
    "  --note TEXT     why, for those who look at the list\n"
    "  --limit N       the first N entries; default 1000, 0: all\n"
    "  --format WORD   csv (the default) or ndjson\n"
    "  --days N        of the last N days; default 30\n"
    "  -C, --config F  whose list: it is in the state folder\n"
    "  --json          one JSON object a line\n\n"
    "examples:\n"
    "  smtptool suppress check bob@example.net\n"
    "  smtptool suppress rm bob@example.net\n"
    "  smtptool suppress import unsubscribed.csv --reason unsubscribe\n";

enum {
    SUPPRESS_ARENA_BYTES = 64 << 20,
    SUPPRESS_LINE_ERRORS_MAX = 20, /* that are told, of one file */
    SUPPRESS_LIMIT = 1000,
    SUPPRESS_DAYS = 30,
};

struct suppress_run {
    struct cli *cli;
    const char *tenant, *stream, *reason, *lasts, *note, *limit, *format, *days;
    const struct config *config;
    struct feedback_list *list;
    struct arena *arena;
};

static int tell(err e, const char *what)
{
    if (e == NULL)
        return CLI_OK;
    cli_fail_err(e, "suppress %s", what);
    return cli_exit_of(e);
}

/* ---- what the options say --------------------------------------------------------------- */

static int64_t kept_ms(const struct suppress_run *run, enum feedback_reason reason)
{
    const struct config_suppression *s = &run->config->suppression;
    switch (reason) {
    case FEEDBACK_COMPLAINT:
        return s->complaint_ms;
    case FEEDBACK_UNSUBSCRIBE:
        return s->unsubscribe_ms;
    case FEEDBACK_MANUAL:
        return s->manual_ms;
    default:
        return s->hard_bounce_ms;
    }
}

static err entry_of(const struct suppress_run *run, const char *source, struct feedback_entry *ret)
{
    struct feedback_entry e = {.tenant = str_of(run->tenant),
                               .stream = str_of(run->stream),
                               .reason = FEEDBACK_MANUAL,
                               .since_ms = clock_real_ms(),
                               .count = 1,
                               .source = str_of(run->note ? run->note : source)};
    if (run->reason && !feedback_list_reason_find(str_of(run->reason), &e.reason))
        return err_new(ERR_CONFIG,
                       "--reason is hard_bounce, repeated, complaint, unsubscribe or manual, not "
                       "\"%s\"",
                       run->reason);
    int64_t kept = kept_ms(run, e.reason);
    if (run->lasts)
        TRY(config_value_duration(str_of(run->lasts), &kept));
    e.expires_ms = kept > 0 ? e.since_ms + kept : 0;
    *ret = e;
    return NULL;
}

/* A server that runs looks at its list now; without one there is nobody to tell. */
static void tell_server(const struct suppress_run *run)
{
    int64_t done;
    err e =
        cli_admin_client_ask(run->config, json_pack("{ss}", "verb", "suppress"), NULL, NULL, &done);
    if (e && e->kind != ERR_CLOSED)
        cli_fail_err(e, "the list was changed; a running server sees it within a minute");
    err_forget();
}

static void note(const struct suppress_run *run, const char *address, const char *what)
{
    if (!run->cli->quiet)
        fprintf(stderr, "%s: %s\n", address, what);
}

/* ---- single addresses ------------------------------------------------------------------- */

static int run_add(void *arg, int argc, char **argv)
{
    struct suppress_run *run = arg;
    struct feedback_entry entry = {0};
    err e = entry_of(run, "smtptool suppress add", &entry);
    const char *at = "add";
    for (int i = 0; e == NULL && i < argc; i++) {
        size_t made = 0;
        at = argv[i];
        entry.address = str_of(argv[i]);
        e = feedback_list_add(run->list, &entry, 1, &made);
        if (e == NULL)
            note(run, argv[i], made ? "nothing is sent there any more" : "it was on the list");
    }
    tell_server(run);
    return tell(e, at);
}

static int run_rm(void *arg, int argc, char **argv)
{
    struct suppress_run *run = arg;
    struct envelope_flow scope = {str_of(run->tenant), str_of(run->stream), {0}};
    bool scoped = run->tenant || run->stream;
    size_t removed = 0;
    err e = NULL;
    const char *at = "rm";
    for (int i = 0; e == NULL && i < argc; i++) {
        size_t count = 0;
        at = argv[i];
        e = feedback_list_remove(run->list, str_of(argv[i]), scoped ? &scope : NULL, &count);
        if (e == NULL)
            note(run, argv[i], count ? "mail is sent there again" : "it is not on the list");
        removed += count;
    }
    if (e)
        return tell(e, at);
    return removed > 0 ? CLI_OK : CLI_FINDINGS;
}

/* ---- showing ---------------------------------------------------------------------------- */

static void print_json(const struct feedback_entry *e)
{
    struct buf line;
    buf_init(&line, FEEDBACK_CSV_LINE_BYTES_MAX);
    err done = feedback_csv_write_json(e, &line);
    if (done == NULL)
        fwrite(line.ptr, 1, line.len, stdout);
    buf_release(&line);
}

static str scope_words(const struct feedback_entry *e, struct arena *arena)
{
    if (e->tenant.len == 0 && e->stream.len == 0)
        return S("everybody");
    return arena_printf(arena, "%.*s%s%.*s", STR_ARG(e->tenant.len ? e->tenant : S("everybody")),
                        e->stream.len ? "/" : "", STR_ARG(e->stream));
}

static err print_entry(void *arg, const struct feedback_entry *e)
{
    struct suppress_run *run = arg;
    char since[CLOCK_RFC3339_BYTES], expires[CLOCK_RFC3339_BYTES];
    if (run->cli->json) {
        print_json(e);
        return NULL;
    }
    clock_rfc3339(e->since_ms, since);
    clock_rfc3339(e->expires_ms, expires);
    cli_print_clean(stdout, e->address);
    printf("%*s  %-12s %.10s  until %-10.10s  ", e->address.len < 32 ? 32 - (int)e->address.len : 0,
           "", feedback_list_reason_name(e->reason), since, e->expires_ms ? expires : "for ever");
    cli_print_clean(stdout, scope_words(e, run->arena));
    fputs(e->source.len ? "  " : "", stdout);
    cli_print_clean(stdout, e->source);
    putchar('\n');
    arena_reset(run->arena);
    return NULL;
}

static int take_number(const char *option, const char *text, int64_t normal, int64_t *ret)
{
    uint64_t number = (uint64_t)normal;
    if (text && !str_to_u64(str_of(text), 1000000000, &number)) {
        cli_fail("--%s: \"%s\" is no number", option, text);
        return CLI_USAGE;
    }
    *ret = (int64_t)number;
    return CLI_OK;
}

static int run_ls(void *arg, int argc, char **argv)
{
    struct suppress_run *run = arg;
    struct feedback_list_query q = {.reason_given = run->reason != NULL};
    str tenant = str_of(run->tenant);
    (void)argc, (void)argv;
    int code = take_number("limit", run->limit, SUPPRESS_LIMIT, &q.most);
    if (code != CLI_OK)
        return code;
    if (run->reason && !feedback_list_reason_find(str_of(run->reason), &q.reason)) {
        cli_fail("--reason: there is no \"%s\"", run->reason);
        return CLI_USAGE;
    }
    q.tenant = run->tenant ? &tenant : NULL;
    return tell(feedback_list_each(run->list, &q, print_entry, run), "ls");
}

static int run_check(void *arg, int argc, char **argv)
{
    struct suppress_run *run = arg;
    struct envelope_flow flow = {str_of(run->tenant), str_of(run->stream), {0}};
    struct feedback_entry entry;
    bool found = false;
    char chars[FEEDBACK_LIST_ADDRESS_CHARS];
    str folded;
    (void)argc;
    if (!feedback_list_fold(str_of(argv[0]), chars, &folded)) {
        cli_fail("\"%s\" is no address", argv[0]);
        return CLI_USAGE;
    }
    struct arena *arena = arena_open(SUPPRESS_ARENA_BYTES);
    err e = feedback_list_find(run->list, folded, &flow, clock_real_ms(), arena, &entry, &found);
    if (e == NULL && found)
        e = print_entry(run, &entry);
    else if (e == NULL)
        note(run, argv[0], "it is not on the list");
    arena_close(arena);
    return e ? tell(e, "check") : found ? CLI_FINDINGS : CLI_OK;
}

static err print_campaign(void *arg, const struct feedback_campaign *c)
{
    struct suppress_run *run = arg;
    char day[CLOCK_RFC3339_BYTES];
    clock_rfc3339(c->day * 24 * 3600 * 1000, day);
    if (run->cli->json) {
        cli_print_json(json_pack(
            "{so,so,so,ss#,sI,sI,sI,sI,sI}", "tenant", cli_json_str(c->flow.tenant), "stream",
            cli_json_str(c->flow.stream), "campaign", cli_json_str(c->flow.campaign), "last", day,
            10, "hard", (json_int_t)c->counts[FEEDBACK_COUNT_HARD], "soft",
            (json_int_t)c->counts[FEEDBACK_COUNT_SOFT], "complaints",
            (json_int_t)c->counts[FEEDBACK_COUNT_COMPLAINTS], "unsubscribes",
            (json_int_t)c->counts[FEEDBACK_COUNT_UNSUBSCRIBES], "auto_replies",
            (json_int_t)c->counts[FEEDBACK_COUNT_AUTO_REPLIES]));
        return NULL;
    }
    str name = arena_printf(run->arena, "%.*s/%.*s/%.*s",
                            STR_ARG(c->flow.tenant.len ? c->flow.tenant : S("-")),
                            STR_ARG(c->flow.stream.len ? c->flow.stream : S("-")),
                            STR_ARG(c->flow.campaign.len ? c->flow.campaign : S("-")));
    printf("%-40.*s %.10s", STR_ARG(name), day);
    for (int i = 0; i < FEEDBACK_COUNTS; i++)
        printf(" %8lld", (long long)c->counts[i]);
    putchar('\n');
    return NULL;
}

static int run_campaigns(void *arg, int argc, char **argv)
{
    struct suppress_run *run = arg;
    int64_t days;
    (void)argc, (void)argv;
    int code = take_number("days", run->days, SUPPRESS_DAYS, &days);
    if (code != CLI_OK)
        return code;
    if (!run->cli->json && !run->cli->quiet)
        printf("%-40s %-10s %8s %8s %8s %8s %8s\n", "tenant/stream/campaign", "last", "hard",
               "soft", "spam", "unsubscr", "machines");
    int64_t since = clock_real_ms() / (24LL * 3600 * 1000) - days;
    return tell(feedback_list_campaigns(run->list, since, print_campaign, run), "campaigns");
}

/* ---- lists ------------------------------------------------------------------------------ */

struct exporting {
    bool json;
    struct buf line;
};

static err export_entry(void *arg, const struct feedback_entry *e)
{
    struct exporting *x = arg;
    buf_clear(&x->line);
    TRY(x->json ? feedback_csv_write_json(e, &x->line) : feedback_csv_write(e, &x->line));
    if (fwrite(x->line.ptr, 1, x->line.len, stdout) != x->line.len)
        return err_new(ERR_SYSTEM, "write the list");
    return NULL;
}

static int run_export(void *arg, int argc, char **argv)
{
    struct suppress_run *run = arg;
    struct feedback_list_query all = {0};
    bool ndjson = run->format && strcmp(run->format, "ndjson") == 0;
    struct exporting x = {.json = ndjson || run->cli->json};
    (void)argc, (void)argv;
    if (run->format && !ndjson && strcmp(run->format, "csv") != 0) {
        cli_fail("--format is csv or ndjson, not \"%s\"", run->format);
        return CLI_USAGE;
    }
    buf_init(&x.line, FEEDBACK_CSV_LINE_BYTES_MAX * 8);
    if (!x.json)
        fputs(feedback_csv_head, stdout);
    err e = feedback_list_each(run->list, &all, export_entry, &x);
    buf_release(&x.line);
    return tell(e, "export");
}

struct importing {
    struct suppress_run *run;
    const char *file;
    struct feedback_csv csv;
    struct feedback_entry defaults;
    struct feedback_entry *batch;
    size_t count, read, made, wrong, number;
    struct arena *arena; /* of the batch */
};

static err flush_batch(struct importing *m)
{
    size_t made = 0;
    if (m->count > 0)
        TRY(feedback_list_add(m->run->list, m->batch, m->count, &made));
    m->made += made;
    m->count = 0;
    arena_reset(m->arena);
    m->batch = ARENA_ARRAY(m->arena, struct feedback_entry, FEEDBACK_LIST_BATCH_MAX);
    return NULL;
}

static err import_line(struct importing *m, str line)
{
    bool found = false;
    m->number++;
    err wrong =
        feedback_csv_read(&m->csv, line, &m->defaults, m->arena, &m->batch[m->count], &found);
    if (wrong && m->wrong++ < SUPPRESS_LINE_ERRORS_MAX)
        fprintf(stderr, "%s:%zu: %.*s\n", m->file, m->number, STR_ARG(wrong->text));
    err_forget();
    if (wrong || !found)
        return NULL;
    m->read++;
    return ++m->count == FEEDBACK_LIST_BATCH_MAX ? flush_batch(m) : NULL;
}

static err import_all(struct importing *m, FILE *from)
{
    enum { ROOM = FEEDBACK_CSV_LINE_BYTES_MAX + 2 };
    char *line = arena_alloc(m->run->arena, ROOM);
    bool skip = false; /* the rest of a line that is too long */
    TRY(flush_batch(m));
    while (fgets(line, ROOM, from)) {
        size_t len = strlen(line);
        bool whole = len > 0 && line[len - 1] == '\n';
        if (!skip)
            TRY(import_line(m, (str){line, len}));
        skip = !whole && len == ROOM - 1;
    }
    if (ferror(from))
        return err_new(ERR_SYSTEM, "read %s", m->file);
    return flush_batch(m);
}

static int run_import(void *arg, int argc, char **argv)
{
    struct suppress_run *run = arg;
    struct importing m = {.run = run, .file = argv[0]};
    (void)argc;
    bool from_stdin = strcmp(argv[0], "-") == 0;
    FILE *from = from_stdin ? stdin : fopen(argv[0], "r");
    if (from == NULL) {
        cli_fail("%s: %s", argv[0], strerror(errno));
        return CLI_NO_INPUT;
    }
    m.arena = arena_open(SUPPRESS_ARENA_BYTES);
    err e = entry_of(run, "imported", &m.defaults);
    if (e == NULL)
        e = import_all(&m, from);
    arena_close(m.arena);
    if (!from_stdin)
        fclose(from);
    tell_server(run);
    if (m.wrong > SUPPRESS_LINE_ERRORS_MAX)
        fprintf(stderr, "and %zu lines more that are wrong\n", m.wrong - SUPPRESS_LINE_ERRORS_MAX);
    if (!run->cli->quiet)
        fprintf(stderr, "%zu read, %zu of them new, %zu wrong\n", m.read, m.made, m.wrong);
    return e ? tell(e, "import") : m.wrong ? CLI_DATA : CLI_OK;
}

/* ---- the way in ------------------------------------------------------------------------- */

const struct cli_verb cmd_suppress_verbs[] = {
    {"add",       run_add,       1, -1, "ADDRESS... [--tenant T] [--stream S] [--for TIME] [--note TEXT]"},
    {"rm",        run_rm,        1, -1, "ADDRESS... [--tenant T] [--stream S]"                           },
    {"check",     run_check,     1, 1,  "ADDRESS [--tenant T] [--stream S]"                              },
    {"ls",        run_ls,        0, 0,  "[--tenant T] [--reason R] [--limit N]"                          },
    {"import",    run_import,    1, 1,  "FILE|- [--tenant T] [--reason R] [--for TIME]"                  },
    {"export",    run_export,    0, 0,  "[--format csv|ndjson]"                                          },
    {"campaigns", run_campaigns, 0, 0,  "[--days N]"                                                     },
    {NULL,        NULL,          0, 0,  NULL                                                             },
};

/* The folder is made as the server would have it. */
static err open_list(struct suppress_run *run)
{
    char path[FEEDBACK_PATH_CHARS];
    int n = snprintf(path, sizeof path, "%.*s/feedback/suppress.db", STR_ARG(run->config->state));
    if (n < 0 || (size_t)n >= sizeof path)
        return err_new(ERR_CONFIG, "the state folder's name is too long");
    TRY(cli_make_state(run->config));
    return feedback_list_open(path, true, &run->list);
}

int cmd_suppress(struct cli *cli, int argc, char **argv)
{
    struct suppress_run run = {.cli = cli};
    const struct cli_option options[] = {
        {.name = "tenant", .value = &run.tenant},
        {.name = "stream", .value = &run.stream},
        {.name = "reason", .value = &run.reason},
        {.name = "for",    .value = &run.lasts },
        {.name = "note",   .value = &run.note  },
        {.name = "limit",  .value = &run.limit },
        {.name = "format", .value = &run.format},
        {.name = "days",   .value = &run.days  },
    };
    int code;
    int first = cli_parse(cli, cli->command, options, ARRAY_LEN(options), argc, argv, &code);
    if (first < 0)
        return code;
    if (first == argc) /* before anything is made */
        return cli_run_verb(cli, cmd_suppress_verbs, ARRAY_LEN(cmd_suppress_verbs) - 1, &run, 0,
                            NULL);
    run.config = cli_config(cli);
    if (run.config == NULL)
        return CLI_CONFIG;
    run.arena = arena_open(SUPPRESS_ARENA_BYTES);
    err e = open_list(&run);
    if (e) {
        cli_fail_err(e, "the suppression list");
        code = cli_exit_of(e);
    } else {
        code = cli_run_verb(cli, cmd_suppress_verbs, ARRAY_LEN(cmd_suppress_verbs) - 1, &run,
                            argc - first, argv + first);
    }
    feedback_list_close(run.list);
    arena_close(run.arena);
    config_close(run.config);
    return code;
}
