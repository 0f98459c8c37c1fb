/* sasl/mechanism.h -- the names of the login mechanisms, and which one a client should choose
 *
 * A set of mechanisms is an unsigned with the bit sasl_mechanism_bit(m) for each member.
 */
#pragma once
#include "base/str.h"

enum sasl_mechanism {
    SASL_NONE,
    SASL_PLAIN,              /* RFC 4616 */
    SASL_LOGIN,              /* two prompts; never standardised, still spoken */
    SASL_CRAM_MD5,           /* RFC 2195 */
    SASL_SCRAM_SHA_1,        /* RFC 5802; as a client only */
    SASL_SCRAM_SHA_1_PLUS,   /* the same, bound to the TLS channel (RFC 9266) */
    SASL_SCRAM_SHA_256,      /* RFC 7677 */
    SASL_SCRAM_SHA_256_PLUS, /* and this one bound */
    SASL_OAUTHBEARER,        /* RFC 7628 */
    SASL_XOAUTH2,            /* its older sister */
    SASL_MECHANISM_COUNT,
};

enum {
    SASL_MESSAGE_BYTES_MAX = 9216, /* 12288 characters of base64 (RFC 4954 section 4) */
    SASL_USER_BYTES_MAX = 320,
    SASL_PASSWORD_BYTES_MAX = 500, /* libcrypt takes fewer than 512 */
    SASL_TOKEN_BYTES_MAX = 8192,
    SASL_BINDING_BYTES_MAX = 64, /* tls-exporter has 32 (RFC 9266 section 3) */
};

static inline unsigned sasl_mechanism_bit(enum sasl_mechanism m) { return 1u << m; }

/* True: what it says is bound to the TLS channel. */
static inline bool sasl_mechanism_binds(enum sasl_mechanism m)
{
    return m == SASL_SCRAM_SHA_1_PLUS || m == SASL_SCRAM_SHA_256_PLUS;
}

enum sasl_mechanism sasl_mechanism_of(str name); /* SASL_NONE: not one of ours; any case */
str sasl_mechanism_name(enum sasl_mechanism);

/* The set that a server offers: "PLAIN LOGIN SCRAM-SHA-256". Unknown names are passed over. */
unsigned sasl_mechanism_offered(str list);

struct sasl_mechanism_wish {
    enum sasl_mechanism named; /* the operator's choice; SASL_NONE: the best */
    bool binding_known;        /* the TLS channel gave us its exporter bytes */
    bool token;                /* the secret is an OAuth token, not a password */
};

/* The best that both sides have, or SASL_NONE. For a password SCRAM bound to the channel, SCRAM
 * (each with SHA-256 before SHA-1), CRAM-MD5, PLAIN, LOGIN; for a token OAUTHBEARER, XOAUTH2. */
enum sasl_mechanism sasl_mechanism_choose(unsigned offered, const struct sasl_mechanism_wish *);
