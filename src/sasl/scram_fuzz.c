/* SCRAM, both ends against any bytes: the first line goes to the one, the rest to the other.
 * Nobody gets in, no server is believed, and what was parsed holds together. */
#include "sasl/client.h"
#include "sasl/scram_message.h"
#include "sasl/server.h"
#include "tests/fuzz.h"

static void server_side(str first, str second, bool plus)
{
    struct sasl_server *s = sasl_server_open(&(struct sasl_server_options){
        .mechanism = plus ? SASL_SCRAM_SHA_256_PLUS : SASL_SCRAM_SHA_256,
        .binding = plus ? S("channel") : (str){0},
        .nonce = S("servernonce")});
    struct sasl_scram_verifier v;
    sasl_scram_verifier_fake(S("key"), S("user"), &v);
    if (sasl_server_step(s, &first) == SASL_SERVER_LOOKUP) {
        ASSERT(sasl_server_claim(s).user.len > 0);
        ASSERT(sasl_server_claim(s).user.len <= SASL_USER_BYTES_MAX);
        enum sasl_server_status status = sasl_server_verifier(s, &v);
        ASSERT(status == SASL_SERVER_CHALLENGE);
        struct sasl_scram_server_first parts; /* what we say can be read */
        err e = sasl_scram_message_server_first(sasl_server_challenge(s), &parts);
        ASSERT(e == NULL);
        status = sasl_server_step(s, &second);
        ASSERT(status == SASL_SERVER_MALFORMED || status == SASL_SERVER_REFUSED);
        ASSERT(sasl_server_why(s).len > 0);
    }
    sasl_server_close(s);
}

/* Rounds are slow on purpose: only the parser sees large counts. */
static bool quick(str first)
{
    struct sasl_scram_server_first parts;
    err e = sasl_scram_message_server_first(first, &parts);
    return e != NULL || parts.iterations <= SASL_SCRAM_ITERATIONS_MIN ||
           parts.iterations > SASL_SCRAM_ITERATIONS_MAX;
}

static void client_side(enum sasl_mechanism mechanism, str first, str second)
{
    struct sasl_client *c = NULL;
    str response = {0};
    err e = sasl_client_open(&(struct sasl_client_options){.mechanism = mechanism,
                                                           .user = S("user"),
                                                           .secret = S("pencil"),
                                                           .nonce = S("rOprNGfwEbeRWgbNEkqO")},
                             &c);
    ASSERT(e == NULL);
    e = sasl_client_step(c, (str){0}, &response);
    ASSERT(e == NULL);
    if (quick(first) && sasl_client_step(c, first, &response) == NULL) {
        struct sasl_scram_client_final parts; /* what we say can be read */
        e = sasl_scram_message_client_final(response, &parts);
        ASSERT(e == NULL);
        bool believed = sasl_client_step(c, second, &response) == NULL;
        ASSERT(believed == (sasl_client_finish(c) == NULL));
    }
    sasl_client_close(c);
}

FUZZ(input, arena)
{
    (void)arena;
    if (input.len == 0)
        return;
    char which = input.ptr[0];
    str first, second;
    str_split(str_from(input, 1), '\n', &first, &second);
    if (which == 'c')
        client_side(SASL_SCRAM_SHA_256, first, second);
    else if (which == '1')
        client_side(SASL_SCRAM_SHA_1, first, second);
    else
        server_side(first, second, which == 'p');
}
