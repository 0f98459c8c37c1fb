#include "tests/provider_scenes.h"
#include "base/arena.h"

/* Whoever is refused fifty times in ten minutes is blocked for an hour: nobody may learn by force.
 */
#define GUARD "{rule: block, after: 50, within: 10m, lasts: 1h}"

/* clang-format off */
const struct provider_scene provider_scenes[] = {
    {"hour", "1,000 an hour", "rules: [{rule: throttle, limit: 1000/h, meter: bucket, burst: 20}, " GUARD "]",
     90, 10, 95, 0, 0, 0},
    {"second", "10 a second", "rules: [{rule: throttle, limit: 10/s}, " GUARD "]", 60, 10, 95, 0, 0, 0},
    {"microsoft", "100 a minute, in Microsoft's words",
     "provider: microsoft\nrules: [{rule: throttle, limit: 100/m}, " GUARD "]", 60, 10, 95, 0, 0, 0},
    {"connections", "5 a second over at most 3 connections, in Yahoo's words",
     "provider: yahoo\nrules: [{rule: connections, at_once: 3}, {rule: throttle, limit: 5/s}, " GUARD "]",
     60, 10, 95, 0, 0, 0},
    {"raised", "10 a second, and four times that from the 20th minute on",
     "provider: gmail\nrules: [{rule: throttle, limit: 10/s, at: {20m: 40/s}}, " GUARD "]", 60, 30, 95, 20, 0, 0},
    {"lowered", "40 a minute, and a quarter of that from the 20th minute on",
     "provider: gmail\nrules: [{rule: throttle, limit: 40/m, at: {20m: 10/m}}, " GUARD "]", 60, 30, 95, 20, 0, 0},
    {"storm", "10 a second, and 421 for everything from minute 20 to 25",
     "provider: gmail\nrules: [{rule: throttle, limit: 10/s}, {rule: storm, stage: mail, begins: 20m, ends: 25m}, "
     GUARD "]", 60, 35, 95, 0, 20, 25},
    {"block", "10 a second, and the address is blocked from minute 20 to 40",
     "provider: gmail\nrules: [{rule: storm, stage: mail, begins: 20m, ends: 40m, close: true, "
     "say: \"550 5.7.1 Mail sent from your IP address has been blocked. - gsmtp\"}, "
     "{rule: throttle, limit: 10/s}, " GUARD "]", 120, 50, 95, 0, 20, 40},
};
/* clang-format on */
const size_t provider_scene_count = ARRAY_LEN(provider_scenes);

void provider_scene_run(const struct provider_scene *scene, struct arena *arena,
                        const struct provider_town_controller *controller,
                        struct provider_town_result *ret_result)
{
    struct config_errors errors;
    struct provider_rules *rules = ARENA_NEW(arena, struct provider_rules);
    config_errors_init(&errors);
    ASSERT(provider_rules_read(str_of(scene->rules), S("scene"), arena, &errors, rules));
    config_errors_release(&errors);
    struct provider_town_options options = {
        .rules = rules, .lasts_ms = (int64_t)scene->minutes * PROVIDER_TOWN_MINUTE_MS};
    provider_town_run(&options, controller, ret_result);
}
