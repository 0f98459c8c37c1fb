#include "outbound/pool.h"
#include "shaping/shaper.h"

void outbound_pool_init(struct outbound_pool *p, int place)
{
    *p = (struct outbound_pool){.place = place, .idle_ms = 10 * 1000, .messages_max = 100};
    list_init(&p->idle);
    list_init(&p->leaving);
    gate_init(&p->changed);
    gate_init(&p->came);
}

void outbound_pool_set_limits(struct outbound_pool *p, const struct config_outbound *c)
{
    p->idle_ms = c->idle_ms;
    p->messages_max = c->messages_per_connection;
}

static struct outbound_connection *first(struct list *list)
{
    return list_empty(list) ? NULL : LIST_OF(list->next, struct outbound_connection, node);
}

static void take_out(struct outbound_pool *p, struct outbound_connection *c)
{
    list_remove(&c->node);
    p->count--;
    if (c->lane)
        shaper_count_idle(c->lane, p->place, -1);
}

static struct outbound_connection *take_leaving(struct outbound_pool *p)
{
    struct outbound_connection *c = first(&p->leaving);
    if (c == NULL)
        return NULL;
    list_remove(&c->node);
    p->leaving_count--;
    return c;
}

void outbound_pool_release(struct outbound_pool *p)
{
    struct outbound_connection *c;
    while ((c = first(&p->idle)) != NULL) {
        take_out(p, c);
        outbound_connect_close(c);
    }
    while ((c = take_leaving(p)) != NULL)
        outbound_connect_close(c);
}

static str add_login(str key, const struct config_account *a, struct arena *arena)
{
    if (a == NULL)
        return key;
    return arena_printf(arena, "%.*s as %.*s %.*s %.*s", STR_ARG(key), STR_ARG(a->user),
                        STR_ARG(a->secret), STR_ARG(a->mechanism));
}

/* All of it: after a reload the name alone may mean another address. */
static str add_egress(str key, const struct config_egress *e, struct arena *arena)
{
    if (e == NULL)
        return key;
    key = arena_printf(arena, "%.*s by %.*s %.*s %.*s", STR_ARG(key), STR_ARG(e->name),
                       STR_ARG(e->hello), STR_ARG(e->via ? e->via->url : (str){0}));
    for (size_t i = 0; i < e->address_count; i++) {
        char ip[ADDRESS_CHARS];
        address_format_ip(&e->addresses[i], ip);
        key = arena_printf(arena, "%.*s %s", STR_ARG(key), ip);
    }
    return add_login(key, e->login, arena);
}

str outbound_pool_key_for(str key, enum tlspolicy_wish wish, struct arena *arena)
{
    if (wish == TLSPOLICY_WISH_NONE)
        return key;
    return arena_printf(arena, "%s %.*s",
                        wish == TLSPOLICY_WISH_REQUIRE ? "requiretls" : "optional", STR_ARG(key));
}

str outbound_pool_key(const struct outbound_route *r, str hosts, const struct config_egress *egress,
                      struct arena *arena)
{
    str mx = hosts.len ? hosts : r->domain;
    if (r->kind != OUTBOUND_ROUTE_HOPS)
        return add_egress(arena_printf(arena, "mx %.*s", STR_ARG(mx)), egress, arena);
    str key = S("via");
    for (size_t i = 0; i < r->hop_count; i++) { /* a URL says host, port and TLS */
        key = arena_printf(arena, "%.*s %.*s", STR_ARG(key), STR_ARG(r->hops[i].url));
        key = add_login(key, r->hops[i].login, arena);
    }
    return add_egress(key, egress, arena);
}

/* From the end: what is used much was put back last. */
static struct outbound_connection *find_key(const struct outbound_pool *p, str key)
{
    for (const struct list *node = p->idle.prev; node != &p->idle; node = node->prev) {
        struct outbound_connection *c = LIST_OF(node, struct outbound_connection, node);
        if (str_eq(c->key, key))
            return c;
    }
    return NULL;
}

struct outbound_connection *outbound_pool_take(struct outbound_pool *p, str key)
{
    struct outbound_connection *found = find_key(p, key);
    if (found)
        take_out(p, found);
    return found;
}

bool outbound_pool_has(const struct outbound_pool *p, str key) { return find_key(p, key) != NULL; }

bool outbound_pool_reusable(const struct outbound_pool *p, const struct outbound_connection *c)
{
    uint64_t mails = (uint64_t)c->client.mails, told = c->client.capabilities.mail_max;
    return !c->lost && !net_broken(c->client.conn) &&
           (p->messages_max == 0 || mails < (uint64_t)p->messages_max) &&
           (c->messages_max == 0 || mails < (uint64_t)c->messages_max) &&
           (told == 0 || mails < told);
}

/* Its QUIT is said by the pool's own fiber: nobody's mail waits for a goodbye. */
void outbound_pool_let_go(struct outbound_pool *p, struct outbound_connection *c)
{
    if (c->lost || net_broken(c->client.conn) || p->leaving_count == OUTBOUND_POOL_LEAVING_MAX) {
        outbound_connect_close(c);
        return;
    }
    list_add_last(&p->leaving, &c->node);
    p->leaving_count++;
    gate_wake_all(&p->changed);
}

bool outbound_pool_has_more(const struct outbound_pool *p, const struct shaper_lane *lane,
                            size_t than)
{
    size_t count = 0;
    for (const struct list *node = p->idle.prev; node != &p->idle; node = node->prev) {
        count += LIST_OF(node, struct outbound_connection, node)->lane == lane;
        if (count > than)
            return true;
    }
    return false;
}

bool outbound_pool_drop_of(struct outbound_pool *p, const struct shaper_lane *lane)
{
    LIST_EACH(&p->idle, node)
    {
        struct outbound_connection *c = LIST_OF(node, struct outbound_connection, node);
        if (c->lane != lane)
            continue;
        take_out(p, c);
        outbound_pool_let_go(p, c);
        return true;
    }
    return false;
}

/* An idle connection takes up the place of one that somebody needs, perhaps on another worker. One
 * that was just used is about to be used again: without it there would be another for each mail. */
static struct outbound_connection *find_crowded(struct outbound_pool *p)
{
    int64_t since_ms = clock_steady_ms() - OUTBOUND_POOL_LOOK_MS;
    struct shaper_lane *roomy = NULL; /* the last one that was asked about */
    LIST_EACH(&p->idle, node)
    {
        struct outbound_connection *c = LIST_OF(node, struct outbound_connection, node);
        if (c->idle_until.at_ms - p->idle_ms > since_ms)
            return NULL;                         /* those behind are younger */
        if (c->lane == NULL || c->lane == roomy) /* NULL: nobody counts */
            continue;
        if (shaper_is_crowded(c->lane))
            return c;
        roomy = c->lane;
    }
    return NULL;
}

void outbound_pool_put(struct outbound_pool *p, struct outbound_connection *c)
{
    if (!outbound_pool_reusable(p, c) || p->idle_ms == 0) {
        outbound_pool_let_go(p, c);
        return;
    }
    c->used = true;
    outbound_transcript_rest(&c->transcript);
    c->idle_until = deadline_after(p->idle_ms);
    list_add_last(&p->idle, &c->node);
    if (c->lane)
        shaper_count_idle(c->lane, p->place, 1);
    if (++p->count > OUTBOUND_POOL_IDLE_MAX) {
        struct outbound_connection *oldest = first(&p->idle);
        take_out(p, oldest);
        outbound_pool_let_go(p, oldest);
    }
    gate_wake_all(&p->came);
    if (p->count == 1) /* there is something to look after */
        gate_wake_all(&p->changed);
}

static deadline next_look(struct outbound_pool *p)
{
    struct outbound_connection *c = first(&p->idle);
    return c ? deadline_sooner(c->idle_until, deadline_after(OUTBOUND_POOL_LOOK_MS))
             : DEADLINE_NEVER;
}

void outbound_pool_run(void *arg)
{
    struct outbound_pool *p = arg;
    while (!fiber_canceled()) {
        struct outbound_connection *leaving = take_leaving(p), *c = first(&p->idle);
        if (leaving == NULL && c && !deadline_passed(c->idle_until))
            c = find_crowded(p);
        if (leaving == NULL && c) {
            take_out(p, c);
            leaving = c;
        }
        if (leaving)
            outbound_connect_quit(leaving);
        else if (gate_wait(&p->changed, next_look(p)))
            err_forget(); /* the time has come, or the end */
    }
}
