#include "outbound/egress.h"
#include "base/table.h"
#include <stdio.h>
#include <string.h>

/* A host on this machine, and an egress that has to do with others. */
static bool is_next_door(const struct config_egress *e, const struct address *to)
{
    bool loopback = false;
    for (size_t i = 0; i < e->address_count; i++)
        loopback |= address_is_loopback(&e->addresses[i]);
    return e->via == NULL && address_is_loopback(to) && !loopback;
}

const struct address *outbound_egress_address(const struct config_egress *e,
                                              const struct address *to)
{
    for (size_t i = 0; i < e->address_count; i++)
        if (e->addresses[i].family == to->family && !is_next_door(e, to))
            return &e->addresses[i];
    return NULL;
}

bool outbound_egress_reaches(const struct config_egress *e, const struct address *to)
{
    return is_next_door(e, to) || e->address_count == 0 || outbound_egress_address(e, to);
}

/* ---- who may be used --------------------------------------------------------------------- */

/* -1: the list is given and does not have it; 0: there is no list; 1: it is there. */
static int find_in(const str *list, size_t count, str name)
{
    for (size_t i = 0; i < count; i++)
        if (name.len > 0 && str_eq_nocase(list[i], name))
            return 1;
    return count ? -1 : 0;
}

int outbound_egress_fits(const struct config_egress *e, const struct outbound_egress_mail *m)
{
    int tenant = find_in(e->tenants, e->tenant_count, m->flow->tenant);
    int stream = find_in(e->streams, e->stream_count, m->flow->stream);
    int sender = find_in(e->senders, e->sender_count, m->sender_domain);
    return tenant < 0 || stream < 0 || sender < 0 ? 0 : tenant + stream + sender;
}

static void add(struct outbound_egress_choice *c, const struct config_egress *e, int weight,
                int way)
{
    if (c->count < OUTBOUND_EGRESS_MAX && weight > 0)
        c->list[c->count++] =
            (struct outbound_egress_candidate){.egress = e, .weight = weight, .way = way};
}

static int weight_in(const struct config_egress_pool *pool, str egress)
{
    for (size_t i = 0; pool && i < pool->member_count; i++)
        if (str_eq(pool->members[i].egress, egress))
            return pool->members[i].weight;
    return 1;
}

/* All that are dedicated to such mail, of those the narrowest. */
static void add_dedicated(const struct config *config, const struct outbound_egress_mail *m,
                          const struct config_egress_pool *pool, struct outbound_egress_choice *c)
{
    int most = 0;
    for (size_t i = 0; i < config->egress_count; i++) {
        const struct config_egress *e = &config->egress[i];
        int fits = outbound_egress_fits(e, m);
        if (fits == 0 || fits < most)
            continue;
        if (fits > most)
            c->count = 0;
        most = fits;
        add(c, e, weight_in(pool, e->name), (int)c->count + 1);
    }
    c->dedicated = most > 0;
}

static void add_members(const struct config *config, const struct config_egress_pool *pool,
                        struct outbound_egress_choice *c)
{
    for (size_t i = 0; i < pool->member_count; i++) {
        const struct config_egress *e = config_egress_find(config, pool->members[i].egress);
        if (!config_egress_is_dedicated(e))
            add(c, e, pool->members[i].weight, (int)i + 1);
    }
}

static bool is_inside(const struct outbound_route *r)
{
    return r->kind == OUTBOUND_ROUTE_HOPS && r->route == NULL;
}

/* A provider's server takes no interest in our addresses, unless the route says that it does. */
static bool minds(const struct outbound_route *r)
{
    bool named = r->route && r->route->egress.len > 0;
    return named || r->kind == OUTBOUND_ROUTE_MX;
}

static void gather(const struct config *config, const struct outbound_egress_mail *m,
                   struct outbound_egress_choice *c)
{
    str name = m->route->route ? m->route->route->egress : (str){0};
    const struct config_egress_pool *pool = name.len ? config_egress_pool_find(config, name) : NULL;
    if (pool) {
        c->pool = pool->name;
        c->overflow = pool->overflow;
    }
    if (is_inside(m->route))
        return add(c, config->egress_inside, 1, 0);
    if (minds(m->route))
        add_dedicated(config, m, pool, c);
    if (c->dedicated)
        return;
    if (pool)
        add_members(config, pool, c);
    else
        add(c, name.len ? config_egress_find(config, name) : config->egress_default, 1, 0);
}

/* ---- their health and their order -------------------------------------------------------- */

static void tell_why(struct outbound_egress_choice *c, const struct config_egress *e,
                     const struct outbound_egress_state *state)
{
    size_t len = strlen(c->why);
    snprintf(c->why + len, sizeof c->why - len, "%s%.*s (%s)",
             len            ? ", "
             : c->dedicated ? "every egress for this mail is out: "
                            : "every egress is out: ",
             STR_ARG(e->name), state->reason);
}

static void drop_the_sick(struct outbound_egress_health *health, struct outbound_egress_choice *c)
{
    size_t left = 0;
    if (!outbound_egress_health_any_out(health))
        return;
    for (size_t i = 0; i < c->count; i++) {
        struct outbound_egress_state state =
            outbound_egress_health_get(health, c->list[i].egress->name);
        if (state.out)
            tell_why(c, c->list[i].egress, &state);
        else
            c->list[left++] = c->list[i];
    }
    c->count = left;
    if (left > 0)
        c->why[0] = '\0';
}

/* The finalizer of MurmurHash3: each bit of the input changes half of the output. */
static uint64_t mix(uint64_t x)
{
    x = (x ^ x >> 33) * 0xff51afd7ed558ccdU;
    x = (x ^ x >> 33) * 0xc4ceb9fe1a85ec53U;
    return x ^ x >> 33;
}

/* Each draws as many lots as its weight says, and the smallest is its rank. */
static uint64_t draw(uint64_t mail, const struct outbound_egress_candidate *c)
{
    uint64_t own = mix(mail ^ hash_fixed(c->egress->name)), least = UINT64_MAX;
    for (int i = 1; i <= c->weight; i++) {
        uint64_t lot = mix(own + (uint64_t)i * 0x9e3779b97f4a7c15U);
        least = lot < least ? lot : least;
    }
    return least;
}

static void order(str key, struct outbound_egress_choice *c)
{
    uint64_t mail = hash_fixed(key), lots[OUTBOUND_EGRESS_MAX];
    int total = 0;
    for (size_t i = 0; i < c->count; i++) {
        struct outbound_egress_candidate candidate = c->list[i];
        uint64_t lot = draw(mail, &candidate);
        size_t at = i;
        for (; at > 0 && lots[at - 1] > lot; at--) {
            lots[at] = lots[at - 1];
            c->list[at] = c->list[at - 1];
        }
        lots[at] = lot;
        c->list[at] = candidate;
        total += candidate.weight;
    }
    for (size_t i = 0; i < c->count; i++)
        c->list[i].share = c->list[i].weight * 1000 / total;
}

void outbound_egress_choose(const struct config *config, const struct outbound_egress_mail *m,
                            struct outbound_egress_health *health,
                            struct outbound_egress_choice *ret_choice)
{
    struct outbound_egress_choice c = {0};
    gather(config, m, &c);
    drop_the_sick(health, &c);
    order(m->key, &c);
    if (c.count == 0 && c.why[0] == '\0')
        snprintf(c.why, sizeof c.why, "no egress takes this mail: all weights are 0");
    *ret_choice = c;
}
