#include "smtp/server.h"
#include "base/codec.h"
#include "base/log.h"
#include "base/mem.h"
#include "smtp/body.h"
#include "smtp/reply.h"
#include <assert.h>
#include <stdio.h>
#include <string.h>

static_assert((int)SMTP_LINE_AUTH_BYTES_MAX < (int)NET_INPUT_BYTES_MAX, "a line fits the input");
static_assert(ENVELOPE_RCPTS_MAX *
                      (2 * (ENVELOPE_ADDRESS_BYTES_MAX + 64) + ENVELOPE_ORCPT_BYTES_MAX + 256) <=
                  SMTP_SESSION_MAIL_ARENA_BYTES_MAX,
              "the mail arena holds the most recipients a mail may have");

/* ---- saying ----------------------------------------------------------------------------- */

static err say(struct smtp_session *s, int code, const char *enhanced, const char *text)
{
    deadline until = deadline_after(s->options->command_ms);
    char line[SMTP_REPLY_LINE_BYTES_WRITE_MAX];
    ASSERT(code >= 200 && code <= 599);
    ASSERT(strlen(enhanced) + strlen(text) + 7 <= sizeof line);
    char *end = line;
    *end++ = (char)('0' + code / 100);
    *end++ = (char)('0' + code / 10 % 10);
    *end++ = (char)('0' + code % 10);
    *end++ = ' ';
    end = stpcpy(end, enhanced);
    if (*enhanced)
        *end++ = ' ';
    for (const char *c = text; *c; c++) /* answers may quote a next hop */
        *end++ = (char)((unsigned char)*c < 32 || (unsigned char)*c > 126 ? '?' : *c);
    *end++ = '\r';
    *end++ = '\n';
    return net_write(s->conn, (str){line, (size_t)(end - line)}, until);
}

static err say_refusal(struct smtp_session *s, const char *verb, const struct smtp_answer *a)
{
    s->junk_commands += a->code / 100 == 5;
    if (s->backend->refused)
        s->backend->refused(s, verb, a->code, a->enhanced, str_of(a->text));
    if (a->close)
        s->phase = SMTP_PHASE_CLOSED;
    return say(s, a->code, a->enhanced, a->text);
}

static err refuse(struct smtp_session *s, const char *verb, int code, const char *enhanced,
                  const char *text)
{
    struct smtp_answer a;
    smtp_answer_set(&a, code, enhanced, text);
    return say_refusal(s, verb, &a);
}

static err refuse_and_close(struct smtp_session *s, const char *verb, int code,
                            const char *enhanced, const char *text)
{
    struct smtp_answer a;
    smtp_answer_set(&a, code, enhanced, text);
    a.close = true;
    return say_refusal(s, verb, &a);
}

static err say_answer(struct smtp_session *s, const char *verb, const struct smtp_answer *a)
{
    if (!smtp_answer_ok(a) || a->close)
        return say_refusal(s, verb, a);
    return say(s, a->code, a->enhanced, a->text);
}

/* ---- the transaction -------------------------------------------------------------------- */

static void end_transaction(struct smtp_session *s)
{
    if (s->begun)
        s->backend->reset(s);
    s->begun = false;
    arena_close(s->mail_arena);
    s->mail_arena = NULL;
    s->mail = (struct smtp_mail){0};
    s->rcpt_count = 0;
    s->content_bytes = 0;
    s->scan = (struct smtp_scan){0};
    s->failure.code = 0;
    s->spoke_early = false;
    if (s->phase != SMTP_PHASE_NEW && s->phase != SMTP_PHASE_CLOSED)
        s->phase = SMTP_PHASE_READY;
}

void smtp_server_init(struct smtp_session *s)
{
    s->phase = SMTP_PHASE_NEW;
    ASSERT(s->options != NULL);
    ASSERT(s->backend != NULL);
}

void smtp_server_release(struct smtp_session *s)
{
    end_transaction(s);
    arena_close(s->command_arena);
    arena_close(s->arena);
    s->command_arena = s->arena = NULL;
}

/* ---- commands --------------------------------------------------------------------------- */

enum {
    LIMITS_VALUE_MAX = 999999, /* RFC 9422 section 3: six digits */
    BY_SECONDS_MIN = 60,       /* for "or else return it": we do not promise to be quicker */
};

/* "250-FUTURERELEASE 2592000 2026-12-21T08:00:00Z": how long, and until when at the latest. */
static void announce_hold(const struct smtp_server_options *o, char *ret_text, size_t size)
{
    char until[CLOCK_RFC3339_BYTES];
    *ret_text = '\0';
    if (o->hold_ms_max == 0)
        return;
    clock_rfc3339(clock_real_ms() + o->hold_ms_max, until);
    int n = snprintf(ret_text, size, "250-FUTURERELEASE %lld %.19sZ\r\n",
                     (long long)o->hold_ms_max / 1000, until);
    ASSERT(n > 0 && (size_t)n < size);
}

static err announce(struct smtp_session *s)
{
    const struct smtp_server_options *o = s->options;
    char text[1024];
    char mails[32] = "", hold[80];
    const char *mechanisms = s->backend->mechanisms(s);
    bool once = o->once && (s->backend->offers_once == NULL || s->backend->offers_once(s));
    if (o->messages_max > 0 && o->messages_max <= LIMITS_VALUE_MAX)
        snprintf(mails, sizeof mails, "MAILMAX=%d ", o->messages_max);
    announce_hold(o, hold, sizeof hold);
    int n = snprintf(text, sizeof text,
                     "250-%.*s\r\n250-PIPELINING\r\n250-SIZE %llu\r\n250-8BITMIME\r\n"
                     "250-BINARYMIME\r\n250-CHUNKING\r\n250-SMTPUTF8\r\n250-ENHANCEDSTATUSCODES\r\n"
                     "250-DSN\r\n250-MT-PRIORITY\r\n250-DELIVERBY %d\r\n%s%s%s%s%s%s%s250 LIMITS "
                     "%sRCPTMAX=%d\r\n",
                     STR_ARG(o->hostname), (unsigned long long)o->message_bytes_max, BY_SECONDS_MIN,
                     hold, once ? "250-XONCE\r\n" : "",
                     o->tls && !tls_active(s->conn) ? "250-STARTTLS\r\n" : "",
                     tls_active(s->conn) ? "250-REQUIRETLS\r\n" : "",
                     mechanisms && *mechanisms ? "250-AUTH " : "", mechanisms ? mechanisms : "",
                     mechanisms && *mechanisms ? "\r\n" : "", mails, o->recipients_max);
    ASSERT(n > 0 && (size_t)n < sizeof text);
    return net_write(s->conn, (str){text, (size_t)n}, deadline_after(o->command_ms));
}

/* RFC 5321 section 4.1.1.4: a refused EHLO changes nothing, an accepted one is also a RSET. */
static err cmd_hello(struct smtp_session *s, const struct smtp_command *c, deadline until)
{
    str name = {0};
    if (!smtp_domain_parse(c->args, SMTP_DOMAIN_HELLO, s->command_arena, &name) ||
        name.len >= sizeof s->hello)
        return refuse(s, c->name, 501, "5.5.4", "That is not a host name");
    str before = arena_str(s->command_arena, str_of(s->hello));
    struct smtp_answer a = {.code = 250};
    str_to_chars(name, s->hello, sizeof s->hello);
    err e = s->backend->hello(s, &a, until);
    if (e || !smtp_answer_ok(&a)) {
        str_to_chars(before, s->hello, sizeof s->hello);
        return e ? e : say_answer(s, c->name, &a);
    }
    s->phase = SMTP_PHASE_READY;
    end_transaction(s);
    s->esmtp = c->verb == SMTP_EHLO;
    if (s->esmtp)
        return announce(s);
    char own_name[SMTP_SESSION_HELLO_BYTES];
    str_to_chars(s->options->hostname, own_name, sizeof own_name);
    return say(s, 250, "", own_name);
}

/* Nothing that was learned in clear is known after the handshake (RFC 3207 section 4.2). */
static err cmd_starttls(struct smtp_session *s, const struct smtp_command *c, deadline until)
{
    (void)c;
    if (s->options->tls == NULL)
        return refuse(s, "STARTTLS", 454, "4.7.0", "TLS is not available here");
    if (tls_active(s->conn))
        return refuse(s, "STARTTLS", 503, "5.5.1", "TLS is active already");
    TRY(say(s, 220, "2.0.0", "Ready to start TLS"));
    TRY(net_flush(s->conn, until));
    s->wordless = true; /* half a handshake is no place for a reply */
    TRY(tls_accept(s->conn, s->options->tls, until));
    s->wordless = false;
    s->phase = SMTP_PHASE_NEW;
    s->esmtp = false;
    s->hello[0] = '\0';
    s->login = (str){0};
    arena_close(s->arena);
    s->arena = NULL;
    s->lines = (struct smtp_line_reader){0};
    return NULL;
}

static err cmd_auth(struct smtp_session *s, const struct smtp_command *c, deadline until)
{
    if (!s->options->login_offered)
        return refuse(s, "AUTH", 502, "5.5.1", "Nobody logs in here");
    if (s->login.len && net_pending(s->conn) > 0) /* whose is what follows? */
        return refuse_and_close(s, "AUTH", 554, "5.5.0", "Nothing may wait behind a second AUTH");
    if (s->login.len)
        return refuse(s, "AUTH", 503, "5.5.1", "You are logged in already");
    struct smtp_auth auth;
    smtp_refusal no = smtp_command_parse_auth(c->args, &auth);
    if (no)
        return refuse(s, "AUTH", no->code, no->enhanced, no->text);
    const char *offered = s->backend->mechanisms(s);
    if ((offered == NULL || *offered == '\0') && !tls_active(s->conn))
        return refuse(s, "AUTH", 538, "5.7.11", "Encryption required: STARTTLS first");
    /* The dialog reads on, so what points into the input is copied first. */
    char mechanism[SMTP_COMMAND_MECHANISM_BYTES_MAX + 1];
    struct buf initial;
    buf_init(&initial, SMTP_LINE_AUTH_BYTES_MAX);
    struct smtp_answer a;
    smtp_answer_set(&a, 501, "5.5.2", "That is not base64");
    err e = NULL;
    bool fits = str_to_chars(auth.mechanism, mechanism, sizeof mechanism);
    bool decoded = !auth.has_initial || codec_base64_decode(auth.initial, &initial) == NULL;
    str first = buf_str(&initial);
    if (fits && decoded)
        e = s->backend->login(s, str_of(mechanism), auth.has_initial ? &first : NULL, &a, until);
    if (initial.ptr)
        mem_wipe(initial.ptr, initial.cap);
    buf_release(&initial);
    return e ? e : say_answer(s, "AUTH", &a);
}

/* What was parsed is as short-lived as its command: a mail that begins gets its own copy. */
static void begin_mail(struct smtp_session *s, const struct smtp_mail *mail)
{
    struct arena *arena = arena_open(SMTP_SESSION_MAIL_ARENA_BYTES_MAX);
    s->mail_arena = arena;
    s->mail = *mail;
    s->mail.from.local = arena_str(arena, mail->from.local);
    s->mail.from.domain = arena_str(arena, mail->from.domain);
    s->mail.from.text = arena_str(arena, mail->from.text);
    s->mail.envid = arena_str(arena, mail->envid);
    s->mail.auth_sender = arena_str(arena, mail->auth_sender);
    s->begun = true;
}

/* What was asked for is more than there is here. */
static smtp_refusal judge_times(const struct smtp_session *s, const struct smtp_mail *mail)
{
    static const struct smtp_refusal unknown = {555, "5.5.4", "Unknown parameter"},
                                     login = {530, "5.7.0", "Authentication required"},
                                     long_hold = {501, "5.5.4", "It may not be held for so long"},
                                     past = {501, "5.5.4", "That time has passed"},
                                     soon = {501, "5.5.4", "BY: it may be too late by then"},
                                     before = {501, "5.5.4", "BY ends before it is released"};
    const struct smtp_times *t = &mail->times;
    int64_t now_ms = clock_real_ms(), hold_ms = t->hold_seconds * 1000;
    if (mail->has_hold && hold_ms == 0)
        hold_ms = t->hold_until_ms - now_ms;
    if (mail->has_hold && s->options->hold_ms_max == 0)
        return &unknown;
    if (mail->has_hold && s->login.len == 0)
        return &login;
    if (mail->has_hold && hold_ms <= 0)
        return &past;
    if (hold_ms > s->options->hold_ms_max)
        return &long_hold;
    if (!mail->has_by)
        return NULL;
    if (t->by_mode == BY_RETURN && t->by_seconds < BY_SECONDS_MIN) /* RFC 2852 section 4.1 */
        return &soon;
    return mail->has_hold && t->by_seconds * 1000 <= hold_ms ? &before : NULL;
}

static smtp_refusal judge_once(const struct smtp_session *s, const struct smtp_mail *mail)
{
    static const struct smtp_refusal unknown = {555, "5.5.4", "Unknown parameter"},
                                     login = {530, "5.7.0", "Authentication required"};
    if (!mail->has_once)
        return NULL;
    if (!s->options->once)
        return &unknown;
    return s->options->login_offered && s->login.len == 0 ? &login : NULL;
}

static err cmd_mail(struct smtp_session *s, const struct smtp_command *c, deadline until)
{
    const struct smtp_server_options *o = s->options;
    struct smtp_answer a;
    struct smtp_mail mail = {0};
    if (o->messages_max && s->messages >= o->messages_max)
        return refuse_and_close(s, "MAIL", 421, "4.7.0", "Enough messages on one connection");
    smtp_refusal no = smtp_command_parse_mail(c->args, s->command_arena, &mail);
    if (no)
        return refuse(s, "MAIL", no->code, no->enhanced, no->text);
    if (mail.requiretls && !tls_active(s->conn)) /* RFC 8689 section 3: nor is it offered */
        return refuse(s, "MAIL", 530, "5.7.10", "REQUIRETLS needs TLS: STARTTLS first");
    no = judge_times(s, &mail);
    if (no == NULL)
        no = judge_once(s, &mail);
    if (no)
        return refuse(s, "MAIL", no->code, no->enhanced, no->text);
    if (mail.has_size && mail.size > o->message_bytes_max) {
        smtp_answer_setf(&a, 552, "5.3.4", "Message too big: the limit is %llu bytes",
                         (unsigned long long)o->message_bytes_max);
        return say_refusal(s, "MAIL", &a);
    }
    begin_mail(s, &mail);
    smtp_answer_set(&a, 250, "2.1.0", "Sender ok");
    err e = s->backend->mail(s, &s->mail, &a, until);
    if (e == NULL && smtp_answer_ok(&a))
        s->phase = SMTP_PHASE_MAIL;
    else
        end_transaction(s);
    return e ? e : say_answer(s, "MAIL", &a);
}

static err cmd_rcpt(struct smtp_session *s, const struct smtp_command *c, deadline until)
{
    if (s->rcpt_count >= s->options->recipients_max)
        return refuse(s, "RCPT", 452, "4.5.3", "Too many recipients: send the rest separately");
    struct smtp_rcpt rcpt;
    smtp_refusal no = smtp_command_parse_rcpt(c->args, s->mail.smtputf8, s->command_arena, &rcpt);
    if (no)
        return refuse(s, "RCPT", no->code, no->enhanced, no->text);
    struct smtp_answer a;
    smtp_answer_set(&a, 250, "2.1.5", "Recipient ok");
    TRY(s->backend->rcpt(s, &rcpt, &a, until));
    if (smtp_answer_ok(&a)) {
        s->rcpt_count++;
        s->phase = SMTP_PHASE_RCPT;
    }
    return say_answer(s, "RCPT", &a);
}

/* The content has been read: say the one word that stands for all recipients. */
static err finish(struct smtp_session *s, const char *verb)
{
    struct smtp_answer a;
    smtp_body_judge(s);
    if (s->failure.code != 0) {
        a = s->failure;
    } else {
        smtp_answer_set(&a, 451, "4.3.0", "Local trouble, try again later");
        deadline until = deadline_after(s->options->done_ms);
        err e = s->backend->done(s, &s->scan, &a, until);
        s->wordless = e && (e->kind == ERR_TIMEOUT || e->kind == ERR_CANCELED);
        if (s->wordless)
            return e; /* it may have been kept: no word is the only honest one */
        if (e) {
            log_err(e, "a message was not kept");
            smtp_body_fail(s, e);
            a = s->failure;
        }
    }
    s->messages += smtp_answer_ok(&a);
    if (smtp_answer_ok(&a))
        s->junk_commands = 0;
    err e = say_answer(s, verb, &a); /* first: who is told of a refusal asks whose it was */
    end_transaction(s);
    return e;
}

/* True: 354 was the answer. */
static err begin_content(struct smtp_session *s, const char *verb, bool *ret_begun, deadline until)
{
    struct smtp_answer a;
    *ret_begun = false;
    smtp_answer_set(&a, 354, "", "Go ahead, end with <CRLF>.<CRLF>");
    TRY(s->backend->begin(s, &a, until));
    if (smtp_answer_ok(&a)) {
        *ret_begun = true;
        return NULL;
    }
    s->failure = a;
    return verb ? say_answer(s, verb, &a) : NULL;
}

static err cmd_data(struct smtp_session *s, const struct smtp_command *c, deadline until)
{
    (void)c;
    if (s->mail.body == BODY_BINARYMIME)
        return refuse(s, "DATA", 503, "5.5.1", "BINARYMIME needs BDAT (RFC 3030)");
    bool begun;
    TRY(begin_content(s, "DATA", &begun, until));
    if (!begun) {
        if (s->phase != SMTP_PHASE_CLOSED)
            end_transaction(s);
        return NULL;
    }
    s->spoke_early = net_input(s->conn).len > 0;
    TRY(say(s, 354, "", "Go ahead, end with <CRLF>.<CRLF>"));
    TRY(smtp_body_read_data(s));
    if (s->failure.close)
        return say_refusal(s, "DATA", &s->failure);
    return finish(s, "DATA");
}

/* A chunk that is not wanted is read all the same, so that what follows it is a command. */
static err skip_chunk(struct smtp_session *s, const struct smtp_bdat *b,
                      const struct smtp_answer *a)
{
    if (b->size > 2 * s->options->message_bytes_max)
        return refuse_and_close(s, "BDAT", a->code, a->enhanced, a->text);
    uint64_t before = s->content_bytes;
    s->content_bytes = 0;
    TRY(smtp_body_read_chunk(s, b->size, false));
    s->content_bytes = before;
    s->failure.code = 0;
    if (s->phase & (SMTP_PHASE_RCPT | SMTP_PHASE_CHUNKS))
        s->phase = SMTP_PHASE_DEAD;
    return say_refusal(s, "BDAT", a);
}

static err take_chunk(struct smtp_session *s, const struct smtp_bdat *b, deadline until)
{
    bool begun = true;
    if (s->phase == SMTP_PHASE_RCPT)
        TRY(begin_content(s, NULL, &begun, until));
    if (!begun) {
        struct smtp_answer a = s->failure;
        return skip_chunk(s, b, &a);
    }
    if (b->size > 2 * s->options->message_bytes_max)
        return refuse_and_close(s, "BDAT", 552, "5.3.4", "Message far too big, closing");
    s->phase = SMTP_PHASE_CHUNKS;
    TRY(smtp_body_read_chunk(s, b->size, true));
    if (s->failure.code != 0) {
        struct smtp_answer a = s->failure;
        s->phase = a.close ? SMTP_PHASE_CLOSED : SMTP_PHASE_DEAD;
        return say_refusal(s, "BDAT", &a);
    }
    if (!b->last)
        return say(s, 250, "2.0.0", "Chunk ok");
    smtp_scan_end(&s->scan);
    return finish(s, "BDAT");
}

static err cmd_bdat(struct smtp_session *s, const struct smtp_command *c, smtp_refusal no_entry,
                    deadline until)
{
    struct smtp_bdat b;
    smtp_refusal no = smtp_command_parse_bdat(c->args, &b);
    if (no) /* nobody knows where this chunk ends */
        return refuse_and_close(s, "BDAT", no->code, no->enhanced, no->text);
    if (no_entry == NULL)
        return take_chunk(s, &b, until);
    struct smtp_answer a;
    smtp_answer_setf(&a, no_entry->code, no_entry->enhanced, "%s", no_entry->text);
    return skip_chunk(s, &b, &a);
}

static err cmd_rset(struct smtp_session *s, const struct smtp_command *c, deadline until)
{
    (void)c, (void)until;
    end_transaction(s);
    return say(s, 250, "2.0.0", "Forgotten");
}

static err cmd_noop(struct smtp_session *s, const struct smtp_command *c, deadline until)
{
    (void)c, (void)until;
    return say(s, 250, "2.0.0", "Ok");
}

static err cmd_quit(struct smtp_session *s, const struct smtp_command *c, deadline until)
{
    (void)c, (void)until;
    s->phase = SMTP_PHASE_CLOSED;
    return say(s, 221, "2.0.0", "Goodbye");
}

static err cmd_vrfy(struct smtp_session *s, const struct smtp_command *c, deadline until)
{
    (void)c, (void)until;
    return say(s, 252, "2.5.0", "Send mail to find out (RFC 5321 section 3.5.3)");
}

static err cmd_help(struct smtp_session *s, const struct smtp_command *c, deadline until)
{
    (void)c, (void)until;
    return say(s, 214, "2.0.0", "https://www.rfc-editor.org/rfc/rfc5321");
}

static err cmd_not_here(struct smtp_session *s, const struct smtp_command *c, deadline until)
{
    (void)until;
    return refuse(s, c->name, 502, "5.5.1", "Not available here");
}

static err cmd_xclient(struct smtp_session *s, const struct smtp_command *c, deadline until)
{
    (void)until;
    return refuse_and_close(s, c->name, 550, "5.7.0", "You may not say who you are not");
}

static err cmd_http(struct smtp_session *s, const struct smtp_command *c, deadline until)
{
    (void)c, (void)until;
    return refuse_and_close(s, "HTTP", 554, "5.5.1", "This is SMTP");
}

/* ---- dispatch --------------------------------------------------------------------------- */

enum command_flags {
    IN_CLEAR = 1,    /* allowed before TLS where TLS is required */
    NEEDS_LOGIN = 2, /* where login is required */
    ENDS_BATCH = 4,  /* no input may wait behind it */
    IS_MAIL = 8,     /* not junk */
};

enum {
    ANY = SMTP_PHASE_NEW | SMTP_PHASE_READY | SMTP_PHASE_MAIL | SMTP_PHASE_RCPT |
          SMTP_PHASE_CHUNKS | SMTP_PHASE_DEAD,
};

struct smtp_rule {
    err (*run)(struct smtp_session *, const struct smtp_command *, deadline);
    int phases, flags;
};

/* verb, handler, phases where it is allowed, flags */
static const struct smtp_rule rules[] = {
    [SMTP_EHLO] = {cmd_hello,    ANY,                                 IN_CLEAR             },
    [SMTP_HELO] = {cmd_hello,    ANY,                                 0                    },
    [SMTP_LHLO] = {cmd_not_here, ANY,                                 0                    },
    [SMTP_MAIL] = {cmd_mail,     SMTP_PHASE_READY,                    NEEDS_LOGIN | IS_MAIL},
    [SMTP_RCPT] = {cmd_rcpt,     SMTP_PHASE_MAIL | SMTP_PHASE_RCPT,   NEEDS_LOGIN | IS_MAIL},
    [SMTP_DATA] = {cmd_data,     SMTP_PHASE_RCPT,                     NEEDS_LOGIN | IS_MAIL},
    [SMTP_BDAT] = {NULL,         SMTP_PHASE_RCPT | SMTP_PHASE_CHUNKS, NEEDS_LOGIN | IS_MAIL},
    [SMTP_RSET] = {cmd_rset,     ANY,                                 0                    },
    [SMTP_NOOP] = {cmd_noop,     ANY,                                 IN_CLEAR             },
    [SMTP_QUIT] = {cmd_quit,     ANY,                                 IN_CLEAR             },
    [SMTP_STARTTLS] = {cmd_starttls, SMTP_PHASE_READY,                    IN_CLEAR | ENDS_BATCH},
    [SMTP_AUTH] = {cmd_auth,     SMTP_PHASE_READY,                    0                    },
    [SMTP_VRFY] = {cmd_vrfy,     ANY,                                 NEEDS_LOGIN          },
    [SMTP_EXPN] = {cmd_not_here, ANY,                                 0                    },
    [SMTP_HELP] = {cmd_help,     ANY,                                 0                    },
    [SMTP_ETRN] = {cmd_not_here, ANY,                                 0                    },
    [SMTP_XCLIENT] = {cmd_xclient,  ANY,                                 0                    },
    [SMTP_XFORWARD] = {cmd_xclient,  ANY,                                 0                    },
    [SMTP_HTTP] = {cmd_http,     ANY,                                 IN_CLEAR             },
};

/* Why this command may not run now; NULL: it may. Every refusal that is not the command's own. */
static smtp_refusal judge(struct smtp_session *s, const struct smtp_command *c)
{
    static const struct smtp_refusal unknown = {500, "5.5.1", "Unknown command"},
                                     clear = {530, "5.7.0", "Must issue a STARTTLS command first"},
                                     clear_auth = {538, "5.7.11",
                                                   "Encryption required: STARTTLS first"},
                                     login = {530, "5.7.0", "Authentication required"},
                                     hello = {503, "5.5.1", "Say EHLO first"},
                                     nobody = {503, "5.5.1", "No valid recipients"},
                                     order = {503, "5.5.1", "Not now"};
    if (c->verb == SMTP_UNKNOWN)
        return &unknown;
    const struct smtp_rule *rule = &rules[c->verb];
    if (s->options->tls_required && !tls_active(s->conn) && !(rule->flags & IN_CLEAR))
        return c->verb == SMTP_AUTH ? &clear_auth : &clear;
    if (c->verb != SMTP_BDAT) {
        smtp_refusal no = smtp_command_check_args(c);
        if (no)
            return no;
    }
    if (s->options->login_required && s->login.len == 0 && (rule->flags & NEEDS_LOGIN))
        return &login;
    if (rule->phases & s->phase)
        return NULL;
    if (s->phase == SMTP_PHASE_NEW)
        return &hello;
    bool content = c->verb == SMTP_DATA || c->verb == SMTP_BDAT;
    return content && s->phase == SMTP_PHASE_MAIL ? &nobody : &order;
}

static err run_command(struct smtp_session *s, const struct smtp_command *c, deadline until)
{
    smtp_refusal no = judge(s, c);
    if (c->verb == SMTP_BDAT)
        return cmd_bdat(s, c, no, until);
    if (no)
        return refuse(s, c->name, no->code, no->enhanced, no->text);
    if ((rules[c->verb].flags & ENDS_BATCH) && net_pending(s->conn) > 0) /* RFC 3207: injection */
        return refuse_and_close(s, c->name, 554, "5.5.0", "Nothing may wait behind STARTTLS");
    return rules[c->verb].run(s, c, until);
}

static err run_guarded(struct smtp_session *s, const struct smtp_command *c, deadline until)
{
    err e = run_command(s, c, until);
    if (e == NULL || net_broken(s->conn) || fiber_canceled() || s->wordless ||
        e->kind == ERR_TIMEOUT || e->kind == ERR_TLS)
        return e;
    log_err(e, "%s", c->name); /* our trouble, not the peer's: we stay, and ask for another try */
    if (c->verb == SMTP_DATA || c->verb == SMTP_BDAT) /* where its content ends is not known */
        return refuse_and_close(s, c->name, 451, "4.3.0", "Local trouble, try again later");
    return refuse(s, c->name, 451, "4.3.0", "Local trouble, try again later");
}

static err too_much_junk(struct smtp_session *s, const char *verb)
{
    return refuse_and_close(s, verb, 421, "4.7.0", "Too many commands without a message");
}

static err dispatch(struct smtp_session *s, str line, deadline until)
{
    struct smtp_command c = smtp_command_split(line);
    /* What is no command is refused, and so counted, like any other mistake. */
    int junk = c.verb != SMTP_UNKNOWN && !(rules[c.verb].flags & IS_MAIL);
    if (c.verb != SMTP_QUIT && s->junk_commands + junk > s->options->junk_commands_max)
        return too_much_junk(s, c.name);
    int before = s->junk_commands;
    s->command_arena = arena_open(SMTP_SESSION_COMMAND_ARENA_BYTES_MAX);
    err e = run_guarded(s, &c, until);
    arena_close(s->command_arena);
    s->command_arena = NULL;
    if (s->junk_commands == before) /* a refusal has counted already */
        s->junk_commands += junk;
    return e;
}

/* The next line and what it is. Replies go out in one write when there is nothing left to read. */
static err next_line(struct smtp_session *s, size_t limit, str *ret_line,
                     enum smtp_line_event *ret_event, deadline until)
{
    for (;;) {
        str input = net_input(s->conn);
        size_t before = input.len;
        enum smtp_line_event event = SMTP_LINE_MORE;
        if (before > 0)
            event = smtp_line_take(&s->lines, limit, &input, ret_line);
        net_consume(s->conn, before - input.len);
        *ret_event = event;
        if (event != SMTP_LINE_MORE)
            return NULL;
        TRY(net_flush(s->conn, until));
        TRY(net_fill(s->conn, until));
    }
}

static err one_command(struct smtp_session *s)
{
    deadline until = deadline_after(s->options->command_ms);
    enum smtp_line_event event;
    str line;
    TRY(next_line(s, SMTP_LINE_BYTES_MAX, &line, &event, until));
    if (event == SMTP_LINE_READY)
        return dispatch(s, line, deadline_after(s->options->command_ms));
    if (event == SMTP_LINE_BARE)
        return refuse_and_close(s, "", 500, "5.5.2", "Bare CR or LF in a command");
    if (event == SMTP_LINE_ENDLESS)
        return refuse_and_close(s, "", 500, "5.5.6", "Line without an end");
    if (s->junk_commands >= s->options->junk_commands_max)
        return too_much_junk(s, "");
    return refuse(s, "", 500, "5.5.6", "Line too long");
}

err smtp_server_challenge(struct smtp_session *s, str challenge, struct buf *ret_response,
                          bool *ret_given, struct smtp_answer *a, deadline until)
{
    struct buf text;
    buf_init(&text, SMTP_LINE_AUTH_BYTES_MAX);
    err e = buf_add(&text, S("334 "));
    if (e == NULL)
        e = codec_base64_encode(challenge, &text);
    if (e == NULL)
        e = buf_add(&text, S("\r\n"));
    if (e == NULL)
        e = net_write(s->conn, buf_str(&text), until);
    buf_release(&text);
    TRY(e);
    enum smtp_line_event event;
    str line;
    TRY(next_line(s, SMTP_LINE_AUTH_BYTES_MAX, &line, &event, until));
    *ret_given = false;
    if (event != SMTP_LINE_READY) {
        smtp_answer_set(a, 500, event == SMTP_LINE_BARE ? "5.5.2" : "5.5.6", "Not an answer");
        a->close = event != SMTP_LINE_TOO_LONG;
    } else if (str_eq(line, S("*"))) {
        smtp_answer_set(a, 501, "5.7.0", "Login given up");
    } else if (codec_base64_decode(line, ret_response) != NULL) {
        smtp_answer_set(a, 501, "5.5.2", "That is not base64");
    } else {
        *ret_given = true;
    }
    return NULL;
}

/* What the client hears last, when it is not our own goodbye. */
static void last_word(struct smtp_session *s, err e)
{
    if (s->wordless || net_broken(s->conn) || (e->kind != ERR_TIMEOUT && e->kind != ERR_CANCELED))
        return;
    bool late = e->kind == ERR_TIMEOUT;
    err ignored = say(s, 421, late ? "4.4.2" : "4.3.2",
                      late ? "Waited too long, closing" : "Shutting down, try again later");
    if (ignored == NULL)
        ignored = net_flush(s->conn, deadline_after(100)); /* canceled: whatever goes at once */
    (void)ignored;
}

enum { LAST_BYTES_MAX = 256 * 1024 };

/* A connection that is closed over unread input is reset, and the peer may lose the last reply: so
 * what has come by now is read and thrown away. */
static void drop_input(struct smtp_session *s)
{
    size_t dropped = 0, waiting;
    while (dropped < LAST_BYTES_MAX && !net_broken(s->conn) &&
           (waiting = net_pending(s->conn)) > 0) {
        net_consume(s->conn, waiting);
        dropped += waiting;
    }
}

static err converse(struct smtp_session *s)
{
    struct smtp_answer a;
    smtp_answer_setf(&a, 220, "", "%.*s ESMTP ready", STR_ARG(s->options->hostname));
    TRY(s->backend->greet(s, &a, deadline_after(s->options->command_ms)));
    TRY(say_answer(s, "", &a));
    if (!smtp_answer_ok(&a))
        s->phase = SMTP_PHASE_CLOSED;
    while (s->phase != SMTP_PHASE_CLOSED) {
        TRY(one_command(s));
        err_forget();
    }
    return net_flush(s->conn, deadline_after(s->options->command_ms));
}

err smtp_server_run(struct smtp_session *s)
{
    ASSERT(s->phase == SMTP_PHASE_NEW);
    err e = converse(s);
    if (e)
        last_word(s, e);
    drop_input(s);
    return e;
}
