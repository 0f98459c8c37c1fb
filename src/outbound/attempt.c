#include "outbound/attempt.h"
#include "outbound/convert.h"
#include "outbound/egress.h"
#include "outbound/judge.h"
#include <string.h>

/* The recipients that go the same way. */
struct way {
    struct outbound_attempt *attempt;
    struct outbound_route route;
    const struct config_egress *egress;
    str key;
    size_t *todo; /* that have no final verdict yet */
    size_t todo_count;
    size_t *all; /* those that began */
    size_t all_count;
    const struct shaper_grant *grant; /* NULL: nobody counts */
    str tried_ip;                     /* of the idle connection that was used: not tried again */
    bool convert;                     /* no host takes 8-bit content: offer them seven */
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

/* Whose rules hold for what goes over it: the hop is told by its place, for the pool's connections
 * outlive a configuration. */
static const struct config_account *sender_of(const struct way *w,
                                              const struct outbound_connection *c)
{
    bool known = c->hop >= 0 && (size_t)c->hop < w->route.hop_count;
    return known ? w->route.hops[c->hop].sender : NULL;
}

static struct feedback_way name_way(const struct way *w)
{
    struct feedback_way way = {0};
    if (w->grant && w->grant->lane)
        shaper_lane_names(w->grant->lane, &way.egress, &way.site, &way.provider);
    return way;
}

static err offer(struct way *w, struct outbound_connection *c, struct outbound_offer *ret_offer)
{
    struct outbound_offer o = {.connection = c,
                               .mail = w->attempt->mail,
                               .rcpts = w->attempt->rcpts,
                               .convert = w->convert,
                               .way = name_way(w),
                               .rcpts_max = w->grant ? w->grant->recipients_max : 0,
                               .sender = sender_of(w, c),
                               .arena = w->attempt->arena,
                               .todo = w->todo,
                               .todo_count = w->todo_count};
    outbound_transcript_begin(&c->transcript);
    err e = outbound_offer_run(&o);
    if (o.failed)
        outbound_transcript_book_add(w->attempt->connect.book, c->host, c->ip, &c->transcript,
                                     o.why);
    w->todo_count = o.todo_count;
    if (o.from.act != FROM_POLICY_OFF)
        w->attempt->from = (struct outbound_attempt_from){o.sender, o.from};
    if (!o.stale)
        w->attempt->tried = true;
    *ret_offer = o;
    c->lane = w->grant ? w->grant->lane : NULL;
    c->messages_max = w->grant ? w->grant->messages_per_connection_max : 0;
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
    p->egress = h->egress ? h->egress->name : (str){0};
    const struct address *ours = h->egress ? outbound_egress_address(h->egress, &h->address) : NULL;
    if (ours == NULL)
        return p;
    address_format_ip(ours, ip);
    p->local_ip = arena_str(w->attempt->arena, str_of(ip));
    return p;
}

static err await_pool(struct outbound_pool *p)
{
    err e = gate_wait(&p->came, deadline_after(OUTBOUND_POOL_LOOK_MS));
    return e && e->kind == ERR_CANCELED ? e : NULL;
}

/* With a new one the lane would have a connection too many while others lie idle, elsewhere: either
 * one of ours comes back before, and is used, or one of those is closed. To open at once would make
 * workers take connections away from each other for each message. */
static err make_room(struct way *w)
{
    struct outbound_pool *p = w->attempt->pool;
    deadline until = deadline_after(OUTBOUND_ATTEMPT_ROOM_MS);
    if (w->grant == NULL || w->grant->lane == NULL)
        return NULL;
    while (shaper_is_crowded(w->grant->lane) && !deadline_passed(until)) {
        if (outbound_pool_has(p, w->key))
            return use_idle(w);
        if (!outbound_pool_drop_of(p, w->grant->lane))
            TRY(await_pool(p));
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

/* All that this host may tell: several connections when it limits the mails of one. */
static err use_host(struct way *w, const struct outbound_host *host, bool *ret_stop)
{
    struct outbound_attempt *a = w->attempt;
    struct outbound_offer o = {.full = true};
    while (o.full && w->todo_count > 0) {
        struct outbound_connection *c = NULL;
        struct outbound_verdict v = {0};
        struct outbound_privacy_seen seen;
        TRY(make_room(w));
        if (w->todo_count == 0 || is_tried(w, host))
            return NULL;
        a->connect.seen = &seen;
        TRY(outbound_connect_open(&a->connect, host, a->arena, &c, &v, DEADLINE_NEVER));
        err_forget();
        outbound_privacy_session(&w->privacy, host, w->walk.policy, &seen);
        if (c == NULL) {
            if (v.action == OUTBOUND_FAIL)
                pass_todo(w, &v, name_host(w, host));
            else
                decide_todo(w, &v, v.ours ? NULL : name_host(w, host));
            *ret_stop = v.action == OUTBOUND_PAUSE_ROUTE || v.action == OUTBOUND_DEFER;
            a->tried = a->tried || (v.action != OUTBOUND_PAUSE_ROUTE && !v.ours);
            return NULL;
        }
        c->key = arena_str(c->arena, w->key);
        TRY(offer(w, c, &o));
        err_forget();
    }
    return NULL;
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
        if (!r->heard) {
            r->verdict = outbound_verdict_of_ours(OUTBOUND_DEFER, "4.4.1", S("no host was left"));
            r->judged = false;
        }
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
    w->walk.egress = w->egress;
    w->walk.wish = outbound_host_wish(a->mail->envelope);
    if (a->privacy)
        w->privacy = *a->privacy;
    w->privacy.domain = w->route.domain;
    w->privacy.wish = w->walk.wish;
    w->privacy.arena = a->arena;
    w->walk.privacy = &w->privacy;
}

/* The idle connection, then host after host. */
static err visit_as(struct way *w, bool convert)
{
    w->convert = convert;
    w->tried_ip = (str){0};
    begin_walk(w);
    TRY(use_idle(w));
    return w->todo_count > 0 ? walk_hosts(w) : NULL;
}

/* Once more with converted content where all hosts lack 8BITMIME: as it stands is better, for it
 * may be signed by means that we do not know. */
static err visit(struct way *w)
{
    TRY(visit_as(w, false));
    return is_left_for_eight_bits(w) ? visit_as(w, true) : NULL;
}

/* ---- ways ---------------------------------------------------------------------------------- */

/* The recipients that another way might still take: a login that is refused there is not here. */
static void reopen(struct way *w)
{
    w->todo_count = 0;
    for (size_t i = 0; i < w->all_count; i++) {
        struct outbound_offer_rcpt *r = &w->attempt->rcpts[w->all[i]];
        if (r->decided && r->verdict.action != OUTBOUND_PAUSE_ROUTE)
            continue;
        r->decided = false;
        w->todo[w->todo_count++] = w->all[i];
    }
}

/* It is our address that is refused, or how much it sends, not the mail: the site is paused or gets
 * less, and the mail waits (docs/shaping.md). */
static void spare_refused(struct way *w, size_t count, const size_t *indexes)
{
    for (size_t i = 0; i < count; i++) {
        struct outbound_offer_rcpt *r = &w->attempt->rcpts[indexes[i]];
        bool refused = r->decided && r->verdict.action == OUTBOUND_FAIL && r->verdict.reply.code;
        const struct outcome *o = refused ? outbound_judge(r) : NULL;
        if (o == NULL || (o->advice != OUTCOME_PAUSE_SITE && o->advice != OUTCOME_SLOW_DOWN))
            continue;
        r->verdict.action = OUTBOUND_DEFER;
        r->verdict.status[0] = '4';
    }
}

static void end_grant(struct way *w, size_t todo_before, const size_t *before)
{
    struct outbound_attempt *a = w->attempt;
    struct shaper_result r = outbound_judge_all(a->rcpts, before, todo_before);
    bool heard = false;
    for (size_t i = 0; i < todo_before; i++) {
        heard = heard || a->rcpts[before[i]].heard;
        a->unsure = a->unsure || a->rcpts[before[i]].verdict.unsure;
    }
    if (heard)
        shaper_end(&a->grant, &r);
    else
        shaper_return(&a->grant);
}

static err go_one(struct way *w, bool convert)
{
    struct outbound_attempt *a = w->attempt;
    const struct outbound_way *one = outbound_plan_find(a->plan, a->grant.way);
    size_t *before = ARENA_ARRAY(a->arena, size_t, w->todo_count);
    size_t count = w->todo_count;
    memcpy(before, w->todo, count * sizeof *before);
    w->route = one->route;
    w->key = outbound_pool_key_for(one->key, outbound_host_wish(a->mail->envelope), a->arena);
    w->egress = one->egress;
    w->grant = &a->grant;
    a->way = one->number;
    err e = a->plan->way_count == 1 ? visit(w) : visit_as(w, convert);
    spare_refused(w, count, before);
    end_grant(w, count, before);
    w->grant = NULL;
    return e;
}

/* The next hop of a route that has not been tried yet and has room. To the MX hosts of a domain
 * there is one way at a time: what they say does not depend on who asks again at once. */
static bool take_next(struct way *w, unsigned tried)
{
    struct outbound_attempt *a = w->attempt;
    struct shaper_wait ignored;
    if (w->todo_count == 0 || deadline_passed(w->until) || a->unsure ||
        a->plan->route.kind != OUTBOUND_ROUTE_HOPS)
        return false;
    for (size_t i = 0; i < a->plan->way_count; i++) {
        uint8_t number = a->plan->ways[i].number;
        if (!(tried & 1u << number) &&
            shaper_take(a->plan->seat, w->todo_count, number, &a->grant, &ignored))
            return true;
    }
    return false;
}

static err go_each(struct way *w, bool convert)
{
    unsigned tried = 0;
    do {
        tried |= 1u << w->attempt->grant.way;
        TRY(go_one(w, convert));
        if (w->attempt->plan->way_count > 1)
            reopen(w);
    } while (take_next(w, tried));
    return NULL;
}

static err go_by_plan(struct way *w)
{
    TRY(go_each(w, false));
    if (is_left_for_eight_bits(w) && take_next(w, 0))
        TRY(go_each(w, true));
    close_todo(w);
    return NULL;
}

/* False: nothing can be used now, and the mail waits. */
static bool choose_egress(struct way *w)
{
    struct outbound_attempt *a = w->attempt;
    const struct envelope *env = a->mail->envelope;
    size_t at = str_find_last(env->sender, '@');
    struct outbound_egress_mail mail = {
        .route = &w->route,
        .flow = &env->flow,
        .sender_domain = at == STR_NONE ? (str){0} : str_from(env->sender, at + 1),
        .key = a->mail_key,
    };
    struct outbound_egress_choice choice;
    outbound_egress_choose(a->config, &mail, a->egress_health, &choice);
    w->egress = choice.count ? choice.list[0].egress : NULL;
    if (choice.count > 0)
        return true;
    struct outbound_verdict v =
        outbound_verdict_of_ours(OUTBOUND_DEFER, "4.4.1", arena_str(a->arena, str_of(choice.why)));
    v.ours = true;
    decide_todo(w, &v, NULL);
    return false;
}

static err go_unplanned(struct way *w)
{
    struct outbound_attempt *a = w->attempt;
    if (!choose_egress(w))
        return NULL;
    w->key = outbound_pool_key_for(outbound_pool_key(&w->route, S(""), w->egress, a->arena),
                                   outbound_host_wish(a->mail->envelope), a->arena);
    TRY(visit(w));
    close_todo(w);
    return NULL;
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
    w->until = deadline_after(OUTBOUND_ATTEMPT_HOSTS_MS);
    dns_budget_init(&w->budget, a->config->dns.queries_per_message, OUTBOUND_ATTEMPT_HOSTS_MS);
    bool planned = a->grant.lane && outbound_route_same(&w->route, &a->plan->route);
    return planned ? go_by_plan(w) : go_unplanned(w);
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
        if (w->all_count == 0)
            w->route = route;
        taken[i] = outbound_route_same(&w->route, &route);
        if (taken[i])
            w->all[w->all_count++] = i;
    }
    memcpy(w->todo, w->all, w->all_count * sizeof *w->todo);
    w->todo_count = w->all_count;
}

static err go_all(struct outbound_attempt *a)
{
    size_t count = a->mail->envelope->rcpt_count;
    bool *taken = ARENA_ARRAY(a->arena, bool, count);
    size_t *all = ARENA_ARRAY(a->arena, size_t, count);
    size_t *todo = ARENA_ARRAY(a->arena, size_t, count);
    for (size_t i = 0; a->refused && i < count; i++) {
        taken[i] = a->refused[i] != NULL;
        if (taken[i])
            outbound_offer_set(&a->rcpts[i], a->refused[i], NULL);
    }
    for (;;) {
        struct way w = {.attempt = a, .all = all, .todo = todo};
        gather(&w, taken);
        if (w.todo_count == 0)
            return NULL;
        TRY(go(&w));
    }
}

err outbound_attempt_run(struct outbound_attempt *a)
{
    a->rcpts = ARENA_ARRAY(a->arena, struct outbound_offer_rcpt, a->mail->envelope->rcpt_count);
    a->tried = a->unsure = false;
    a->way = 0;
    err e = go_all(a);
    if (a->grant.lane) /* nobody goes the way that it was for */
        shaper_return(&a->grant);
    return e;
}
