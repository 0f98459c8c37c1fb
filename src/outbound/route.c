#include "outbound/route.h"

static str domain_of(const struct config *c, str address)
{
    size_t at = str_find_last(address, '@');
    return at == STR_NONE ? c->hostname : str_from(address, at + 1);
}

static bool fits(str to, str address, str domain)
{
    if (str_eq(to, S("*")))
        return true;
    if (str_starts(to, S("*."))) /* names below it, not itself */
        return str_ends_nocase(domain, str_from(to, 1)) && domain.len > to.len - 1;
    return str_eq_nocase(to, str_find(to, '@') == STR_NONE ? domain : address);
}

static const struct config_route *find_route(const struct config *c, str address, str domain)
{
    for (size_t i = 0; i < c->route_count; i++)
        if (fits(c->routes[i].to, address, domain))
            return &c->routes[i];
    return NULL;
}

static const struct config_hop *find_deliver(const struct config *c, str domain)
{
    for (size_t i = 0; i < c->domain_count; i++)
        if (str_eq_nocase(c->domains[i].name, domain))
            return c->domains[i].deliver;
    return NULL;
}

static const struct config_account *find_account(const struct config *c, str name)
{
    for (size_t i = 0; name.len > 0 && i < c->account_count; i++)
        if (str_eq(c->accounts[i].name, name))
            return &c->accounts[i];
    return NULL;
}

void outbound_route_find(const struct config *c, str address, struct outbound_route *ret_route)
{
    struct outbound_route r = {.kind = OUTBOUND_ROUTE_MX, .domain = domain_of(c, address)};
    const struct config_hop *deliver = find_deliver(c, r.domain);
    if (deliver) {
        r.kind = OUTBOUND_ROUTE_HOPS;
        r.hops = deliver;
        r.hop_count = 1;
        *ret_route = r;
        return;
    }
    r.route = find_route(c, address, r.domain);
    if (r.route == NULL && c->no_route_holds)
        r.kind = OUTBOUND_ROUTE_NONE;
    if (r.route && r.route->kind == ROUTE_VIA) {
        r.kind = OUTBOUND_ROUTE_HOPS;
        r.hops = r.route->via;
        r.hop_count = r.route->via_count;
        r.account = find_account(c, r.route->account);
    }
    *ret_route = r;
}

static str egress_of(const struct outbound_route *r)
{
    return r->route ? r->route->egress : (str){0};
}

bool outbound_route_same(const struct outbound_route *a, const struct outbound_route *b)
{
    if (a->kind != b->kind || a->hops != b->hops || a->account != b->account ||
        !str_eq(egress_of(a), egress_of(b)))
        return false;
    return a->kind == OUTBOUND_ROUTE_HOPS || str_eq_nocase(a->domain, b->domain);
}

bool outbound_route_none(const struct config *c, str destination)
{
    return c->no_route_holds && c->route_count == 0 && !str_starts(destination, S("route:")) &&
           find_deliver(c, destination) == NULL;
}

str outbound_route_destination(const struct config *c, str address, struct arena *arena)
{
    struct outbound_route r;
    outbound_route_find(c, address, &r);
    str name = r.route && r.kind == OUTBOUND_ROUTE_HOPS
                   ? arena_printf(arena, "route:%.*s", STR_ARG(r.route->name))
                   : arena_str(arena, r.domain);
    return str_slice(name, 0, OUTBOUND_ROUTE_DESTINATION_BYTES_MAX);
}
