/* What people read, kept as files: tests/golden/config-NAME.yaml gives config-NAME.txt, and the
 * reference is docs/config.md, the providers docs/presets.md. UPDATE=1 in the environment writes
 * them anew. */
#include "config/preset.h"
#include "tests/test.h"
#include <stdlib.h>

enum { GOLDEN_BYTES_MAX = 1 << 20 };

static bool read_whole(const char *path, struct buf *out)
{
    char *room;
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        return false;
    err e = buf_reserve(out, GOLDEN_BYTES_MAX - 1, &room);
    ASSERT(e == NULL);
    out->len += fread(room, 1, GOLDEN_BYTES_MAX - 1, file);
    fclose(file);
    return true;
}

static void compare(const char *path, const struct buf *got)
{
    CLEANUP(buf_release) struct buf want;
    buf_init(&want, GOLDEN_BYTES_MAX);
    if (getenv("UPDATE")) {
        FILE *file = fopen(path, "wb");
        CHECK(file && fwrite(got->ptr, 1, got->len, file) == got->len, path);
        if (file)
            fclose(file);
        return;
    }
    CHECK(read_whole(path, &want), path);
    CHECK_STR(buf_str(got), buf_chars(&want), path);
}

/* Every row: the errors that this file must give, and nothing else. */
static void check_errors(const char *name)
{
    CLEANUP(buf_release) struct buf text, lines;
    char input[100], output[100];
    struct config *config = NULL;
    struct config_errors errors;
    snprintf(input, sizeof input, "tests/golden/config-%s.yaml", name);
    snprintf(output, sizeof output, "tests/golden/config-%s.txt", name);
    buf_init(&text, GOLDEN_BYTES_MAX);
    buf_init(&lines, GOLDEN_BYTES_MAX);
    config_errors_init(&errors);
    CHECK(read_whole(input, &text), input);
    err e = config_from_text(buf_str(&text), S("smtptool.yaml"), &config, &errors);
    CHECK(e && e->kind == ERR_CONFIG, name);
    CHECK(config == NULL, name);
    CHECK_DONE(config_errors_print(&errors, &lines), name);
    compare(output, &lines);
    CHECK(!str_contains(buf_str(&lines), S("hunter2")), "a secret is never repeated");
    config_close(config);
    config_errors_release(&errors);
}

/* ---- what the pages show ------------------------------------------------------------------ */

/* The text between a line "```yaml" and the next "```", which is taken off the page. */
static bool next_example(str *page, str *ret_yaml)
{
    for (str line; page->len > 0;) {
        str_split(*page, '\n', &line, page);
        if (!str_eq(line, S("```yaml")))
            continue;
        const char *start = page->ptr;
        do
            str_split(*page, '\n', &line, page);
        while (page->len > 0 && !str_starts(line, S("```")));
        *ret_yaml = (str){start, (size_t)(line.ptr - start)};
        return true;
    }
    return false;
}

static void check_example(str yaml, const char *page)
{
    CLEANUP(buf_release) struct buf lines;
    struct config *config = NULL;
    struct config_errors errors;
    buf_init(&lines, GOLDEN_BYTES_MAX);
    config_errors_init(&errors);
    err e = config_from_text(yaml, S("example"), &config, &errors);
    CHECK_DONE(config_errors_print(&errors, &lines), page);
    if (e)
        test_fail(__FILE__, __LINE__, page, buf_chars(&lines));
    config_close(config);
    config_errors_release(&errors);
    err_forget();
}

/* What somebody copies off a page is taken, unless it belongs into another file. */
TEST(config_golden_examples_are_taken)
{
    static const struct {
        const char *path;
        size_t examples; /* at least */
    } pages[] = {
        {"README.md",        1},
        {"docs/delivery.md", 1},
        {"docs/dns.md",      1},
        {"docs/egress.md",   1},
        {"docs/mailauth.md", 2},
        {"docs/presets.md",  1},
        {"docs/shaping.md",  1},
        {"docs/warmup.md",   1},
    };
    for (size_t i = 0; i < ARRAY_LEN(pages); i++) {
        CLEANUP(buf_release) struct buf text;
        size_t count = 0;
        str yaml;
        buf_init(&text, GOLDEN_BYTES_MAX);
        CHECK(read_whole(pages[i].path, &text), pages[i].path);
        for (str page = buf_str(&text); next_example(&page, &yaml);) {
            if (str_starts(yaml, S("plans:"))) /* of warmup.yaml */
                continue;
            count++;
            check_example(yaml, pages[i].path);
        }
        CHECK(count >= pages[i].examples, pages[i].path);
    }
}

/* ---- what people read --------------------------------------------------------------------- */

TEST(config_golden_errors)
{
    static const char *const names[] = {"keys",    "values", "relay", "logins",
                                        "secrets", "alias",  "tab",   "twice"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        check_errors(names[i]);
}

TEST(config_golden_show)
{
    CLEANUP(buf_release) struct buf text, shown;
    struct config *config = NULL;
    struct config_errors errors;
    buf_init(&text, GOLDEN_BYTES_MAX);
    buf_init(&shown, GOLDEN_BYTES_MAX);
    config_errors_init(&errors);
    CHECK(read_whole("tests/golden/config-full.yaml", &text), "input");
    CHECK_DONE(config_from_text(buf_str(&text), S("smtptool.yaml"), &config, &errors), "load");
    CHECK_DONE(config_errors_print(&errors, &shown), "errors");
    if (config)
        CHECK_DONE(config_show(config, true, &shown), "show");
    compare("tests/golden/config-full.txt", &shown);
    config_close(config);
    config_errors_release(&errors);
}

TEST(config_golden_presets)
{
    CLEANUP(buf_release) struct buf text;
    buf_init(&text, GOLDEN_BYTES_MAX);
    CHECK_DONE(config_preset_page(&text), "presets");
    compare("docs/presets.md", &text);
}

TEST(config_golden_reference)
{
    CLEANUP(buf_release) struct buf text, schema;
    buf_init(&text, GOLDEN_BYTES_MAX);
    buf_init(&schema, GOLDEN_BYTES_MAX);
    CHECK_DONE(config_reference(&text), "reference");
    compare("docs/config.md", &text);
    CHECK_DONE(config_schema(&schema), "schema");
    compare("tests/golden/config-schema.json", &schema);
}
