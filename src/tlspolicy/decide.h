/* tlspolicy/decide.h -- how private must the way to one host be?
 *
 * All that has a say: what DANE says of the host, what MTA-STS says of the domain, what the
 * operator demands, and what the message asks for (REQUIRETLS, TLS-Required: RFC 8689). DANE is
 * about the host and cannot be stripped, so where it applies MTA-STS has no say (RFC 8461 section
 * 2). The outcome is data; the way out acts on it.
 */
#pragma once
#include "tlspolicy/dane.h"
#include "tlspolicy/sts.h"

enum tlspolicy_level {                    /* each promises what the ones above it do */
                       TLSPOLICY_MAY,     /* TLS if it works, else in clear */
                       TLSPOLICY_ENCRYPT, /* TLS, with whomever */
                       TLSPOLICY_VERIFY,  /* TLS, and a trusted certificate for the host's name */
                       TLSPOLICY_DANE,    /* TLS, and the certificate that the DNS tells */
};

enum tlspolicy_wish { /* of the message */
                      TLSPOLICY_WISH_NONE,
                      TLSPOLICY_WISH_REQUIRE, /* REQUIRETLS: verified, and handed on so, or not at
                                                 all */
                      TLSPOLICY_WISH_NO, /* "TLS-Required: No": arriving matters more than privacy
                                          */
};

enum tlspolicy_step { /* what to do with the host */
                      TLSPOLICY_USE,
                      TLSPOLICY_SKIP,  /* the policy does not name it: another one, else later */
                      TLSPOLICY_LATER, /* not to be used now: another one, else later */
                      TLSPOLICY_NEVER, /* REQUIRETLS cannot be kept there: another one, else it
                                          comes back (5.7.30) */
};

enum tlspolicy_source { /* whose word decided; as reports name it (RFC 8460 section 4.4) */
                        TLSPOLICY_NO_POLICY,
                        TLSPOLICY_BY_DANE,
                        TLSPOLICY_BY_STS,
};

struct tlspolicy_decide_input {
    const struct tlspolicy_dane *dane;     /* NULL: DANE is off */
    const struct tlspolicy_sts_found *sts; /* NULL: MTA-STS is off, or the host is a route's */
    str host;                              /* as its MX record names it */
    bool named; /* the operator or DNSSEC says that this is the host, or it is the domain itself */
    enum tlspolicy_level least; /* the operator's demand */
    enum tlspolicy_wish wish;
};

struct tlspolicy_decision {
    enum tlspolicy_step step;
    enum tlspolicy_level level;
    bool requiretls; /* the host must offer REQUIRETLS, else 5.7.30 */
    bool testing; /* MTA-STS in testing: verify, report what fails, deliver at `level` all the same
                   */
    enum tlspolicy_source source;
    enum tlspolicy_result failure; /* to be reported although nothing was tried yet; or SUCCESS */
    str reason;                    /* a literal or one of the input's texts */
};

const char *tlspolicy_decide_level_name(enum tlspolicy_level); /* "encrypt" */

/* Pure. */
struct tlspolicy_decision tlspolicy_decide(const struct tlspolicy_decide_input *);

enum { TLSPOLICY_DECIDE_KEY_CHARS = 80 };
/* What a connection was made under, as a word: mail that has another one must not use it (attack
 * 210). Differs with the level, the records and names of DANE, and REQUIRETLS. */
void tlspolicy_decide_key(const struct tlspolicy_decision *, const struct tlspolicy_dane *,
                          char ret_key[TLSPOLICY_DECIDE_KEY_CHARS]);
