/* The mechanisms that end with a claim, as a server sees them, against any bytes. The first byte
 * chooses the mechanism; a line is a response. A claim holds what it promises and nobody is let in
 * by the exchange alone. SCRAM has a target of its own. */
#include "sasl/server.h"
#include "sasl/text.h"
#include "tests/fuzz.h"

enum { STEPS_MAX = 8 };

static void check_claim(const struct sasl_server *s, enum sasl_mechanism m)
{
    struct sasl_server_claim claim = sasl_server_claim(s);
    ASSERT(!sasl_text_check(claim.user, SASL_USER_BYTES_MAX));
    if (m == SASL_CRAM_MD5) {
        ASSERT(claim.digest.len == SASL_CRAM_DIGEST_CHARS);
        ASSERT(claim.challenge.len > 0);
    } else {
        ASSERT(!sasl_text_check(claim.password, SASL_PASSWORD_BYTES_MAX));
    }
}

FUZZ(input, arena)
{
    (void)arena;
    static const enum sasl_mechanism mechanisms[] = {SASL_PLAIN, SASL_LOGIN, SASL_CRAM_MD5};
    if (input.len == 0)
        return;
    unsigned first = (unsigned char)input.ptr[0];
    enum sasl_mechanism m = mechanisms[first % ARRAY_LEN(mechanisms)];
    struct sasl_server *s = sasl_server_open(
        &(struct sasl_server_options){.mechanism = m, .hostname = S("mail.example")});
    enum sasl_server_status status = SASL_SERVER_CHALLENGE;
    str rest = str_from(input, 1), response;
    int steps = 0;
    if (first & 128) /* AUTH without an initial response */
        status = sasl_server_step(s, NULL);
    while (status == SASL_SERVER_CHALLENGE && rest.len > 0) {
        str_split(rest, '\n', &response, &rest);
        status = sasl_server_step(s, &response);
        ASSERT(++steps <= STEPS_MAX);
    }
    ASSERT(status != SASL_SERVER_DONE && status != SASL_SERVER_LOOKUP);
    if (status == SASL_SERVER_CHECK)
        check_claim(s, m);
    if (status == SASL_SERVER_MALFORMED || status == SASL_SERVER_REFUSED)
        ASSERT(sasl_server_why(s).len > 0);
    sasl_server_close(s);
}
