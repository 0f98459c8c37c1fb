/* mailauth/dmarc_external.h -- may reports about one domain go to another? (RFC 9990 section 4)
 *
 * Anyone can name anyone in rua=. So an address outside the organization counts only when its own
 * domain agrees: "v=DMARC1" at DOMAIN._report._dmarc.DESTINATION. That record may name another
 * address at the same host, to which reports go instead.
 */
#pragma once
#include "mailauth/dmarc_walk.h"

enum mailauth_dmarc_external_verdict {
    MAILAUTH_DMARC_EXTERNAL_OWN,     /* of the same organization: nobody need be asked */
    MAILAUTH_DMARC_EXTERNAL_ALLOWED, /* its domain agrees */
    MAILAUTH_DMARC_EXTERNAL_REFUSED, /* it does not: the address is not used */
    MAILAUTH_DMARC_EXTERNAL_UNKNOWN, /* the DNS could not tell; ask again later */
};

struct mailauth_dmarc_external {
    enum mailauth_dmarc_external_verdict verdict;
    struct mailauth_dmarc_uris uris; /* OWN, ALLOWED: where to send; else none */
    str reason;                      /* for people */
};

/* domain: where the policy record was found, canonical. Of the URI only a mailto: is of use. */
must_use err mailauth_dmarc_external_check(struct mailauth_dmarc_walks *, str domain,
                                           const struct mailauth_dmarc_uri *,
                                           struct mailauth_dmarc_external *ret_external);
