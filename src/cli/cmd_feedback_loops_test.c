/* The table of feedback loops that ships is whole. */
#include "config/share.h"
#include "tests/test.h"

static bool has_text(const struct config_yaml_node *map, const char *key, const char *starts)
{
    const struct config_yaml_node *n = config_yaml_find(map, str_of(key));
    return n && n->kind == YAML_KIND_TEXT && n->text.len > 0 && str_starts(n->text, str_of(starts));
}

static bool is_one_of(const struct config_yaml_node *map, const char *key, const char *const *words)
{
    const struct config_yaml_node *n = config_yaml_find(map, str_of(key));
    for (; n && *words; words++)
        if (str_eq(n->text, str_of(*words)))
            return true;
    return false;
}

TEST(cmd_feedback_loops_table)
{
    static const char *const by[] = {"dkim", "ip", "header", NULL};
    static const char *const sends[] = {"arf", "copies", "figures", NULL};
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(CONFIG_YAML_ARENA_BYTES_MAX);
    struct config_yaml_node *root = NULL;
    struct config_errors errors;
    config_errors_init(&errors);
    CHECK(config_share_read(S("feedback-loops"), (str){0}, arena, &errors, &root), "read");
    config_errors_release(&errors);
    const struct config_yaml_node *list = root ? config_yaml_find(root, S("feedback_loops")) : NULL;
    CHECK(list && list->count >= 6, "the well-known ones");
    for (const struct config_yaml_node *n = list ? list->first : NULL; n; n = n->next) {
        const char *label = arena_chars(arena, n->key);
        const struct config_yaml_node *domains = config_yaml_find(n, S("domains"));
        CHECK(has_text(n, "name", "") && has_text(n, "how", ""), label);
        CHECK(has_text(n, "enrol", "https://") && has_text(n, "source", "http"), label);
        CHECK(has_text(n, "date", "20"), label);
        CHECK(is_one_of(n, "by", by) && is_one_of(n, "sends", sends), label);
        CHECK(domains && domains->kind == YAML_KIND_LIST && domains->count > 0, label);
    }
}
