/* mailauth/dmarc_uri.h -- where reports are wanted: "mailto:dmarc@example.com!10m"
 *
 * A list of URIs (RFC 3986) with commas between. Only mailto: is of use here; others are listed
 * and not used (RFC 9989 section 4.7). The size behind "!" is obsolete (section 4.8).
 */
#pragma once
#include "base/arena.h"

enum { MAILAUTH_DMARC_URIS_MAX = 20 }; /* of one tag; those behind are not used */

struct mailauth_dmarc_uri {
    str text;       /* as published, without the size */
    str scheme;     /* as published */
    str address;    /* mailto: "local@domain", %XX undone; empty: another scheme */
    str domain;     /* of the address: canonical (mailauth/dmarc_domain.h) */
    bool sized;     /* "!" and a size stood behind it */
    uint64_t bytes; /* that size */
};

struct mailauth_dmarc_uris {
    struct mailauth_dmarc_uri *items;
    size_t count;
};

/* One URI. ERR_PROTOCOL says what is wrong with it. A "?" part is cut off the address. */
must_use err mailauth_dmarc_uri_parse(str text, struct arena *, struct mailauth_dmarc_uri *ret_uri);
