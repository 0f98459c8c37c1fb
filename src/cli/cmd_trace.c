/* cli/cmd_trace.c -- smtptool trace: the life of one message, from the event files */
#include "cli/commands.h"
#include "events/trace.h"
#include "queue/id.h"
#include <string.h>

const char cmd_trace_help[] =
    "usage: smtptool trace [--file FILE] ID | MESSAGE-ID | RECIPIENT\n\n"
    "Tells what happened to a message: when it was accepted, from whom, every attempt to deliver\n"
    "it, and how it ended. It is found by its queue id (13 characters, from the server's 250), by\n"
    "its Message-ID in angle brackets, or by a recipient's address; then every message for that\n"
    "recipient is told. Rotated files beside the file (.1, .2.gz) are read as well.\n\n"
    "options:\n"
    "  --file FILE         the event file; default: events.to of the configuration\n"
    "  --id, --message-id, --recipient TEXT   say which of the three it is; together they must\n"
    "                      all hold\n"
    "  --json              the events as they were written, one JSON object a line\n\n"
    "exit: 0 found; 1 nothing found; 66 there is no event file\n\n"
    "examples:\n"
    "  smtptool trace 06CJ2M7T8Q4ZK\n"
    "  smtptool trace '<1a1fd87b504.88085c6e@mail.example.com>'\n"
    "  smtptool trace --file /var/log/smtptool/events.jsonl bob@example.net\n";

struct trace_run {
    struct cli *cli;
    const char *file, *id, *message_id, *recipient;
    size_t found;
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

static void print_event(const json_t *event)
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
    putchar('\n');
}

static bool print_line(void *arg, str line)
{
    struct trace_run *run = arg;
    run->found++;
    if (run->cli->json) {
        printf("%.*s\n", STR_ARG(line));
        return ferror(stdout) == 0;
    }
    json_t *event = json_loadb(line.ptr, line.len, 0, NULL);
    if (event)
        print_event(event);
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
    if (code == CLI_OK)
        code = trace(&run, buf_str(&path));
    buf_release(&path);
    return code;
}
