#include "outbound/outbound.h"
#include "base/mem.h"
#include "base/table.h"
#include "outbound/crew.h"
#include "outbound/deliver.h"
#include "outbound/route.h"
#include <string.h>

/* A destination that is being served, or whose login was refused. */
struct site {
    char name[OUTBOUND_ROUTE_DESTINATION_BYTES_MAX + 1];
    uint64_t hash; /* of the name */
    int runners;
    int starting; /* of them; each takes an idle connection, if there is one */
    bool full;    /* the schedule passes it over */
    bool paused;
    int64_t pause_ms; /* of the last pause; 0: our login works, or none is needed */
};

struct outbound {
    struct outbound_options options;
    struct group dispatcher, runners, keeping;
    struct outbound_pool pool;
    struct outbound_sign_keys *keys;
    struct outbound_from_told told;
    struct table sites;
    struct gate changed;
    int running; /* here, our own and what was lent to us */
    int lent;    /* runners of ours, elsewhere */
    int place;   /* in the crew */
    bool stopping;
};

struct runner {
    struct outbound *outbound;
    struct site *site;
    struct queue_delivery *delivery;
};

enum { LOAN_MAX = 8, LOAN_WHY_BYTES = 600, KEPT_HERE = 2 };

/* What a delivery came to, as far as its destination is concerned. */
struct result {
    bool paused, tried;
    char why[LOAN_WHY_BYTES];
};

/* A runner of ours on another worker's loop, with some deliveries at a time: it goes there and
 * back, and belongs to who has it. */
struct loan {
    struct loop_note note;
    struct outbound *owner, *helper;
    struct loop *home;
    struct site *site; /* for its owner only, where it stays */
    uint64_t hash;     /* of the site's name */
    int place;         /* of the helper */
    struct queue_delivery *deliveries[LOAN_MAX];
    size_t count, done;
    struct result result;
};

/* ---- destinations ------------------------------------------------------------------------ */

static str site_key(const void *object) { return str_of(((const struct site *)object)->name); }

static struct site *find_site(struct outbound *o, str name)
{
    struct site *s = table_find(&o->sites, name);
    if (s)
        return s;
    s = MEM_NEW(struct site);
    bool fits = str_to_chars(name, s->name, sizeof s->name);
    ASSERT(fits); /* the queue keeps no longer names */
    s->hash = table_hash(name);
    table_add(&o->sites, s);
    return s;
}

/* After a pause one delivery finds out whether the login works again, not many at once. */
static bool has_room(const struct site *s, int connections)
{
    return !s->paused && s->runners < (s->pause_ms > 0 ? 1 : connections);
}

static void set_full(struct outbound *o, struct site *s, bool full)
{
    if (full)
        schedule_pause(o->options.schedule, str_of(s->name));
    else if (s->full)
        schedule_resume(o->options.schedule, str_of(s->name));
    s->full = full;
}

static void forget_if_idle(struct outbound *o, struct site *s)
{
    if (s->runners > 0 || s->pause_ms > 0 || s->paused)
        return;
    set_full(o, s, false);
    table_remove(&o->sites, str_of(s->name));
    mem_free(s);
}

struct pause {
    struct outbound *outbound;
    struct site *site; /* it stays while it is paused */
};

static void wait_out(void *arg)
{
    struct pause p = *(struct pause *)arg;
    mem_free(arg);
    if (fiber_sleep(deadline_after(p.site->pause_ms)))
        return;
    p.site->paused = false;
    set_full(p.outbound, p.site, false);
    forget_if_idle(p.outbound, p.site);
}

static void pause_site(struct outbound *o, struct site *s, str why, const struct config *c)
{
    if (s->paused)
        return;
    int64_t longer = s->pause_ms > 0 ? s->pause_ms * 2 : c->retry.first_ms;
    s->pause_ms = longer < OUTBOUND_PAUSE_MS_MAX ? longer : OUTBOUND_PAUSE_MS_MAX;
    s->paused = true;
    set_full(o, s, true);
    struct pause *p = MEM_NEW(struct pause);
    *p = (struct pause){o, s};
    fiber_spawn(&o->keeping, "paused route", wait_out, p);
    event_emit(o->options.events, &(struct event){.kind = EVENT_ROUTE_PAUSED,
                                                  .destination = str_of(s->name),
                                                  .reason = why,
                                                  .next_due_ms = clock_real_ms() + s->pause_ms});
}

/* ---- running ----------------------------------------------------------------------------- */

static struct result run_one(struct outbound *o, struct queue_delivery *delivery,
                             struct arena *arena)
{
    const struct config *config = o->options.config(o->options.config_arg);
    struct outbound_deliver d = {.options = &o->options,
                                 .config = config,
                                 .pool = &o->pool,
                                 .keys = o->keys,
                                 .told = &o->told,
                                 .arena = arena};
    struct result r = {0};
    outbound_pool_set_limits(&o->pool, &config->outbound);
    outbound_deliver_run(&d, delivery);
    r.paused = d.route_paused;
    r.tried = d.tried;
    (void)str_to_chars(str_slice(d.text, 0, sizeof r.why - 1), r.why, sizeof r.why);
    config_close(config);
    arena_reset(arena);
    err_forget();
    return r;
}

/* On the loop of the destination's own worker. */
static void note_result(struct outbound *o, struct site *s, const struct result *r)
{
    const struct config *config = o->options.config(o->options.config_arg);
    if (r->paused)
        pause_site(o, s, str_of(r->why), config);
    else if (r->tried)
        s->pause_ms = 0;
    config_close(config);
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
    if (!s->paused)
        set_full(o, s, false);
    forget_if_idle(o, s);
    gate_wake_all(&o->changed);
}

static void run(void *arg)
{
    struct runner *r = arg;
    struct outbound *o = r->outbound;
    struct site *s = r->site;
    struct arena *arena = arena_open(OUTBOUND_ATTEMPT_ARENA_BYTES_MAX);
    struct queue_delivery *d = r->delivery;
    mem_free(r);
    s->starting--;
    while (d) {
        struct result result = run_one(o, d, arena);
        note_result(o, s, &result);
        bool go_on = !o->stopping && !fiber_canceled() && !s->paused;
        d = go_on ? schedule_next_for(o->options.schedule, str_of(s->name)) : NULL;
    }
    arena_close(arena);
    count_running(o, -1);
    end_runner(o, s);
}

static void start_runner(struct outbound *o, struct site *s, struct queue_delivery *d)
{
    struct runner *r = MEM_NEW(struct runner);
    *r = (struct runner){o, s, d};
    s->runners++;
    s->starting++;
    count_running(o, 1);
    fiber_spawn(&o->runners, "delivery", run, r);
}

/* ---- running elsewhere -------------------------------------------------------------------- */

static void come_back(struct loop_note *note);
static void end_loan(struct loop_note *note);

/* On the helper's loop: try what was lent, and give the rest back. */
static void help(void *arg)
{
    struct loan *l = arg;
    struct outbound *o = l->helper;
    struct arena *arena = arena_open(OUTBOUND_ATTEMPT_ARENA_BYTES_MAX);
    while (l->done < l->count && !o->stopping && !fiber_canceled() && !l->result.paused) {
        struct result r = run_one(o, l->deliveries[l->done++], arena);
        r.tried = r.tried || l->result.tried;
        l->result = r;
    }
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

/* The last word of a loan: a connection that stayed idle with the helper would be one more than its
 * destination may have, once the owner opens another. */
static void part(struct loop_note *note)
{
    struct loan *l = CONTAINER_OF(note, struct loan, note);
    struct outbound *o = l->helper;
    outbound_crew_came(o->options.crew, o->place);
    outbound_pool_drop(&o->pool, l->hash);
    gate_wake_all(&o->changed);
    l->note.run = end_loan;
    loop_post(l->home, &l->note);
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

static void end_loan(struct loop_note *note)
{
    struct loan *l = CONTAINER_OF(note, struct loan, note);
    l->owner->lent--;
    end_runner(l->owner, l->site);
    mem_free(l);
}

static void come_back(struct loop_note *note)
{
    struct loan *l = CONTAINER_OF(note, struct loan, note);
    struct outbound *o = l->owner;
    note_result(o, l->site, &l->result); /* first: what goes back is not tried meanwhile */
    give_back(l);
    if (!o->stopping && !l->site->paused && lend(l))
        return;
    give_back(l);
    if (!post(l, part))
        end_loan(&l->note);
}

static void lend_runner(struct outbound *o, struct site *s, int place, struct queue_delivery *d)
{
    struct loan *l = MEM_NEW(struct loan);
    *l = (struct loan){
        .owner = o, .home = loop_current(), .site = s, .hash = s->hash, .place = place};
    l->deliveries[l->count++] = d;
    s->runners++;
    o->lent++;
    if (lend(l))
        return;
    give_back(l);
    end_loan(&l->note);
}

/* A destination with little mail stays where its connections are; one with much goes to whoever has
 * the least to do. What is idle here is used first: with a connection elsewhere beside it, there
 * would be more than the destination may have. */
static bool is_better_here(const struct outbound *o, const struct site *s)
{
    return s->runners < KEPT_HERE || s->pause_ms > 0 ||
           outbound_pool_count(&o->pool, s->hash) > (size_t)s->starting;
}

static void place_runner(struct outbound *o, struct site *s, struct queue_delivery *d)
{
    int place = is_better_here(o, s) ? OUTBOUND_CREW_NOBODY
                                     : outbound_crew_find_helper(o->options.crew, o->place);
    if (place == OUTBOUND_CREW_NOBODY)
        start_runner(o, s, d);
    else
        lend_runner(o, s, place, d);
}

/* ---- dispatching ------------------------------------------------------------------------- */

static int connections_max(struct outbound *o)
{
    const struct config *c = o->options.config(o->options.config_arg);
    int max = c->outbound.connections;
    config_close(c);
    return max;
}

static bool has_no_way(struct outbound *o, const struct queue_delivery *d)
{
    const struct config *c = o->options.config(o->options.config_arg);
    bool none = outbound_route_none(c, queue_delivery_destination(d));
    config_close(c);
    return none;
}

static err dispatch_one(struct outbound *o)
{
    struct queue_delivery *d;
    if (o->running + o->lent >= OUTBOUND_RUNNERS_MAX)
        return gate_wait(&o->changed, DEADLINE_NEVER);
    TRY(schedule_next(o->options.schedule, &d, DEADLINE_NEVER));
    if (has_no_way(o, d)) {
        schedule_strand(o->options.schedule, &d);
        return NULL;
    }
    struct site *s = find_site(o, queue_delivery_destination(d));
    int max = connections_max(o);
    if (has_room(s, max))
        place_runner(o, s, d);
    else
        schedule_put_back(o->options.schedule, &d, 0);
    if (!has_room(s, max))
        set_full(o, s, true);
    return NULL;
}

/* Another configuration may have a route for what waits for one. */
static void look_for_routes(void *arg)
{
    struct outbound *o = arg;
    const struct config *seen = o->options.config(o->options.config_arg);
    while (fiber_sleep(deadline_after(OUTBOUND_ROUTES_LOOK_MS)) == NULL) {
        const struct config *now = o->options.config(o->options.config_arg);
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
    group_init(&o->dispatcher);
    group_init(&o->runners);
    group_init(&o->keeping);
    gate_init(&o->changed);
    table_init(&o->sites, site_key);
    outbound_pool_init(&o->pool);
    o->keys = outbound_sign_keys_open(options->keeper);
    o->place = outbound_crew_join(options->crew, o);
    fiber_spawn(&o->keeping, "idle connections", outbound_pool_run, &o->pool);
    fiber_spawn(&o->keeping, "new routes", look_for_routes, o);
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
    size_t position = 0;
    struct site *s;
    while ((s = table_next(&o->sites, &position)) != NULL) {
        table_remove(&o->sites, str_of(s->name));
        mem_free(s);
    }
    table_release(&o->sites);
    mem_free(o);
}
