#include "client/session.h"
#include "client/connect.h"
#include "client/explain.h"
#include "client/mx.h"
#include "client/offer.h"
#include "outcome/reply.h"
#include <stdarg.h>
#include <stdio.h>

enum { ARENA_BYTES = 64 << 10 }; /* names of hosts, and what DANE says of them */

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
    s->refused_code = r->code;
    str_to_chars(r->enhanced, s->refused_enhanced, sizeof s->refused_enhanced);
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

static err no_starttls(struct client_session *s)
{
    if (s->door.level == TLSPOLICY_MAY) {
        client_session_tell(s, "!!", "no STARTTLS offered: the conversation is not encrypted");
        return NULL;
    }
    if (s->options->mx.domain.len > 0)
        return err_new(ERR_TLS, "%.*s does not offer STARTTLS, which its policy demands",
                       STR_ARG(s->door.host));
    return err_new(ERR_TLS,
                   "the server does not offer STARTTLS (or somebody on the way removed it); "
                   "nothing was sent. To send in clear add ?tls=none to the server's URL");
}

static err say_starttls(struct client_session *s, struct smtp_reply *ret_reply)
{
    const struct client_door *door = &s->door;
    struct tls_client *tls = s->options->tls;
    if (door->level == TLSPOLICY_DANE) {
        struct tls_dane dane = tlspolicy_dane_tls(door->dane);
        return smtp_client_starttls_dane(&s->smtp, tls, &dane, ret_reply);
    }
    enum tls_verify verify = door->level >= TLSPOLICY_VERIFY ? TLS_VERIFY_NAME : TLS_VERIFY_NONE;
    return smtp_client_starttls(&s->smtp, tls, door->host, verify, ret_reply);
}

static err secure(struct client_session *s)
{
    struct smtp_reply reply;
    if (tls_active(s->smtp.conn) || s->door.no_tls)
        return NULL;
    if (!s->smtp.capabilities.starttls)
        return no_starttls(s);
    int64_t start_ms = clock_steady_ms();
    TRY(say_starttls(s, &reply));
    s->times.tls = since(start_ms);
    if (smtp_reply_ok(&reply))
        return say_hello(s);
    if (s->door.level == TLSPOLICY_MAY)
        return NULL;
    return client_session_refused(s, &reply, CLIENT_NO_CHANNEL);
}

err client_session_secure(struct client_session *s)
{
    TRY(say_hello(s));
    return secure(s);
}

/* A password goes over verified TLS, or to this machine (attacks 20 and 73). */
static bool may_login(const struct client_session *s)
{
    struct tls_facts facts;
    if (s->door.address.family == ADDRESS_UNIX || address_is_loopback(&s->door.address))
        return true;
    return tls_get_facts(s->smtp.conn, &facts) && facts.verified;
}

static err no_mechanism(struct client_session *s, err e)
{
    const struct client_options *o = s->options;
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(16 << 10);
    struct client_explain_login x = {
        .offered = s->smtp.capabilities.auth_names,
        .wanted = o->mechanism,
        .token = o->token,
        .private = tls_active(s->smtp.conn),
    };
    str sentence = client_explain_login(&x, arena);
    return err_wrap(e, "%.*s", STR_ARG(sentence));
}

/* Some say exactly what is to be done, and who says it knows better than we. */
static err refused_login(struct client_session *s, const struct smtp_reply *r)
{
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(OUTCOME_REPLY_ARENA_BYTES);
    struct outcome_reply reply = {.code = r->code,
                                  .enhanced = r->enhanced,
                                  .text = r->text,
                                  .stage_known = true,
                                  .stage = SMTP_STAGE_AUTH,
                                  .host = s->options->hop.host};
    struct outcome o = outcome_reply_judge(&reply, arena);
    err e = client_session_refused(s, r, CLIENT_NO_LOGIN);
    if (o.rule == NULL || o.rule->to_do == NULL)
        return e;
    return err_new(e->kind, "%.*s\n  %s", STR_ARG(e->text), o.rule->to_do);
}

static err log_in(struct client_session *s)
{
    const struct client_options *o = s->options;
    struct smtp_reply reply;
    if (o->user.len == 0)
        return NULL;
    if (!may_login(s)) {
        s->outcome = CLIENT_NO_CHANNEL;
        return err_new(ERR_TLS, "no login without verified TLS: nothing of it was sent");
    }
    struct smtp_client_login login = {
        .user = o->user,
        .secret = o->secret,
        .token = o->token,
        .mechanism = o->mechanism,
        .host = o->hop.host,
        .port = s->door.address.port,
    };
    int64_t start_ms = clock_steady_ms();
    err e = smtp_client_login(&s->smtp, &login, &reply);
    if (e && e->kind == ERR_CONFIG)
        return no_mechanism(s, e);
    if (e)
        return e;
    s->times.login = since(start_ms);
    return smtp_reply_ok(&reply) ? NULL : refused_login(s, &reply);
}

/* ---- the whole -------------------------------------------------------------------------- */

void client_session_forget_times(struct client_session *s)
{
    s->times = (struct client_times){-1, -1, -1, -1, -1, -1, -1, -1};
}

err client_session_open(struct client_session *s)
{
    client_session_forget_times(s);
    if (s->arena == NULL)
        s->arena = arena_open(ARENA_BYTES);
    arena_reset(s->arena);
    if (s->options->mx.domain.len > 0)
        return client_mx_connect(s);
    TRY(client_connect(s));
    TRY(client_session_secure(s));
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

void client_session_release(struct client_session *s)
{
    client_session_close(s, true);
    arena_close(s->arena);
    s->arena = NULL;
    client_offer_release(s);
}
