#include "dns/authority.h"
#include "dns/host.h"
#include "dns/unbound.h"

enum { LABELS_MAX = 12 }; /* upwards from a name */

/* The SOA record of the zone that has the name, asked for from the name upwards; *ret_zone is
 * inside the name, and empty when there is none or it could not be found out. */
static err find_zone(struct dns_resolver *r, struct dns_budget *budget, str name,
                     struct dns_authority *a, deadline until)
{
    CLEANUP(arena_cleanup) struct arena *scratch = arena_open(2 * DNS_ANSWER_BYTES_MAX);
    for (int i = 0; i < LABELS_MAX && name.len > 0; i++) {
        struct dns_answer soa = {0};
        TRY(dns_resolver_ask(r, budget, name, DNS_SOA, scratch, &soa, until));
        a->status = soa.status;
        if (soa.status == DNS_OK && str_eq(soa.canonical, name)) {
            const struct dns_record *s = &soa.records[0];
            a->negative_ttl = s->minimum < soa.ttl ? s->minimum : soa.ttl;
            a->zone = name;
            return NULL;
        }
        bool said = soa.status == DNS_OK || soa.status == DNS_NODATA || soa.status == DNS_NXDOMAIN;
        if (!said)
            return NULL;
        size_t dot = str_find(name, '.');
        name = dot == STR_NONE ? (str){0} : str_from(name, dot + 1);
        arena_reset(scratch);
    }
    a->status = a->status == DNS_OK ? DNS_NODATA : a->status;
    return NULL;
}

/* One address of the server, IPv4 when it has one: that works in most places. */
static err add_server(struct dns_resolver *r, struct dns_budget *budget, str name, uint16_t port,
                      struct arena *arena, struct dns_authority *a, deadline until)
{
    CLEANUP(arena_cleanup) struct arena *scratch = arena_open(2 * DNS_ANSWER_BYTES_MAX);
    struct dns_host host = {0};
    TRY(dns_host_addresses(r, budget, name, DNS_HOST_OF_MX, scratch, &host, until));
    if (host.count == 0)
        return NULL;
    struct address at = host.addresses[0];
    for (size_t i = 0; i < host.count && at.family != ADDRESS_IP4; i++)
        if (host.addresses[i].family == ADDRESS_IP4)
            at = host.addresses[i];
    at.port = port;
    a->servers[a->count++] =
        (struct dns_authority_server){.name = arena_str(arena, name), .address = at};
    return NULL;
}

err dns_authority_find(struct dns_resolver *r, struct dns_budget *budget, str name, uint16_t port,
                       struct arena *arena, struct dns_authority *ret_authority, deadline until)
{
    CLEANUP(arena_cleanup) struct arena *scratch = arena_open(2 * DNS_ANSWER_BYTES_MAX);
    struct dns_authority *a = ARENA_NEW(scratch, struct dns_authority);
    struct dns_answer servers = {0};
    a->status = DNS_NXDOMAIN;
    TRY(find_zone(r, budget, name, a, until));
    if (a->zone.len > 0) {
        a->zone = arena_str(arena, a->zone);
        TRY(dns_resolver_ask(r, budget, a->zone, DNS_NS, scratch, &servers, until));
        a->status = servers.status;
    }
    for (size_t i = 0; i < servers.count && a->count < DNS_AUTHORITY_SERVERS_MAX; i++)
        TRY(add_server(r, budget, servers.records[i].name, port, arena, a, until));
    *ret_authority = *a;
    return NULL;
}

void dns_authority_open(struct dns_authority *a)
{
    for (size_t i = 0; i < a->count; i++) {
        struct dns_authority_server *s = &a->servers[i];
        struct dns_transport *transport;
        struct dns_unbound_options o = {
            .servers = DNS_UNBOUND_LIST,
            .list = &s->address,
            .list_count = 1,
            .validate = DNS_UNBOUND_NO, /* what is there is asked for, not whether it is signed */
        };
        if (s->resolver)
            continue;
        s->silent = dns_unbound_open(&o, &transport) != NULL;
        s->resolver = s->silent ? NULL : dns_resolver_open(transport, NULL);
    }
}

void dns_authority_close(struct dns_authority *a)
{
    for (size_t i = 0; i < a->count; i++) {
        dns_resolver_close(a->servers[i].resolver);
        a->servers[i].resolver = NULL;
    }
}

err dns_authority_ask(struct dns_authority_server *s, struct dns_budget *budget, str name,
                      enum dns_type type, struct arena *arena, struct dns_answer *ret_answer,
                      deadline until)
{
    if (s->silent) {
        *ret_answer = dns_answer_none(DNS_TIMEOUT, DNS_INDETERMINATE);
        return NULL;
    }
    deadline soon = deadline_sooner(until, deadline_after(DNS_AUTHORITY_ASK_MS));
    TRY(dns_resolver_ask(s->resolver, budget, name, type, arena, ret_answer, soon));
    s->silent = ret_answer->status == DNS_TIMEOUT;
    return NULL;
}
