/* cli/cmd_explain.c -- smtptool explain: what a server's reply or a bounce means, and what to do */
#include "cli/commands.h"
#include "outcome/notice.h"

const char cmd_explain_help[] =
    "usage: smtptool explain reply [--stage STAGE] [--host MX] TEXT...\n"
    "       smtptool explain bounce FILE...\n\n"
    "  reply     what a server said, as a log or a notification has it\n"
    "  bounce    a message that came back, a complaint, or the answer of a machine: whom it is\n"
    "            about and what became of the mail to each\n\n"
    "Tells the class, whether the address is dead (hard), whose trouble it is and what to do.\n"
    "Nothing is asked of anybody; who a bounce is really from is not looked into.\n"
    "TEXT or FILE may be \"-\" for stdin.\n\n"
    "options:\n"
    "  --stage STAGE       reply: which command it answered: connect, hello, mail, rcpt, data;\n"
    "                      \"user unknown\" is certain at rcpt only\n"
    "  --host MX           reply: who answered, for what only some providers say\n"
    "  --json              one JSON object for each reply or file\n\n"
    "exit: 0 explained; 1 a FILE is nothing of the kind; 2 it says nothing that is known here, or\n"
    "cannot be read; 64 usage\n\n"
    "examples:\n"
    "  smtptool explain reply '550 5.7.1 Client host blocked using zen.spamhaus.org'\n"
    "  smtptool explain reply --stage rcpt 550 no such user\n"
    "  smtptool explain bounce --json *.eml | jq '.recipients[]|select(.hard).address'\n";

enum { TEXT_BYTES_MAX = 64 << 10 };

struct explain_run {
    struct cli *cli;
    const char *stage, *host;
};

/* ---- one outcome ---------------------------------------------------------------------------- */

static const char *to_do(const struct outcome *o)
{
    return o->rule && o->rule->to_do ? o->rule->to_do : outcome_class_to_do(o->advice);
}

static json_t *json_outcome(const struct outcome_reply *r, const struct outcome *o)
{
    const struct outcome_class_facts *class = outcome_class_of(o->class);
    json_t *object =
        json_pack("{s:s,s:b,s:b,s:s,s:s,s:i,s:s,s:s,s:s}", "class", class->name, "hard", o->hard,
                  "temporary", o->temporary, "whose", outcome_class_whose(o->whose), "advice",
                  outcome_class_advice(o->advice), "wait_s", (int)o->wait_seconds, "provider",
                  outcome_provider_name(o->provider), "meaning", class->meaning, "to_do", to_do(o));
    json_object_set_new(object, "code", r->code ? json_integer(r->code) : json_null());
    json_object_set_new(object, "status",
                        r->enhanced.len ? cli_json_str(r->enhanced) : json_null());
    json_object_set_new(object, "text", cli_json_str(r->text));
    json_object_set_new(object, "known_from", o->rule ? json_string(o->rule->source) : json_null());
    return object;
}

static void print_outcome(const struct outcome_reply *r, const struct outcome *o)
{
    const struct outcome_class_facts *class = outcome_class_of(o->class);
    const char *certainty = o->hard        ? " (hard: nothing will ever arrive there)"
                            : o->temporary ? " (temporary)"
                                           : "";
    printf("%s%s\n    %s\n", class->name, certainty, class->meaning);
    if (o->wait_seconds > 0)
        printf("    It asks to wait for %u seconds.\n", o->wait_seconds);
    printf("    whose trouble: %s\n    to do: %s\n", outcome_class_whose(o->whose), to_do(o));
    if (o->provider != PROVIDER_OTHER)
        printf("    answered by: %s\n", outcome_provider_name(o->provider));
    if (o->rule)
        printf("    known from: %s\n", o->rule->source);
    fputs("    it said: ", stdout);
    if (r->code > 0)
        printf("%d ", r->code);
    if (r->enhanced.len > 0)
        printf("%.*s ", STR_ARG(r->enhanced));
    cli_print_clean(stdout, r->text);
    putchar('\n');
}

static bool is_known(const struct outcome *o)
{
    return o->class != OUTCOME_PERMANENT_OTHER && o->class != OUTCOME_TRANSIENT_OTHER;
}

/* ---- a reply -------------------------------------------------------------------------------- */

static bool read_stage(const char *name, struct outcome_reply *r)
{
    static const struct {
        const char *name;
        enum smtp_stage stage;
    } stages[] = {
        {"connect", SMTP_STAGE_GREETING},
        {"hello",   SMTP_STAGE_HELLO   },
        {"mail",    SMTP_STAGE_MAIL    },
        {"rcpt",    SMTP_STAGE_RCPT    },
        {"data",    SMTP_STAGE_BODY    },
    };
    if (name == NULL)
        return true;
    for (size_t i = 0; i < ARRAY_LEN(stages); i++)
        if (str_eq_nocase(str_of(name), str_of(stages[i].name))) {
            r->stage_known = true;
            r->stage = stages[i].stage;
        }
    return r->stage_known;
}

/* The operands with blanks between them, or stdin. */
static err join(int count, char **words, struct buf *out)
{
    if (count == 1 && str_eq(str_of(words[0]), S("-")))
        return cli_read_file("-", out);
    for (int i = 0; i < count; i++) {
        if (i > 0)
            TRY(buf_add_char(out, ' '));
        TRY(buf_add(out, str_of(words[i])));
    }
    return NULL;
}

static int run_reply(void *arg, int argc, char **argv)
{
    const struct explain_run *run = arg;
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(4 << 20);
    CLEANUP(buf_release) struct buf text;
    buf_init(&text, TEXT_BYTES_MAX);
    err e = join(argc, argv, &text);
    if (e) {
        cli_fail_err(e, "reading the reply");
        return CLI_UNKNOWN;
    }
    struct outcome_reply reply = outcome_reply_read(buf_str(&text), arena);
    reply.host = str_of(run->host);
    if (!read_stage(run->stage, &reply)) {
        cli_fail("--stage: \"%s\" is none of connect, hello, mail, rcpt, data", run->stage);
        return CLI_USAGE;
    }
    struct outcome o = outcome_reply_judge(&reply, arena);
    if (run->cli->json)
        cli_print_json(json_outcome(&reply, &o));
    else
        print_outcome(&reply, &o);
    return is_known(&o) ? CLI_OK : CLI_UNKNOWN;
}

/* ---- a bounce ------------------------------------------------------------------------------- */

static bool has_outcome(enum outcome_notice_kind kind)
{
    return kind == NOTICE_FAILED || kind == NOTICE_DELAYED || kind == NOTICE_DELIVERED;
}

static void print_json(const char *file, const struct outcome_notice *n)
{
    json_t *rcpts = json_array();
    for (size_t i = 0; i < n->rcpt_count; i++) {
        const struct outcome_notice_rcpt *rcpt = &n->rcpts[i];
        json_t *one =
            has_outcome(rcpt->kind) ? json_outcome(&rcpt->reply, &rcpt->outcome) : json_object();
        json_object_set_new(one, "address", cli_json_str(rcpt->address));
        json_object_set_new(one, "kind", json_string(outcome_notice_kind_name(rcpt->kind)));
        json_array_append_new(rcpts, one);
    }
    cli_print_json(json_pack("{s:s,s:s,s:o,s:o,s:o,s:o,s:I,s:o}", "file", file, "kind",
                             outcome_notice_kind_name(n->kind), "message_id",
                             cli_json_str(n->original_id), "reporting_mta",
                             cli_json_str(n->reporting_mta), "envelope_id", cli_json_str(n->envid),
                             "feedback_type", cli_json_str(n->feedback_type), "left_out",
                             (json_int_t)n->left_out, "recipients", rcpts));
}

static void print_text(const char *file, const struct outcome_notice *n)
{
    cli_print_clean(stdout, str_of(file));
    printf(": %s", n->kind == NOTICE_NONE ? "no bounce, complaint or answer of a machine"
                                          : outcome_notice_kind_name(n->kind));
    if (n->original_id.len > 0 && n->kind != NOTICE_NONE) {
        fputs(", about ", stdout);
        cli_print_clean(stdout, n->original_id);
    }
    putchar('\n');
    for (size_t i = 0; i < n->rcpt_count; i++) {
        const struct outcome_notice_rcpt *rcpt = &n->rcpts[i];
        cli_print_clean(stdout, rcpt->address);
        fputs(": ", stdout);
        if (has_outcome(rcpt->kind))
            print_outcome(&rcpt->reply, &rcpt->outcome);
        else
            puts(outcome_notice_kind_name(rcpt->kind));
    }
    if (n->left_out > 0)
        printf("and %zu more\n", n->left_out);
}

static err explain_file(const struct explain_run *run, const char *file, int *ret_code)
{
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(OUTCOME_NOTICE_ARENA_BYTES);
    CLEANUP(buf_release) struct buf message;
    struct outcome_notice n;
    buf_init(&message, OUTCOME_NOTICE_BYTES_MAX);
    TRY(cli_read_file(file, &message));
    outcome_notice_read(buf_str(&message), arena, &n);
    if (run->cli->json)
        print_json(file, &n);
    else
        print_text(file, &n);
    int code = n.kind == NOTICE_NONE ? CLI_FINDINGS : CLI_OK;
    for (size_t i = 0; i < n.rcpt_count; i++)
        if (has_outcome(n.rcpts[i].kind) && !is_known(&n.rcpts[i].outcome))
            code = CLI_UNKNOWN;
    *ret_code = code;
    return NULL;
}

static int run_bounce(void *arg, int argc, char **argv)
{
    int worst = CLI_OK;
    for (int i = 0; i < argc; i++) {
        int code = CLI_UNKNOWN;
        err e = explain_file(arg, argv[i], &code);
        if (e)
            cli_fail_err(e, "%s", argv[i]);
        err_forget();
        worst = code > worst ? code : worst;
    }
    return worst;
}

/* ---- */

const struct cli_verb cmd_explain_verbs[] = {
    {"reply",  run_reply,  1, -1, "TEXT..."},
    {"bounce", run_bounce, 1, -1, "FILE..."},
    {NULL,     NULL,       0, 0,  NULL     },
};

int cmd_explain(struct cli *cli, int argc, char **argv)
{
    struct explain_run run = {.cli = cli};
    const struct cli_option options[] = {
        {.name = "stage", .value = &run.stage},
        {.name = "host",  .value = &run.host },
    };
    int code;
    int first = cli_parse(cli, cli->command, options, ARRAY_LEN(options), argc, argv, &code);
    if (first < 0)
        return code;
    return cli_run_verb(cli, cmd_explain_verbs, ARRAY_LEN(cmd_explain_verbs) - 1, &run,
                        argc - first, argv + first);
}
