/* mailauth/dmarc_domain.h -- domain names as DMARC compares and climbs them
 *
 * Canonical: lower case, A-labels, no dot at the end, letters, digits, '-' and '_' only; so names
 * are equal when their texts are, and "_dmarc." may be put in front of any of them.
 */
#pragma once
#include "base/arena.h"

enum { MAILAUTH_DMARC_DOMAIN_BYTES_MAX = 253 }; /* as text: RFC 1035 section 2.3.4 */

/* U-labels become A-labels (RFC 9989 section 5.3.1). ERR_PROTOCOL: not the name of a domain: a
 * literal, an empty label, bytes that no host's name has, too long. */
must_use err mailauth_dmarc_domain_read(str text, struct arena *, str *ret_domain);

/* These take canonical names. */
size_t mailauth_dmarc_domain_labels(str domain); /* "a.b" has two */
/* The name of the last so many labels: ("a.b.c", 2) is "b.c". All of it when it has fewer. */
str mailauth_dmarc_domain_last(str domain, size_t labels);
bool mailauth_dmarc_domain_is_below(str domain, str above); /* or that very name */
