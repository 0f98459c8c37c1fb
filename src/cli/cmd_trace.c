/* cli/cmd_trace.c -- smtptool trace: the life of one message, from the event files */
#include "base/clock.h"
#include "cli/commands.h"
#include "cli/state.h"
#include "events/trace.h"
#include "outbound/transcript_store.h"
#include "queue/id.h"
#include <string.h>

const char cmd_trace_help[] =
    "usage: smtptool trace [--file FILE] [--transcript] ID | MESSAGE-ID | RECIPIENT\n\n"
    "Tells what happened to a message: when it was accepted, from whom, every attempt to deliver\n"
    "it, and how it ended. It is found by its queue id (13 characters, from the server's 250), by\n"
    "its Message-ID in angle brackets, or by a recipient's address; then every message for that\n"
    "recipient is told. Rotated files beside the file (.1, .2.gz) are read as well.\n\n"
    "options:\n"
    "  --file FILE         the event file; default: events.to of the configuration\n"
    "  --id, --message-id, --recipient TEXT   say which of the three it is; together they must\n"
    "                      all hold\n"
    "  --transcript        also what was said in each attempt that failed: kept for a week\n"
    "                      (outbound.transcripts), without logins and contents\n"
    "  --json              the events as they were written, one JSON object a line\n\n"
    "exit: 0 found; 1 nothing found; 66 there is no event file\n\n"
    "examples:\n"
    "  smtptool trace 06CJ2M7T8Q4ZK\n"
    "  smtptool trace --transcript 06CJ2M7T8Q4ZK\n"
    "  smtptool trace '<1a1fd87b504.88085c6e@mail.example.com>'\n"
    "  smtptool trace --file /var/log/smtptool/events.jsonl bob@example.net\n";

enum { GREYLISTED_MAX = 1000, TOLD_MAX = 200, TRACE_ARENA_BYTES_MAX = 4 << 20 };

struct trace_run {
    struct cli *cli;
    const char *file, *id, *message_id, *recipient;
    bool transcript;
    size_t found;
    struct arena *arena;
    str *greylisted; /* "ID recipient" of those that were */
    size_t greylisted_count;
    queue_id *told; /* messages whose events were printed; for transcripts */
    size_t told_count;
};

/* Members that a person wants to see, in this order, with the words around them. */
static const struct {
    const char *name, *before, *after;
} shown[] = {
    {"sender",        "from <",      ">"     },
    {"recipient",     "to <",        ">"     },
    {"count",         "recipients ", ""      },
    {"size",          "",            " bytes"},
    {"role",          "by ",         ""      },
    {"login",         "as ",         ""      },
    {"peer",          "client ",     ""      },
    {"helo",          "helo ",       ""      },
    {"destination",   "for ",        ""      },
    {"remote_host",   "at ",         ""      },
    {"remote_ip",     "[",           "]"     },
    {"egress",        "by egress ",  ""      },
    {"local_ip",      "[",           "]"     },
    {"tls_version",   "",            ""      },
    {"tls_cipher",    "",            ""      },
    {"attempt",       "attempt ",    ""      },
    {"priority",      "priority ",   ""      },
    {"status",        "status ",     ""      },
    {"login_failure", "",            ""      },
    {"code",          "reply ",      ""      },
    {"enhanced",      "",            ""      },
    {"text",          "\"",          "\""    },
    {"reason",        "because ",    ""      },
    {"delay_ms",      "after ",      " ms"   },
    {"next_due",      "again at ",   ""      },
    {"message_id",    "id ",         ""      },
};

static void print_member(const char *before, const json_t *value, const char *after)
{
    printf(" %s", before);
    if (json_is_integer(value))
        printf("%lld", (long long)json_integer_value(value));
    else
        cli_print_clean(stdout, (str){json_string_value(value), json_string_length(value)});
    fputs(after, stdout);
}

/* What every event of a message would repeat is told when it is accepted. */
static bool is_repetition(const char *name, const char *kind)
{
    static const char *const once[] = {"sender", "message_id", "count", "size"};
    for (size_t i = 0; i < ARRAY_LEN(once); i++)
        if (strcmp(name, once[i]) == 0)
            return kind == NULL || strcmp(kind, "accepted") != 0;
    return false;
}

static const char *text_of(const json_t *event, const char *name)
{
    const char *text = json_string_value(json_object_get(event, name));
    return text ? text : "";
}

static bool was_greylisted(const struct trace_run *run, str key)
{
    for (size_t i = 0; i < run->greylisted_count; i++)
        if (str_eq(run->greylisted[i], key))
            return true;
    return false;
}

/* "2nd", "11th" */
static const char *ordinal_end(long long n)
{
    static const char *const ends[] = {"th", "st", "nd", "rd"};
    return n % 10 > 3 || n / 10 % 10 == 1 ? "th" : ends[n % 10];
}

/* Greylisting looks like trouble and is none: the happy end is told in one phrase. */
static void tell_greylisting(struct trace_run *run, const json_t *event)
{
    const char *kind = text_of(event, "event");
    char chars[600];
    snprintf(chars, sizeof chars, "%.20s %.500s", text_of(event, "queue_id"),
             text_of(event, "recipient"));
    str key = str_of(chars);
    bool before = was_greylisted(run, key);
    long long attempt = (long long)json_integer_value(json_object_get(event, "attempt"));
    if (strcmp(kind, "delivered") == 0 && before)
        printf(" (greylisted, accepted at the %lld%s try)", attempt, ordinal_end(attempt));
    if (!before && strcmp(text_of(event, "class"), "greylist") == 0 &&
        run->greylisted_count < GREYLISTED_MAX)
        run->greylisted[run->greylisted_count++] = arena_str(run->arena, key);
}

static void note_told(struct trace_run *run, const json_t *event)
{
    const char *id = text_of(event, "queue_id");
    uint64_t number;
    if (!queue_id_parse(str_of(id), &number) || run->told_count == TOLD_MAX)
        return;
    for (size_t i = 0; i < run->told_count; i++)
        if (strcmp(run->told[i].text, id) == 0)
            return;
    run->told[run->told_count++] = queue_id_format(number);
}

static void print_event(struct trace_run *run, const json_t *event)
{
    const char *time = json_string_value(json_object_get(event, "time"));
    const char *kind = json_string_value(json_object_get(event, "event"));
    const char *id = json_string_value(json_object_get(event, "queue_id"));
    printf("%-24s  %-13s %-12s", time ? time : "-", id ? id : "-", kind ? kind : "-");
    for (size_t i = 0; i < ARRAY_LEN(shown); i++) {
        const json_t *value = json_object_get(event, shown[i].name);
        if (is_repetition(shown[i].name, kind))
            continue;
        if (json_is_integer(value) || json_is_string(value))
            print_member(shown[i].before, value, shown[i].after);
    }
    tell_greylisting(run, event);
    putchar('\n');
}

static bool print_line(void *arg, str line)
{
    struct trace_run *run = arg;
    run->found++;
    if (run->cli->json)
        printf("%.*s\n", STR_ARG(line));
    if (run->cli->json && !run->transcript)
        return ferror(stdout) == 0;
    json_t *event = json_loadb(line.ptr, line.len, 0, NULL);
    if (event)
        note_told(run, event);
    if (event && !run->cli->json)
        print_event(run, event);
    json_decref(event);
    return ferror(stdout) == 0;
}

/* What the operand is shows by its form. */
static void take_operand(struct trace_run *run, const char *word)
{
    uint64_t number;
    if (queue_id_parse(str_of(word), &number))
        run->id = word;
    else if (word[0] == '<' || strchr(word, '@') == NULL)
        run->message_id = word;
    else
        run->recipient = word;
}

static int find_file(struct trace_run *run, struct buf *path)
{
    if (run->file)
        return buf_addf(path, "%s", run->file) ? CLI_USAGE : CLI_OK;
    const struct config *config = cli_config(run->cli);
    if (config == NULL)
        return CLI_CONFIG;
    str to = config->events.to;
    bool is_file = !str_eq(to, S("stderr")) && !str_eq(to, S("none"));
    err e = buf_add(path, to);
    config_close(config);
    if (is_file && e == NULL)
        return CLI_OK;
    cli_fail("events are not kept in a file (events.to is \"%s\"): set events.to to a file's "
             "path, or name one with --file",
             buf_chars(path));
    return CLI_NO_INPUT;
}

/* ---- transcripts ------------------------------------------------------------------------ */

static bool print_transcript(void *arg, const struct outbound_transcript_record *r)
{
    const struct trace_run *run = arg;
    char time[CLOCK_RFC3339_BYTES];
    clock_rfc3339(r->time_ms, time);
    if (run->cli->json) {
        cli_print_json(json_pack("{ss,ss,ss,sI,so}", "time", time, "event", "transcript",
                                 "queue_id", r->id.text, "attempt", (json_int_t)r->attempt,
                                 "transcript", cli_json_str(r->text)));
        return ferror(stdout) == 0;
    }
    printf("\n%s  %s attempt %lld\n", time, r->id.text, (long long)r->attempt);
    str rest = r->text, line;
    while (rest.len > 0) {
        str_split(rest, '\n', &line, &rest);
        fputs("  ", stdout);
        cli_print_clean(stdout, line);
        putchar('\n');
    }
    return ferror(stdout) == 0;
}

static int print_transcripts(struct trace_run *run)
{
    const struct config *config = cli_config(run->cli);
    struct cli_state *state = ARENA_NEW(run->arena, struct cli_state);
    size_t all = 0;
    if (config == NULL)
        return CLI_CONFIG;
    err e = cli_state_paths(config, state);
    for (size_t i = 0; e == NULL && i < run->told_count; i++) {
        size_t count;
        e = outbound_transcript_store_find(state->transcripts, &run->told[i], print_transcript, run,
                                           &count);
        all += e == NULL ? count : 0;
    }
    config_close(config);
    if (e) {
        cli_fail_err(e, "transcripts");
        return cli_exit_of(e);
    }
    if (all == 0 && !run->cli->quiet)
        cli_fail("no transcript of it is kept: no attempt failed, or it is older than "
                 "outbound.transcripts");
    return CLI_OK;
}

static int trace(struct trace_run *run, str path)
{
    struct events_trace what = {str_of(run->id), str_of(run->message_id), str_of(run->recipient)};
    err e = events_trace_run(path, &what, print_line, run);
    if (e) {
        cli_fail_err(e, "trace");
        return cli_exit_of(e);
    }
    if (run->found == 0 && !run->cli->quiet)
        cli_fail("nothing found in %.*s", STR_ARG(path));
    if (run->found && run->transcript)
        return print_transcripts(run);
    return run->found ? CLI_OK : CLI_FINDINGS;
}

int cmd_trace(struct cli *cli, int argc, char **argv)
{
    struct trace_run run = {.cli = cli};
    const struct cli_option options[] = {
        {.name = "file",       .value = &run.file      },
        {.name = "id",         .value = &run.id        },
        {.name = "message-id", .value = &run.message_id},
        {.name = "recipient",  .value = &run.recipient },
        {.name = "transcript", .flag = &run.transcript },
    };
    struct buf path;
    int code;
    int first = cli_parse(cli, cli->command, options, ARRAY_LEN(options), argc, argv, &code);
    if (first < 0)
        return code;
    if (argc - first > 1 || (argc == first && !run.id && !run.message_id && !run.recipient)) {
        cli_fail("which message? a queue id, a <Message-ID> or a recipient's address");
        return CLI_USAGE;
    }
    if (first < argc)
        take_operand(&run, argv[first]);
    buf_init(&path, 8192);
    code = find_file(&run, &path);
    run.arena = arena_open(TRACE_ARENA_BYTES_MAX);
    run.greylisted = ARENA_ARRAY(run.arena, str, GREYLISTED_MAX);
    run.told = ARENA_ARRAY(run.arena, queue_id, TOLD_MAX);
    if (code == CLI_OK)
        code = trace(&run, buf_str(&path));
    arena_close(run.arena);
    buf_release(&path);
    return code;
}
