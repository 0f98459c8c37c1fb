#include "client/session.h"
#include "client/connect.h"
#include <stdarg.h>
#include <stdio.h>

static int64_t since(int64_t start_ms) { return clock_steady_ms() - start_ms; }

/* ---- telling ---------------------------------------------------------------------------- */

void client_session_tell(const struct client_session *s, const char *mark, const char *fmt, ...)
{
    char text[CLIENT_WHY_BYTES + 100];
    va_list args;
    if (s->options->watch == NULL)
        return;
    va_start(args, fmt);
    int n = vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    str line = {text, n < 0 ? 0 : (size_t)n};
    s->options->watch(s->options->watch_arg, mark, str_slice(line, 0, sizeof text - 1));
}

void client_session_explain(const struct client_session *s, err e, char *ret_text, size_t size)
{
    if (s->options->places)
        err_describe(e, ret_text, size);
    else
        err_reason(e, ret_text, size);
}

err client_session_refused(struct client_session *s, const struct smtp_reply *r,
                           enum client_outcome outcome)
{
    s->outcome = r->code / 100 == 4 ? CLIENT_LATER : outcome;
    str line = r->text, rest;
    str_split(line, '\n', &line, &rest);
    return err_new(ERR_PROTOCOL, "%s was refused: %d %.*s%s%.*s",
                   smtp_verdict_stage_name(s->smtp.stage), r->code, STR_ARG(r->enhanced),
                   r->enhanced.len ? " " : "", STR_ARG(str_slice(line, 0, 300)));
}

/* ---- the steps -------------------------------------------------------------------------- */

static err say_hello(struct client_session *s)
{
    struct smtp_reply reply;
    int64_t start_ms = clock_steady_ms();
    TRY(smtp_client_hello(&s->smtp, &reply));
    s->times.hello = since(start_ms);
    return smtp_reply_ok(&reply) ? NULL : client_session_refused(s, &reply, CLIENT_REFUSED);
}

static err secure(struct client_session *s)
{
    const struct config_hop *hop = &s->options->hop;
    struct smtp_reply reply;
    if (tls_active(s->smtp.conn) || hop->tls == HOP_TLS_NONE)
        return NULL;
    if (!s->smtp.capabilities.starttls) {
        if (hop->tls == HOP_TLS_OPPORTUNISTIC) {
            client_session_tell(s, "!!", "no STARTTLS offered: the conversation is not encrypted");
            return NULL;
        }
        return err_new(ERR_TLS,
                       "the server does not offer STARTTLS (or somebody on the way removed it); "
                       "nothing was sent. To send in clear add ?tls=none to the server's URL");
    }
    int64_t start_ms = clock_steady_ms();
    TRY(smtp_client_starttls(&s->smtp, s->options->tls, hop->host,
                             hop->tls == HOP_TLS_VERIFIED ? TLS_VERIFY_NAME : TLS_VERIFY_NONE,
                             &reply));
    s->times.tls = since(start_ms);
    if (smtp_reply_ok(&reply))
        return say_hello(s);
    if (hop->tls == HOP_TLS_OPPORTUNISTIC)
        return NULL;
    return client_session_refused(s, &reply, CLIENT_NO_CHANNEL);
}

static err log_in(struct client_session *s)
{
    const struct client_options *o = s->options;
    struct smtp_reply reply;
    if (o->user.len == 0)
        return NULL;
    struct smtp_client_login login = {
        .user = o->user,
        .secret = o->secret,
        .token = o->token,
        .mechanism = o->mechanism,
        .host = o->hop.host,
        .port = o->hop.port,
    };
    int64_t start_ms = clock_steady_ms();
    TRY(smtp_client_login(&s->smtp, &login, &reply));
    s->times.login = since(start_ms);
    return smtp_reply_ok(&reply) ? NULL : client_session_refused(s, &reply, CLIENT_NO_LOGIN);
}

/* ---- the whole -------------------------------------------------------------------------- */

void client_session_forget_times(struct client_session *s)
{
    s->times = (struct client_times){-1, -1, -1, -1, -1, -1, -1, -1};
}

err client_session_open(struct client_session *s)
{
    client_session_forget_times(s);
    TRY(client_connect(s));
    TRY(say_hello(s));
    TRY(secure(s));
    return log_in(s);
}

void client_session_close(struct client_session *s, bool politely)
{
    if (!s->open)
        return;
    if (politely)
        smtp_client_quit(&s->smtp);
    smtp_client_release(&s->smtp);
    s->open = false;
}
