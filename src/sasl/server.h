/* sasl/server.h -- one login, as the server sees it: PLAIN, LOGIN, CRAM-MD5, SCRAM-SHA-256(-PLUS)
 *
 * A state machine without I/O: it takes decoded responses and gives challenges to be encoded. It
 * never knows whether a password is right, because that is slow and kept elsewhere: it stops with
 * CHECK (is this claim true?) or LOOKUP (what is kept for this user?), and the caller asks the
 * keeper. Nothing here tells an unknown user from a wrong password.
 *
 *     step() -> CHALLENGE -> step() … -> CHECK               PLAIN, LOGIN, CRAM-MD5
 *     step() -> … -> LOOKUP -> verifier() -> CHALLENGE -> step() … -> DONE          SCRAM
 */
#pragma once
#include "sasl/cram.h"
#include "sasl/mechanism.h"
#include "sasl/scram.h"

struct sasl_server;

enum sasl_server_status {
    SASL_SERVER_CHALLENGE, /* send sasl_server_challenge(), then step() with what comes back */
    SASL_SERVER_CHECK,     /* the exchange is over: the keeper's verdict on the claim decides */
    SASL_SERVER_LOOKUP,    /* fetch the claim's user's verifier, then sasl_server_verifier() */
    SASL_SERVER_DONE,      /* the claim's user has shown the password */
    SASL_SERVER_MALFORMED, /* not what the mechanism says: 501 5.5.2 */
    SASL_SERVER_REFUSED,   /* 535 5.7.8 */
};

struct sasl_server_options {
    enum sasl_mechanism mechanism; /* one of the five */
    str hostname;                  /* for the CRAM-MD5 challenge */
    str binding; /* tls-exporter bytes (RFC 9266); empty: SCRAM-SHA-256-PLUS is not offered */
    str nonce;   /* for tests; empty: drawn */
};

/* What a client claims; good until sasl_server_close(). password is set for PLAIN and LOGIN,
 * challenge and digest for CRAM-MD5. */
struct sasl_server_claim {
    str user;
    str password;
    str challenge;
    str digest;
};

/* The options' texts are copied. SASL_SCRAM_SHA_256_PLUS needs a binding. */
struct sasl_server *sasl_server_open(const struct sasl_server_options *);
void sasl_server_close(struct sasl_server *); /* wipes the secrets; accepts NULL */

/* The bytes of a decoded response; NULL only as the first, when AUTH came without an initial
 * response ("=" is an empty one). Not to be called once the exchange is over. */
must_use enum sasl_server_status sasl_server_step(struct sasl_server *, const str *response);

/* After LOOKUP. Unknown users have a verifier too: sasl_scram_verifier_fake(). */
must_use enum sasl_server_status sasl_server_verifier(struct sasl_server *,
                                                      const struct sasl_scram_verifier *);

str sasl_server_challenge(const struct sasl_server *); /* not encoded; good until the next step */
struct sasl_server_claim sasl_server_claim(const struct sasl_server *);
str sasl_server_why(const struct sasl_server *); /* why it was refused; for the log, not the peer */
