#include "cli/egress_view.h"
#include <sys/socket.h>
#include <unistd.h>

bool cli_egress_view_is_here(const struct address *a)
{
    struct sockaddr_storage where;
    struct address any_port = *a;
    any_port.port = 0;
    socklen_t len = address_to_kernel(&any_port, &where);
    int fd = socket(a->family == ADDRESS_IP4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool here = fd >= 0 && bind(fd, (struct sockaddr *)&where, len) == 0;
    if (fd >= 0)
        close(fd);
    return here;
}

err cli_egress_view_addresses(const struct config_egress *e, struct buf *out)
{
    for (size_t i = 0; i < e->address_count; i++) {
        char ip[ADDRESS_CHARS];
        address_format_ip(&e->addresses[i], ip);
        TRY(buf_addf(out, "%s%s", i ? ", " : "", ip));
    }
    if (e->address_count == 0)
        TRY(buf_add(out, e->via ? S("as the proxy chooses") : S("as the system chooses")));
    return NULL;
}

static err add_names(const char *what, const str *list, size_t count, struct buf *out)
{
    if (count == 0)
        return NULL;
    TRY(buf_addf(out, "%s%s", out->len ? "; " : "", what));
    for (size_t i = 0; i < count; i++)
        TRY(buf_addf(out, "%s%.*s", i ? ", " : " ", STR_ARG(list[i])));
    return NULL;
}

err cli_egress_view_dedicated(const struct config_egress *e, struct buf *out)
{
    TRY(add_names("tenants", e->tenants, e->tenant_count, out));
    TRY(add_names("streams", e->streams, e->stream_count, out));
    return add_names("senders", e->senders, e->sender_count, out);
}

/* -1: it is no member. */
static int weight_in(const struct config_egress_pool *p, str egress, int *ret_total)
{
    int weight = -1;
    *ret_total = 0;
    for (size_t i = 0; i < p->member_count; i++) {
        *ret_total += p->members[i].weight;
        if (str_eq(p->members[i].egress, egress))
            weight = p->members[i].weight;
    }
    return weight;
}

err cli_egress_view_pools(const struct config *c, const struct config_egress *e, struct buf *out)
{
    for (size_t i = 0; i < c->egress_pool_count; i++) {
        int total, weight = weight_in(&c->egress_pools[i], e->name, &total);
        if (weight >= 0)
            TRY(buf_addf(out, "%s%.*s %d of %d", out->len ? ", " : "",
                         STR_ARG(c->egress_pools[i].name), weight, total));
    }
    return NULL;
}

static bool leads_to(const struct config *c, const struct config_route *r,
                     const struct config_egress *e)
{
    const struct config_egress_pool *pool = config_egress_pool_find(c, r->egress);
    int total;
    if (r->egress.len == 0)
        return e == c->egress_default;
    return pool ? weight_in(pool, e->name, &total) > 0 : str_eq(r->egress, e->name);
}

err cli_egress_view_shared(const struct config *c, const struct config_egress *e, struct buf *out)
{
    for (size_t i = 0; i < c->route_count && !config_egress_is_dedicated(e); i++)
        if (leads_to(c, &c->routes[i], e))
            TRY(buf_addf(out, "%sroute %.*s (to %.*s)", out->len ? ", " : "",
                         STR_ARG(c->routes[i].name), STR_ARG(c->routes[i].to)));
    return NULL;
}
