#include "outbound/outbound.h"
#include "base/mem.h"
#include "base/table.h"
#include "outbound/deliver.h"
#include "outbound/route.h"
#include <string.h>

/* A destination that is being served, or whose login was refused. */
struct site {
    char name[OUTBOUND_ROUTE_DESTINATION_BYTES_MAX + 1];
    int runners;
    bool full; /* the schedule passes it over */
    bool paused;
    int64_t pause_ms; /* of the last pause; 0: our login works, or none is needed */
};

struct outbound {
    struct outbound_options options;
    struct group dispatcher, runners, keeping;
    struct outbound_pool pool;
    struct outbound_sign_keys *keys;
    struct table sites;
    struct gate changed;
    int running;
    bool stopping;
};

struct runner {
    struct outbound *outbound;
    struct site *site;
    struct queue_delivery *delivery;
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

static void run_one(struct outbound *o, struct site *s, struct queue_delivery *delivery,
                    struct arena *arena)
{
    const struct config *config = o->options.config(o->options.config_arg);
    struct outbound_deliver d = {.options = &o->options,
                                 .config = config,
                                 .pool = &o->pool,
                                 .keys = o->keys,
                                 .arena = arena};
    outbound_pool_set_limits(&o->pool, &config->outbound);
    outbound_deliver_run(&d, delivery);
    if (d.route_paused)
        pause_site(o, s, d.text, config);
    else if (d.tried)
        s->pause_ms = 0;
    config_close(config);
    arena_reset(arena);
    err_forget();
}

static void run(void *arg)
{
    struct runner *r = arg;
    struct outbound *o = r->outbound;
    struct site *s = r->site;
    struct arena *arena = arena_open(OUTBOUND_ATTEMPT_ARENA_BYTES_MAX);
    struct queue_delivery *d = r->delivery;
    mem_free(r);
    while (d) {
        run_one(o, s, d, arena);
        bool go_on = !o->stopping && !fiber_canceled() && !s->paused;
        d = go_on ? schedule_next_for(o->options.schedule, str_of(s->name)) : NULL;
    }
    arena_close(arena);
    s->runners--;
    o->running--;
    if (!s->paused)
        set_full(o, s, false);
    forget_if_idle(o, s);
    gate_wake_all(&o->changed);
}

static void start_runner(struct outbound *o, struct site *s, struct queue_delivery *d)
{
    struct runner *r = MEM_NEW(struct runner);
    *r = (struct runner){o, s, d};
    s->runners++;
    o->running++;
    fiber_spawn(&o->runners, "delivery", run, r);
}

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
    if (o->running >= OUTBOUND_RUNNERS_MAX)
        return gate_wait(&o->changed, DEADLINE_NEVER);
    TRY(schedule_next(o->options.schedule, &d, DEADLINE_NEVER));
    if (has_no_way(o, d)) {
        schedule_strand(o->options.schedule, &d);
        return NULL;
    }
    struct site *s = find_site(o, queue_delivery_destination(d));
    int max = connections_max(o);
    if (has_room(s, max))
        start_runner(o, s, d);
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
    fiber_spawn(&o->keeping, "idle connections", outbound_pool_run, &o->pool);
    fiber_spawn(&o->keeping, "new routes", look_for_routes, o);
    fiber_spawn(&o->dispatcher, "dispatch", dispatch, o);
    *ret_outbound = o;
}

void outbound_stop(struct outbound *o, int64_t grace_ms)
{
    if (o == NULL)
        return;
    o->stopping = true;
    group_close(&o->dispatcher);
    err e = group_wait(&o->runners, deadline_after(grace_ms));
    (void)e; /* what is still under way is cut off */
    group_close(&o->runners);
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
