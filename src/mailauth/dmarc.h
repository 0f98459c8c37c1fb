/* mailauth/dmarc.h -- does the owner of the From domain stand behind a message? (RFC 9989)
 *
 * Takes what SPF and DKIM came to and says whether one of them speaks for the From domain, and if
 * not, what that domain's owner wants done. What is done is the receiver's to decide.
 *
 * Of the message only its From is looked at. The walks (mailauth/dmarc_walk.h) begin with the From
 * domain's; others follow only for identifiers that can be of its organization at all.
 */
#pragma once
#include "mailauth/dmarc_from.h"
#include "mailauth/dmarc_psl.h"
#include "mailauth/dmarc_walk.h"
#include "mailauth/result.h"

/* What SPF said of the MAIL FROM identity. With a null path that is postmaster at the HELO name
 * (RFC 7208 section 2.4); a check of HELO itself does not count here (section 4.4.2). */
struct mailauth_dmarc_spf {
    enum mailauth_result result; /* NONE: not checked */
    str domain;
};

struct mailauth_dmarc_dkim {
    enum mailauth_result result;
    str domain;   /* d= */
    str selector; /* s= */
    bool partial; /* l= leaves a part of the body unsigned: what was added is nobody's word */
};

struct mailauth_dmarc_input {
    const struct mailauth_dmarc_from *from;
    struct mailauth_dmarc_spf spf;
    const struct mailauth_dmarc_dkim *dkim;
    size_t dkim_count;
    /* Not NULL: the DMARC of before (RFC 7489), with organizations by this list, no walk, and
     * without psd, np and t. For comparing. */
    const struct mailauth_dmarc_psl *psl;
};

/* NONE: DMARC does not apply, nobody published a policy of use. PASS, FAIL: it does. TEMPERROR: the
 * DNS could not tell, or the message has used up its DNS budget: who sends it decides how much it
 * asks, so that must not be a way around a policy. PERMERROR: From has not exactly one domain, and
 * none of its domains' policies failed. */
struct mailauth_dmarc {
    enum mailauth_result result;
    str reason;                     /* for people */
    bool spf_aligned, dkim_aligned; /* and each of them a pass */

    str author;         /* the From domain; of several the one whose policy is the strictest */
    str policy_domain;  /* where the record was found; empty: nowhere */
    str organizational; /* of the author */
    const struct mailauth_dmarc_record *record; /* NULL: none */
    const char *policy_tag;                     /* "p", "sp" or "np"; NULL: no record */
    enum mailauth_dmarc_policy policy;          /* what that tag says; ABSENT: no record */
    /* What the owner asks for with this message: t=y takes one step off (section 4.7), and only a
     * FAIL is more than NONE. Of several domains in From it is the
     * strictest that failed (section 11.5). */
    enum mailauth_dmarc_policy disposition;
    bool softened; /* by t=y */
    size_t questions;
};

/* Results live in the ask's arena. err: ERR_CANCELED only. The story may be NULL. */
must_use err mailauth_dmarc_evaluate(struct mailauth_ask *, struct mailauth_story *,
                                     const struct mailauth_dmarc_input *,
                                     struct mailauth_dmarc *ret_dmarc);
