/* cli/cmd_feedback_loops.c -- smtptool feedback-loops: who tells us of complaints, and who could */
#include "base/clock.h"
#include "cli/commands.h"
#include "cli/feedback_loops.h"

const char cmd_feedback_loops_help[] =
    "usage: smtptool feedback-loops [--all]\n\n"
    "Some mailbox providers tell senders which of their users complained of spam, so that these "
    "get\n"
    "no more mail. One has to enrol with each. This shows which of them apply, as far as can be\n"
    "known here: mail went to their domains lately (this needs bounces.domain in the\n"
    "configuration), and whether a report of theirs has come. It exits with 1 when one applies\n"
    "from which nothing has come.\n\n"
    "The table ships as feedback-loops.yaml, and a file of that name in the folder of the key "
    "share\n"
    "is read over it. Reports are to go to an address in bounces.complaints.\n\n"
    "options:\n"
    "  --all            those that do not apply, too\n"
    "  -C, --config F   the server's configuration\n"
    "  --json           one JSON object a line\n\n"
    "examples:\n"
    "  smtptool feedback-loops\n"
    "  smtptool feedback-loops --all --json\n";

static void print_json(const struct cli_feedback_loops *loops, const struct cli_feedback_loop *l)
{
    char last[CLOCK_RFC3339_BYTES];
    clock_rfc3339(l->last_ms, last);
    cli_print_json(json_pack("{so,so,ss,so,so,so,so,so,so,sI,sI,so}", "id", cli_json_str(l->id),
                             "name", cli_json_str(l->name), "state",
                             cli_feedback_loops_state_name(cli_feedback_loops_state(loops, l)),
                             "by", cli_json_str(l->by), "sends", cli_json_str(l->sends), "enrol",
                             cli_json_str(l->enrol), "how", cli_json_str(l->how), "source",
                             cli_json_str(l->source), "date", cli_json_str(l->date), "recipients",
                             (json_int_t)l->recipients, "reports", (json_int_t)l->reports, "last",
                             l->last_ms ? json_string(last) : json_null()));
}

static void print_line(const char *label, str text)
{
    printf("    %-8s ", label);
    cli_print_clean(stdout, text);
    putchar('\n');
}

static void print_state(const struct cli_feedback_loops *loops, const struct cli_feedback_loop *l)
{
    char last[CLOCK_RFC3339_BYTES];
    clock_rfc3339(l->last_ms, last);
    switch (cli_feedback_loops_state(loops, l)) {
    case LOOP_WORKS:
        printf("    works    %lld reports, the last on %.10s\n", (long long)l->reports, last);
        break;
    case LOOP_MISSING:
        printf("    MISSING  %lld recipients there lately, and no report has come%s\n",
               (long long)l->recipients, l->from_count ? "" : " that could be told as theirs");
        break;
    case LOOP_LOOK:
        printf("    look     %lld recipients there lately; figures are on their page\n",
               (long long)l->recipients);
        break;
    case LOOP_NOT_NEEDED:
        puts("             no mail went there lately");
        break;
    case LOOP_UNKNOWN:
        puts("    unknown  what is sent is not recorded: bounces.domain is not set");
        break;
    }
}

static void print_loop(const struct cli_feedback_loops *loops, const struct cli_feedback_loop *l)
{
    cli_print_clean(stdout, l->name);
    putchar('\n');
    print_state(loops, l);
    print_line("enrol", l->enrol);
    print_line("how", l->how);
    printf("    %-8s by %.*s, they send %.*s (", "known", STR_ARG(l->by), STR_ARG(l->sends));
    cli_print_clean(stdout, l->source);
    printf(", %.*s)\n", STR_ARG(l->date));
}

static void tell_preconditions(const struct cli_feedback_loops *loops)
{
    const struct config_bounces *b = &loops->config->bounces;
    if (b->domain.len == 0 || !b->verp)
        fputs("bounces.domain is not set: reports could not be matched to their recipients\n",
              stderr);
    if (b->complaint_count == 0)
        fputs("bounces.complaints is empty: name the address that reports are to go to\n", stderr);
}

int cmd_feedback_loops(struct cli *cli, int argc, char **argv)
{
    bool all = false, missing = false;
    const struct cli_option options[] = {
        {.name = "all", .flag = &all},
    };
    int code;
    int first = cli_parse(cli, cli->command, options, ARRAY_LEN(options), argc, argv, &code);
    if (first < 0)
        return code;
    if (first < argc) {
        cli_fail("\"%s\" is too much; see \"smtptool feedback-loops --help\"", argv[first]);
        return CLI_USAGE;
    }
    struct cli_feedback_loops loops = {.config = cli_config(cli)};
    if (loops.config == NULL)
        return CLI_CONFIG;
    struct arena *arena = arena_open(CLI_FEEDBACK_LOOPS_ARENA_BYTES);
    bool good = cli_feedback_loops_read(&loops, arena);
    if (good && !cli->quiet)
        tell_preconditions(&loops);
    for (size_t i = 0; i < loops.count; i++) {
        const struct cli_feedback_loop *l = &loops.list[i];
        enum cli_feedback_loops_state state = cli_feedback_loops_state(&loops, l);
        missing |= state == LOOP_MISSING;
        if (!all && state == LOOP_NOT_NEEDED)
            continue;
        if (cli->json)
            print_json(&loops, l);
        else
            print_loop(&loops, l);
    }
    arena_close(arena);
    config_close(loops.config);
    return !good ? CLI_CONFIG : missing ? CLI_FINDINGS : CLI_OK;
}
