/* mailauth/spf.h -- may this client use this domain as a sender? (RFC 7208, check_host())
 *
 * The policy of a domain is a record in the DNS; includes and redirects lead to more of them. They
 * are walked with a stack of frames, never by recursion, and everything that a policy may cost is
 * bounded: ten lookups, two of them for nothing, ten hosts of an MX, ten names of an address
 * (section 4.6.4), and the shared budget and deadline of the ask.
 *
 * How things that the RFC leaves open are judged:
 * - A name that cannot be in the DNS (an empty label, one of 64 bytes; mostly out of macros)
 * matches nothing and asks nothing (section 4.8). As the target of an include or a redirect it is a
 * permerror.
 * - A lookup for nothing is counted for a mechanism's own question, and for a host of an MX that
 * does not exist. A host that only has addresses of the other family is no fault; what is asked
 * about the client's own names is not the publisher's doing.
 * - %{p} takes one lookup the first time it is needed, as the RFC counts it with "ptr".
 * - More questions than the ask's budget has, or a deadline that passes: temperror (section 4.6.4).
 * The budget is shared: it need not be this policy that used it up.
 */
#pragma once
#include "mailauth/ask.h"
#include "mailauth/result.h"

enum {
    MAILAUTH_SPF_LOOKUPS_MAX = 10, /* section 4.6.4 */
    MAILAUTH_SPF_VOID_LOOKUPS_MAX = 2,
    MAILAUTH_SPF_MX_HOSTS_MAX = 10,
    MAILAUTH_SPF_PTR_NAMES_MAX = 10,
    MAILAUTH_SPF_INPUT_BYTES_MAX = 1024, /* HELO and MAIL FROM; longer ones have no policy */
    MAILAUTH_SPF_EXPLANATION_BYTES_MAX = 400,
    MAILAUTH_SPF_BYTES_MAX = 24 << 10, /* of the ask's arena, for one check */
};

enum mailauth_spf_identity {
    MAILAUTH_SPF_MAIL_FROM, /* of an empty one: postmaster@ the HELO name (section 2.4) */
    MAILAUTH_SPF_HELO,      /* section 2.3 */
};

struct mailauth_spf_args {
    enum mailauth_spf_identity identity;
    const struct address *ip; /* the client */
    str helo;
    str sender;   /* MAIL FROM without <>; empty for the null path */
    str receiver; /* our host name, for %{r}; empty: "unknown" */
};

struct mailauth_spf {
    enum mailauth_result result; /* never POLICY */
    enum mailauth_spf_identity identity;
    str domain;    /* whose policy was asked for: what DMARC aligns */
    str sender;    /* "local@domain", as the macros had it */
    str mechanism; /* what decided, as written ("-all", "include:x"); empty: no mechanism matched */
    str policy;    /* the domain in whose record it stands: another one after a redirect */
    str explanation; /* of a fail, by that domain (section 6.2): printable ASCII; empty: none */
    str reason;      /* why there is none, or an error: words of ours; empty otherwise */
    unsigned lookups, void_lookups;
};

/* Everything in the result lives in the ask's arena; the story may be NULL. On a fiber. Only
 * ERR_CANCELED. */
must_use err mailauth_spf_check(const struct mailauth_ask *, const struct mailauth_spf_args *,
                                struct mailauth_story *, struct mailauth_spf *ret_spf);
