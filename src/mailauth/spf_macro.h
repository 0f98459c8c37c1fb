/* mailauth/spf_macro.h -- "%{l1r-}.%{d2}": the macros of SPF (RFC 7208 section 7)
 *
 * A text is checked when it is read (a policy with a bad macro is a permerror, whatever is
 * matched before it) and expanded when it is needed. What macros stand for comes from the sender:
 * the result may hold any byte and is no name until the DNS has judged it.
 */
#pragma once
#include "base/arena.h"
#include "base/buf.h"
#include "runtime/address.h"

enum {
    MAILAUTH_SPF_MACRO_BYTES_MAX = 64 << 10, /* of an expansion */
    MAILAUTH_SPF_MACRO_PARTS_MAX = 512,      /* of a value that is split; more are one part */
    MAILAUTH_SPF_MACRO_NAME_BYTES_MAX = 253, /* section 7.3: the left side is cut off beyond it */
};

enum mailauth_spf_macro_place {
    MAILAUTH_SPF_MACRO_DOMAIN,   /* a domain-spec: ends like a domain, without %{c}, %{r}, %{t} */
    MAILAUTH_SPF_MACRO_MODIFIER, /* the value of a modifier that nobody knows */
    MAILAUTH_SPF_MACRO_TEXT,     /* an explanation: blanks may stand in it */
};

/* What the letters stand for. */
struct mailauth_spf_macro_values {
    str sender, local, sender_domain; /* s, l, o */
    str domain;                       /* d: another one inside an include */
    str helo;                         /* h */
    str receiver;                     /* r */
    str validated;                    /* p */
    const struct address *ip;         /* i, v, c; IPv4 or IPv6 */
    int64_t now_ms;                   /* t */
};

/* ERR_PROTOCOL: not such a text; the words say what is wrong with it. */
must_use err mailauth_spf_macro_check(str text, enum mailauth_spf_macro_place);
/* Does it hold this letter, which is lower case, in either case? The text was checked. */
bool mailauth_spf_macro_uses(str text, char letter);
/* Any macro that stands for something of the message? */
bool mailauth_spf_macro_varies(str text);
/* The text was checked. ERR_LIMIT: longer than the buf may grow; nothing is to be made of it. */
must_use err mailauth_spf_macro_expand(str text, const struct mailauth_spf_macro_values *,
                                       struct buf *out);
/* A domain-spec, expanded and cut to what a name may have; the final dot is gone. A view into the
 * buf. ERR_LIMIT. */
must_use err mailauth_spf_macro_expand_name(str text, const struct mailauth_spf_macro_values *,
                                            struct buf *out, str *ret_name);
