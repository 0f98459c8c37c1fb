#include "outbound/pool.h"

void outbound_pool_init(struct outbound_pool *p)
{
    *p = (struct outbound_pool){.idle_ms = 10 * 1000, .messages_max = 100};
    list_init(&p->idle);
    gate_init(&p->changed);
}

void outbound_pool_set_limits(struct outbound_pool *p, const struct config_outbound *c)
{
    p->idle_ms = c->idle_ms;
    p->messages_max = c->messages_per_connection;
}

static struct outbound_connection *first(struct outbound_pool *p)
{
    return list_empty(&p->idle) ? NULL : LIST_OF(p->idle.next, struct outbound_connection, node);
}

static void take_out(struct outbound_pool *p, struct outbound_connection *c)
{
    list_remove(&c->node);
    p->count--;
}

void outbound_pool_release(struct outbound_pool *p)
{
    for (struct outbound_connection *c = first(p); c; c = first(p)) {
        take_out(p, c);
        outbound_connect_close(c);
    }
}

static str add_login(str key, const struct config_account *a, struct arena *arena)
{
    if (a == NULL)
        return key;
    return arena_printf(arena, "%.*s as %.*s %.*s %.*s", STR_ARG(key), STR_ARG(a->user),
                        STR_ARG(a->secret), STR_ARG(a->mechanism));
}

str outbound_pool_key(const struct outbound_route *r, struct arena *arena)
{
    if (r->kind != OUTBOUND_ROUTE_HOPS)
        return arena_printf(arena, "mx %.*s", STR_ARG(r->domain));
    str key = S("via");
    for (size_t i = 0; i < r->hop_count; i++) /* a URL says host, port and TLS */
        key = arena_printf(arena, "%.*s %.*s", STR_ARG(key), STR_ARG(r->hops[i].url));
    return add_login(key, r->account, arena);
}

struct outbound_connection *outbound_pool_take(struct outbound_pool *p, str key)
{
    struct outbound_connection *found = NULL;
    LIST_EACH(&p->idle, node)
    {
        struct outbound_connection *c = LIST_OF(node, struct outbound_connection, node);
        if (str_eq(c->key, key))
            found = c;
    }
    if (found)
        take_out(p, found);
    return found;
}

bool outbound_pool_reusable(const struct outbound_pool *p, const struct outbound_connection *c)
{
    uint64_t mails = (uint64_t)c->client.mails, told = c->client.capabilities.mail_max;
    return !c->lost && !net_broken(c->client.conn) &&
           (p->messages_max == 0 || mails < (uint64_t)p->messages_max) &&
           (told == 0 || mails < told);
}

void outbound_pool_put(struct outbound_pool *p, struct outbound_connection *c)
{
    if (!outbound_pool_reusable(p, c) || p->idle_ms == 0) {
        outbound_connect_quit(c);
        return;
    }
    c->used = true;
    c->idle_until = deadline_after(p->idle_ms);
    list_add_last(&p->idle, &c->node);
    if (++p->count > OUTBOUND_POOL_IDLE_MAX) {
        struct outbound_connection *oldest = first(p);
        take_out(p, oldest);
        outbound_connect_close(oldest);
    }
    gate_wake_all(&p->changed);
}

void outbound_pool_run(void *arg)
{
    struct outbound_pool *p = arg;
    while (!fiber_canceled()) {
        struct outbound_connection *c = first(p);
        if (c && deadline_passed(c->idle_until)) {
            take_out(p, c);
            outbound_connect_quit(c);
        } else if (gate_wait(&p->changed, c ? c->idle_until : DEADLINE_NEVER)) {
            err_forget(); /* the time has come, or the end */
        }
    }
}
