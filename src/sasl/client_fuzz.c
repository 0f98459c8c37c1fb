/* A login as the client sees it, with any name, any secret and a server that says anything: lines,
 * of which the first two are ours. What a client says first, a server reads as meant. SCRAM has a
 * target of its own. */
#include "sasl/client.h"
#include "sasl/server.h"
#include "tests/fuzz.h"

enum { STEPS_MAX = 8 };

static void check_plain(str response, const struct sasl_client_options *o)
{
    struct sasl_server *s =
        sasl_server_open(&(struct sasl_server_options){.mechanism = SASL_PLAIN});
    enum sasl_server_status status = sasl_server_step(s, &response);
    if (status == SASL_SERVER_CHECK) {
        ASSERT(str_eq(sasl_server_claim(s).user, o->user));
        ASSERT(str_eq(sasl_server_claim(s).password, o->secret));
    }
    sasl_server_close(s);
}

static void converse(struct sasl_client *c, const struct sasl_client_options *o, str says)
{
    str response, challenge;
    err e = NULL;
    if (sasl_client_speaks_first(c)) {
        e = sasl_client_step(c, (str){0}, &response);
        if (e == NULL && o->mechanism == SASL_PLAIN)
            check_plain(response, o);
    }
    for (int i = 0; e == NULL && i < STEPS_MAX && says.len > 0; i++) {
        str_split(says, '\n', &challenge, &says);
        e = sasl_client_step(c, challenge, &response);
        if (e == NULL)
            ASSERT(response.len <= SASL_TOKEN_BYTES_MAX + 1024);
    }
    e = sasl_client_finish(c);
    ASSERT(e == NULL || e->kind == ERR_PROTOCOL);
    ASSERT(sasl_client_said(c).len <= SASL_MESSAGE_BYTES_MAX);
}

FUZZ(input, arena)
{
    (void)arena;
    static const enum sasl_mechanism mechanisms[] = {SASL_PLAIN, SASL_LOGIN, SASL_CRAM_MD5,
                                                     SASL_OAUTHBEARER, SASL_XOAUTH2};
    if (input.len == 0)
        return;
    unsigned first = (unsigned char)input.ptr[0];
    str rest = str_from(input, 1), user, secret;
    str_split(rest, '\n', &user, &rest);
    str_split(rest, '\n', &secret, &rest);
    struct sasl_client *c;
    struct sasl_client_options options = {.mechanism = mechanisms[first % ARRAY_LEN(mechanisms)],
                                          .user = user,
                                          .secret = secret,
                                          .host = S("mail.example"),
                                          .port = 587};
    err e = sasl_client_open(&options, &c);
    if (e) {
        ASSERT(e->kind == ERR_CONFIG);
        return;
    }
    converse(c, &options, rest);
    sasl_client_close(c);
}
