/* The closed loop against simulated providers, under virtual time. */
#include "base/mem.h"
#include "tests/provider_loop.h"
#include "tests/provider_scenes.h"
#include "tests/test.h"

enum { FIND_MINUTES_MAX = 10 };

static void check_scene(const struct provider_scene *scene)
{
    struct arena *arena = arena_open(PROVIDER_RULES_ARENA_BYTES_MAX);
    struct provider_loop *loop = MEM_NEW(struct provider_loop);
    struct provider_town_result r;
    char label[160];
    provider_loop_init(loop);
    struct provider_town_controller controller = provider_loop_controller(loop);
    provider_scene_run(scene, arena, &controller, &r);
    int from = scene->changed ? scene->changed : scene->resumes;
    int found = provider_town_minutes_to(&r, 0, 0.95);
    int again = provider_town_minutes_to(&r, (size_t)from, 0.95);
    double share = provider_town_share(&r, (size_t)scene->settled, r.minute_count);
    snprintf(label, sizeof label, "%s: %.3f used, found after %d minutes, again after %d",
             scene->name, share, found, again);
    CHECK(r.all.blocks == 0, label);
    CHECK(r.created == r.accepted + r.bounced + r.waiting + r.under_way, label);
    CHECK(found >= 0 && found < FIND_MINUTES_MAX, label);
    CHECK(again >= 0 && again < FIND_MINUTES_MAX, label);
    CHECK(100 * share >= scene->share, label);
    mem_free(r.minutes);
    provider_loop_release(loop);
    mem_free(loop);
    arena_close(arena);
}

TEST(provider_loop_finds_the_rate)
{
    for (size_t i = 0; i < provider_scene_count; i++)
        check_scene(&provider_scenes[i]);
}

/* However the provider measures, and whether it allows a burst or none. */
TEST(provider_loop_finds_each_kind)
{
    static const char *const limits[] = {"1/s", "3/s", "30/s", "60/m"};
    static const char *const meters[] = {"sliding", "bucket", "fixed"};
    for (size_t i = 0; i < ARRAY_LEN(limits) * ARRAY_LEN(meters); i++) {
        const char *limit = limits[i % ARRAY_LEN(limits)], *meter = meters[i / ARRAY_LEN(limits)];
        char rules[200];
        snprintf(rules, sizeof rules,
                 "rules: [{rule: throttle, limit: %s, meter: %s}, "
                 "{rule: block, after: 50, within: 10m, lasts: 1h}]",
                 limit, meter);
        check_scene(&(struct provider_scene){
            .name = rules, .rules = rules, .minutes = 60, .settled = 10, .share = 95});
    }
}
