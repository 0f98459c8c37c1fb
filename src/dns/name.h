/* dns/name.h -- domain names in one spelling
 *
 * Inside the program a domain name is text in canonical spelling: lower case, no dot at the end,
 * "." for the root; a byte that is not printable ASCII stands as \DDD, and a dot or backslash
 * inside a label has a backslash before it. So it is safe in a log, and equal names are equal
 * texts. Internationalised names are A-labels before they come here.
 */
#pragma once
#include "base/err.h"

enum {
    DNS_LABEL_BYTES_MAX = 63, /* RFC 1035 section 2.3.4 */
    DNS_NAME_BYTES_MAX = 255, /* on the wire, with length bytes and the root */
    DNS_NAME_CHARS = 1024,    /* of its text, every byte escaped, with NUL */
};

/* False: no such name can exist in the DNS (an empty or too long label, too long as a whole, a
 * broken escape). */
bool dns_name_canonical(str text, char ret_text[DNS_NAME_CHARS]);

/* Take the name at *at out of a packet; *at moves behind it. Compression pointers must point
 * backwards, so they cannot loop. ERR_PROTOCOL. */
must_use err dns_name_read(str packet, size_t *at, char ret_text[DNS_NAME_CHARS]);

/* Letters, digits, '-' and '_' in labels with dots between: what may be connected to or shown to
 * others as a host's name. The root and an IPv4 address in digits are not. */
bool dns_name_is_host(str name);
