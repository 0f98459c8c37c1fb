#include "outbound/plan.h"
#include "base/mem.h"
#include "dns/mx.h"
#include "outbound/pool.h"
#include "shaping/site.h"

/* ---- making one -------------------------------------------------------------------------- */

struct making {
    struct outbound_plan *plan;
    const struct outbound_plan_options *options;
    struct outbound_name name;
    struct shaper_way asked[SHAPER_WAYS_MAX];
};

static struct outbound_way *add_way(struct making *m, const struct outbound_route *route)
{
    struct outbound_plan *p = m->plan;
    struct outbound_way *w = &p->ways[p->way_count++];
    w->number = (uint8_t)p->way_count;
    w->route = *route;
    w->key = outbound_pool_key(route, p->arena);
    return w;
}

static void ask_for(struct making *m, const struct outbound_way *w, str site, str provider)
{
    const struct config_account *a = w->route.account;
    m->asked[w->number - 1] = (struct shaper_way){
        .number = w->number,
        .weight = 1,
        .site = site,
        .provider = provider,
        .egress = S("default"),
        .account = a ? a->name : (str){0},
    };
}

/* Each hop by itself: when the first has no room, or is down, there is the next. */
static void plan_hops(struct making *m)
{
    const struct outbound_route *all = &m->plan->route;
    for (size_t i = 0; i < all->hop_count && i < SHAPER_WAYS_MAX; i++) {
        struct outbound_route one = *all;
        one.hops = &all->hops[i];
        one.hop_count = 1;
        const struct outbound_way *w = add_way(m, &one);
        ask_for(m, w, arena_printf(m->plan->arena, "via %.*s", STR_ARG(all->hops[i].url)), S(""));
        m->asked[i].rank = (uint8_t)i;
    }
}

/* Domains whose mail goes to the same hosts are one site. */
static err plan_mx(struct making *m)
{
    CLEANUP(arena_cleanup) struct arena *scratch = arena_open(DNS_MX_BYTES_MAX + (16 << 10));
    struct outbound_plan *p = m->plan;
    struct dns_mx mx = {0};
    struct dns_budget budget;
    str domain = p->route.domain;
    if (domain.len == 0 || domain.ptr[0] == '[') {
        const struct outbound_way *w = add_way(m, &p->route);
        ask_for(m, w, domain, S(""));
        return NULL;
    }
    dns_budget_init(&budget, m->options->config->dns.queries_per_message, OUTBOUND_PLAN_DNS_MS);
    err e = dns_mx_hosts(m->options->resolver, &budget, domain, scratch, &mx,
                         deadline_after(OUTBOUND_PLAN_DNS_MS));
    if (e && e->kind == ERR_CANCELED)
        return e;
    if (e || mx.status != DNS_OK || mx.null_mx || mx.count == 0)
        return NULL;
    struct shaping_site site;
    shaping_site_of_mx(&mx, p->arena, &site);
    const struct outbound_way *w = add_way(m, &p->route);
    ask_for(m, w, site.name, site.provider);
    return NULL;
}

static void take_seat(struct making *m)
{
    const struct outbound_plan_options *o = m->options;
    struct shaper_seat_options seat = {
        .ways = m->asked,
        .way_count = m->plan->way_count,
        .sender_domain = m->name.sender_domain,
        .flow = m->name.flow,
        .called = o->called,
        .arg = o->arg,
    };
    if (o->shaper && seat.way_count > 0)
        shaper_seat_open(o->shaper, &seat, &m->plan->seat);
}

err outbound_plan_make(const struct outbound_plan_options *options, str destination,
                       struct outbound_plan **ret_plan)
{
    struct outbound_plan *p = MEM_NEW(struct outbound_plan);
    struct making m = {.plan = p, .options = options};
    atomic_store(&p->holders, 1);
    p->arena = arena_open(OUTBOUND_PLAN_ARENA_BYTES_MAX);
    p->config = config_hold(options->config);
    outbound_route_read_name(arena_str(p->arena, destination), &m.name);
    outbound_route_of(p->config, &m.name, &p->route);
    err e = NULL;
    if (p->route.kind == OUTBOUND_ROUTE_HOPS)
        plan_hops(&m);
    else if (p->route.kind == OUTBOUND_ROUTE_MX)
        e = plan_mx(&m);
    if (e) {
        outbound_plan_drop(p);
        return e;
    }
    take_seat(&m);
    p->until = deadline_after(p->way_count > 0 ? OUTBOUND_PLAN_MS : OUTBOUND_PLAN_FAILED_MS);
    *ret_plan = p;
    return NULL;
}

/* ---- using it ---------------------------------------------------------------------------- */

struct outbound_plan *outbound_plan_hold(struct outbound_plan *p)
{
    atomic_fetch_add(&p->holders, 1);
    return p;
}

void outbound_plan_drop(struct outbound_plan *p)
{
    if (p == NULL || atomic_fetch_sub(&p->holders, 1) > 1)
        return;
    shaper_seat_close(p->seat);
    config_close(p->config);
    arena_close(p->arena);
    mem_free(p);
}

bool outbound_plan_needs_dns(const struct config *c, str destination)
{
    struct outbound_name name;
    struct outbound_route route;
    outbound_route_read_name(destination, &name);
    outbound_route_of(c, &name, &route);
    return route.kind == OUTBOUND_ROUTE_MX;
}

bool outbound_plan_is_stale(const struct outbound_plan *p, const struct config *now)
{
    return p->config != now || deadline_passed(p->until);
}

const struct outbound_way *outbound_plan_find(const struct outbound_plan *p, uint8_t number)
{
    return number > 0 && number <= p->way_count ? &p->ways[number - 1] : NULL;
}
