#include "base/codec.h"
#include "base/mem.h"
#include "runtime/thread.h"
#include "sasl/client.h"
#include "sasl/refusal.h"
#include "smtp/client_talk.h"

enum {
    LOGIN_STEPS_MAX = 8, /* no mechanism of ours needs more */
    RESPONSE_BYTES_MAX = 16 * 1024,
    REASON_BYTES_MAX = 4 * SASL_REFUSAL_JSON_BYTES_MAX,
};

static err open_sasl(struct smtp_client *c, const struct smtp_client_login *login,
                     struct sasl_client **ret_sasl, enum sasl_mechanism *ret_mechanism)
{
    uint8_t binding[TLS_BINDING_BYTES];
    bool bound = tls_get_binding(c->conn, binding);
    unsigned offered = sasl_mechanism_offered(c->capabilities.auth_names);
    struct sasl_mechanism_wish wish = {sasl_mechanism_of(login->mechanism), bound, login->token};
    if (login->mechanism.len && wish.named == SASL_NONE)
        return err_new(ERR_CONFIG, "\"%.*s\" is not a login mechanism of ours",
                       STR_ARG(login->mechanism));
    enum sasl_mechanism m = sasl_mechanism_choose(offered, &wish);
    if (m == SASL_NONE)
        return err_new(ERR_CONFIG, "no common login mechanism: the server offers \"%.*s\"",
                       STR_ARG(str_slice(c->capabilities.auth_names, 0, 120)));
    struct sasl_client_options options = {
        .mechanism = m,
        .offered = offered,
        .user = login->user,
        .secret = login->secret,
        .binding = bound ? (str){(char *)binding, sizeof binding}
            : (str){0              },
        .host = login->host,
        .port = login->port,
    };
    *ret_mechanism = m;
    return sasl_client_open(&options, ret_sasl);
}

/* Say a response, with what stands before it; nothing of it is shown. */
static err say_response(struct smtp_client *c, str before, str response, const char *shown)
{
    struct buf line;
    buf_init(&line, RESPONSE_BYTES_MAX);
    err e = buf_add(&line, before);
    if (e == NULL && before.len && response.len == 0)
        e = buf_add_char(&line, '='); /* an empty initial response (RFC 4954 section 4) */
    if (e == NULL)
        e = codec_base64_encode(response, &line);
    str encoded = str_from(buf_str(&line), before.len);
    if (e == NULL)
        str_to_chars(str_slice(encoded, 0, sizeof c->said - 1), c->said, sizeof c->said);
    if (e == NULL)
        e = smtp_client_talk_say_secret(c, buf_str(&line), shown);
    if (line.ptr)
        mem_wipe(line.ptr, line.cap);
    buf_release(&line);
    return e;
}

static err begin(struct smtp_client *c, struct sasl_client *sasl, enum sasl_mechanism m)
{
    str name = sasl_mechanism_name(m), response;
    struct buf before, shown;
    if (!sasl_client_speaks_first(sasl))
        return smtp_client_talk_say(c, "AUTH %.*s", STR_ARG(name));
    TRY(sasl_client_step(sasl, (str){0}, &response));
    buf_init(&before, 64);
    buf_init(&shown, 64);
    err e = buf_addf(&before, "AUTH %.*s ", STR_ARG(name));
    if (e == NULL)
        e = buf_addf(&shown, "AUTH %.*s ***", STR_ARG(name));
    if (e == NULL)
        e = say_response(c, buf_str(&before), response, buf_chars(&shown));
    buf_release(&before);
    buf_release(&shown);
    return e;
}

/* One step of the mechanism as a job: SCRAM may compute for half a second, and no loop is held for
 * so long. The job owns all it works with, since a canceled fiber leaves it behind. */
struct step {
    struct sasl_client *sasl;
    struct buf challenge, response;
    bool failed;
    enum err_kind kind;
    char why[200];
};

static void step_run(void *job)
{
    struct step *s = job;
    str response;
    err e = sasl_client_step(s->sasl, buf_str(&s->challenge), &response);
    if (e == NULL)
        e = buf_add(&s->response, response);
    s->failed = e != NULL;
    if (e == NULL)
        return;
    s->kind = e->kind; /* the err itself belongs to this thread */
    str_to_chars(str_slice(e->text, 0, sizeof s->why - 1), s->why, sizeof s->why);
    err_forget();
}

static void step_release(void *job)
{
    struct step *s = job;
    sasl_client_close(s->sasl);
    if (s->response.ptr)
        mem_wipe(s->response.ptr, s->response.cap);
    buf_release(&s->challenge);
    buf_release(&s->response);
    mem_free(s);
}

/* *sasl is NULL afterwards when it was left to a job that still runs. */
static err step(struct sasl_client **sasl, struct buf *challenge, struct buf *ret_response,
                deadline until)
{
    struct step *s = MEM_NEW(struct step);
    s->sasl = *sasl;
    s->challenge = *challenge;
    buf_init(&s->response, RESPONSE_BYTES_MAX);
    buf_init(challenge, 1);
    *sasl = NULL;
    TRY(job_run(step_run, s, step_release, until));
    *sasl = s->sasl;
    s->sasl = NULL;
    err e = NULL;
    if (s->failed)
        e = err_new(s->kind, "%s", s->why);
    else
        e = buf_add(ret_response, buf_str(&s->response));
    step_release(s);
    return e;
}

/* Answer one 334. A challenge that cannot be answered is given up with "*". */
static err answer(struct smtp_client *c, struct sasl_client **sasl, const struct smtp_reply *reply)
{
    struct buf challenge, response;
    deadline until = smtp_client_talk_until(c, c->options.timeouts.command);
    buf_init(&challenge, RESPONSE_BYTES_MAX);
    buf_init(&response, RESPONSE_BYTES_MAX);
    err e = codec_base64_decode(str_trim(reply->text), &challenge);
    if (e == NULL)
        e = step(sasl, &challenge, &response, until);
    buf_release(&challenge);
    bool given_up = e != NULL && *sasl != NULL;
    if (e == NULL)
        e = say_response(c, (str){0}, buf_str(&response), "***");
    if (response.ptr)
        mem_wipe(response.ptr, response.cap);
    buf_release(&response);
    if (!given_up)
        return e;
    struct smtp_reply ignored;
    TRY(smtp_client_talk_say(c, "*"));
    TRY(smtp_client_talk_read(c, c->arena, &ignored, c->options.timeouts.command));
    return e;
}

static err converse(struct smtp_client *c, struct sasl_client **sasl, enum sasl_mechanism m,
                    struct smtp_reply *ret_reply)
{
    struct smtp_reply reply;
    TRY(begin(c, *sasl, m));
    for (int step = 0; step < LOGIN_STEPS_MAX; step++) {
        TRY(smtp_client_talk_read(c, c->arena, &reply, c->options.timeouts.command));
        if (reply.code != 334) {
            if (smtp_reply_ok(&reply))
                TRY(sasl_client_finish(*sasl));
            *ret_reply = reply;
            return NULL;
        }
        TRY(answer(c, sasl, &reply));
    }
    return err_new(ERR_PROTOCOL, "the login does not come to an end");
}

/* What it said of the token stands behind the reply's first line, which seldom says what is wrong.
 */
static err add_reason(struct smtp_client *c, const struct sasl_client *sasl,
                      struct smtp_reply *reply)
{
    struct buf words;
    if (sasl == NULL || smtp_reply_ok(reply))
        return NULL;
    buf_init(&words, REASON_BYTES_MAX);
    err e = sasl_refusal_words(sasl_client_said(sasl), &words);
    str first, rest;
    str_split(reply->text, '\n', &first, &rest);
    if (e == NULL && words.len > 0)
        reply->text =
            arena_printf(c->arena, "%.*s (%.*s)%s%.*s", STR_ARG(first), STR_ARG(buf_str(&words)),
                         rest.len > 0 ? "\n" : "", STR_ARG(rest));
    buf_release(&words);
    return e;
}

err smtp_client_login(struct smtp_client *c, const struct smtp_client_login *login,
                      struct smtp_reply *ret_reply)
{
    struct sasl_client *sasl;
    enum sasl_mechanism mechanism;
    c->stage = SMTP_STAGE_AUTH;
    TRY(open_sasl(c, login, &sasl, &mechanism));
    c->secret = login->secret;
    err e = converse(c, &sasl, mechanism, ret_reply);
    if (e == NULL)
        e = add_reason(c, sasl, ret_reply);
    c->secret = (str){0};
    mem_wipe(c->said, sizeof c->said);
    sasl_client_close(sasl); /* NULL when a job that still runs has it */
    return e;
}
