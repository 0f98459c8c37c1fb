#include "outbound/route.h"
#include "config/value.h"

static str domain_of(const struct config *c, str address)
{
    size_t at = str_find_last(address, '@');
    return at == STR_NONE ? c->hostname : str_from(address, at + 1);
}

static const struct config_route *find_route(const struct config *c, str address, str domain)
{
    for (size_t i = 0; i < c->route_count; i++)
        if (config_value_pattern_fits(c->routes[i].to, address, domain))
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
        r.hops = r.route->hops;
        r.hop_count = r.route->hop_count;
    }
    *ret_route = r;
}

bool outbound_route_same(const struct outbound_route *a, const struct outbound_route *b)
{
    if (a->kind != b->kind || a->hops != b->hops)
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
