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
    struct outbound_egress_choice egress;
    size_t members; /* of the pool, those that are out as well */
    struct shaper_way asked[SHAPER_WAYS_MAX];
};

/* One way for each egress of the pool; a place in it is the same in every plan. */
static void add_ways(struct making *m, const struct outbound_route *route, uint8_t rank,
                     const struct shaping_site *site, str hosts)
{
    struct outbound_plan *p = m->plan;
    const struct config_account *account = route->hop_count > 0 ? route->hops[0].sender : NULL;
    for (size_t i = 0; i < m->egress.count; i++) {
        const struct outbound_egress_candidate *c = &m->egress.list[i];
        size_t number = rank * m->members + (c->way ? (size_t)c->way : i + 1);
        if (number > SHAPER_WAYS_MAX)
            continue;
        struct outbound_way *w = &p->ways[p->way_count];
        *w = (struct outbound_way){.number = (uint8_t)number, .route = *route, .egress = c->egress};
        w->key = outbound_pool_key(route, hosts, c->egress, p->arena);
        m->asked[p->way_count++] = (struct shaper_way){
            .number = w->number,
            .rank = rank,
            .weight = (uint16_t)(c->weight > 0 ? c->weight : 1),
            .site = site->name,
            .provider = site->provider,
            .egress = c->egress ? c->egress->name : S("default"),
            .account = account ? account->name : (str){0},
            .quota = account ? &account->quota : NULL,
        };
    }
}

/* Each item of via by itself, be it a URL or an account with several servers: when the first has no
 * room, or is down, there is the next. */
static void plan_hops(struct making *m)
{
    const struct outbound_route *all = &m->plan->route;
    uint8_t rank = 0;
    for (size_t i = 0, next; i < all->hop_count; i = next, rank++) {
        const struct config_hop *hop = &all->hops[i];
        struct outbound_route one = *all;
        for (next = i + 1; next < all->hop_count && all->hops[next].way == hop->way; next++)
            continue;
        one.hops = hop;
        one.hop_count = next - i;
        struct shaping_site site = {
            .name = arena_printf(m->plan->arena, "via %.*s", STR_ARG(hop->url))};
        add_ways(m, &one, rank, &site, S(""));
    }
}

/* All hosts with their preferences, in one order. */
static str hosts_of(const struct dns_mx *mx, struct arena *arena)
{
    struct dns_mx_host hosts[DNS_MX_HOSTS_MAX];
    str all = {0};
    dns_mx_sort(mx, hosts);
    for (size_t i = 0; i < mx->count; i++)
        all = arena_printf(arena, "%.*s%.*s=%u ", STR_ARG(all), STR_ARG(hosts[i].name),
                           hosts[i].preference);
    return all;
}

/* Domains whose mail goes to the same hosts are one site. */
static err plan_mx(struct making *m)
{
    CLEANUP(arena_cleanup) struct arena *scratch = arena_open(DNS_MX_BYTES_MAX + (16 << 10));
    struct outbound_plan *p = m->plan;
    struct dns_mx mx = {0};
    struct dns_budget budget;
    struct shaping_site site;
    str domain = p->route.domain;
    if (domain.len == 0 || domain.ptr[0] == '[') {
        site = (struct shaping_site){.name = domain};
        add_ways(m, &p->route, 0, &site, S(""));
        return NULL;
    }
    dns_budget_init(&budget, m->options->config->dns.queries_per_message, OUTBOUND_PLAN_DNS_MS);
    err e = dns_mx_hosts(m->options->resolver, &budget, domain, scratch, &mx,
                         deadline_after(OUTBOUND_PLAN_DNS_MS));
    if (e && e->kind == ERR_CANCELED)
        return e;
    if (e || mx.status != DNS_OK || mx.null_mx || mx.count == 0)
        return NULL;
    shaping_site_of_mx(m->options->config, &mx, p->arena, &site);
    add_ways(m, &p->route, 0, &site, hosts_of(&mx, scratch));
    return NULL;
}

static void choose_egress(struct making *m)
{
    struct outbound_egress_mail mail = {
        .route = &m->plan->route, .flow = &m->name.flow, .sender_domain = m->name.sender_domain};
    outbound_egress_choose(m->plan->config, &mail, m->options->egress_health, &m->egress);
    m->plan->bound_to_egress = m->egress.overflow == OVERFLOW_WAIT && m->egress.count > 1;
    m->members = m->egress.count;
    for (size_t i = 0; i < m->egress.count; i++)
        if ((size_t)m->egress.list[i].way > m->members)
            m->members = (size_t)m->egress.list[i].way;
}

static void take_seat(struct making *m)
{
    const struct outbound_plan_options *o = m->options;
    struct shaper_seat_options seat = {
        .destination = m->plan->destination,
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

static err fill(struct making *m)
{
    struct outbound_plan *p = m->plan;
    outbound_route_read_name(p->destination, &m->name);
    outbound_route_of(p->config, &m->name, &p->route);
    choose_egress(m);
    if (p->route.kind == OUTBOUND_ROUTE_HOPS)
        plan_hops(m);
    else if (p->route.kind == OUTBOUND_ROUTE_MX)
        TRY(plan_mx(m));
    take_seat(m);
    return NULL;
}

err outbound_plan_make(const struct outbound_plan_options *options, str destination,
                       struct outbound_plan **ret_plan)
{
    struct outbound_plan *p = MEM_NEW(struct outbound_plan);
    struct making *m = MEM_NEW(struct making);
    *m = (struct making){.plan = p, .options = options};
    atomic_store(&p->holders, 1);
    p->arena = arena_open(OUTBOUND_PLAN_ARENA_BYTES_MAX);
    p->config = config_hold(options->config);
    p->destination = arena_str(p->arena, destination);
    p->egress_health = options->egress_health;
    p->egress_version = outbound_egress_health_version(p->egress_health);
    err e = fill(m);
    mem_free(m);
    if (e) {
        outbound_plan_drop(p);
        return e;
    }
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

/* By its own name, so that it is the same one at each attempt. */
uint8_t outbound_plan_bound_way(const struct outbound_plan *p, str mail)
{
    struct outbound_name name;
    struct outbound_egress_choice choice;
    outbound_route_read_name(p->destination, &name);
    struct outbound_egress_mail asked = {
        .route = &p->route, .flow = &name.flow, .sender_domain = name.sender_domain, .key = mail};
    outbound_egress_choose(p->config, &asked, p->egress_health, &choice);
    for (size_t i = 0; choice.count > 0 && i < p->way_count; i++)
        if (p->ways[i].egress == choice.list[0].egress)
            return p->ways[i].number;
    return 0;
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
    return p->config != now || deadline_passed(p->until) ||
           p->egress_version != outbound_egress_health_version(p->egress_health);
}

const struct outbound_way *outbound_plan_find(const struct outbound_plan *p, uint8_t number)
{
    for (size_t i = 0; number > 0 && i < p->way_count; i++)
        if (p->ways[i].number == number)
            return &p->ways[i];
    return NULL;
}
