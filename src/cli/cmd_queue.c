/* cli/cmd_queue.c -- smtptool queue: what waits, and why; hold, release, retry, remove */
#include "cli/admin_client.h"
#include "cli/commands.h"
#include "outcome/reply.h"
#include "queue/fsck.h"
#include "queue/queue.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

const char cmd_queue_help[] =
    "usage: smtptool queue ls [--to DOMAIN] [--from ADDRESS] [--rcpt ADDRESS] [--held]\n"
    "       smtptool queue show ID | why ID\n"
    "       smtptool queue hold|release|retry|rm ID...\n"
    "       smtptool queue hold|release|retry|rm --to DOMAIN | --from ADDRESS | --all\n"
    "       smtptool queue flush [DOMAIN]\n"
    "       smtptool queue stats\n"
    "       smtptool queue fsck [--repair]\n\n"
    "  ls        one line for each delivery (a message and one destination)\n"
    "  show      all that is known of a message\n"
    "  why       in words: why it still waits, and when it is tried again\n"
    "  hold      not tried until it is released\n"
    "  release   tried again, now\n"
    "  retry     due now instead of later; what is held stays held\n"
    "  rm        gone, without a notification to the sender\n"
    "  flush     retry everything, or all for this destination\n"
    "  stats     numbers\n"
    "  fsck      check every byte of the spool; the server must not run\n\n"
    "All but fsck ask the running server over its admin_socket.\n\n"
    "options:\n"
    "  --to DOMAIN       the destination: a domain, or route:NAME\n"
    "  --from ADDRESS    the sender\n"
    "  --rcpt ADDRESS    a recipient that still waits\n"
    "  --held            ls: only what is held\n"
    "  --all             every message: it has to be said\n"
    "  --repair          fsck: open the spool, which mends what can be mended and moves damaged\n"
    "                    bytes to quarantine/, and check again\n"
    "  -C, --config F    which server: its admin_socket and state\n"
    "  --json            one JSON object a line; times in ms since 1970\n\n"
    "exit: 0 done; 1 nothing matched (fsck: damage was found); 2 fsck could not look;\n"
    "      69 no server runs; 77 not root and not the server's user\n\n"
    "examples:\n"
    "  smtptool queue ls --to example.net\n"
    "  smtptool queue why 06CJ2M7T8Q4ZK\n"
    "  smtptool queue flush example.net\n"
    "  smtptool queue hold --from shop@example.com\n";

struct queue_run {
    struct cli *cli;
    const struct config *config;
    const char *to, *from, *rcpt;
    bool held, all, repair;
};

/* ---- asking ----------------------------------------------------------------------------- */

static void set_text(json_t *request, const char *name, const char *text)
{
    if (text)
        json_object_set_new(request, name, cli_json_str(str_of(text)));
}

static json_t *make_request(const struct queue_run *run, const char *verb, int argc, char **argv)
{
    json_t *request = json_pack("{ss}", "verb", verb), *ids = json_array();
    set_text(request, "to", run->to);
    set_text(request, "from", run->from);
    set_text(request, "rcpt", run->rcpt);
    if (run->held)
        json_object_set_new(request, "held", json_true());
    if (run->all)
        json_object_set_new(request, "all", json_true());
    for (int i = 0; i < argc; i++)
        json_array_append_new(ids, cli_json_str(str_of(argv[i])));
    if (argc > 0)
        json_object_set(request, "ids", ids);
    json_decref(ids);
    return request;
}

static int fail(err e)
{
    char why[1024];
    cli_describe(e, why, sizeof why);
    cli_fail("%s", why);
    return e->kind == ERR_CLOSED ? CLI_UNAVAILABLE : cli_exit_of(e);
}

static int none_matched(const struct queue_run *run, const char *what)
{
    if (!run->cli->quiet)
        fprintf(stderr, "%s\n", what);
    return CLI_FINDINGS;
}

/* ---- showing ---------------------------------------------------------------------------- */

static const char *text_of(const json_t *line, const char *name)
{
    const char *text = json_string_value(json_object_get(line, name));
    return text ? text : "";
}

static int64_t number_of(const json_t *line, const char *name)
{
    return json_integer_value(json_object_get(line, name));
}

/* "12 s", "5 m", "3 h", "2 d" */
static void print_span(int64_t ms)
{
    int64_t s = ms < 0 ? 0 : ms / 1000;
    if (s < 120)
        printf("%lld s", (long long)s);
    else if (s < 7200)
        printf("%lld m", (long long)s / 60);
    else if (s < 48 * 3600)
        printf("%lld h", (long long)s / 3600);
    else
        printf("%lld d", (long long)s / 86400);
}

static void print_rcpts(const json_t *line, const char *between)
{
    const json_t *list = json_object_get(line, "rcpts");
    for (size_t i = 0; i < json_array_size(list); i++) {
        fputs(i ? between : "", stdout);
        cli_print_clean(stdout, str_of(json_string_value(json_array_get(list, i))));
    }
}

/* Held by the sender's own wish, and not by the operator's. */
static bool is_held_for_later(const json_t *line)
{
    int64_t until_ms = number_of(line, "not_before_ms");
    return until_ms > clock_real_ms() && number_of(line, "due_ms") >= until_ms &&
           strcmp(text_of(line, "state"), "waiting") == 0;
}

static void print_moment_in_words(const char *before, int64_t ms, const char *behind)
{
    char text[CLOCK_RFC3339_BYTES];
    clock_rfc3339(ms, text);
    printf("%s%.19sZ%s", before, text, behind);
}

static void show_line(void *arg, const json_t *line)
{
    int64_t now_ms = clock_real_ms(), due_ms = number_of(line, "due_ms");
    (void)arg;
    printf("%s  %-7s  %8lld bytes  since ", text_of(line, "id"), text_of(line, "state"),
           (long long)number_of(line, "size"));
    print_span(now_ms - number_of(line, "accepted_ms"));
    printf("  tries %lld", (long long)number_of(line, "attempts"));
    if (is_held_for_later(line)) {
        print_moment_in_words("  held until ", number_of(line, "not_before_ms"),
                              " by FUTURERELEASE");
    } else if (strcmp(text_of(line, "state"), "waiting") == 0) {
        fputs("  next in ", stdout);
        print_span(due_ms - now_ms);
    }
    fputs("\n    <", stdout);
    cli_print_clean(stdout, str_of(text_of(line, "sender")));
    fputs("> -> ", stdout);
    print_rcpts(line, ", ");
    fputs("  (", stdout);
    cli_print_clean(stdout, str_of(text_of(line, "destination")));
    fputs(")\n", stdout);
    if (*text_of(line, "reply")) {
        fputs("    ", stdout);
        cli_print_clean(stdout, str_of(text_of(line, "reply")));
        putchar('\n');
    }
}

static void print_moment(const char *name, int64_t ms)
{
    char text[CLOCK_RFC3339_BYTES] = "-";
    if (ms)
        clock_rfc3339(ms, text);
    printf("  %-12s %s\n", name, text);
}

static void print_named(const char *name, const char *text)
{
    printf("  %-12s ", name);
    cli_print_clean(stdout, str_of(text));
    putchar('\n');
}

static void show_all(void *arg, const json_t *line)
{
    (void)arg;
    printf("%s\n", text_of(line, "id"));
    print_named("sender", *text_of(line, "sender") ? text_of(line, "sender") : "<>");
    print_named("destination", text_of(line, "destination"));
    fputs("  recipients   ", stdout);
    print_rcpts(line, "\n               ");
    putchar('\n');
    print_named("state", text_of(line, "state"));
    printf("  size         %lld bytes\n", (long long)number_of(line, "size"));
    print_moment("accepted", number_of(line, "accepted_ms"));
    printf("  attempts     %lld\n", (long long)number_of(line, "attempts"));
    print_moment("first", number_of(line, "first_ms"));
    print_moment("last", number_of(line, "last_ms"));
    print_moment("next", number_of(line, "due_ms"));
    if (number_of(line, "priority"))
        printf("  priority     %lld\n", (long long)number_of(line, "priority"));
    if (number_of(line, "not_before_ms"))
        print_moment("held until", number_of(line, "not_before_ms"));
    if (number_of(line, "expires_ms"))
        print_moment("expires", number_of(line, "expires_ms"));
    if (number_of(line, "by_ms"))
        print_moment("deliver by", number_of(line, "by_ms"));
    print_named("last reply", text_of(line, "reply"));
}

static void tell_hold(const json_t *line)
{
    int64_t until_ms = number_of(line, "holds_until_ms");
    fputs("  It is due, and waits for its turn: ", stdout);
    cli_print_clean(stdout, str_of(text_of(line, "holds")));
    if (until_ms > clock_real_ms()) {
        fputs("; for about ", stdout);
        print_span(until_ms - clock_real_ms());
    }
    fputs(".\n", stdout);
}

static void tell_next(const json_t *line)
{
    int64_t left_ms = number_of(line, "due_ms") - clock_real_ms();
    const char *state = text_of(line, "state");
    if (strcmp(state, "held") == 0) {
        printf("  It is held: \"smtptool queue release %s\" lets it go.\n", text_of(line, "id"));
    } else if (strcmp(state, "damaged") == 0) {
        fputs("  What is on the disk is not what was written; its bytes are kept in quarantine/ of "
              "the spool, and it is not sent.\n",
              stdout);
    } else if (strcmp(state, "trying") == 0) {
        fputs("  It is being tried right now.\n", stdout);
    } else if (left_ms <= 0 && *text_of(line, "holds")) {
        tell_hold(line);
    } else if (is_held_for_later(line)) {
        print_moment_in_words("  It is held until ", number_of(line, "not_before_ms"),
                              " by FUTURERELEASE, as its sender asked");
        printf(": \"smtptool queue retry %s\" sends it now.\n", text_of(line, "id"));
    } else if (left_ms <= 0) {
        fputs("  It is due now, and waits for its turn or a free connection.\n", stdout);
    } else {
        fputs("  It is tried again in ", stdout);
        print_span(left_ms);
        fputs(".\n", stdout);
    }
}

/* What is the matter with a site that puts mail off, by what it said last. */
static const struct site_state {
    enum outcome_class class;
    const char *says;
} site_states[] = {
    {OUTCOME_NETWORK,              "The site is down: no connection to it comes about."           },
    {OUTCOME_SYSTEM,               "The site is overloaded, or has trouble of its own."           },
    {OUTCOME_TOO_MANY_CONNECTIONS, "The site is overloaded: it takes no more connections."        },
    {OUTCOME_RATE,
     "The site takes no more of us now: \"smtptool shaping show\" tells at which pace."           },
    {OUTCOME_BLOCKED_IP,
     "The site is blocking the address that we send from: \"smtptool egress\" tells "
     "of it; another egress may pass."                                                            },
    {OUTCOME_REVERSE_DNS,
     "The site is blocking the address that we send from, for its name in the DNS."               },
    {OUTCOME_BLOCKED_SENDER,       "The site is blocking this sender."                            },
    {OUTCOME_SPAM,                 "The site is blocking this mail as spam."                      },
    {OUTCOME_POLICY,               "The site is blocking us by a rule of its own."                },
    {OUTCOME_MAILBOX_FULL,         "The mailbox is full; the site is well."                       },
    {OUTCOME_LOGIN,
     "Our login is refused there: one probe at a time finds out when it works again."             },
    {OUTCOME_GREYLIST,             "The site greylists: it takes the mail when it is tried again."},
};

static void tell_site(str reply)
{
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(OUTCOME_REPLY_ARENA_BYTES);
    struct outcome_reply read = outcome_reply_read(reply, arena);
    enum outcome_class class = outcome_reply_judge(&read, arena).class;
    for (size_t i = 0; i < ARRAY_LEN(site_states); i++)
        if (site_states[i].class == class)
            printf("  %s\n", site_states[i].says);
}

static void tell_why(void *arg, const json_t *line)
{
    int64_t attempts = number_of(line, "attempts");
    (void)arg;
    printf("%s for ", text_of(line, "id"));
    print_rcpts(line, ", ");
    printf(" waits since ");
    print_span(clock_real_ms() - number_of(line, "accepted_ms"));
    puts(".");
    if (attempts == 0)
        puts("  It was not tried yet.");
    else
        printf("  It was tried %lld time%s, last ", (long long)attempts, attempts == 1 ? "" : "s");
    if (attempts > 0) {
        print_span(clock_real_ms() - number_of(line, "last_ms"));
        puts(" ago.");
    }
    if (*text_of(line, "reply")) {
        fputs("  The reason: ", stdout);
        cli_print_clean(stdout, str_of(text_of(line, "reply")));
        putchar('\n');
        tell_site(str_of(text_of(line, "reply")));
    }
    if (number_of(line, "expires_ms"))
        print_moment_in_words("  It expires at ", number_of(line, "expires_ms"),
                              ", as it asks itself.\n");
    if (number_of(line, "by_ms"))
        print_moment_in_words("  Its sender wants it delivered by ", number_of(line, "by_ms"),
                              " (DELIVERBY).\n");
    tell_next(line);
}

static void print_line_json(void *arg, const json_t *line)
{
    (void)arg;
    json_dumpf(line, stdout, JSON_COMPACT);
    putchar('\n');
}

static int list(struct queue_run *run, int argc, char **argv,
                void (*each)(void *arg, const json_t *))
{
    int64_t count;
    json_t *request = make_request(run, "ls", argc, argv);
    err e = cli_admin_client_ask(run->config, request, run->cli->json ? print_line_json : each, run,
                                 &count);
    if (e)
        return fail(e);
    if (count == 0 && argc > 0)
        return none_matched(run, "it is not in the queue: \"smtptool trace ID\" tells what became "
                                 "of it");
    if (count == 0 && !run->cli->quiet)
        fputs(run->to || run->from || run->rcpt || run->held ? "nothing matches\n"
                                                             : "the queue is empty\n",
              stderr);
    return CLI_OK;
}

static int run_ls(void *arg, int argc, char **argv) { return list(arg, argc, argv, show_line); }
static int run_show(void *arg, int argc, char **argv) { return list(arg, argc, argv, show_all); }
static int run_why(void *arg, int argc, char **argv) { return list(arg, argc, argv, tell_why); }

static void show_stats(void *arg, const json_t *line)
{
    const char *name;
    json_t *value;
    (void)arg;
    json_object_foreach((json_t *)line, name, value) if (json_is_integer(value))
        printf("%-12s %lld\n", name, (long long)json_integer_value(value));
    if (json_is_true(json_object_get(line, "stopped")))
        puts("STOPPED: the disk failed, and nothing is accepted until it works again");
}

static int run_stats(void *arg, int argc, char **argv)
{
    struct queue_run *run = arg;
    int64_t count;
    err e = cli_admin_client_ask(run->config, make_request(run, "stats", argc, argv),
                                 run->cli->json ? print_line_json : show_stats, run, &count);
    return e ? fail(e) : CLI_OK;
}

/* ---- changing --------------------------------------------------------------------------- */

static int change(struct queue_run *run, const char *verb, const char *done, int argc, char **argv)
{
    int64_t count;
    bool filtered = run->to || run->from || run->rcpt;
    if (argc == 0 && !filtered && !run->all) {
        cli_fail("%s what? ids, --to DOMAIN, --from ADDRESS, --rcpt ADDRESS, or --all", verb);
        return CLI_USAGE;
    }
    if (run->all && (argc > 0 || filtered)) {
        cli_fail("--all goes with nothing else");
        return CLI_USAGE;
    }
    err e =
        cli_admin_client_ask(run->config, make_request(run, verb, argc, argv), NULL, NULL, &count);
    if (e)
        return fail(e);
    if (run->cli->json)
        cli_print_json(json_pack("{sI}", "changed", (json_int_t)count));
    if (count == 0)
        return none_matched(run, "nothing matches");
    if (!run->cli->quiet)
        fprintf(stderr, "%lld deliver%s %s\n", (long long)count, count == 1 ? "y" : "ies", done);
    return CLI_OK;
}

static int run_hold(void *arg, int argc, char **argv)
{
    return change(arg, "hold", "held", argc, argv);
}

static int run_release(void *arg, int argc, char **argv)
{
    return change(arg, "release", "released", argc, argv);
}

static int run_retry(void *arg, int argc, char **argv)
{
    return change(arg, "retry", "due now", argc, argv);
}

static int run_rm(void *arg, int argc, char **argv)
{
    return change(arg, "rm", "removed", argc, argv);
}

static int run_flush(void *arg, int argc, char **argv)
{
    struct queue_run *run = arg;
    if (argc == 1)
        run->to = argv[0];
    run->all = run->to == NULL && run->from == NULL && run->rcpt == NULL;
    return change(run, "retry", "due now", 0, NULL);
}

/* ---- offline ---------------------------------------------------------------------------- */

static void tell_damage(void *arg, const char *where, err e)
{
    (void)arg;
    cli_fail_err(e, "%s", where);
}

static err repair(const char *folder)
{
    struct queue_options options = {.folder = folder, .workers = 1, .draft_memory_max = 1 << 20};
    struct queue *queue;
    TRY(queue_open(&options, &queue));
    queue_close(queue);
    return NULL;
}

static int report_fsck(const struct queue_run *run, const struct queue_fsck *f)
{
    if (run->cli->json)
        cli_print_json(json_pack("{sI,sI,sI,sI,sI,sI,sI}", "segments", (json_int_t)f->segments,
                                 "records", (json_int_t)f->records, "messages",
                                 (json_int_t)f->messages, "bytes", (json_int_t)f->bytes, "files",
                                 (json_int_t)f->files, "torn_bytes", (json_int_t)f->torn, "damaged",
                                 (json_int_t)f->damaged));
    else
        printf("%llu segments, %llu records, %llu messages, %llu files, %llu bytes checked: %llu "
               "damaged\n",
               (unsigned long long)f->segments, (unsigned long long)f->records,
               (unsigned long long)f->messages, (unsigned long long)f->files,
               (unsigned long long)f->bytes, (unsigned long long)f->damaged);
    if (f->torn && !run->cli->quiet)
        fprintf(stderr, "the last batch was cut off (%llu bytes): nobody was told 250 for it\n",
                (unsigned long long)f->torn);
    return f->damaged ? CLI_FINDINGS : CLI_OK;
}

static int run_fsck(void *arg, int argc, char **argv)
{
    struct queue_run *run = arg;
    struct queue_fsck result = {0};
    char folder[1024];
    (void)argc, (void)argv;
    int n = snprintf(folder, sizeof folder, "%.*s/spool", STR_ARG(run->config->state));
    if (n < 0 || (size_t)n >= sizeof folder) {
        cli_fail("the state folder's name is too long");
        return CLI_CONFIG;
    }
    err e = run->repair ? repair(folder) : NULL;
    if (e == NULL)
        e = queue_fsck(folder, tell_damage, run, &result);
    if (e == NULL)
        return report_fsck(run, &result);
    cli_fail_err(e, "fsck %s%s", folder, e->kind == ERR_LIMIT ? ": stop the server first" : "");
    return CLI_UNKNOWN;
}

/* ---- the way in ------------------------------------------------------------------------- */

const struct cli_verb cmd_queue_verbs[] = {
    {"ls",      run_ls,      0, 0,  "[--to DOMAIN] [--from ADDRESS] [--rcpt ADDRESS] [--held]"},
    {"show",    run_show,    1, 1,  "ID"                                                      },
    {"why",     run_why,     1, 1,  "ID"                                                      },
    {"hold",    run_hold,    0, -1, "ID... | --to DOMAIN | --from ADDRESS | --all"            },
    {"release", run_release, 0, -1, "ID... | --to DOMAIN | --from ADDRESS | --all"            },
    {"retry",   run_retry,   0, -1, "ID... | --to DOMAIN | --from ADDRESS | --all"            },
    {"rm",      run_rm,      0, -1, "ID... | --to DOMAIN | --from ADDRESS | --all"            },
    {"flush",   run_flush,   0, 1,  "[DOMAIN]"                                                },
    {"stats",   run_stats,   0, 0,  ""                                                        },
    {"fsck",    run_fsck,    0, 0,  "[--repair]"                                              },
    {NULL,      NULL,        0, 0,  NULL                                                      },
};

int cmd_queue(struct cli *cli, int argc, char **argv)
{
    struct queue_run run = {.cli = cli};
    const struct cli_option options[] = {
        {.name = "to",     .value = &run.to   },
        {.name = "from",   .value = &run.from },
        {.name = "rcpt",   .value = &run.rcpt },
        {.name = "held",   .flag = &run.held  },
        {.name = "all",    .flag = &run.all   },
        {.name = "repair", .flag = &run.repair},
    };
    int code;
    int first = cli_parse(cli, cli->command, options, ARRAY_LEN(options), argc, argv, &code);
    if (first < 0)
        return code;
    if (first == argc)
        return cli_run_verb(cli, cmd_queue_verbs, ARRAY_LEN(cmd_queue_verbs) - 1, &run, 0, NULL);
    run.config = cli_config(cli);
    if (run.config == NULL)
        return CLI_CONFIG;
    code = cli_run_verb(cli, cmd_queue_verbs, ARRAY_LEN(cmd_queue_verbs) - 1, &run, argc - first,
                        argv + first);
    config_close(run.config);
    return code;
}
