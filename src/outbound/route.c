#include "outbound/route.h"
#include "config/value.h"
#include <stdio.h>

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

static struct outbound_route by_route(const struct config_route *route, str domain)
{
    return (struct outbound_route){.kind = OUTBOUND_ROUTE_HOPS,
                                   .domain = domain,
                                   .route = route,
                                   .hops = route->hops,
                                   .hop_count = route->hop_count};
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
    if (r.route && r.route->kind == ROUTE_VIA)
        r = by_route(r.route, r.domain);
    *ret_route = r;
}

static str egress_of(const struct outbound_route *r)
{
    return r->route ? r->route->egress : (str){0};
}

bool outbound_route_same(const struct outbound_route *a, const struct outbound_route *b)
{
    if (a->kind != b->kind || a->hops != b->hops || !str_eq(egress_of(a), egress_of(b)))
        return false;
    return a->kind == OUTBOUND_ROUTE_HOPS || str_eq_nocase(a->domain, b->domain);
}

/* ---- names of destinations ----------------------------------------------------------------- */

static str cut_before(str *text, char mark)
{
    size_t at = str_find(*text, mark);
    str before = at == STR_NONE ? *text : str_slice(*text, 0, at);
    *text = at == STR_NONE ? (str){0} : str_from(*text, at + 1);
    return before;
}

void outbound_route_read_name(str destination, struct outbound_name *ret_name)
{
    str rest = destination;
    struct outbound_name n = {.where = cut_before(&rest, ' ')};
    str flow = cut_before(&rest, ' ');
    n.flow.tenant = cut_before(&flow, '/');
    n.flow.stream = cut_before(&flow, '/');
    n.flow.campaign = flow;
    n.sender_domain = rest;
    *ret_name = n;
}

static struct outbound_route by_name(const struct config *c, str name)
{
    for (size_t i = 0; i < c->route_count; i++)
        if (str_eq(c->routes[i].name, name) && c->routes[i].kind == ROUTE_VIA)
            return by_route(&c->routes[i], (str){0});
    return (struct outbound_route){.kind = OUTBOUND_ROUTE_NONE};
}

void outbound_route_of(const struct config *c, const struct outbound_name *name,
                       struct outbound_route *ret_route)
{
    char anybody[OUTBOUND_ROUTE_DESTINATION_BYTES_MAX + 2];
    str route = name->where;
    if (str_skip(&route, S("route:"))) {
        *ret_route = by_name(c, route);
        return;
    }
    (void)snprintf(anybody, sizeof anybody, "@%.*s", STR_ARG(name->where));
    outbound_route_find(c, str_of(anybody), ret_route);
    ret_route->domain = name->where;
}

bool outbound_route_none(const struct config *c, str destination)
{
    struct outbound_name name;
    outbound_route_read_name(destination, &name);
    return c->no_route_holds && c->route_count == 0 && !str_starts(name.where, S("route:")) &&
           find_deliver(c, name.where) == NULL;
}

/* Else mail of all senders waits together, in fewer lines. */
static bool tells_senders_apart(const struct config *c)
{
    for (size_t i = 0; i < c->egress_count; i++)
        if (c->egress[i].sender_count > 0)
            return true;
    return false;
}

/* " acme/news/spring example.com", as far as there is something to tell. */
static str flow_of(const struct config *c, const struct envelope *e, struct arena *arena)
{
    const struct envelope_flow *f = &e->flow;
    size_t at = str_find_last(e->sender, '@');
    bool sender = at != STR_NONE && tells_senders_apart(c);
    str domain = sender ? str_from(e->sender, at + 1) : (str){0};
    if (f->tenant.len + f->stream.len + f->campaign.len + domain.len == 0)
        return (str){0};
    str flow = arena_printf(arena, " %.*s/%.*s/%.*s", STR_ARG(f->tenant), STR_ARG(f->stream),
                            STR_ARG(f->campaign));
    return sender ? arena_printf(arena, "%.*s %.*s", STR_ARG(flow), STR_ARG(domain)) : flow;
}

str outbound_route_destination(const struct config *c, str address, const struct envelope *e,
                               struct arena *arena)
{
    struct outbound_route r;
    outbound_route_find(c, address, &r);
    str name = r.route && r.kind == OUTBOUND_ROUTE_HOPS
                   ? arena_printf(arena, "route:%.*s", STR_ARG(r.route->name))
                   : arena_str(arena, r.domain);
    str flow = e ? flow_of(c, e, arena) : (str){0};
    bool fits = name.len + flow.len <= OUTBOUND_ROUTE_DESTINATION_BYTES_MAX;
    if (!fits) /* then it waits in the common line */
        return str_slice(name, 0, OUTBOUND_ROUTE_DESTINATION_BYTES_MAX);
    return flow.len ? arena_printf(arena, "%.*s%.*s", STR_ARG(name), STR_ARG(flow)) : name;
}
