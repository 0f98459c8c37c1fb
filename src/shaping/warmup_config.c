#include "shaping/warmup_config.h"
#include "base/mem.h"
#include <assert.h>

static_assert(CONFIG_WARMUP_MAX * 2 * CONFIG_WARMUP_SITES_MAX <= WARMUP_TRACKS_MAX,
              "all that may be configured fits: sites of a plan, and those of the egress");
static_assert((int)CONFIG_WARMUP_DAYS_MAX == (int)WARMUP_DAYS_MAX, "days of a plan");
static_assert((int)CONFIG_WARMUP_CAP_MAX == (int)WARMUP_CAP_MAX, "a cap");

static struct warmup_plan plan_of(const struct config_warmup *w,
                                  const struct config_warmup_track *track)
{
    return (struct warmup_plan){
        .egress = w->egress,
        .site = track->site,
        .rules = {.start_day = w->start_day,
                  .zone_minutes = w->zone_minutes,
                  .hours = (uint32_t)w->hours,
                  .waits = w->overflow == OVERFLOW_WAIT,
                  .blocks = track->rules.blocks,
                  .spam = track->rules.spam,
                  .deferrals = track->rules.deferrals,
                  .fill = track->rules.fill,
                  .back = track->rules.back},
        .caps = track->caps,
        .days = track->days,
    };
}

err warmup_configure(struct warmup *warmup, const struct config *c)
{
    size_t count = 0, filled = 0;
    for (size_t i = 0; i < c->warmup_count; i++)
        count += c->warmup[i].track_count;
    struct warmup_plan *plans = mem_alloc((count + 1) * sizeof *plans);
    for (size_t i = 0; i < c->warmup_count; i++)
        for (size_t j = 0; j < c->warmup[i].track_count; j++)
            plans[filled++] = plan_of(&c->warmup[i], &c->warmup[i].tracks[j]);
    err e = warmup_set_plans(warmup, plans, count);
    mem_free(plans);
    return e;
}
