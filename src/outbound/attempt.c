#include "outbound/attempt.h"
#include "outbound/convert.h"
#include <string.h>

/* The recipients that go the same way. */
struct way {
    struct outbound_attempt *attempt;
    struct outbound_route route;
    str key;
    size_t *todo; /* that have no final verdict yet */
    size_t todo_count;
    str tried_ip; /* of the idle connection that was used: not tried again */
    bool convert; /* no host takes 8-bit content: offer them seven */
    struct dns_budget budget;
    struct outbound_host_walk walk;
    struct outbound_privacy privacy;
    deadline until;
};

static void decide_todo(struct way *w, const struct outbound_verdict *v,
                        const struct outbound_offer_peer *peer)
{
    for (size_t i = 0; i < w->todo_count; i++)
        outbound_offer_set(&w->attempt->rcpts[w->todo[i]], v, peer);
}

/* This host has no way to keep what the mail demands; another may, and when none has the mail comes
 * back. */
static void pass_todo(struct way *w, const struct outbound_verdict *v,
                      const struct outbound_offer_peer *peer)
{
    decide_todo(w, v, peer);
    for (size_t i = 0; i < w->todo_count; i++) {
        w->attempt->rcpts[w->todo[i]].unfit = true;
        w->attempt->rcpts[w->todo[i]].decided = false;
    }
}

static err offer(struct way *w, struct outbound_connection *c, struct outbound_offer *ret_offer)
{
    struct outbound_offer o = {.connection = c,
                               .mail = w->attempt->mail,
                               .rcpts = w->attempt->rcpts,
                               .convert = w->convert,
                               .arena = w->attempt->arena,
                               .todo = w->todo,
                               .todo_count = w->todo_count};
    err e = outbound_offer_run(&o);
    w->todo_count = o.todo_count;
    if (!o.stale)
        w->attempt->tried = true;
    *ret_offer = o;
    c->site = w->attempt->site;
    if (e)
        outbound_connect_close(c);
    else
        outbound_pool_put(w->attempt->pool, c);
    return e;
}

/* The last one that was used of those that are idle for this very way, and under what holds now. */
static err take_idle(struct way *w, struct outbound_connection **ret_connection)
{
    struct outbound_attempt *a = w->attempt;
    struct outbound_connection *c;
    *ret_connection = NULL;
    while ((c = outbound_pool_take(a->pool, w->key)) != NULL) {
        bool same = false;
        err e = outbound_host_still(&w->walk, c->host, c->policy, &same,
                                    deadline_after(a->config->dns.timeout_ms));
        if (same) {
            *ret_connection = c;
            return NULL;
        }
        outbound_pool_let_go(a->pool, c);
        TRY(e);
    }
    return NULL;
}

/* One that has died meanwhile costs nothing but the look. */
static err use_idle(struct way *w)
{
    struct outbound_offer o = {.stale = true};
    while (o.stale) {
        struct outbound_connection *c;
        TRY(take_idle(w, &c));
        if (c == NULL)
            break;
        str ip = arena_str(w->attempt->arena, c->ip);
        TRY(offer(w, c, &o));
        w->tried_ip = o.stale || o.full ? (str){0} : ip;
        err_forget();
    }
    return NULL;
}

/* A host as a name for events and notifications when it never became a connection. */
static const struct outbound_offer_peer *name_host(struct way *w, const struct outbound_host *h)
{
    char ip[ADDRESS_CHARS];
    struct outbound_offer_peer *p = ARENA_NEW(w->attempt->arena, struct outbound_offer_peer);
    address_format_ip(&h->address, ip);
    p->host = h->name;
    p->ip = arena_str(w->attempt->arena, str_of(ip));
    return p;
}

/* All that this host may tell: several connections when it limits the mails of one. */
static err use_host(struct way *w, const struct outbound_host *host, bool *ret_stop)
{
    struct outbound_attempt *a = w->attempt;
    struct outbound_offer o = {.full = true};
    while (o.full && w->todo_count > 0) {
        struct outbound_connection *c = NULL;
        struct outbound_verdict v = {0};
        struct outbound_privacy_seen seen;
        a->connect.seen = &seen;
        TRY(outbound_connect_open(&a->connect, host, a->arena, &c, &v, DEADLINE_NEVER));
        err_forget();
        outbound_privacy_session(&w->privacy, host, w->walk.policy, &seen);
        if (c == NULL) {
            if (v.action == OUTBOUND_FAIL)
                pass_todo(w, &v, name_host(w, host));
            else
                decide_todo(w, &v, name_host(w, host));
            *ret_stop = v.action == OUTBOUND_PAUSE_ROUTE || v.action == OUTBOUND_DEFER;
            a->tried = a->tried || v.action != OUTBOUND_PAUSE_ROUTE;
            return NULL;
        }
        c->key = arena_str(c->arena, w->key);
        TRY(offer(w, c, &o));
        err_forget();
    }
    return NULL;
}

static bool is_tried(const struct way *w, const struct outbound_host *h)
{
    char ip[ADDRESS_CHARS];
    address_format_ip(&h->address, ip);
    return w->tried_ip.len > 0 && str_eq(w->tried_ip, str_of(ip));
}

static err walk_hosts(struct way *w)
{
    struct outbound_attempt *a = w->attempt;
    bool found = true, stop = false;
    while (w->todo_count > 0 && !stop && !deadline_passed(w->until)) {
        struct outbound_host host;
        TRY(outbound_host_next(&w->walk, &found, &host, deadline_after(a->config->dns.timeout_ms)));
        if (!found)
            break;
        if (!is_tried(w, &host))
            TRY(use_host(w, &host, &stop));
    }
    for (size_t i = 0; !found && i < w->todo_count; i++) /* those that no host has spoken about */
        if (!a->rcpts[w->todo[i]].heard)
            outbound_offer_set(&a->rcpts[w->todo[i]], &w->walk.verdict, NULL);
    a->tried = a->tried || !found;
    return NULL;
}

/* No host is left: what asked for another one waits; what none could carry fails. */
static void close_todo(struct way *w)
{
    for (size_t i = 0; i < w->todo_count; i++) {
        struct outbound_offer_rcpt *r = &w->attempt->rcpts[w->todo[i]];
        if (!r->heard)
            r->verdict = outbound_verdict_of_ours(OUTBOUND_DEFER, "4.4.1", S("no host was left"));
        if (!r->unfit && !r->decided)
            r->verdict.action = OUTBOUND_DEFER;
        r->decided = true;
    }
}

/* Some host would have taken them in seven bits, and none as they are. */
static bool is_left_for_eight_bits(const struct way *w)
{
    for (size_t i = 0; i < w->todo_count; i++) {
        const struct outbound_offer_rcpt *r = &w->attempt->rcpts[w->todo[i]];
        if (!r->decided && r->unfit && str_eq(str_of(r->verdict.status), S("5.6.3")))
            return outbound_convert_is_worth_it(w->attempt->mail->envelope);
    }
    return false;
}

static void begin_walk(struct way *w)
{
    struct outbound_attempt *a = w->attempt;
    outbound_host_begin(&w->walk, &w->route, &a->self, a->resolver, &w->budget, a->arena);
    w->walk.sts = a->sts;
    w->walk.wish = outbound_host_wish(a->mail->envelope);
    if (a->privacy)
        w->privacy = *a->privacy;
    w->privacy.domain = w->route.domain;
    w->privacy.wish = w->walk.wish;
    w->privacy.arena = a->arena;
    w->walk.privacy = &w->privacy;
}

/* The idle connection, then host after host; once more with converted content where all hosts lack
 * 8BITMIME: as it stands is better, for it may be signed by means that we do not know. */
static err visit(struct way *w)
{
    begin_walk(w);
    TRY(use_idle(w));
    TRY(walk_hosts(w));
    if (!is_left_for_eight_bits(w))
        return NULL;
    w->convert = true;
    w->tried_ip = (str){0};
    begin_walk(w);
    TRY(use_idle(w));
    return w->todo_count > 0 ? walk_hosts(w) : NULL;
}

static err go(struct way *w)
{
    static const char held[] = "no route: the configuration names no way for mail to elsewhere";
    struct outbound_attempt *a = w->attempt;
    if (w->route.kind == OUTBOUND_ROUTE_NONE) {
        struct outbound_verdict v = outbound_verdict_of_ours(OUTBOUND_DEFER, "4.4.4", str_of(held));
        decide_todo(w, &v, NULL);
        return NULL;
    }
    w->key = outbound_pool_key(&w->route, outbound_host_wish(a->mail->envelope), a->arena);
    w->until = deadline_after(OUTBOUND_ATTEMPT_HOSTS_MS);
    dns_budget_init(&w->budget, a->config->dns.queries_per_message, OUTBOUND_ATTEMPT_HOSTS_MS);
    TRY(visit(w));
    close_todo(w);
    return NULL;
}

/* All that are not in a way yet and go the same one as the first of them. */
static void gather(struct way *w, bool *taken)
{
    struct outbound_attempt *a = w->attempt;
    const struct envelope *env = a->mail->envelope;
    for (size_t i = 0; i < env->rcpt_count; i++) {
        struct outbound_route route;
        if (taken[i])
            continue;
        outbound_route_find(a->config, env->rcpts[i].address, &route);
        if (w->todo_count == 0)
            w->route = route;
        taken[i] = outbound_route_same(&w->route, &route);
        if (taken[i])
            w->todo[w->todo_count++] = i;
    }
}

err outbound_attempt_run(struct outbound_attempt *a)
{
    size_t count = a->mail->envelope->rcpt_count;
    bool *taken = ARENA_ARRAY(a->arena, bool, count);
    size_t *todo = ARENA_ARRAY(a->arena, size_t, count);
    a->rcpts = ARENA_ARRAY(a->arena, struct outbound_offer_rcpt, count);
    a->tried = false;
    for (;;) {
        struct way w = {.attempt = a, .todo = todo};
        gather(&w, taken);
        if (w.todo_count == 0)
            return NULL;
        TRY(go(&w));
    }
}
