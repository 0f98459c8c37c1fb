/* mailauth/dmarc_from.h -- who a message says it is from: the Author Domain (RFC 9989
 * section 5.3.1)
 *
 * DMARC needs exactly one domain. Messages that have none or several are where a forger would hide
 * (section 11.5), so all that any reader might take for "From" is looked at, however malformed its
 * field, and nothing is preferred.
 */
#pragma once
#include "base/arena.h"

enum { MAILAUTH_DMARC_FROM_DOMAINS_MAX = 4 }; /* that are judged; a message with more is not */

enum mailauth_dmarc_from_kind {
    MAILAUTH_DMARC_FROM_ONE,       /* one field, one domain, with one address in it or several */
    MAILAUTH_DMARC_FROM_SEVERAL,   /* several fields, or several domains */
    MAILAUTH_DMARC_FROM_MISSING,   /* no From field, or no address in it */
    MAILAUTH_DMARC_FROM_MALFORMED, /* a field that is no address list, or a domain that is none */
    MAILAUTH_DMARC_FROM_TOO_MANY,  /* more domains than are looked at */
};

struct mailauth_dmarc_from {
    enum mailauth_dmarc_from_kind kind;
    size_t fields;
    str domains[MAILAUTH_DMARC_FROM_DOMAINS_MAX]; /* canonical, all different */
    size_t count;  /* also of what could be read when something could not */
    str complaint; /* for all but ONE: why, for people */
};

/* The header of a message, with or without what follows it. */
struct mailauth_dmarc_from mailauth_dmarc_from_header(str header, struct arena *);
