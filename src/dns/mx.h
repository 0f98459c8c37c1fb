/* dns/mx.h -- where a domain takes its mail (RFC 5321 section 5.1)
 *
 * The hosts in the order in which they are to be tried; their addresses are host.h's.
 */
#pragma once
#include "dns/resolver.h"

enum {
    DNS_MX_HOSTS_MAX = 20,
    DNS_MX_BYTES_MAX = 8192, /* of the arena */
};

struct dns_mx_host {
    uint16_t preference;
    str name;
};

struct dns_mx {
    enum dns_status status; /* DNS_OK also for an implicit MX; never DNS_NODATA */
    enum dns_security security;
    uint32_t ttl;
    bool null_mx;    /* the domain takes no mail (RFC 7505); no hosts then */
    bool implicit;   /* no MX record: the domain itself is its only host */
    size_t unusable; /* records whose host is no host name: not among the hosts */
    struct dns_mx_host hosts[DNS_MX_HOSTS_MAX]; /* by preference; equal ones shuffled */
    size_t count;  /* 0 with DNS_OK and no null_mx: all were unusable */
    str canonical; /* the domain behind CNAMEs */
};

must_use err dns_mx_hosts(struct dns_resolver *, struct dns_budget *, str domain, struct arena *,
                          struct dns_mx *ret_mx, deadline until);

/* All the hosts by preference, and equal ones by name: the same records in one order, however they
 * came. For names and keys, not for trying them. */
void dns_mx_sort(const struct dns_mx *, struct dns_mx_host ret_hosts[DNS_MX_HOSTS_MAX]);
