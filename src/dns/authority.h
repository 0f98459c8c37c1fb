/* dns/authority.h -- the name servers of a zone asked themselves, past every cache
 *
 * Whoever changes a record wants to know what is published, and for how long the world goes on
 * believing what was there before. A resolver's cache tells neither: its answers may be old, and
 * the TTL is what is left of it. So: find the zone that holds a name, then ask its servers.
 *
 *     TRY(dns_authority_find(resolver, &budget, name, 53, arena, &authority, until));  on a fiber
 *     dns_authority_open(&authority);                                              on no fiber
 *     TRY(dns_authority_ask(&authority.servers[0], &budget, name, DNS_TXT, …));      on a fiber
 *     dns_authority_close(&authority);                                             on no fiber
 */
#pragma once
#include "dns/resolver.h"

enum {
    DNS_AUTHORITY_SERVERS_MAX = 8, /* of the zone's; one address of each */
    DNS_AUTHORITY_ASK_MS = 4000,   /* for one answer; a server that lets it pass is left alone */
};

struct dns_authority_server {
    str name;
    struct address address;
    struct dns_resolver *resolver; /* with this server and nobody else behind it; NULL: not open */
    bool silent;                   /* it did not answer */
};

struct dns_authority {
    enum dns_status status; /* DNS_OK: the zone was found. Else why not; the rest is empty then */
    str zone;
    uint32_t negative_ttl; /* seconds for which the world remembers that a name is not there */
    struct dns_authority_server servers[DNS_AUTHORITY_SERVERS_MAX];
    size_t count; /* of those with an address; 0 with DNS_OK: they have none */
};

/* Which zone holds the name, and who serves it. The zone is looked for at the name itself and
 * upwards. Texts live in the arena. port: 53; tests have another. */
must_use err dns_authority_find(struct dns_resolver *, struct dns_budget *, str name, uint16_t port,
                                struct arena *, struct dns_authority *ret_authority,
                                deadline until);

/* libunbound is heavy: on a thread's stack, not on a fiber's. A server for which it cannot be
 * opened is silent. */
void dns_authority_open(struct dns_authority *);
void dns_authority_close(struct dns_authority *);

/* What this one server says, at most DNS_ANSWER_BYTES_MAX of the arena. A server that is silent
 * is DNS_TIMEOUT at once. */
must_use err dns_authority_ask(struct dns_authority_server *, struct dns_budget *, str name,
                               enum dns_type, struct arena *, struct dns_answer *ret_answer,
                               deadline until);
