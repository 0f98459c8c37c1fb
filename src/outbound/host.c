#include "outbound/host.h"
#include "outbound/egress.h"
#include "outbound/privacy.h"
#include <string.h>

bool outbound_host_is_self(const struct outbound_host_self *self, const struct address *a)
{
    bool loopback = address_is_loopback(a);
    if (address_is_wildcard(a) || (loopback && self->mx_port == 25))
        return true;
    for (size_t i = 0; i < self->address_count; i++) {
        const struct address *ours = &self->addresses[i];
        if (!address_eq_ip(ours, a) || ours->family == ADDRESS_UNIX)
            continue;
        if (!loopback || ours->port == self->mx_port)
            return true;
    }
    return false;
}

void outbound_host_begin(struct outbound_host_walk *w, const struct outbound_route *route,
                         const struct outbound_host_self *self, struct dns_resolver *resolver,
                         struct dns_budget *budget, struct arena *arena)
{
    *w = (struct outbound_host_walk){
        .route = route,
        .self = self,
        .resolver = resolver,
        .budget = budget,
        .arena = arena,
        .group = ARENA_ARRAY(arena, struct outbound_host_group, OUTBOUND_HOST_GROUP_MAX)};
    w->verdict = outbound_verdict_of_ours(OUTBOUND_DEFER, "4.4.4", S("no host has an address"));
}

static void end(struct outbound_host_walk *w, enum outbound_verdict_action action,
                const char *status, str reason)
{
    w->ended = true;
    w->verdict = outbound_verdict_of_ours(action, status, reason);
}

/* An err of the DNS is our own limit (or the fiber's end): the mail waits. */
static err dns_trouble(struct outbound_host_walk *w, err e)
{
    if (e->kind == ERR_CANCELED)
        return e;
    end(w, OUTBOUND_DEFER, "4.4.3", S("too many DNS questions for one message"));
    return NULL;
}

static str tell(struct outbound_host_walk *w, str name, enum dns_status status)
{
    return arena_printf(w->arena, "%.*s: %s", STR_ARG(name), dns_answer_status_name(status));
}

/* ---- the MX of a domain ------------------------------------------------------------------ */

static void judge_mx(struct outbound_host_walk *w)
{
    const struct dns_mx *mx = &w->mx;
    str domain = w->route->domain;
    if (mx->status == DNS_NXDOMAIN)
        return end(w, OUTBOUND_FAIL, "5.1.2", tell(w, domain, mx->status));
    if (mx->status != DNS_OK)
        return end(w, OUTBOUND_DEFER, "4.4.3", tell(w, domain, mx->status));
    if (mx->null_mx)
        return end(w, OUTBOUND_FAIL, "5.1.10",
                   arena_printf(w->arena, "%.*s takes no mail (null MX)", STR_ARG(domain)));
    if (mx->count == 0)
        end(w, OUTBOUND_DEFER, "4.4.4",
            arena_printf(w->arena, "%.*s: no MX record names a usable host", STR_ARG(domain)));
}

/* Those that our egress has an address for, in their order. */
static size_t keep_reachable(struct outbound_host_walk *w, struct address *addresses, size_t count)
{
    size_t left = 0;
    for (size_t i = 0; i < count; i++)
        if (w->egress == NULL || outbound_egress_reaches(w->egress, &addresses[i]))
            addresses[left++] = addresses[i];
    return left;
}

static struct outbound_verdict verdict_unreachable(struct outbound_host_walk *w, str host)
{
    return outbound_verdict_of_ours(
        OUTBOUND_DEFER, "4.4.1",
        arena_printf(w->arena, "%.*s has no address of a kind that egress %.*s can reach",
                     STR_ARG(host), STR_ARG(w->egress->name)));
}

/* "[192.0.2.1]", "[IPv6:2001:db8::1]": the address is the answer. */
static void begin_literal(struct outbound_host_walk *w)
{
    str text = str_slice(w->route->domain, 1, w->route->domain.len - 2);
    struct address *a = ARENA_NEW(w->arena, struct address);
    str_skip_nocase(&text, S("IPv6:"));
    if (address_parse_ip(text, a)) {
        err_forget();
        return end(w, OUTBOUND_FAIL, "5.1.2", S("this is no address that mail can be sent to"));
    }
    if (outbound_host_is_self(w->self, a))
        return end(w, OUTBOUND_FAIL, "5.4.6", S("the mail would come back to this host"));
    if (keep_reachable(w, a, 1) == 0) {
        w->ended = true;
        w->verdict = verdict_unreachable(w, text);
        return;
    }
    w->group[0] = (struct outbound_host_group){.name = text, .addresses = a, .count = 1};
    w->group_count = 1;
}

/* Once for the domain. A walk that may ask no more questions must not go on without. */
static err ask_sts(struct outbound_host_walk *w)
{
    struct tlspolicy_sts_found *found = ARENA_NEW(w->arena, struct tlspolicy_sts_found);
    if (w->sts == NULL || w->ended)
        return NULL;
    err e = tlspolicy_sts_find(w->sts, w->budget, w->route->domain, w->arena, found,
                               deadline_after(OUTBOUND_HOST_POLICY_MS));
    if (e)
        return dns_trouble(w, e);
    w->policy = found;
    return NULL;
}

static err begin_mx(struct outbound_host_walk *w, deadline until)
{
    str domain = w->route->domain;
    if (domain.len > 2 && domain.ptr[0] == '[') {
        begin_literal(w);
        return NULL;
    }
    err e = dns_mx_hosts(w->resolver, w->budget, domain, w->arena, &w->mx, until);
    if (e)
        return dns_trouble(w, e);
    judge_mx(w);
    return ask_sts(w);
}

/* Ask for a host's addresses and put it into the group, when it has any. */
static err add_host(struct outbound_host_walk *w, str name, enum dns_host_source source,
                    bool *ret_self, deadline until)
{
    struct dns_host *host = ARENA_NEW(w->arena, struct dns_host);
    bool by_mx = source == DNS_HOST_OF_MX;
    err e = dns_host_addresses(w->resolver, w->budget, name, source, w->arena, host, until);
    if (e)
        return dns_trouble(w, e);
    if (host->status != DNS_OK) {
        bool known = host->status == DNS_NODATA || host->status == DNS_NXDOMAIN;
        w->verdict = outbound_verdict_of_ours(OUTBOUND_DEFER, known ? "4.4.4" : "4.4.3",
                                              tell(w, name, host->status));
        return NULL;
    }
    for (size_t i = 0; by_mx && i < host->count; i++)
        if (outbound_host_is_self(w->self, &host->addresses[i]))
            *ret_self = true;
    size_t count = keep_reachable(w, host->addresses, host->count);
    if (count == 0) {
        w->verdict = verdict_unreachable(w, name);
        return NULL;
    }
    w->group[w->group_count++] = (struct outbound_host_group){.name = arena_str(w->arena, name),
                                                              .addresses = host->addresses,
                                                              .count = count,
                                                              .by_mx = by_mx,
                                                              .host = host};
    return NULL;
}

/* The hosts of the next preference; all of them, because one that is us ends the walk. */
static err fill_from_mx(struct outbound_host_walk *w, deadline until)
{
    bool self = false, first = w->next == 0;
    uint16_t preference = w->mx.hosts[w->next].preference;
    w->group_count = w->group_next = 0;
    while (!w->ended && w->next < w->mx.count && w->mx.hosts[w->next].preference == preference) {
        str name = w->mx.hosts[w->next++].name;
        if (str_eq_nocase(name, w->self->hostname))
            self = true;
        else
            TRY(add_host(w, name, DNS_HOST_OF_MX, &self, until));
    }
    if (!self)
        return NULL;
    w->group_count = 0;
    if (first)
        end(w, OUTBOUND_FAIL, "5.4.6", S("the mail would come back: the best MX is this host"));
    w->ended = true;
    return NULL;
}

/* ---- hops, and the walk ------------------------------------------------------------------ */

static err fill_from_hops(struct outbound_host_walk *w, deadline until)
{
    const struct config_hop *hop = &w->route->hops[w->next++];
    bool ignored = false;
    w->group_count = w->group_next = 0;
    if (!hop->unix_socket)
        return add_host(w, hop->host, DNS_HOST_OF_ROUTE, &ignored, until);
    struct address *a = ARENA_NEW(w->arena, struct address);
    a->family = ADDRESS_UNIX;
    if (str_to_chars(hop->host, a->path, sizeof a->path))
        w->group[w->group_count++] =
            (struct outbound_host_group){.name = hop->host, .addresses = a, .count = 1};
    return NULL;
}

static err fill(struct outbound_host_walk *w, deadline until)
{
    bool hops = w->route->kind == OUTBOUND_ROUTE_HOPS;
    size_t count = hops ? w->route->hop_count : w->mx.count;
    if (!w->begun) {
        w->begun = true;
        if (!hops)
            return begin_mx(w, until);
    }
    if (w->next == count) {
        w->ended = true;
        return NULL;
    }
    return hops ? fill_from_hops(w, until) : fill_from_mx(w, until);
}

/* ---- how private the way to an MX host must be ------------------------------------------- */

static err ask_dane(struct outbound_host_walk *w, const struct outbound_host_group *g,
                    struct tlspolicy_dane *ret_dane, deadline until)
{
    char domain[DNS_NAME_CHARS];
    bool named = dns_name_canonical(w->route->domain, domain);
    struct tlspolicy_dane_hop hop = {
        .domain = named ? arena_str(w->arena, str_of(domain)) : g->name,
        .domain_canonical = w->mx.canonical,
        .mx_security = w->mx.security,
        .host = g->name,
        .host_canonical = g->host->canonical,
        .address_status = g->host->status,
        .address_security = g->host->security,
        .port = w->self->mx_port,
    };
    return tlspolicy_dane_find(w->resolver, w->budget, &hop, w->arena, ret_dane, until);
}

enum tlspolicy_wish outbound_host_wish(const struct envelope *env)
{
    return env->requiretls     ? TLSPOLICY_WISH_REQUIRE
           : env->tls_optional ? TLSPOLICY_WISH_NO
                               : TLSPOLICY_WISH_NONE;
}

/* What holds for this host; into g, too. */
static err decide(struct outbound_host_walk *w, struct outbound_host_group *g, deadline until)
{
    struct tlspolicy_dane *dane = ARENA_NEW(w->arena, struct tlspolicy_dane);
    struct tlspolicy_decision *d = ARENA_NEW(w->arena, struct tlspolicy_decision);
    char key[TLSPOLICY_DECIDE_KEY_CHARS];
    TRY(ask_dane(w, g, dane, until));
    struct tlspolicy_decide_input in = {
        .dane = dane,
        .sts = w->policy,
        .host = g->name,
        .named = w->mx.implicit || w->mx.security == DNS_SECURE,
        .wish = w->wish,
    };
    *d = tlspolicy_decide(&in);
    tlspolicy_decide_key(d, dane, key);
    g->level = d->level;
    g->dane = dane;
    g->decision = d;
    g->policy = arena_str(w->arena, str_of(key));
    return NULL;
}

static void pass_over(struct outbound_host_walk *w, const struct outbound_host_group *g)
{
    const struct tlspolicy_decision *d = g->decision;
    struct outbound_host host = {.name = g->name, .dane = g->dane, .decision = d};
    bool never = d->step == TLSPOLICY_NEVER;
    w->group_next++;
    w->verdict = outbound_verdict_of_ours(
        never ? OUTBOUND_FAIL : OUTBOUND_DEFER, never ? "5.7.30" : "4.7.5",
        arena_printf(w->arena, "%.*s: %.*s", STR_ARG(g->name), STR_ARG(d->reason)));
    outbound_privacy_passed_over(w->privacy, &host, w->policy);
}

/* Once for each host, when its turn has come. */
static err judge_host(struct outbound_host_walk *w, struct outbound_host_group *g, deadline until)
{
    g->by_mx = false;
    err e = decide(w, g, until);
    if (e) {
        w->group_next++; /* what is not known of it may be a demand */
        return dns_trouble(w, e);
    }
    if (g->decision->step != TLSPOLICY_USE)
        pass_over(w, g);
    return NULL;
}

static bool is_unjudged(const struct outbound_host_walk *w)
{
    return w->group_next < w->group_count && w->group[w->group_next].by_mx;
}

/* Delivery to a mailbox store beside us ends the mail's way: nothing goes over a network, and
 * nobody hands it on. */
static bool is_next_door(const struct outbound_host *h)
{
    return h->lmtp && (h->address.family == ADDRESS_UNIX || address_is_loopback(&h->address));
}

/* REQUIRETLS holds for the operator's hosts as well, whose names are right by his word. */
static void add_wish(const struct outbound_host_walk *w, struct outbound_host *h)
{
    if (w->wish != TLSPOLICY_WISH_REQUIRE || is_next_door(h))
        return;
    h->requiretls = true;
    if (h->level < TLSPOLICY_VERIFY)
        h->level = TLSPOLICY_VERIFY;
}

static void give(struct outbound_host_walk *w, struct outbound_host_group *g,
                 struct outbound_host *ret_host)
{
    struct outbound_host h = {.name = g->name, .address = g->addresses[g->next++], .hop = -1};
    h.egress = w->egress;
    h.address.port = w->self->mx_port;
    h.tls = HOP_TLS_OPPORTUNISTIC;
    h.level = g->level;
    h.dane = g->dane;
    h.mx = w->route->kind != OUTBOUND_ROUTE_HOPS;
    h.policy = g->policy;
    h.decision = g->decision;
    if (w->route->kind == OUTBOUND_ROUTE_HOPS) {
        const struct config_hop *hop = &w->route->hops[w->next - 1];
        h.address.port = hop->port;
        h.lmtp = hop->lmtp;
        h.implicit_tls = hop->implicit_tls;
        h.tls = hop->tls;
        h.account = hop->login;
        h.hop = (int)(w->next - 1);
    }
    add_wish(w, &h);
    if (g->next == g->count || g->next == OUTBOUND_HOST_ADDRESSES_MAX)
        w->group_next++;
    w->tries++;
    *ret_host = h;
}

err outbound_host_next(struct outbound_host_walk *w, bool *ret_found,
                       struct outbound_host *ret_host, deadline until)
{
    ASSERT(w->route->kind != OUTBOUND_ROUTE_NONE);
    while (is_unjudged(w) || (!w->ended && w->group_next == w->group_count))
        TRY(is_unjudged(w) ? judge_host(w, &w->group[w->group_next], until) : fill(w, until));
    *ret_found = w->group_next < w->group_count && w->tries < OUTBOUND_HOST_TRIES_MAX;
    if (*ret_found)
        give(w, &w->group[w->group_next], ret_host);
    return NULL;
}

static bool is_mx_host(const struct dns_mx *mx, str name)
{
    for (size_t i = 0; i < mx->count; i++)
        if (str_eq_nocase(mx->hosts[i].name, name))
            return true;
    return false;
}

static err judge_again(struct outbound_host_walk *w, str name, str policy, bool *ret_same,
                       deadline until)
{
    struct dns_host *host = ARENA_NEW(w->arena, struct dns_host);
    struct outbound_host_group g = {.name = name, .host = host};
    TRY(dns_host_addresses(w->resolver, w->budget, name, DNS_HOST_OF_MX, w->arena, host, until));
    if (host->status != DNS_OK)
        return NULL;
    TRY(decide(w, &g, until));
    *ret_same = g.decision->step == TLSPOLICY_USE && str_eq(g.policy, policy);
    return NULL;
}

err outbound_host_still(struct outbound_host_walk *w, str name, str policy, bool *ret_same,
                        deadline until)
{
    bool literal = w->route->kind == OUTBOUND_ROUTE_MX && w->route->domain.ptr[0] == '[';
    *ret_same = w->route->kind == OUTBOUND_ROUTE_HOPS || literal;
    if (*ret_same)
        return NULL;
    if (!w->begun)
        TRY(fill(w, until));
    if (w->ended || !is_mx_host(&w->mx, name))
        return NULL;
    err e = judge_again(w, name, policy, ret_same, until);
    return e ? dns_trouble(w, e) : NULL;
}
