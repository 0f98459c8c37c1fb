#include "base/codec.h"
#include "base/mem.h"
#include "sasl/client.h"
#include "smtp/client_talk.h"

enum { LOGIN_STEPS_MAX = 8 }; /* no mechanism of ours needs more */

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
    buf_init(&line, 16 * 1024);
    err e = buf_add(&line, before);
    if (e == NULL && before.len && response.len == 0)
        e = buf_add_char(&line, '='); /* an empty initial response (RFC 4954 section 4) */
    if (e == NULL)
        e = codec_base64_encode(response, &line);
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

/* Answer one 334. A challenge that cannot be answered is given up with "*". */
static err answer(struct smtp_client *c, struct sasl_client *sasl, const struct smtp_reply *reply)
{
    struct buf challenge;
    str response;
    buf_init(&challenge, 16 * 1024);
    err e = codec_base64_decode(str_trim(reply->text), &challenge);
    if (e == NULL)
        e = sasl_client_step(sasl, buf_str(&challenge), &response);
    buf_release(&challenge);
    if (e == NULL)
        return say_response(c, (str){0}, response, "***");
    struct smtp_reply ignored;
    TRY(smtp_client_talk_say(c, "*"));
    TRY(smtp_client_talk_read(c, c->arena, &ignored, c->options.timeouts.command));
    return e;
}

static err converse(struct smtp_client *c, struct sasl_client *sasl, enum sasl_mechanism m,
                    struct smtp_reply *ret_reply)
{
    struct smtp_reply reply;
    TRY(begin(c, sasl, m));
    for (int step = 0; step < LOGIN_STEPS_MAX; step++) {
        TRY(smtp_client_talk_read(c, c->arena, &reply, c->options.timeouts.command));
        if (reply.code != 334) {
            if (smtp_reply_ok(&reply))
                TRY(sasl_client_finish(sasl));
            *ret_reply = reply;
            return NULL;
        }
        TRY(answer(c, sasl, &reply));
    }
    return err_new(ERR_PROTOCOL, "the login does not come to an end");
}

err smtp_client_login(struct smtp_client *c, const struct smtp_client_login *login,
                      struct smtp_reply *ret_reply)
{
    struct sasl_client *sasl;
    enum sasl_mechanism mechanism;
    c->stage = SMTP_STAGE_AUTH;
    TRY(open_sasl(c, login, &sasl, &mechanism));
    err e = converse(c, sasl, mechanism, ret_reply);
    sasl_client_close(sasl);
    return e;
}
