/* dns/host.h -- the addresses of a host
 *
 * "localhost" and names below it are the loopback addresses, without a question (RFC 6761
 * section 6.3). A host that the operator named may be an IP address or stand in /etc/hosts; one
 * that came from an MX record may not.
 */
#pragma once
#include "dns/resolver.h"

enum {
    DNS_HOST_ADDRESSES_MAX = 16,
    DNS_HOST_BYTES_MAX = 4096, /* of the arena */
};

enum dns_host_source {
    DNS_HOST_OF_ROUTE, /* the operator's word */
    DNS_HOST_OF_MX,    /* the DNS's word */
};

struct dns_host {
    enum dns_status status;     /* DNS_OK: there is at least one address */
    enum dns_security security; /* the weaker one of both questions' */
    uint32_t ttl;
    str canonical;             /* the name behind CNAMEs: DANE wants it (RFC 7672 section 2.2.2) */
    struct address *addresses; /* in the arena; IPv6 and IPv4 in turns, IPv6 first; no ports */
    size_t count;
};

must_use err dns_host_addresses(struct dns_resolver *, struct dns_budget *, str host,
                                enum dns_host_source, struct arena *, struct dns_host *ret_host,
                                deadline until);
