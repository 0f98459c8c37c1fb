/* What the closed loop makes of simulated providers, minute by minute: shaping-curves [SCENE ...].
 *
 * In virtual time, so it takes seconds and says the same each time. For each scene a line "# NAME",
 * one with what it came to, one with the title, then the minutes as CSV. bench/shaping_charts.py
 * draws them. */
#include "base/mem.h"
#include "tests/provider_loop.h"
#include "tests/provider_scenes.h"
#include <string.h>

static void run(const struct provider_scene *scene)
{
    struct arena *arena = arena_open(PROVIDER_RULES_ARENA_BYTES_MAX);
    struct provider_loop *loop = MEM_NEW(struct provider_loop);
    struct provider_town_result r;
    provider_loop_init(loop);
    struct provider_town_controller controller = provider_loop_controller(loop);
    provider_scene_run(scene, arena, &controller, &r);
    size_t from = (size_t)(scene->changed ? scene->changed : scene->resumes);
    printf("# %s\n# %s\n", scene->name, scene->title);
    printf("# %.1f %% of the allowed rate used from minute %d on (%.1f %% in all), 95 %% found at "
           "minute %d",
           100 * provider_town_share(&r, (size_t)scene->settled, r.minute_count), scene->settled,
           100 * provider_town_share(&r, 0, r.minute_count), provider_town_minutes_to(&r, 0, 0.95));
    if (from)
        printf(" and again %d minutes after minute %zu", provider_town_minutes_to(&r, from, 0.95),
               from);
    printf("; throttled %llu, blocks %llu\n", (unsigned long long)provider_throttled(&r.all),
           (unsigned long long)r.all.blocks);
    provider_town_print(&r, stdout);
    mem_free(r.minutes);
    provider_loop_release(loop);
    mem_free(loop);
    arena_close(arena);
}

int main(int argc, char **argv)
{
    for (size_t i = 0; i < provider_scene_count; i++) {
        bool wanted = argc == 1;
        for (int a = 1; a < argc; a++)
            wanted = wanted || strcmp(argv[a], provider_scenes[i].name) == 0;
        if (wanted)
            run(&provider_scenes[i]);
    }
    return 0;
}
