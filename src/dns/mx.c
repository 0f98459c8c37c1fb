#include "dns/mx.h"
#include "base/rand.h"
#include <assert.h>

/* Equal preferences share the load: RFC 5321 section 5.1 wants them in random order. */
static void shuffle(struct dns_record *records, size_t count)
{
    for (size_t i = count; i > 1; i--) {
        size_t other = (size_t)rand_below(i);
        struct dns_record kept = records[i - 1];
        records[i - 1] = records[other];
        records[other] = kept;
    }
}

/* By insertion: stable, so that the shuffle holds among equals; there are few. */
static void sort(struct dns_record *records, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        struct dns_record moved = records[i];
        size_t at = i;
        for (; at > 0 && records[at - 1].preference > moved.preference; at--)
            records[at] = records[at - 1];
        records[at] = moved;
    }
}

static bool holds(const struct dns_mx *mx, str name)
{
    for (size_t i = 0; i < mx->count; i++)
        if (str_eq(mx->hosts[i].name, name))
            return true;
    return false;
}

static void take_hosts(const struct dns_answer *a, struct arena *arena, struct dns_mx *mx)
{
    for (size_t i = 0; i < a->count; i++) {
        const struct dns_record *r = &a->records[i];
        if (!dns_name_is_host(r->name))
            mx->unusable++;
        else if (mx->count < DNS_MX_HOSTS_MAX && !holds(mx, r->name))
            mx->hosts[mx->count++] = (struct dns_mx_host){r->preference, arena_str(arena, r->name)};
    }
}

/* RFC 5321 section 5.1: without an MX record the domain is its own host. */
static void take_implicit(struct arena *arena, str domain, struct dns_mx *mx)
{
    char canonical[DNS_NAME_CHARS];
    mx->implicit = true;
    mx->status = DNS_OK;
    if (dns_name_canonical(domain, canonical) && dns_name_is_host(str_of(canonical)))
        mx->hosts[mx->count++] = (struct dns_mx_host){0, arena_str(arena, str_of(canonical))};
    else
        mx->unusable++;
}

static_assert(DNS_MX_HOSTS_MAX * (DNS_NAME_BYTES_MAX + 16) + DNS_NAME_CHARS < DNS_MX_BYTES_MAX,
              "what is promised to the arena");

err dns_mx_hosts(struct dns_resolver *r, struct dns_budget *budget, str domain, struct arena *arena,
                 struct dns_mx *ret_mx, deadline until)
{
    CLEANUP(arena_cleanup) struct arena *scratch = arena_open(DNS_ANSWER_BYTES_MAX);
    struct dns_answer a;
    TRY(dns_resolver_ask(r, budget, domain, DNS_MX, scratch, &a, until));
    struct dns_mx mx = {.status = a.status, .security = a.security, .ttl = a.ttl};
    mx.canonical = arena_str(arena, a.canonical);
    if (a.status == DNS_NODATA) {
        take_implicit(arena, domain, &mx);
    } else if (a.count == 1 && str_eq(a.records[0].name, S("."))) {
        mx.null_mx = true;
    } else {
        shuffle(a.records, a.count);
        sort(a.records, a.count);
        take_hosts(&a, arena, &mx);
    }
    *ret_mx = mx;
    return NULL;
}

static bool is_behind(const struct dns_mx_host *a, const struct dns_mx_host *b)
{
    if (a->preference != b->preference)
        return a->preference > b->preference;
    return str_compare(a->name, b->name) > 0;
}

void dns_mx_sort(const struct dns_mx *mx, struct dns_mx_host ret_hosts[DNS_MX_HOSTS_MAX])
{
    for (size_t i = 0; i < mx->count; i++) {
        size_t at = i;
        for (; at > 0 && is_behind(&ret_hosts[at - 1], &mx->hosts[i]); at--)
            ret_hosts[at] = ret_hosts[at - 1];
        ret_hosts[at] = mx->hosts[i];
    }
}
