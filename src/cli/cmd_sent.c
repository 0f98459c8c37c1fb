/* cli/cmd_sent.c -- smtptool sent: did it leave? */
#include "base/clock.h"
#include "cli/commands.h"
#include "cli/sent.h"
#include "cli/user_folder.h"
#include "config/value.h"
#include "runtime/file.h"

const char cmd_sent_help[] =
    "usage: smtptool sent ls [--limit N]\n"
    "       smtptool sent show NUMBER|MESSAGE-ID\n\n"
    "What `smtptool send` has sent from here, and what each server said: \"did it leave?\" is one\n"
    "command. It is the user's own record, sent.db below $XDG_STATE_HOME/smtptool or\n"
    "~/.local/state/smtptool, of the last 10000 mails; texts of mails are in it only when\n"
    "--record-body was said.\n\n"
    "  ls     the newest first\n"
    "  show   one of them: each recipient with the reply to it, and the mail when it was kept\n\n"
    "options:\n"
    "  --limit N    ls: how many; default 20\n"
    "  --json       one object a line\n\n"
    "exit: 0 done; 1 there is no such mail; 2 the record cannot be read\n\n"
    "examples:\n"
    "  smtptool sent ls\n"
    "  smtptool sent show 17\n"
    "  smtptool sent show '<19ab3c5d7e0.0123456789abcdef@example.com>'\n";

enum { LIMIT_MAX = CLI_SENT_MAILS_MAX, SENT_ARENA_BYTES = 2 * CLI_SENT_CONTENT_BYTES_MAX };

struct sent_run {
    struct cli *cli;
    const char *limit;
    struct cli_sent *sent;
    struct arena *arena;
    json_t *rcpts; /* of one that is shown as JSON */
    size_t listed;
};

static json_t *mail_json(const struct cli_sent_mail *mail)
{
    char at[CLOCK_RFC3339_BYTES];
    clock_rfc3339(mail->at_ms, at);
    return json_pack("{sI,ss,so,so,so,so,so,so,so,sI,sI}", "id", (json_int_t)mail->id, "at", at,
                     "message_id", cli_json_str(mail->message_id), "sender",
                     cli_json_str(mail->sender), "subject", cli_json_str(mail->subject), "server",
                     cli_json_str(mail->server), "outcome", cli_json_str(mail->outcome), "why",
                     cli_json_str(mail->why), "key", cli_json_str(mail->key), "bytes",
                     (json_int_t)mail->bytes, "recipients", (json_int_t)mail->rcpt_count);
}

static void list_one(void *arg, const struct cli_sent_mail *mail)
{
    struct sent_run *run = arg;
    char at[CLOCK_RFC3339_BYTES];
    run->listed++;
    if (run->cli->json) {
        cli_print_json(mail_json(mail));
        return;
    }
    clock_rfc3339(mail->at_ms, at);
    printf("%5lld  %.19s  %-10.*s  %3lld to  ", (long long)mail->id, at, STR_ARG(mail->outcome),
           (long long)mail->rcpt_count);
    cli_print_clean(stdout, mail->subject);
    putchar('\n');
}

static int run_ls(void *arg, int argc, char **argv)
{
    struct sent_run *run = arg;
    int64_t limit = 20;
    (void)argc, (void)argv;
    if (run->limit &&
        (config_value_int(str_of(run->limit), &limit) || limit < 1 || limit > LIMIT_MAX)) {
        cli_fail("--limit: 1 to %d, not \"%s\"", LIMIT_MAX, run->limit);
        return CLI_USAGE;
    }
    err e = run->sent ? cli_sent_list(run->sent, 0, (int)limit, list_one, run) : NULL;
    if (e) {
        cli_fail_err(e, "sent.db");
        return CLI_UNKNOWN;
    }
    if (run->listed == 0 && !run->cli->json && !run->cli->quiet)
        puts("nothing was sent from here");
    return CLI_OK;
}

static void show_rcpt(void *arg, const struct cli_sent_rcpt *rcpt)
{
    struct sent_run *run = arg;
    if (run->cli->json) {
        json_array_append_new(
            run->rcpts, json_pack("{so,so,so}", "address", cli_json_str(rcpt->address), "status",
                                  cli_json_str(rcpt->status), "reply", cli_json_str(rcpt->reply)));
        return;
    }
    fputs("to       ", stdout);
    cli_print_clean(stdout, rcpt->address);
    printf(": %.*s", STR_ARG(rcpt->status));
    if (rcpt->reply.len > 0) {
        fputs(": ", stdout);
        cli_print_clean(stdout, rcpt->reply);
    }
    putchar('\n');
}

static void show_line(const char *what, str text)
{
    if (text.len == 0)
        return;
    printf("%-8s ", what);
    cli_print_clean(stdout, text);
    putchar('\n');
}

static void show_mail(const struct cli_sent_mail *mail)
{
    char at[CLOCK_RFC3339_BYTES];
    clock_rfc3339(mail->at_ms, at);
    show_line("at", str_of(at));
    show_line("outcome", mail->outcome);
    show_line("why", mail->why);
    show_line("server", mail->server);
    show_line("id", mail->message_id);
    show_line("key", mail->key);
    show_line("subject", mail->subject);
    show_line("from", mail->sender);
}

static void show_content(str content)
{
    if (content.len > 0)
        putchar('\n');
    for (size_t i = 0; i < content.len; i++)
        if (content.ptr[i] != '\r')
            putchar(content.ptr[i]);
}

static err show(struct sent_run *run, str what, bool *ret_found)
{
    struct cli_sent_mail mail;
    if (run->sent == NULL)
        return NULL;
    TRY(cli_sent_find(run->sent, what, run->arena, ret_found, &mail));
    if (!*ret_found)
        return NULL;
    run->rcpts = json_array();
    if (!run->cli->json)
        show_mail(&mail);
    err e = cli_sent_rcpts(run->sent, mail.id, show_rcpt, run);
    if (e || !run->cli->json) {
        json_decref(run->rcpts);
        show_content(e ? (str){0} : mail.content);
        return e;
    }
    json_t *object = mail_json(&mail);
    json_object_set_new(object, "recipients", run->rcpts);
    json_object_set_new(object, "content",
                        mail.content.len ? cli_json_str(mail.content) : json_null());
    cli_print_json(object);
    return NULL;
}

static int run_show(void *arg, int argc, char **argv)
{
    struct sent_run *run = arg;
    bool found = false;
    (void)argc;
    err e = show(run, str_of(argv[0]), &found);
    if (e) {
        cli_fail_err(e, "sent.db");
        return CLI_UNKNOWN;
    }
    if (!found)
        cli_fail("nothing like \"%s\" was sent from here", argv[0]);
    return found ? CLI_OK : CLI_FINDINGS;
}

const struct cli_verb cmd_sent_verbs[] = {
    {"ls",   run_ls,   0, 0, "[--limit N]"      },
    {"show", run_show, 1, 1, "NUMBER|MESSAGE-ID"},
    {NULL,   NULL,     0, 0, NULL               },
};

/* NULL in *ret_sent: nothing was sent yet. */
static err open_sent(struct cli_sent **ret_sent)
{
    char path[CLI_USER_FOLDER_CHARS];
    TRY(cli_user_folder_file(CLI_USER_FOLDER_STATE, "sent.db", path));
    return file_exists(path) ? cli_sent_open(path, false, ret_sent) : NULL;
}

int cmd_sent(struct cli *cli, int argc, char **argv)
{
    struct sent_run run = {.cli = cli, .arena = arena_open(SENT_ARENA_BYTES)};
    const struct cli_option options[] = {
        {.name = "limit", .value = &run.limit},
    };
    int code;
    int first = cli_parse(cli, cli->command, options, ARRAY_LEN(options), argc, argv, &code);
    err e = first >= 0 ? open_sent(&run.sent) : NULL;
    if (e) {
        cli_fail_err(e, "sent.db");
        code = CLI_UNKNOWN;
    } else if (first >= 0) {
        code = cli_run_verb(cli, cmd_sent_verbs, ARRAY_LEN(cmd_sent_verbs) - 1, &run, argc - first,
                            argv + first);
    }
    cli_sent_close(run.sent);
    arena_close(run.arena);
    return code;
}
