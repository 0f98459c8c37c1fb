#include "cli/send_report.h"
#include "base/assert.h"
#include "base/clock.h"
#include "cli/cli.h"
#include <string.h>

/* ---- the conversation ------------------------------------------------------------------- */

static bool is_refusal(str line)
{
    return line.len > 0 && (line.ptr[0] == '4' || line.ptr[0] == '5');
}

/* Ours, swaks's, its event, and a colour. */
static const struct mark {
    const char *ours, *shown, *refused, *event, *color;
    bool tls;
} marks[] = {
    {"->", " ->", " ->", "said",    "\033[36m", false},
    {"~>", " ~>", " ~>", "said",    "\033[36m", true },
    {"<-", "<- ", "<**", "heard",   "\033[32m", false},
    {"<~", "<~ ", "<~*", "heard",   "\033[32m", true },
    {"==", "===", "===", "note",    "\033[2m",  false},
    {"!!", "***", "***", "trouble", "\033[33m", false},
};

static const struct mark *mark_of(const char *ours)
{
    const struct mark *found = NULL;
    for (size_t i = 0; i < ARRAY_LEN(marks); i++)
        if (strcmp(marks[i].ours, ours) == 0)
            found = &marks[i];
    ASSERT(found != NULL);
    return found;
}

static void print_event(const struct mark *mark, str line)
{
    char at[CLOCK_RFC3339_BYTES];
    clock_rfc3339(clock_real_ms(), at);
    cli_print_json(json_pack("{ss,ss,sb,so}", "event", mark->event, "at", at, "tls", mark->tls,
                             "line", cli_json_str(line)));
    fflush(stdout);
}

static bool is_heard(const struct mark *mark) { return mark->ours[0] == '<'; }

static void print_time(struct cli_send_report *r, const struct mark *mark)
{
    int64_t now_ms = clock_steady_ms();
    if (mark->ours[1] == '>') {
        r->said_ms = now_ms;
    } else if (is_heard(mark) && r->said_ms > 0 && r->verbose > 1) {
        fprintf(r->out, "=== answered in %lld ms\n", (long long)(now_ms - r->said_ms));
        r->said_ms = 0;
    }
}

void cli_send_report_line(void *report, const char *ours, str line)
{
    struct cli_send_report *r = report;
    const struct mark *mark = mark_of(ours);
    bool trouble = strcmp(ours, "!!") == 0, refused = is_heard(mark) && is_refusal(line);
    if (r->quiet || (r->verbose == 0 && !trouble))
        return;
    if (r->json && r->verbose > 0) {
        print_event(mark, line);
        return;
    }
    fprintf(r->out, "%s%s ", r->color ? (refused ? "\033[31m" : mark->color) : "",
            refused ? mark->refused : mark->shown);
    cli_print_clean(r->out, line);
    fprintf(r->out, "%s\n", r->color ? "\033[0m" : "");
    print_time(r, mark);
}

/* ---- facts ------------------------------------------------------------------------------ */

void cli_send_report_facts(const struct cli_send_report *r, const struct client_mail *mail)
{
    const struct client_times *t = &mail->times;
    const struct {
        const char *name;
        int64_t ms;
    } steps[] = {
        {"resolve",  t->resolve    },
        {"connect",  t->connect    },
        {"greeting", t->greeting   },
        {"TLS",      t->tls        },
        {"hello",    t->hello      },
        {"login",    t->login      },
        {"mail",     t->transaction},
        {"all",      t->total      },
    };
    if (r->quiet || r->verbose == 0 || r->json || mail->attempts == 0)
        return;
    fputs("=== times:", r->out);
    for (size_t i = 0; i < ARRAY_LEN(steps); i++)
        if (steps[i].ms >= 0)
            fprintf(r->out, " %s %lld ms", steps[i].name, (long long)steps[i].ms);
    fputc('\n', r->out);
    if (mail->tls_active)
        fprintf(r->out, "=== TLS: %s, %s, %d bits, %s%s%s, for %s\n", mail->tls.version,
                mail->tls.cipher, mail->tls.bits, mail->tls.group, *mail->tls.group ? ", " : "",
                mail->tls.verified ? "certificate verified" : "certificate not verified",
                mail->tls.server_name[0] ? mail->tls.server_name : "no name");
    else if (mail->address[0])
        fputs("=== TLS: none\n", r->out);
}

/* ---- the result ------------------------------------------------------------------------- */

int cli_send_report_exit(enum client_outcome outcome)
{
    static const int exits[CLIENT_OUTCOMES] = {
        [CLIENT_SENT] = CLI_OK,
        [CLIENT_LATER] = CONFIG_CLIENT_POLICY_EXIT_LATER,
        [CLIENT_NO_USER] = CLI_NO_USER,
        [CLIENT_REFUSED] = CLI_UNAVAILABLE,
        [CLIENT_NO_HOST] = CLI_NO_HOST,
        [CLIENT_NO_CHANNEL] = CLI_PROTOCOL,
        [CLIENT_NO_LOGIN] = CLI_NO_PERMISSION,
    };
    ASSERT(outcome < CLIENT_OUTCOMES);
    return exits[outcome];
}

static const char *status_of(const struct smtp_verdict *v)
{
    if (!v->decided)
        return "unknown";
    if (v->reply.code / 100 == 2)
        return "sent";
    return v->reply.code / 100 == 4 ? "deferred" : "refused";
}

static void print_verdict(const struct envelope_rcpt *rcpt, const struct smtp_verdict *v)
{
    const struct smtp_reply *r = &v->reply;
    str line, rest;
    cli_print_clean(stdout, rcpt->address);
    printf(": %s", v->decided ? status_of(v) : "not sent");
    if (v->decided) {
        printf(": %d %.*s%s", r->code, STR_ARG(r->enhanced), r->enhanced.len ? " " : "");
        str_split(r->text, '\n', &line, &rest);
        cli_print_clean(stdout, line);
        if (v->reply.code / 100 != 2)
            printf(" (at %s)", smtp_verdict_stage_name(v->stage));
    }
    putchar('\n');
}

void cli_send_report_text(const struct client_mail *mail, const char *name, bool many)
{
    if (many)
        printf("%s:\n", name);
    for (size_t i = 0; i < mail->envelope->rcpt_count; i++) {
        if (many)
            fputs("    ", stdout);
        print_verdict(&mail->envelope->rcpts[i], &mail->verdicts[i]);
    }
    if (mail->why[0]) {
        fflush(stdout);
        fputs("smtptool: ", stderr);
        cli_print_clean(stderr, str_of(mail->why));
        fputc('\n', stderr);
    }
}

static json_t *ms_json(int64_t ms) { return ms < 0 ? json_null() : json_integer(ms); }

static json_t *times_json(const struct client_times *t)
{
    return json_pack("{so,so,so,so,so,so,so,so}", "resolve", ms_json(t->resolve), "connect",
                     ms_json(t->connect), "greeting", ms_json(t->greeting), "hello",
                     ms_json(t->hello), "tls", ms_json(t->tls), "login", ms_json(t->login),
                     "transaction", ms_json(t->transaction), "total", ms_json(t->total));
}

static json_t *tls_json(const struct client_mail *mail)
{
    if (!mail->tls_active)
        return json_null();
    return json_pack("{ss,ss,si,sb,so}", "version", mail->tls.version, "cipher", mail->tls.cipher,
                     "bits", mail->tls.bits, "verified", mail->tls.verified, "server_name",
                     cli_json_str(str_of(mail->tls.server_name)));
}

static json_t *rcpts_json(const struct client_mail *mail)
{
    json_t *list = json_array();
    for (size_t i = 0; i < mail->envelope->rcpt_count; i++) {
        const struct smtp_verdict *v = &mail->verdicts[i];
        json_t *rcpt =
            json_pack("{so,ss}", "address", cli_json_str(mail->envelope->rcpts[i].address),
                      "status", status_of(v));
        if (v->decided) {
            json_object_set_new(rcpt, "stage", json_string(smtp_verdict_stage_name(v->stage)));
            json_object_set_new(rcpt, "code", json_integer(v->reply.code));
            json_object_set_new(rcpt, "enhanced", cli_json_str(v->reply.enhanced));
            json_object_set_new(rcpt, "text", cli_json_str(v->reply.text));
        }
        json_array_append_new(list, rcpt);
    }
    return list;
}

void cli_send_report_json(const struct client_mail *mail, const char *name,
                          const struct config_hop *hop)
{
    json_t *server = json_pack("{so,so,so,so}", "url", cli_json_str(hop->url), "host",
                               cli_json_str(str_of(mail->host)), "address",
                               mail->address[0] ? json_string(mail->address) : json_null(),
                               "greeting", cli_json_str(mail->greeting));
    cli_print_json(json_pack("{ss,so,so,so,so,so,so,si,so,so,si}", "event", "message", "message",
                             cli_json_str(str_of(name)), "message_id",
                             cli_json_str(mail->envelope->message_id), "sender",
                             cli_json_str(mail->envelope->sender), "server", server, "tls",
                             tls_json(mail), "recipients", rcpts_json(mail), "attempts",
                             mail->attempts, "times_ms", times_json(&mail->times), "error",
                             mail->why[0] ? cli_json_str(str_of(mail->why)) : json_null(), "exit",
                             cli_send_report_exit(mail->outcome)));
}
