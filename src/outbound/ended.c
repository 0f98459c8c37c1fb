#include "outbound/ended.h"
#include "outbound/deliver.h"
#include "outbound/why.h"
#include "runtime/fiber.h"

void outbound_ended_one(const struct outbound_ended *x, struct outbound_plan *plan,
                        struct queue_delivery *d, str why_it_waits)
{
    struct arena *arena = arena_open(OUTBOUND_ATTEMPT_ARENA_BYTES_MAX);
    const struct config *config = x->options->config(x->options->config_arg);
    struct outbound_deliver out = {.options = x->options,
                                   .config = config,
                                   .pool = x->pool,
                                   .keys = x->keys,
                                   .arena = arena,
                                   .plan = plan};
    outbound_deliver_expire(&out, d, why_it_waits);
    config_close(config);
    arena_close(arena);
    err_forget();
}

static void end_one(const struct outbound_ended *x, struct queue_delivery *d)
{
    const struct outbound_options *o = x->options;
    struct outbound_why why = {o->shaper, o->port25};
    struct shaper_wait wait;
    const struct config *config = o->config(o->config_arg);
    bool waits = outbound_why_waits(&why, config, queue_delivery_destination(d), &wait);
    config_close(config);
    outbound_ended_one(x, NULL, d,
                       waits ? str_of(wait.reason) : S("the time that it was given is over"));
}

void outbound_ended_run(void *arg)
{
    const struct outbound_ended *x = arg;
    struct queue_delivery *d;
    while (fiber_sleep(deadline_after(OUTBOUND_ENDED_LOOK_MS)) == NULL)
        while (!fiber_canceled() && (d = schedule_next_ended(x->options->schedule)) != NULL)
            end_one(x, d);
}
