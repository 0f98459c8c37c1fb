#include "dns/host.h"
#include <assert.h>
#include <string.h>

static bool is_localhost(str name)
{
    return str_eq_nocase(name, S("localhost")) || str_eq_nocase(name, S("localhost.")) ||
           str_ends_nocase(name, S(".localhost")) || str_ends_nocase(name, S(".localhost."));
}

/* The given addresses are the answer; no DNS was needed. */
static struct dns_host local_host(str name, const struct address *addresses, size_t count,
                                  struct arena *arena)
{
    struct dns_host h = {.status = DNS_OK, .security = DNS_INSECURE, .count = count};
    h.canonical = arena_str(arena, name);
    h.addresses = ARENA_ARRAY(arena, struct address, count);
    memcpy(h.addresses, addresses, count * sizeof *addresses);
    return h;
}

static_assert(DNS_HOST_ADDRESSES_MAX * sizeof(struct address) + DNS_NAME_CHARS < DNS_HOST_BYTES_MAX,
              "what is promised to the arena");

/* What the operator's word and the machine's own list say. False: nothing, ask the DNS. */
static bool find_locally(struct dns_resolver *r, str host, enum dns_host_source source,
                         struct arena *arena, struct dns_host *ret_host)
{
    struct address a[2] = {
        {.family = ADDRESS_IP6, .ip = {[15] = 1}    },
        {.family = ADDRESS_IP4, .ip = {127, 0, 0, 1}},
    };
    if (is_localhost(host)) {
        *ret_host = local_host(host, a, 2, arena);
        return true;
    }
    if (source != DNS_HOST_OF_ROUTE)
        return false;
    if (address_parse_ip(host, &a[0]) == NULL) {
        *ret_host = local_host(host, a, 1, arena);
        return true;
    }
    char canonical[DNS_NAME_CHARS];
    const struct dns_hosts_entry *e =
        dns_name_canonical(host, canonical) ? dns_hosts_find(r->hosts, str_of(canonical)) : NULL;
    if (e)
        *ret_host = local_host(e->name, e->addresses, e->count, arena);
    return e != NULL;
}

/* What "no address" means, from both answers: the answer that says more wins. */
static enum dns_status worse_status(enum dns_status six, enum dns_status four)
{
    if (six == DNS_NXDOMAIN || four == DNS_NXDOMAIN)
        return DNS_NXDOMAIN;
    if (six == DNS_OK || four == DNS_OK) /* addresses that nobody can connect to */
        return DNS_NODATA;
    return six > four ? six : four;
}

/* The nth record of an answer, when there is one. */
static void add_address(const struct dns_answer *a, size_t i, struct dns_host *h)
{
    if (i >= a->count || h->count == DNS_HOST_ADDRESSES_MAX)
        return;
    struct address address = dns_record_address(&a->records[i]);
    if (!address_is_wildcard(&address)) /* connecting to 0.0.0.0 would be talking to ourselves */
        h->addresses[h->count++] = address;
}

static struct dns_host from_answers(const struct dns_answer answers[2], struct arena *arena)
{
    const struct dns_answer *six = &answers[0], *four = &answers[1];
    struct dns_host h = {
        .security = dns_answer_weaker(six->security, four->security),
        .canonical = arena_str(arena, six->canonical.len ? six->canonical : four->canonical),
        .addresses = ARENA_ARRAY(arena, struct address, DNS_HOST_ADDRESSES_MAX),
    };
    for (size_t i = 0; i < six->count || i < four->count; i++) {
        add_address(six, i, &h);
        add_address(four, i, &h);
    }
    h.status = h.count > 0 ? DNS_OK : worse_status(six->status, four->status);
    h.ttl = four->count > 0 && (six->count == 0 || four->ttl < six->ttl) ? four->ttl : six->ttl;
    return h;
}

err dns_host_addresses(struct dns_resolver *r, struct dns_budget *budget, str host,
                       enum dns_host_source source, struct arena *arena, struct dns_host *ret_host,
                       deadline until)
{
    static const enum dns_type types[2] = {DNS_AAAA, DNS_A};
    struct dns_answer answers[2];
    if (find_locally(r, host, source, arena, ret_host))
        return NULL;
    CLEANUP(arena_cleanup) struct arena *scratch = arena_open(2 * DNS_ANSWER_BYTES_MAX);
    TRY(dns_resolver_ask_two(r, budget, host, types, scratch, answers, until));
    *ret_host = from_answers(answers, arena);
    return NULL;
}
