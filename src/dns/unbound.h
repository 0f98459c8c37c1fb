/* dns/unbound.h -- the real DNS: libunbound, validating and caching, on a thread of its own
 *
 * libunbound needs more stack than a fiber has, and its work may be long (a hostile zone's
 * signatures), so it runs apart. The thread waits for sockets, not in a channel: it is the one
 * thread that is never run in the simulation, where the zone transport stands in its place.
 *
 * Validation AUTO asks for the root's keys at start and every hour. When a server on the way strips
 * the signatures, validation would turn every good answer into a bogus one; then the resolver
 * runs without trust anchors, all answers are DNS_INDETERMINATE, and changed() is told.
 */
#pragma once
#include "dns/transport.h"

enum dns_unbound_servers {
    DNS_UNBOUND_SYSTEM, /* those of resolv.conf */
    DNS_UNBOUND_ROOT,   /* iterate from the root servers */
    DNS_UNBOUND_LIST,
};
enum dns_unbound_validate { DNS_UNBOUND_AUTO, DNS_UNBOUND_YES, DNS_UNBOUND_NO };

enum {
    DNS_UNBOUND_AT_ONCE_MAX = 1000,  /* questions inside libunbound; the others wait their turn */
    DNS_UNBOUND_WAITING_MAX = 20000, /* above it a question is answered DNS_SERVFAIL at once */
    DNS_UNBOUND_KEY_BYTES_MAX = 64 << 10,
    DNS_UNBOUND_SERVERS_MAX = 16,
};

struct dns_unbound_options {
    enum dns_unbound_servers servers;
    const struct address *list; /* with ports */
    size_t list_count;
    enum dns_unbound_validate validate;
    bool local_names;        /* "test." and "home.arpa." are asked for, too */
    const char *resolv_conf; /* NULL: /etc/resolv.conf */
    const char *root_key;    /* NULL: /usr/share/dns/root.key */
    const char *root_hints;  /* NULL: /usr/share/dns/root.hints, when it is there */
    /* Called on the DNS thread whenever it is decided anew whether answers are validated. */
    void (*changed)(void *arg, bool validating, const char *why);
    void *arg;
};

/* Texts and the list are copied. ERR_CONFIG: no servers, or validation is a must and there is no
 * root key. */
must_use err dns_unbound_open(const struct dns_unbound_options *,
                              struct dns_transport **ret_transport);
