/* sasl/client.h -- one login, as the client sees it
 *
 * A state machine without I/O: decoded challenges in, responses out. A 235 is not the whole truth
 * with SCRAM: sasl_client_finish() says whether the server has shown that it knows us, too.
 * SCRAM computes up to SASL_SCRAM_ITERATIONS_MAX rounds (a good half second) inside one step, so
 * a step of it belongs on the job pool; nothing here is tied to a thread.
 */
#pragma once
#include "base/err.h"
#include "sasl/mechanism.h"

struct sasl_client;

struct sasl_client_options {
    enum sasl_mechanism mechanism; /* from sasl_mechanism_choose() */
    unsigned offered;              /* the server's set: "y" is said only when PLUS is not in it */
    str user;
    str secret;  /* the password or the token */
    str binding; /* tls-exporter bytes (RFC 9266), or empty */
    str host;    /* OAUTHBEARER names the server that it speaks to */
    uint16_t port;
    str nonce; /* for tests; empty: drawn */
};

/* The texts are copied. ERR_CONFIG: user or secret cannot be used with this mechanism. */
must_use err sasl_client_open(const struct sasl_client_options *, struct sasl_client **ret_client);
void sasl_client_close(struct sasl_client *); /* wipes the secrets; accepts NULL */

/* True: the mechanism begins with a response of ours, which goes with AUTH or, when it is too long
 * for the line, answers an empty challenge. Either way the first sasl_client_step() makes it. */
bool sasl_client_speaks_first(const struct sasl_client *);

/* Answer a challenge; the one that only asks for the first response is empty. The response is
 * good until the next step, and is to be encoded. ERR_PROTOCOL: not what the mechanism says, or
 * the server failed a check; ERR_LIMIT: more rounds than we do. Then cancel with "*". */
must_use err sasl_client_step(struct sasl_client *, str challenge, str *ret_response);

/* After the server's 235. ERR_PROTOCOL: it skipped a part of the exchange, so it is not known to
 * be the one that has our password: nothing may be sent to it. */
must_use err sasl_client_finish(const struct sasl_client *);

str sasl_client_said(const struct sasl_client *); /* the server's own words for a refused token */
