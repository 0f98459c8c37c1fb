#include "outbound/outbound.h"
#include "base/mem.h"
#include "base/table.h"
#include "outbound/crew.h"
#include "outbound/deliver.h"
#include "outbound/ended.h"
#include "outbound/plan.h"
#include "outbound/port25.h"
#include "outbound/route.h"
#include <string.h>

/* A destination that is being served, or whose mail stands in line. */
struct site {
    struct outbound *outbound;
    char name[OUTBOUND_ROUTE_DESTINATION_BYTES_MAX + 1];
    struct outbound_plan *plan; /* NULL: nobody has made one yet */
    int runners;
    int starting; /* of them; each takes an idle connection, if there is one */
    bool full;    /* the schedule passes it over */
    bool planning;
    bool waiting; /* in the shaper's line */
    bool barred;  /* port 25 is blocked, and its mail goes there */
    struct loop_note call;
    atomic_bool called; /* the note is under way */
};

struct outbound {
    struct outbound_options options;
    struct loop *home;
    struct group dispatcher, runners, keeping;
    struct outbound_pool pool;
    struct outbound_sign_keys *keys;
    struct outbound_ended ended;
    struct outbound_from_told told;
    struct table sites;
    struct gate changed;
    int running; /* here, our own and what was lent to us */
    int lent;    /* runners of ours, elsewhere */
    int place;   /* in the crew */
    size_t port25_probes;
    bool stopping;
};

/* What a runner has in hand. The configuration is taken once for each delivery, when it is. */
struct hand {
    struct queue_delivery *delivery;
    const struct config *config; /* held */
    struct outbound_plan *plan;  /* held */
    struct shaper_grant grant;   /* lane NULL: none is needed */
};

struct runner {
    struct outbound *outbound;
    struct site *site;
    struct hand hand;
};

enum { LOAN_MAX = 8, KEPT_HERE = 2, BOUND_LOOK_MS = 10 * 1000 };

/* A runner of ours on another worker's loop, with some deliveries at a time: it goes there and
 * back, and belongs to who has it. */
struct loan {
    struct loop_note note;
    struct outbound *owner, *helper;
    struct loop *home;
    struct site *site; /* for its owner only, where it stays */
    int place;         /* of the helper */
    struct outbound_plan *plan;
    struct shaper_grant grant; /* for the first of them */
    struct queue_delivery *deliveries[LOAN_MAX];
    size_t count, done;
    bool refused; /* the shaper has no room for the rest */
};

/* ---- destinations ------------------------------------------------------------------------ */

static str site_key(const void *object) { return str_of(((const struct site *)object)->name); }

static void come_when_called(struct loop_note *note);

static struct site *find_site(struct outbound *o, str name)
{
    struct site *s = table_find(&o->sites, name);
    if (s)
        return s;
    s = MEM_NEW(struct site);
    bool fits = str_to_chars(name, s->name, sizeof s->name);
    ASSERT(fits); /* the queue keeps no longer names */
    s->outbound = o;
    s->call.run = come_when_called;
    table_add(&o->sites, s);
    return s;
}

static void set_full(struct outbound *o, struct site *s, bool full)
{
    if (full)
        schedule_pause(o->options.schedule, str_of(s->name));
    else if (s->full)
        schedule_resume(o->options.schedule, str_of(s->name));
    s->full = full;
}

static void drop_site(struct outbound *o, struct site *s)
{
    outbound_plan_drop(s->plan);
    table_remove(&o->sites, str_of(s->name));
    mem_free(s);
}

/* A plan is kept as long as mail may come back to it. */
static void forget_if_idle(struct outbound *o, struct site *s)
{
    if (s->runners > 0 || s->waiting || s->planning || s->barred || atomic_load(&s->called))
        return;
    set_full(o, s, false);
    if (s->plan == NULL || deadline_passed(s->plan->until) || o->sites.len > OUTBOUND_SITES_MAX)
        drop_site(o, s);
}

/* ---- the shaper's line ------------------------------------------------------------------- */

/* On any thread, with the shaper's lock held. */
static void call(void *arg)
{
    struct site *s = arg;
    if (!atomic_exchange(&s->called, true))
        loop_post(s->outbound->home, &s->call);
}

static void come_when_called(struct loop_note *note)
{
    struct site *s = CONTAINER_OF(note, struct site, call);
    struct outbound *o = s->outbound;
    atomic_store(&s->called, false);
    s->waiting = false;
    gate_wake_all(&o->changed);
    set_full(o, s, s->planning || s->barred);
    bool ready = schedule_ready(o->options.schedule, str_of(s->name)) > 0;
    if (s->plan && s->plan->seat && (o->stopping || !ready))
        shaper_leave(s->plan->seat);
    forget_if_idle(o, s);
}

static void stand_in_line(struct outbound *o, struct site *s, size_t rcpts)
{
    set_full(o, s, true);
    s->waiting = true;
    shaper_wait(s->plan->seat, rcpts, 0);
}

/* The way that it must go, if its last attempt by that one may have arrived. */
static uint8_t bound_way(struct outbound *o, const struct outbound_plan *p,
                         const struct queue_delivery *d)
{
    struct queue_state state = queue_delivery_state(o->options.queue, d);
    bool bound =
        state.attempts <= OUTBOUND_PLAN_STICKY_ATTEMPTS && outbound_plan_find(p, state.way) != NULL;
    if (bound)
        return state.way;
    return p->bound_to_egress ? outbound_plan_bound_way(p, str_of(queue_delivery_id(d).text)) : 0;
}

enum taken { TAKEN, REFUSED, REFUSED_ALONE };

/* REFUSED_ALONE: only this mail, which is bound to a way that has no room. */
static enum taken take_grant(struct outbound *o, struct hand *h, struct shaper_wait *ret_wait)
{
    if (h->plan->seat == NULL)
        return TAKEN;
    uint8_t only = bound_way(o, h->plan, h->delivery);
    size_t rcpts = queue_delivery_rcpts(h->delivery);
    if (shaper_take(h->plan->seat, rcpts, only, &h->grant, ret_wait))
        return TAKEN;
    return only ? REFUSED_ALONE : REFUSED;
}

/* False: it was put back, and the destination stands in line where that is needed. */
static bool take_or_put_back(struct outbound *o, struct site *s, struct hand *h)
{
    struct shaper_wait wait;
    size_t rcpts = queue_delivery_rcpts(h->delivery);
    enum taken taken = take_grant(o, h, &wait);
    if (taken == TAKEN)
        return true;
    int64_t soon = clock_real_ms() + BOUND_LOOK_MS;
    int64_t due = wait.until_ms > soon ? wait.until_ms : soon;
    schedule_put_back(o->options.schedule, &h->delivery, taken == REFUSED_ALONE ? due : 0);
    if (taken == REFUSED)
        stand_in_line(o, s, rcpts);
    return false;
}

/* ---- running ----------------------------------------------------------------------------- */

static const struct config *take_config(struct outbound *o)
{
    return o->options.config(o->options.config_arg);
}

static void drop_config(struct hand *h)
{
    config_close(h->config);
    h->config = NULL;
}

static void run_one(struct outbound *o, struct hand *h, struct arena *arena)
{
    struct outbound_deliver d = {.options = &o->options,
                                 .config = h->config,
                                 .pool = &o->pool,
                                 .keys = o->keys,
                                 .told = &o->told,
                                 .arena = arena,
                                 .plan = h->plan,
                                 .grant = h->grant};
    h->grant.lane = NULL;
    outbound_pool_set_limits(&o->pool, &h->config->outbound);
    outbound_deliver_run(&d, h->delivery);
    h->delivery = NULL;
    drop_config(h);
    arena_reset(arena);
    err_forget();
}

static void count_running(struct outbound *o, int count)
{
    o->running += count;
    outbound_crew_add_load(o->options.crew, o->place, count);
    gate_wake_all(&o->changed);
}

static void end_runner(struct outbound *o, struct site *s)
{
    s->runners--;
    if (!s->waiting && !s->planning && !s->barred)
        set_full(o, s, false);
    forget_if_idle(o, s);
    gate_wake_all(&o->changed);
}

static bool is_stale(const struct site *s, const struct config *now)
{
    return s->plan == NULL || outbound_plan_is_stale(s->plan, now);
}

static bool goes_by_mx(const struct outbound_plan *p) { return p->route.kind == OUTBOUND_ROUTE_MX; }

/* Before the next one of the same destination goes. What has another plan by now, which may have no
 * seat in the line, is for another runner. */
static bool take_next(struct outbound *o, struct site *s, struct hand *h)
{
    if (o->stopping || fiber_canceled() || s->waiting || s->planning)
        return false;
    h->config = take_config(o);
    bool may = h->plan == s->plan && !is_stale(s, h->config) &&
               (!goes_by_mx(s->plan) || outbound_port25_is_open(o->options.port25));
    h->delivery = may ? schedule_next_for(o->options.schedule, str_of(s->name)) : NULL;
    if (h->delivery && take_or_put_back(o, s, h))
        return true;
    drop_config(h);
    return false;
}

static void run(void *arg)
{
    struct runner *r = arg;
    struct outbound *o = r->outbound;
    struct site *s = r->site;
    struct arena *arena = arena_open(OUTBOUND_ATTEMPT_ARENA_BYTES_MAX);
    s->starting--;
    do
        run_one(o, &r->hand, arena);
    while (take_next(o, s, &r->hand));
    arena_close(arena);
    outbound_plan_drop(r->hand.plan);
    mem_free(r);
    count_running(o, -1);
    end_runner(o, s);
}

/* All that is in hand is the runner's from here on. */
static void start_runner(struct outbound *o, struct site *s, struct hand *h)
{
    struct runner *r = MEM_NEW(struct runner);
    *r = (struct runner){o, s, *h};
    h->config = NULL;
    s->runners++;
    s->starting++;
    count_running(o, 1);
    fiber_spawn(&o->runners, "delivery", run, r);
}

/* ---- running elsewhere -------------------------------------------------------------------- */

static void come_back(struct loop_note *note);

static bool lend_a_hand(struct outbound *o, struct loan *l, struct arena *arena)
{
    struct hand h = {.delivery = l->deliveries[l->done], .plan = l->plan, .grant = l->grant};
    struct shaper_wait ignored;
    l->grant.lane = NULL;
    if (h.grant.lane == NULL && take_grant(o, &h, &ignored) != TAKEN) {
        l->refused = true;
        return false;
    }
    l->done++;
    h.config = take_config(o);
    run_one(o, &h, arena);
    return true;
}

/* On the helper's loop: try what was lent, and give the rest back. */
static void help(void *arg)
{
    struct loan *l = arg;
    struct outbound *o = l->helper;
    struct arena *arena = arena_open(OUTBOUND_ATTEMPT_ARENA_BYTES_MAX);
    bool more = true;
    while (more && l->done < l->count && !o->stopping && !fiber_canceled())
        more = lend_a_hand(o, l, arena);
    arena_close(arena);
    count_running(o, -1);
    l->note.run = come_back;
    loop_post(l->home, &l->note); /* it is the owner's from here on */
}

static void arrive(struct loop_note *note)
{
    struct loan *l = CONTAINER_OF(note, struct loan, note);
    struct outbound *o = l->helper;
    outbound_crew_came(o->options.crew, o->place);
    count_running(o, 1);
    fiber_spawn(&o->runners, "delivery for another", help, l);
}

/* A share of what is due, so that nobody waits behind a slow connection while others are idle. */
static void fill(struct loan *l)
{
    struct schedule *schedule = l->owner->options.schedule;
    str name = str_of(l->site->name);
    size_t share = schedule_ready(schedule, name) / (size_t)(l->site->runners + 1) + 1;
    struct queue_delivery *d;
    while (l->count < share && l->count < LOAN_MAX &&
           (d = schedule_next_for(schedule, name)) != NULL)
        l->deliveries[l->count++] = d;
}

static void give_back(struct loan *l)
{
    if (l->grant.lane)
        shaper_return(&l->grant);
    for (; l->done < l->count; l->done++)
        schedule_put_back(l->owner->options.schedule, &l->deliveries[l->done], 0);
    l->count = l->done = 0;
}

static bool post(struct loan *l, void (*at_the_helper)(struct loop_note *))
{
    l->note.run = at_the_helper;
    return outbound_crew_post(l->owner->options.crew, l->place, &l->note, &l->helper);
}

/* False: there is nothing more to lend, or nobody to lend it to. */
static bool lend(struct loan *l)
{
    fill(l);
    return l->count > 0 && post(l, arrive);
}

/* A connection that stays idle with the helper is counted in its lane, and goes when its place is
 * needed. */
static void end_loan(struct loan *l)
{
    give_back(l);
    l->owner->lent--;
    outbound_plan_drop(l->plan);
    end_runner(l->owner, l->site);
    mem_free(l);
}

static bool may_go_on(const struct loan *l)
{
    if (l->owner->stopping || l->site->waiting || l->site->planning || l->plan != l->site->plan)
        return false;
    const struct config *config = take_config(l->owner);
    bool stale = is_stale(l->site, config);
    config_close(config);
    return !stale;
}

static void come_back(struct loop_note *note)
{
    struct loan *l = CONTAINER_OF(note, struct loan, note);
    struct outbound *o = l->owner;
    if (l->refused && l->plan == l->site->plan && !l->site->waiting && !l->site->planning)
        stand_in_line(o, l->site, 1); /* first: what goes back is not tried meanwhile */
    l->refused = false;
    give_back(l);
    if (may_go_on(l) && lend(l))
        return;
    end_loan(l);
}

static void lend_runner(struct outbound *o, struct site *s, int place, const struct hand *h)
{
    struct loan *l = MEM_NEW(struct loan);
    *l = (struct loan){
        .owner = o, .home = o->home, .site = s, .place = place, .plan = h->plan, .grant = h->grant};
    l->deliveries[l->count++] = h->delivery;
    s->runners++;
    o->lent++;
    if (!lend(l))
        end_loan(l);
}

/* Whoever has a connection that lies idle, if one here would be too many beside it. Else a
 * destination with little mail stays here, and one with much goes to who has the least to do. */
static int choose_place(struct outbound *o, const struct site *s, struct shaper_lane *lane)
{
    if (lane == NULL || outbound_pool_has_more(&o->pool, lane, (size_t)s->starting))
        return OUTBOUND_CREW_NOBODY;
    int place = shaper_idle_place(lane);
    if (place != OUTBOUND_CREW_NOBODY)
        return place == o->place ? OUTBOUND_CREW_NOBODY : place;
    if (s->runners < KEPT_HERE)
        return OUTBOUND_CREW_NOBODY;
    return outbound_crew_find_helper(o->options.crew, o->place);
}

static void place_runner(struct outbound *o, struct site *s, struct hand *h)
{
    int place = choose_place(o, s, h->grant.lane);
    if (place == OUTBOUND_CREW_NOBODY)
        start_runner(o, s, h);
    else
        lend_runner(o, s, place, h);
}

/* ---- planning ---------------------------------------------------------------------------- */

struct planner {
    struct outbound *outbound;
    struct site *site;
};

/* What was learned under the old plan stays with the lanes. */
static void replace_plan(struct site *s, struct outbound_plan *plan)
{
    outbound_plan_drop(s->plan);
    s->plan = plan;
}

static void make_plan(struct outbound *o, struct site *s, const struct config *config)
{
    struct outbound_plan *made = NULL;
    struct outbound_plan_options options = {.shaper = o->options.shaper,
                                            .config = config,
                                            .resolver = o->options.resolver,
                                            .egress_health = o->options.egress_health,
                                            .called = call,
                                            .arg = s};
    err e = outbound_plan_make(&options, str_of(s->name), &made);
    if (e == NULL)
        replace_plan(s, made);
    err_forget();
}

static void plan(void *arg)
{
    struct planner p = *(struct planner *)arg;
    mem_free(arg);
    const struct config *config = take_config(p.outbound);
    make_plan(p.outbound, p.site, config);
    config_close(config);
    p.site->planning = false;
    set_full(p.outbound, p.site, false);
    forget_if_idle(p.outbound, p.site);
}

static void start_planning(struct outbound *o, struct site *s, const struct config *config)
{
    if (!outbound_plan_needs_dns(config, str_of(s->name))) {
        make_plan(o, s, config);
        return;
    }
    struct planner *p = MEM_NEW(struct planner);
    *p = (struct planner){o, s};
    s->planning = true;
    set_full(o, s, true);
    fiber_spawn(&o->keeping, "plan", plan, p);
}

/* ---- dispatching ------------------------------------------------------------------------- */

/* Where the shaper has no say, as with domains whose DNS is broken, this is the bound. */
static bool is_over(const struct site *s, const struct config *config)
{
    return s->plan->seat == NULL && s->runners >= config->outbound.connections;
}

static void dispatch_to(struct outbound *o, struct site *s, struct hand *h)
{
    if (!s->planning && !s->waiting && is_stale(s, h->config))
        start_planning(o, s, h->config);
    if (s->planning || s->waiting || is_over(s, h->config)) {
        schedule_put_back(o->options.schedule, &h->delivery, 0);
        set_full(o, s, true);
        return;
    }
    h->plan = s->plan;
    if (goes_by_mx(h->plan) && !outbound_port25_may_try(o->options.port25)) {
        schedule_put_back(o->options.schedule, &h->delivery, 0);
        set_full(o, s, true);
        s->barred = true;
        return;
    }
    if (!take_or_put_back(o, s, h))
        return;
    outbound_plan_hold(h->plan);
    place_runner(o, s, h);
}

static err dispatch_one(struct outbound *o)
{
    struct hand h = {0};
    if (o->running + o->lent >= OUTBOUND_RUNNERS_MAX)
        return gate_wait(&o->changed, DEADLINE_NEVER);
    TRY(schedule_next(o->options.schedule, &h.delivery, DEADLINE_NEVER));
    h.config = take_config(o);
    str destination = queue_delivery_destination(h.delivery);
    if (outbound_route_none(h.config, destination))
        schedule_strand(o->options.schedule, &h.delivery);
    else
        dispatch_to(o, find_site(o, destination), &h);
    drop_config(&h);
    return NULL;
}

static void unbar(struct outbound *o, struct site *s)
{
    s->barred = false;
    set_full(o, s, s->waiting || s->planning);
    forget_if_idle(o, s);
}

/* All of them; or one, each time another, which finds out whether it is open again. */
static void unbar_some(struct outbound *o, bool all)
{
    size_t position = 0, barred = 0, at = 0;
    struct site *s;
    while ((s = table_next(&o->sites, &position)) != NULL)
        barred += s->barred;
    size_t chosen = barred ? o->port25_probes++ % barred : 0;
    position = 0;
    while ((s = table_next(&o->sites, &position)) != NULL)
        if (s->barred && (all || at++ == chosen))
            unbar(o, s);
}

static void look_at_port25(void *arg)
{
    struct outbound *o = arg;
    while (fiber_sleep(deadline_after(OUTBOUND_PORT25_LOOK_MS)) == NULL)
        if (outbound_port25_is_open(o->options.port25))
            unbar_some(o, outbound_port25_next_ms(o->options.port25) == 0);
}

/* Mail that waits in line is not tried, but its time runs out all the same; only a refused login is
 * ours to mend, and then nothing is given up. */
static void expire_waiting(struct outbound *o, struct site *s, const struct config *config)
{
    struct shaper_wait wait;
    struct outbound_plan *plan = s->plan;
    if (!s->waiting || plan == NULL || plan->seat == NULL)
        return;
    if (shaper_seat_state(plan->seat, &wait) || wait.why == SHAPER_LOGIN)
        return;
    struct queue_delivery *d;
    int64_t before = clock_real_ms() - config->retry.give_up_ms;
    for (int i = 0; i < OUTBOUND_EXPIRE_AT_ONCE && s->waiting; i++) {
        d = schedule_next_old(o->options.schedule, str_of(s->name), before);
        if (d == NULL)
            break;
        s->runners++; /* it stays */
        outbound_ended_one(&o->ended, s->plan, d, str_of(wait.reason));
        s->runners--;
    }
}

/* It was called long ago, or is in no line: nobody may wait for ever for a call that was missed. */
static void resume_forgotten(struct outbound *o, struct site *s)
{
    struct shaper_wait ignored;
    if (!s->waiting || atomic_load(&s->called) || s->plan == NULL || s->plan->seat == NULL ||
        !shaper_seat_state(s->plan->seat, &ignored))
        return;
    s->waiting = false;
    set_full(o, s, s->planning || s->barred);
}

/* Those in line lose what is too old; those without mail are forgotten. Sites may go while one of
 * them is looked at, so the walk begins anew where it was. */
static void care_for_sites(struct outbound *o)
{
    const struct config *config = take_config(o);
    size_t position = 0;
    struct site *s;
    while (!fiber_canceled() && (s = table_next(&o->sites, &position)) != NULL) {
        resume_forgotten(o, s);
        expire_waiting(o, s, config);
        forget_if_idle(o, s);
    }
    config_close(config);
}

static void keep_sites(void *arg)
{
    struct outbound *o = arg;
    while (fiber_sleep(deadline_after(OUTBOUND_SITES_LOOK_MS)) == NULL) {
        care_for_sites(o);
        err_forget();
    }
}

/* Another configuration may have a route for what waits for one. */
static void look_for_routes(void *arg)
{
    struct outbound *o = arg;
    const struct config *seen = take_config(o);
    while (fiber_sleep(deadline_after(OUTBOUND_ROUTES_LOOK_MS)) == NULL) {
        const struct config *now = take_config(o);
        if (now != seen)
            schedule_unstrand(o->options.schedule);
        config_close(seen);
        seen = now;
        err_forget();
    }
    config_close(seen);
}

static void dispatch(void *arg)
{
    struct outbound *o = arg;
    while (!fiber_canceled()) {
        err e = dispatch_one(o);
        if (e && e->kind == ERR_CANCELED)
            return;
        err_forget();
    }
}

void outbound_start(const struct outbound_options *options, struct outbound **ret_outbound)
{
    struct outbound *o = MEM_NEW(struct outbound);
    o->options = *options;
    o->home = loop_current();
    group_init(&o->dispatcher);
    group_init(&o->runners);
    group_init(&o->keeping);
    gate_init(&o->changed);
    table_init(&o->sites, site_key);
    o->keys = outbound_sign_keys_open(options->keeper);
    o->ended = (struct outbound_ended){&o->options, &o->pool, o->keys};
    o->place = outbound_crew_join(options->crew, o);
    outbound_pool_init(&o->pool, o->place);
    fiber_spawn(&o->keeping, "idle connections", outbound_pool_run, &o->pool);
    fiber_spawn(&o->keeping, "new routes", look_for_routes, o);
    fiber_spawn(&o->keeping, "port 25", look_at_port25, o);
    fiber_spawn(&o->keeping, "destinations", keep_sites, o);
    fiber_spawn(&o->keeping, "what has ended", outbound_ended_run, &o->ended);
    fiber_spawn(&o->dispatcher, "dispatch", dispatch, o);
    *ret_outbound = o;
}

/* What others have sent us arrives, and nothing more is sent. */
static void leave_crew(struct outbound *o)
{
    outbound_crew_leave(o->options.crew, o->place);
    while (o->place != OUTBOUND_CREW_NOBODY &&
           outbound_crew_coming(o->options.crew, o->place) > 0) {
        err e = gate_wait(&o->changed, DEADLINE_NEVER);
        ASSERT(e == NULL);
    }
}

/* Those who help us stop as well, and give back what they have. */
static void await_loans(struct outbound *o)
{
    while (o->lent > 0) {
        err e = gate_wait(&o->changed, DEADLINE_NEVER);
        ASSERT(e == NULL);
    }
}

/* Nobody is called any more; those who were have come. */
static void forget_sites(struct outbound *o)
{
    size_t position = 0;
    struct site *s;
    while ((s = table_next(&o->sites, &position)) != NULL)
        replace_plan(s, NULL);
    while (o->sites.len > 0) {
        position = 0;
        while ((s = table_next(&o->sites, &position)) != NULL && atomic_load(&s->called))
            continue;
        if (s == NULL) {
            err e = fiber_yield();
            (void)e; /* the notes come */
        } else {
            drop_site(o, s);
        }
    }
    table_release(&o->sites);
}

void outbound_stop(struct outbound *o, int64_t grace_ms)
{
    if (o == NULL)
        return;
    o->stopping = true;
    group_close(&o->dispatcher);
    leave_crew(o);
    err e = group_wait(&o->runners, deadline_after(grace_ms));
    (void)e; /* what is still under way is cut off */
    group_close(&o->runners);
    await_loans(o);
    group_close(&o->keeping);
    outbound_pool_release(&o->pool);
    outbound_sign_keys_close(o->keys);
    forget_sites(o);
    mem_free(o);
}
