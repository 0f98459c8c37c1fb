#include "base/mem.h"
#include "config/share.h"
#include "runtime/file.h"
#include "tests/test.h"
#include <stdlib.h>
#include <unistd.h>

static str text_at(const struct config_yaml_node *node, str key)
{
    node = config_yaml_find(node, key);
    return node ? node->text : (str){0};
}

/* What is compiled in is, byte for byte, what lies in share/. */
TEST(config_share_embedded)
{
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(CONFIG_YAML_ARENA_BYTES_MAX);
    size_t files = 0;
    for (const struct config_share_file *file = config_share_files; file->name; file++) {
        struct config_yaml_node *root = NULL;
        struct config_errors errors;
        char path[200], *room = arena_alloc(arena, CONFIG_YAML_BYTES_MAX + 1);
        snprintf(path, sizeof path, "share/%s.yaml", file->name);
        FILE *in = fopen(path, "rb");
        CHECK(in != NULL, path);
        str text = {room, in ? fread(room, 1, CONFIG_YAML_BYTES_MAX + 1, in) : 0};
        if (in)
            fclose(in);
        CHECK(str_eq(text, config_share(str_of(file->name))), path);
        config_errors_init(&errors);
        CHECK(config_share_read(str_of(file->name), (str){0}, arena, &errors, &root), path);
        CHECK(errors.count == 0 && root && root->count > 0, path);
        config_errors_release(&errors);
        files++;
    }
    CHECK(files > 0, "some data ships");
    CHECK(config_share(S("nothing")).len == 0, "an unknown name");
}

/* An operator's file over ours. */
TEST(config_share_own_file)
{
    static const struct {
        const char *label, *text, *gmail, *other;
        bool refused;
    } cases[] = {
        {"no such entry", "presets:\n  ours: {name: Ours}\n",           "Gmail", "Ours", false},
        {"the same name", "presets:\n  gmail: {name: Mine}\n",          "Mine",  "",     false},
        {"nothing in it", "# nothing\n",                                "Gmail", "",     false},
        {"not YAML",      "presets: [",                                 "",      "",     true },
        {"a key twice",   "presets:\n  a: {name: b}\n  a: {name: c}\n", "",      "",     true },
        {"not a map",     "- presets\n",                                "",      "",     true },
    };
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(2 * CONFIG_YAML_ARENA_BYTES_MAX);
    char folder[] = "/tmp/share-test-XXXXXX", path[100];
    CHECK(mkdtemp(folder) != NULL, "folder");
    snprintf(path, sizeof path, "%s/presets.yaml", folder);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct config_yaml_node *root = NULL;
        struct config_errors errors;
        config_errors_init(&errors);
        CHECK_DONE(file_put(path, FILE_WRITE | FILE_CREATE, str_of(cases[i].text)), cases[i].label);
        bool good = config_share_read(S("presets"), str_of(folder), arena, &errors, &root);
        CHECK(good == !cases[i].refused, cases[i].label);
        CHECK((errors.count > 0) == cases[i].refused, cases[i].label);
        const struct config_yaml_node *presets = config_yaml_find(root, S("presets"));
        CHECK_STR(text_at(config_yaml_find(presets, S("gmail")), S("name")), cases[i].gmail,
                  cases[i].label);
        CHECK_STR(text_at(config_yaml_find(presets, S("ours")), S("name")), cases[i].other,
                  cases[i].label);
        config_errors_release(&errors);
    }
    CHECK(unlink(path) == 0 && rmdir(folder) == 0, "clean up");
}
