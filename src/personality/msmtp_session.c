#include "personality/msmtp_session.h"
#include "base/codec.h"
#include "client/explain.h"
#include "personality/msmtp_link.h"
#include "personality/msmtp_login.h"
#include "personality/msmtp_secure.h"
#include "personality/msmtp_show.h"
#include "sasl/mechanism.h"
#include "smtp/client_talk.h"
#include <stdio.h>
#include <string.h>

enum { METHOD_CHARS = 40, LOGIN_LINE_BYTES = 2000, FIRST_BYTES = 64 };

struct session {
    struct msmtp *m;
    struct smtp_client smtp;
    struct net_conn *conn;
    struct msmtp_server server;
    struct config_client_policy policy;
    char method[METHOD_CHARS]; /* of the login */
    bool cut;                  /* in the middle of DATA: whatever we say now would be content */
};

/* ---- what goes wrong -------------------------------------------------------------------- */

/* What an err of the conversation means, unless somebody has said it already. */
static err broken(struct session *s, err e)
{
    char why[600];
    if (e == NULL || s->m->exit != EX_OK)
        return e;
    err_reason(e, why, sizeof why);
    int exit = e->kind == ERR_PROTOCOL || e->kind == ERR_LIMIT ? EX_PROTOCOL : EX_TEMPFAIL;
    if (e->kind == ERR_TLS || e->kind == ERR_CONFIG)
        exit = EX_UNAVAILABLE;
    return personality_msmtp_job_fail(s->m, exit, "%s", why);
}

/* The wrong one of two kinds of TLS has its word in an msmtprc. Empty: it is something else. */
static str wrong_kind(const struct session *s, err e, enum client_explain_at at, str first)
{
    str host = personality_msmtp_job_value(s->m, MSMTPRC_HOST);
    bool record = first.len > 0 && (first.ptr[0] == 0x15 || first.ptr[0] == 0x16);
    if (at == CLIENT_AT_HANDSHAKE && str_starts(first, S("220")))
        return arena_printf(s->m->arena,
                            "port %d of %.*s is for STARTTLS, not for TLS from the first byte: "
                            "write tls_starttls on",
                            s->server.port, STR_ARG(host));
    if (at == CLIENT_AT_GREETING && record)
        return arena_printf(s->m->arena,
                            "port %d of %.*s wants TLS from the first byte: write tls on and "
                            "tls_starttls off",
                            s->server.port, STR_ARG(host));
    if (at == CLIENT_AT_GREETING && e->kind == ERR_TIMEOUT && first.len == 0)
        return arena_printf(
            s->m->arena,
            "port %d of %.*s: not a word in %lld s: one for TLS from the first byte "
            "is silent like that (then write tls_starttls off), and so is one that "
            "is blocked half-way",
            s->server.port, STR_ARG(host), (long long)s->policy.reply_ms / 1000);
    return (str){0};
}

/* Somebody who speaks something else says so with the first bytes. */
static err explained(struct session *s, err e, enum client_explain_at at, str first)
{
    const struct msmtp *m = s->m;
    struct client_explain x = {
        .at = at,
        .kind = e->kind,
        .number = err_number(e),
        .host = personality_msmtp_job_value(m, MSMTPRC_HOST),
        .port = personality_msmtp_job_value(m, MSMTPRC_SOCKET).len ? 0 : s->server.port,
        .address = s->server.address,
        .first = first,
        .waited_s = s->policy.reply_ms / 1000,
    };
    str sentence = wrong_kind(s, e, at, first);
    if (sentence.len == 0)
        sentence = client_explain(&x, m->arena);
    if (sentence.len == 0)
        return e;
    int exit = e->kind == ERR_TLS || e->kind == ERR_PROTOCOL ? EX_PROTOCOL : EX_TEMPFAIL;
    return personality_msmtp_job_fail(s->m, exit, "%.*s", STR_ARG(sentence));
}

/* ---- the beginning ---------------------------------------------------------------------- */

static void hear(void *arg, const char *mark, str line)
{
    struct session *s = arg;
    str word = line;
    if (strcmp(mark, "->") == 0 && str_skip(&word, S("AUTH "))) {
        str name, rest;
        str_split(word, ' ', &name, &rest);
        str_to_chars(str_slice(name, 0, sizeof s->method - 1), s->method, sizeof s->method);
    }
    if (s->m->debug)
        personality_msmtp_show_line(s->m, mark, line);
}

static void start(struct session *s)
{
    str hello = personality_msmtp_job_value(s->m, MSMTPRC_DOMAIN);
    int64_t ms = s->policy.reply_ms;
    struct smtp_client_options options = {
        .hello = hello.len ? hello : S("localhost"),
        .lmtp = personality_msmtp_job_is(s->m, MSMTPRC_PROTOCOL, S("lmtp")),
        .timeouts = {ms, ms, ms, ms, ms, s->policy.data_done_ms},
        .transcript = hear,
        .transcript_arg = s,
    };
    smtp_client_init(&s->smtp, s->conn, &options);
}

static err is_private(struct session *s)
{
    TRY(personality_msmtp_secure_check(s->m, s->conn));
    if (s->m->debug)
        personality_msmtp_show_tls(s->conn, s->m->arena);
    return NULL;
}

static err shake_hands(struct session *s)
{
    err e = tls_connect(s->conn, s->m->tls, personality_msmtp_secure_name(s->m),
                        personality_msmtp_secure_verify(s->m), deadline_after(s->policy.reply_ms));
    if (e) {
        err told = explained(s, e, CLIENT_AT_HANDSHAKE, tls_first_bytes(s->conn));
        return told == e ? personality_msmtp_secure_failed(s->m, s->conn, e) : told;
    }
    return is_private(s);
}

static err greet(struct session *s)
{
    struct smtp_reply reply;
    char first_bytes[FIRST_BYTES];
    err e = smtp_client_greeting(&s->smtp, &reply);
    if (e) {
        str first = str_slice(net_input(s->conn), 0, sizeof first_bytes);
        if (first.len > 0)
            memcpy(first_bytes, first.ptr, first.len);
        return explained(s, e, CLIENT_AT_GREETING, (str){first_bytes, first.len});
    }
    s->server.greeting = arena_str(s->m->arena, reply.text);
    if (!smtp_reply_ok(&reply))
        return personality_msmtp_job_refused(s->m, EX_PROTOCOL, &reply,
                                             "cannot get initial OK message from server");
    return NULL;
}

static err say_hello(struct session *s)
{
    struct smtp_reply reply;
    TRY(smtp_client_hello(&s->smtp, &reply));
    if (!smtp_reply_ok(&reply))
        return personality_msmtp_job_refused(s->m, EX_PROTOCOL, &reply,
                                             "SMTP server does not accept EHLO or HELO commands");
    s->server.starttls |= s->smtp.capabilities.starttls;
    return NULL;
}

static err start_tls(struct session *s)
{
    struct smtp_reply reply;
    if (!s->smtp.capabilities.starttls) /* or somebody on the way took it out: attack 20 */
        return personality_msmtp_job_fail(
            s->m, EX_UNAVAILABLE, "the server does not support TLS via the STARTTLS command");
    err e = smtp_client_starttls(&s->smtp, s->m->tls, personality_msmtp_secure_name(s->m),
                                 personality_msmtp_secure_verify(s->m), &reply);
    if (e && e->kind == ERR_TLS)
        return personality_msmtp_secure_failed(s->m, s->conn, e);
    TRY(e);
    if (!smtp_reply_ok(&reply))
        return personality_msmtp_job_refused(s->m, EX_UNAVAILABLE, &reply,
                                             "command STARTTLS failed");
    TRY(is_private(s));
    return say_hello(s);
}

static err open_session(struct session *s)
{
    struct msmtp *m = s->m;
    bool direct = personality_msmtp_job_is(m, MSMTPRC_TLS_STARTTLS, S("off"));
    if (m->tls && direct)
        TRY(shake_hands(s));
    TRY(greet(s));
    TRY(say_hello(s));
    return m->tls && !direct ? start_tls(s) : NULL;
}

/* ---- the login -------------------------------------------------------------------------- */

static bool is_offered(const struct session *s, str method)
{
    str rest = s->smtp.capabilities.auth_names, name;
    while (rest.len) {
        str_split(rest, ' ', &name, &rest);
        if (str_eq_nocase(name, method))
            return true;
    }
    return false;
}

static err log_in_external(struct session *s, struct smtp_reply *ret_reply)
{
    CLEANUP(buf_release) struct buf line;
    str user = personality_msmtp_job_value(s->m, MSMTPRC_USER);
    buf_init(&line, LOGIN_LINE_BYTES);
    TRY(buf_add(&line, S("AUTH EXTERNAL ")));
    TRY(user.len ? codec_base64_encode(user, &line) : buf_add_char(&line, '='));
    TRY(smtp_client_talk_say_secret(&s->smtp, buf_str(&line), "AUTH EXTERNAL ***"));
    return smtp_client_talk_read(&s->smtp, s->smtp.arena, ret_reply, s->policy.reply_ms);
}

static str best_method(const struct session *s)
{
    struct sasl_mechanism_wish wish = {SASL_NONE, false, false};
    enum sasl_mechanism best =
        sasl_mechanism_choose(sasl_mechanism_offered(s->smtp.capabilities.auth_names), &wish);
    return best == SASL_NONE ? S("PLAIN") : sasl_mechanism_name(best);
}

static err log_in_by_secret(struct session *s, str method, struct smtp_reply *ret_reply)
{
    struct msmtp *m = s->m;
    bool any = str_eq(method, S("ON"));
    struct smtp_client_login login = {
        .user = personality_msmtp_job_value(m, MSMTPRC_USER),
        .secret = buf_str(&m->secret),
        .mechanism = any ? (str){0} : method,
        .token = str_eq(method, S("OAUTHBEARER")) || str_eq(method, S("XOAUTH2")),
        .host = personality_msmtp_job_value(m, MSMTPRC_HOST),
        .port = s->server.port,
    };
    str name = any ? best_method(s) : method;
    if (login.user.len == 0)
        return personality_msmtp_job_fail(
            m, EX_UNAVAILABLE, "authentication method %.*s needs a user name", STR_ARG(name));
    if (login.secret.len == 0)
        return personality_msmtp_job_fail(
            m, EX_UNAVAILABLE,
            "authentication method %.*s needs a password: password, passwordeval, ~/.netrc, the "
            "keyring or a terminal to ask at",
            STR_ARG(name));
    return smtp_client_login(&s->smtp, &login, ret_reply);
}

static err log_in(struct session *s)
{
    struct msmtp *m = s->m;
    struct smtp_reply reply;
    if (!personality_msmtp_login_wanted(m))
        return NULL;
    str method = personality_msmtp_job_upper(m, personality_msmtp_job_value(m, MSMTPRC_AUTH));
    if (s->smtp.capabilities.auth_names.len == 0)
        return personality_msmtp_job_fail(m, EX_UNAVAILABLE,
                                          "the server does not support authentication");
    if (!str_eq(method, S("ON")) && !is_offered(s, method))
        return personality_msmtp_job_fail(m, EX_UNAVAILABLE,
                                          "the server does not support authentication method %.*s",
                                          STR_ARG(method));
    TRY(str_eq(method, S("EXTERNAL")) ? log_in_external(s, &reply)
                                      : log_in_by_secret(s, method, &reply));
    if (smtp_reply_ok(&reply))
        return NULL;
    return personality_msmtp_job_refused(m, EX_NOPERM, &reply, "authentication failed (method %s)",
                                         s->method);
}

/* ---- a mail ----------------------------------------------------------------------------- */

struct letter {
    struct session *session;
    str rest;
    const struct smtp_verdict *verdicts;
    size_t count;
};

/* All recipients, or none: nothing of the message is sent when one was refused. */
static err read_letter(void *body, str *ret_piece, deadline until)
{
    struct letter *l = body;
    (void)until;
    for (size_t i = 0; i < l->count; i++)
        if (l->verdicts[i].decided) {
            l->session->cut = true;
            return err_new(ERR_CLOSED, "a recipient was refused");
        }
    *ret_piece = str_slice(l->rest, 0, SMTP_CLIENT_CHUNK_BYTES);
    l->rest = str_from(l->rest, ret_piece->len);
    return NULL;
}

static err judge_lmtp(struct session *s, const struct smtp_verdict *verdicts)
{
    struct msmtp *m = s->m;
    bool any = false, later = true;
    for (size_t i = 0; i < m->envelope->rcpt_count; i++) {
        const struct smtp_reply *reply = &verdicts[i].reply;
        if (!verdicts[i].decided || smtp_reply_ok(reply))
            continue;
        any = true;
        later &= reply->code / 100 == 4;
        fprintf(stderr, "msmtp: the server refuses to send the mail to %.*s\n",
                STR_ARG(m->envelope->rcpts[i].address));
        str lines = personality_msmtp_job_lines(reply, "\nmsmtp: LMTP server message: ", m->arena);
        fprintf(stderr, "msmtp: LMTP server message: %.*s\n", STR_ARG(lines));
    }
    m->lmtp_refused = any;
    return any ? personality_msmtp_job_fail(m, later ? EX_TEMPFAIL : EX_UNAVAILABLE,
                                            "delivery to one or more recipients failed")
               : NULL;
}

static err judge_one(struct session *s, size_t i, const struct smtp_verdict *v)
{
    const struct envelope *env = s->m->envelope;
    switch (v->stage) {
    case SMTP_STAGE_MAIL:
        return personality_msmtp_job_refused(
            s->m, EX_DATAERR, &v->reply, "envelope from address %.*s not accepted by the server",
            STR_ARG(env->sender));
    case SMTP_STAGE_RCPT:
        return personality_msmtp_job_refused(s->m, EX_DATAERR, &v->reply,
                                             "recipient address %.*s not accepted by the server",
                                             STR_ARG(env->rcpts[i].address));
    default:
        return personality_msmtp_job_refused(s->m, EX_UNAVAILABLE, &v->reply,
                                             "the server did not accept the mail");
    }
}

static err judge(struct session *s, const struct smtp_verdict *verdicts)
{
    size_t count = s->m->envelope->rcpt_count;
    for (size_t i = 0; i < count; i++) {
        const struct smtp_verdict *v = &verdicts[i];
        if (v->decided && !smtp_reply_ok(&v->reply) &&
            !(s->smtp.options.lmtp && v->stage == SMTP_STAGE_BODY))
            return judge_one(s, i, v);
    }
    if (s->smtp.options.lmtp)
        return judge_lmtp(s, verdicts);
    s->m->answer = (struct smtp_reply){verdicts[0].reply.code,
                                       arena_str(s->m->arena, verdicts[0].reply.enhanced),
                                       arena_str(s->m->arena, verdicts[0].reply.text)};
    return NULL;
}

static err offer(struct session *s, struct smtp_offer *o, struct smtp_verdict *verdicts)
{
    CLEANUP(arena_cleanup)
    struct arena *arena = arena_open((o->rcpt_count + 16) * 2 * SMTP_REPLY_BYTES_MAX);
    smtp_refusal no = smtp_client_check(&s->smtp, o);
    if (no)
        return personality_msmtp_job_fail(s->m, EX_UNAVAILABLE, "%s (%s)", no->text, no->enhanced);
    err e = smtp_client_offer(&s->smtp, o, arena, verdicts);
    if (e && s->smtp.after_dot)
        return err_wrap(e, "the message was sent whole, but no reply came: it may arrive twice");
    err refusal = judge(s, verdicts);
    return refusal ? refusal : e;
}

static err send_mail(struct session *s)
{
    struct msmtp *m = s->m;
    const struct envelope *env = m->envelope;
    size_t count = env->rcpt_count;
    size_t *rcpts = ARENA_ARRAY(m->arena, size_t, count);
    struct smtp_verdict *verdicts = ARENA_ARRAY(m->arena, struct smtp_verdict, count);
    struct letter letter = {s, buf_str(&m->mended), verdicts, count};
    struct smtp_offer o = {
        .envelope = env,
        .rcpts = rcpts,
        .rcpt_count = count,
        .size = m->mended.len,
        .found = env->found,
        .read = read_letter,
        .body = &letter,
    };
    bool notifies = env->ret != RET_NONE;
    for (size_t i = 0; i < count; i++) {
        rcpts[i] = i;
        notifies |= env->rcpts[i].notify != 0;
        o.needs_smtputf8 |= smtp_client_needs_smtputf8(env, &env->rcpts[i]);
    }
    if (notifies && !s->smtp.capabilities.dsn)
        return personality_msmtp_job_fail(m, EX_UNAVAILABLE, "the server does not support DSN");
    return offer(s, &o, verdicts);
}

/* ---- a queue ---------------------------------------------------------------------------- */

static err start_queue(struct session *s)
{
    struct smtp_reply reply;
    if (!s->smtp.capabilities.etrn)
        return personality_msmtp_job_fail(
            s->m, EX_UNAVAILABLE, "the server does not support Remote Message Queue Starting");
    TRY(smtp_client_talk_say(&s->smtp, "ETRN %.*s", STR_ARG(s->m->rmqs)));
    TRY(smtp_client_talk_read(&s->smtp, s->smtp.arena, &reply, s->policy.reply_ms));
    if (smtp_reply_ok(&reply))
        return NULL;
    bool wrong = reply.code == 500 || reply.code == 501;
    err e =
        personality_msmtp_job_refused(s->m, EX_DATAERR, &reply, "%s",
                                      wrong ? "invalid argument for Remote Message Queue Starting"
                                            : "the server is unable to fulfill the request");
    if (!wrong)
        s->m->exit = EX_UNAVAILABLE; /* a 458, too: it is of the queue and not of a mail */
    return e;
}

/* ---- the whole -------------------------------------------------------------------------- */

static err carry_out(struct session *s)
{
    TRY(open_session(s));
    if (s->m->mode == MSMTP_SERVERINFO) {
        s->server.capabilities = s->smtp.capabilities;
        personality_msmtp_show_server(s->m, &s->server, s->conn);
        return NULL;
    }
    TRY(log_in(s));
    return s->m->mode == MSMTP_RMQS ? start_queue(s) : send_mail(s);
}

static err converse(struct session *s)
{
    deadline until = deadline_after(s->policy.connect_ms);
    TRY(broken(s, personality_msmtp_link_open(s->m, &s->conn, &s->server.address, until)));
    s->server.port = personality_msmtp_link_port(s->m);
    start(s);
    err e = broken(s, carry_out(s));
    if ((e == NULL || s->m->answer.code) && !net_broken(s->conn) && !s->cut)
        smtp_client_quit(&s->smtp);
    smtp_client_release(&s->smtp);
    return e;
}

static void run(void *arg)
{
    struct session *s = arg;
    err e = converse(s);
    if (e)
        s->m->why = arena_str(s->m->arena, e->text); /* the err is this fiber's */
    err_forget();
}

void personality_msmtp_session_run(struct msmtp *m)
{
    struct session *s = ARENA_NEW(m->arena, struct session);
    uint64_t seconds;
    s->m = m;
    s->policy = config_client_policy;
    m->exit = EX_OK;
    if (str_to_u64(personality_msmtp_job_value(m, MSMTPRC_TIMEOUT), INT32_MAX, &seconds))
        s->policy.connect_ms = s->policy.reply_ms = (int64_t)seconds * 1000;
    struct config_hop *hop = &m->post.options.hop;
    hop->tls = HOP_TLS_NONE; /* TLS is opened here, not there */
    hop->host = personality_msmtp_link_first_host(m);
    hop->unix_socket = hop->host.len == 0;
    err e = personality_post_with(&m->post, run, s);
    if (e == NULL)
        return;
    char why[600];
    err_reason(e, why, sizeof why);
    m->exit = EX_CONFIG;
    m->why = arena_str(m->arena, str_of(why));
}
