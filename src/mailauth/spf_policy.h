/* mailauth/spf_policy.h -- the SPF record of a domain (RFC 7208 section 4.4, 4.5, 4.6) */
#pragma once
#include "mailauth/spf_state.h"

struct mailauth_spf_policy {
    bool found;                        /* and without a mistake: the record can be used */
    const char *why;                   /* when there is none: "has no SPF record" */
    str text;                          /* the record, with or without mistakes; or empty */
    struct mailauth_spf_record record; /* in the state's arena, as the text */
};

/* Several records, a mistake, or a DNS that cannot say: not found, and the state has failed.
 * ERR_CANCELED. */
must_use err mailauth_spf_policy_read(struct mailauth_spf_state *, str domain,
                                      struct mailauth_spf_policy *ret_policy);
