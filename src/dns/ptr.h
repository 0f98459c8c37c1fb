/* dns/ptr.h -- the name of an address, when the name agrees
 *
 * Whoever owns an address may write any name into its reverse zone. A name counts only when it in
 * turn has that address.
 */
#pragma once
#include "dns/resolver.h"

enum {
    DNS_PTR_NAMES_MAX = 5,    /* names of one address that are looked at */
    DNS_PTR_BYTES_MAX = 1024, /* of the arena */
};

struct dns_ptr {
    enum dns_status status; /* DNS_OK: confirmed. DNS_NODATA: names, but none that agrees.
                               DNS_NXDOMAIN: no name. Else it could not be found out. */
    enum dns_security security;
    str name;    /* the confirmed one, or empty */
    str claimed; /* the first name in the reverse zone that could be a host's, or empty */
};

/* "7.2.0.192" and the zone behind it, for an IPv6 address 32 digits: the name that stands for an
 * address in a zone of addresses, in-addr.arpa and ip6.arpa or a block list (RFC 5782). */
str dns_ptr_reversed(const struct address *, str zone, struct arena *);

must_use err dns_ptr_name(struct dns_resolver *, struct dns_budget *, const struct address *,
                          struct arena *, struct dns_ptr *ret_ptr, deadline until);
