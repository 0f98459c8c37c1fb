/* The closed loop against simulated providers, under virtual time. */
#include "base/mem.h"
#include "tests/provider_loop.h"
#include "tests/provider_scenes.h"
#include "tests/test.h"

static void check_scene(const struct provider_scene *scene)
{
    struct arena *arena = arena_open(PROVIDER_RULES_ARENA_BYTES_MAX);
    struct provider_loop *loop = MEM_NEW(struct provider_loop);
    struct provider_town_result r;
    provider_loop_init(loop);
    struct provider_town_controller controller = provider_loop_controller(loop);
    provider_scene_run(scene, arena, &controller, &r);
    CHECK(r.all.blocks == 0, scene->name);
    CHECK(r.created == r.accepted + r.bounced + r.waiting + r.under_way, scene->name);
    CHECK(r.accepted > 0, scene->name);
    mem_free(r.minutes);
    provider_loop_release(loop);
    mem_free(loop);
    arena_close(arena);
}

TEST(provider_loop_is_never_blocked)
{
    for (size_t i = 0; i < provider_scene_count; i++)
        check_scene(&provider_scenes[i]);
}
