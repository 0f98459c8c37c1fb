#include "config/source.h"
#include <string.h>

enum { FLOW_BYTES_MAX = 48 }; /* of a tenant or a stream, as an envelope has them */

const struct config_egress *config_egress_find(const struct config *config, str name)
{
    for (size_t i = 0; i < config->egress_count; i++)
        if (str_eq(config->egress[i].name, name))
            return &config->egress[i];
    return str_eq(name, S("default")) ? config->egress_default : NULL;
}

const struct config_egress_pool *config_egress_pool_find(const struct config *config, str name)
{
    for (size_t i = 0; i < config->egress_pool_count; i++)
        if (str_eq(config->egress_pools[i].name, name))
            return &config->egress_pools[i];
    return NULL;
}

bool config_egress_is_dedicated(const struct config_egress *e)
{
    return e->tenant_count + e->stream_count + e->sender_count > 0;
}

static const struct config_account *find_account(const struct config *config, str name)
{
    for (size_t i = 0; name.len > 0 && i < config->account_count; i++)
        if (str_eq(config->accounts[i].name, name))
            return &config->accounts[i];
    return NULL;
}

static const struct config_egress *make(const struct config *config, str name)
{
    struct config_egress *e = ARENA_NEW(config->arena, struct config_egress);
    *e = (struct config_egress){.name = name, .hello = config->hostname};
    return e;
}

void config_source_fill_egress(struct config_source *source)
{
    struct config *config = source->config;
    for (size_t i = 0; i < config->egress_count; i++) {
        struct config_egress *e = &config->egress[i];
        e->hello = e->hello.len ? e->hello : config->hostname;
        e->login = find_account(config, e->account);
    }
    const struct config_egress *named = config_egress_find(config, S("default"));
    config->egress_default = named ? named : make(config, S("default"));
    config->egress_inside = make(config, S("inside"));
}

/* ---- one egress -------------------------------------------------------------------------- */

static const struct config_yaml_node *place(const struct config_source *source, const void *field)
{
    return config_source_find(source, field);
}

static bool is_multicast(const struct address *a)
{
    return a->family == ADDRESS_IP4 ? a->ip[0] >= 224 : a->ip[0] == 0xff;
}

static void check_addresses(struct config_source *source, const struct config_egress *e)
{
    const struct config_yaml_node *where = place(source, &e->addresses);
    int families[2] = {0};
    for (size_t i = 0; i < e->address_count; i++) {
        families[e->addresses[i].family == ADDRESS_IP6]++;
        if (is_multicast(&e->addresses[i]))
            config_source_complain(source, where, "nobody can send from a multicast address");
    }
    if (families[0] > 1 || families[1] > 1)
        config_source_complain(source, where,
                               "more than one %s address: give each an egress of its own, and put "
                               "them into a pool",
                               families[0] > 1 ? "IPv4" : "IPv6");
}

static bool has_address(const struct config_egress *e, const struct address *a)
{
    for (size_t i = 0; i < e->address_count; i++)
        if (address_eq_ip(&e->addresses[i], a))
            return true;
    return false;
}

/* Limits, warm-up and a good name belong to an address: under two names each would count half. */
static void check_alone(struct config_source *source, size_t at)
{
    const struct config_egress *list = source->config->egress, *e = &list[at];
    for (size_t i = 0; i < at; i++)
        for (size_t k = 0; k < e->address_count && e->via == NULL && list[i].via == NULL; k++)
            if (has_address(&list[i], &e->addresses[k]))
                config_source_complain(source, place(source, &e->addresses),
                                       "egress \"%.*s\" has the same address",
                                       STR_ARG(list[i].name));
}

static void check_proxy_login(struct config_source *source, const struct config_egress *e)
{
    const struct config_yaml_node *where = place(source, &e->account);
    if (e->account.len == 0)
        return;
    if (e->login == NULL)
        config_source_complain(source, where, "there is no account \"%.*s\": add it to accounts",
                               STR_ARG(e->account));
    if (e->via == NULL || e->via->kind != PROXY_SOCKS5)
        config_source_complain(source, where, "a login is for a SOCKS5 proxy: give via as well");
    else if (!address_is_private(&e->via->address))
        config_source_complain(source, where,
                               "the password would travel in clear: only a proxy on a loopback "
                               "or private address may be given one");
}

static void check_via(struct config_source *source, const struct config_egress *e)
{
    if (e->via && e->via->kind == PROXY_V2 && e->address_count == 0)
        config_source_complain(source, place(source, &e->via),
                               "the PROXY header names the address to leave by: give address");
    check_proxy_login(source, e);
}

static void check_flow_names(struct config_source *source, const str *list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (list[i].len > FLOW_BYTES_MAX)
            config_source_complain(source, place(source, &list[i]),
                                   "longer than %d bytes: no mail has such a one", FLOW_BYTES_MAX);
}

static void check_dedicated(struct config_source *source, const struct config_egress *e)
{
    check_flow_names(source, e->tenants, e->tenant_count);
    check_flow_names(source, e->streams, e->stream_count);
    if (e == source->config->egress_default && config_egress_is_dedicated(e))
        config_source_complain(source,
                               place(source, e->tenant_count   ? &e->tenants
                                             : e->stream_count ? &e->streams
                                                               : &e->senders),
                               "the egress called default is everybody's: give this one another "
                               "name");
}

/* ---- pools and routes -------------------------------------------------------------------- */

static void check_members(struct config_source *source, const struct config_egress_pool *p)
{
    const struct config_yaml_node *where = place(source, &p->members);
    int weight = 0, open = 0;
    for (size_t i = 0; i < p->member_count; i++) {
        const struct config_egress_member *m = &p->members[i];
        const struct config_egress *e = config_egress_find(source->config, m->egress);
        weight += m->weight;
        open += e == NULL || !config_egress_is_dedicated(e) ? m->weight : 0;
        if (e == NULL)
            config_source_complain(source, where, "there is no egress \"%.*s\": add it to egress",
                                   STR_ARG(m->egress));
    }
    if (p->member_count > CONFIG_EGRESS_MEMBERS_MAX)
        config_source_complain(source, where, "more than %d members", CONFIG_EGRESS_MEMBERS_MAX);
    else if (weight == 0)
        config_source_complain(source, where ? where : place(source, &source->config->egress_pools),
                               "pool %.*s has no member with a weight: no mail could leave by it",
                               STR_ARG(p->name));
    else if (open == 0)
        config_source_complain(
            source, where, "all members are dedicated: other mail could not leave by this pool");
}

static void check_pool(struct config_source *source, const struct config_egress_pool *p)
{
    check_members(source, p);
    if (config_egress_find(source->config, p->name))
        config_source_complain(source, place(source, &source->config->egress_pools),
                               "\"%.*s\" is an egress already: a pool needs a name of its own",
                               STR_ARG(p->name));
}

static void check_route(struct config_source *source, const struct config_route *r)
{
    const struct config_yaml_node *where = place(source, &r->egress);
    const struct config_egress *e = config_egress_find(source->config, r->egress);
    if (r->egress.len == 0)
        return;
    if (e == NULL && config_egress_pool_find(source->config, r->egress) == NULL)
        config_source_complain(source, where,
                               "there is no egress and no pool \"%.*s\": add it to egress",
                               STR_ARG(r->egress));
    if (e && config_egress_is_dedicated(e))
        config_source_complain(source, where,
                               "egress \"%.*s\" is dedicated and takes its mail by itself: other "
                               "mail of this route could not leave by it",
                               STR_ARG(r->egress));
    for (size_t i = 0; i < r->via_count; i++)
        if (r->via[i].unix_socket)
            config_source_complain(source, where, "no address is left by to reach a Unix socket");
}

static void check_watch(struct config_source *source)
{
    const struct config_egress_watch *w = &source->config->egress_watch;
    if (w->dnsbl_count > CONFIG_EGRESS_DNSBL_MAX)
        config_source_complain(source, place(source, &w->dnsbl), "more than %d lists",
                               CONFIG_EGRESS_DNSBL_MAX);
}

void config_source_check_egress(struct config_source *source)
{
    const struct config *config = source->config;
    if (config->egress_count > CONFIG_EGRESS_MAX) {
        config_source_complain(source, place(source, &config->egress), "more than %d names",
                               CONFIG_EGRESS_MAX);
        return;
    }
    for (size_t i = 0; i < config->egress_count; i++) {
        const struct config_egress *e = &config->egress[i];
        check_addresses(source, e);
        check_alone(source, i);
        check_via(source, e);
        check_dedicated(source, e);
    }
    for (size_t i = 0; i < config->egress_pool_count; i++)
        check_pool(source, &config->egress_pools[i]);
    for (size_t i = 0; i < config->route_count; i++)
        check_route(source, &config->routes[i]);
    check_watch(source);
}
