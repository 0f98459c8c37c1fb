#include "config/config.h"
#include "config/yaml.h"
#include "tests/fuzz.h"

/* Any text: a load never fails other than by errors, each with a text. What loads, shows; what is
 * shown loads back and shows the same. */
static void show(const struct config *config, struct buf *out)
{
    buf_init(out, 16 << 20);
    err e = config_show(config, true, out);
    ASSERT(e == NULL);
    buf_clear(out);
    e = config_show(config, false, out);
    ASSERT(e == NULL);
}

static void check_errors(const struct config_errors *errors)
{
    ASSERT(errors->count > 0);
    for (size_t i = 0; i < errors->count; i++)
        ASSERT(errors->list[i].message.len > 0);
}

static void check_round_trip(const struct config *config)
{
    struct config_errors errors;
    struct config *again = NULL;
    struct buf first, second;
    show(config, &first);
    if (first.len <= CONFIG_YAML_BYTES_MAX) {
        config_errors_init(&errors);
        err e = config_from_text(buf_str(&first), S("fuzz"), &again, &errors);
        ASSERT(e == NULL);
        show(again, &second);
        ASSERT(str_eq(buf_str(&first), buf_str(&second)));
        config_errors_release(&errors);
        config_close(again);
        buf_release(&second);
    }
    buf_release(&first);
}

FUZZ(input, arena)
{
    struct config_errors errors;
    struct config *config = NULL;
    struct buf lines;
    (void)arena;
    config_errors_init(&errors);
    buf_init(&lines, 4 << 20);
    if (config_from_text(input, S("fuzz"), &config, &errors)) {
        ASSERT(config == NULL);
        check_errors(&errors);
        err e = config_errors_print(&errors, &lines);
        ASSERT(e == NULL);
    } else {
        ASSERT(errors.count == 0);
        check_round_trip(config);
        config_close(config);
    }
    buf_release(&lines);
    config_errors_release(&errors);
}
