#include "config/config.h"
#include "tests/test.h"

/* Every row that ships says who it is, and where its figures come from. */
TEST(config_shaping_shipped)
{
    struct config *config = config_default();
    const struct config_shaping *s = &config->shaping;
    CHECK(s->provider_count >= 20, "the large providers are there");
    for (size_t i = 0; i < s->provider_count; i++) {
        const struct config_shaping_provider *p = &s->providers[i];
        const char *label = arena_chars(config->arena, p->limits.name);
        CHECK(p->title.len > 0 && p->mx_count > 0, label);
        CHECK(str_starts(p->source, S("https://")) || str_eq(p->source, S("none published")),
              label);
        CHECK(p->date.len == sizeof "2026-11-21" - 1, label);
        CHECK(p->limits.connections > 0, label);
    }
    config_close(config);
}
