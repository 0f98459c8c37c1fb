#include "config/preset.h"
#include "config/schema.h"
#include "config/source.h"
#include "config/value.h"
#include <assert.h>
#include <stdlib.h>
#include <sys/stat.h>

enum {
    ARENA_BYTES_MAX = 288 << 20,
    RECIPIENTS_BYTES = (64 << 20) + (1 << 24), /* files, and a str for each line */
    PRESET_BYTES = CONFIG_ACCOUNT_SERVERS_MAX * 3 * CONFIG_VALUE_URL_BYTES_MAX, /* its copies */
    VALUE_BYTES = 512, /* the largest struct that one node can ask for */
};

static_assert(RECIPIENTS_BYTES + CONFIG_YAML_NODES_MAX * (VALUE_BYTES + 2 * 64) +
                      CONFIG_PRESET_ACCOUNTS_MAX * PRESET_BYTES +
                      CONFIG_YAML_NODES_MAX * CONFIG_ACCOUNT_SERVERS_MAX *
                          sizeof(struct config_hop) +
                      16 * CONFIG_YAML_BYTES_MAX <
                  ARENA_BYTES_MAX,
              "the largest configuration fits its arena");
static_assert(sizeof(struct config_listener) < VALUE_BYTES, "one node, one struct");
static_assert(sizeof(struct config_egress) < VALUE_BYTES, "same");
static_assert(sizeof(struct address) + sizeof(struct config_proxy) < VALUE_BYTES, "same");
static_assert(sizeof(struct config_hop) + sizeof(struct config_route) < VALUE_BYTES, "same");
static_assert(sizeof(struct config_account) < VALUE_BYTES, "same");
static_assert(sizeof(struct network) + sizeof(struct config_domain) < VALUE_BYTES, "same");

/* The steps, in order. The tree in scratch lives until the last error was told. */
static void load_text(struct config_source *source, str text)
{
    struct config_yaml_node *root = NULL;
    size_t count = 0;
    if (!config_yaml_parse(text, source->name, source->scratch, source->errors, &root, &count))
        return;
    source->places_max = 2 * count + 1; /* a lone value notes itself and its list */
    source->places = ARENA_ARRAY(source->scratch, struct config_place, source->places_max);
    config_source_read(source, root);
    config_source_sort(source);
    config_source_fill_defaults(source);
    config_source_fill_accounts(source);
    config_source_fill_recipients(source);
    config_source_fill_shaping(source);
    config_source_fill_warmup(source);
    config_source_check(source);
    config_source_keep_origins(source);
}

static struct config *new_config(str name)
{
    struct arena *arena = arena_open(ARENA_BYTES_MAX);
    struct config *config = ARENA_NEW(arena, struct config);
    config->arena = arena;
    config->file = arena_str(arena, str_slice(name, 0, 4096));
    atomic_init(&config->holders, 1);
    return config;
}

err config_from_text(str text, str name, struct config **ret_config, struct config_errors *errors)
{
    struct err_ring *callers = err_ring_swap(NULL); /* many values may be refused */
    struct config *config = new_config(name);
    CLEANUP(arena_cleanup) struct arena *scratch = arena_open(CONFIG_YAML_ARENA_BYTES_MAX);
    struct config_source source = {
        .config = config, .errors = errors, .name = config->file, .scratch = scratch};
    size_t before = errors->count + errors->left_out;
    load_text(&source, text);
    err_ring_release(err_ring_swap(callers));
    size_t wrong = errors->count + errors->left_out - before;
    if (wrong == 0) {
        *ret_config = config;
        return NULL;
    }
    config_errors_sort(errors);
    err e = err_new(ERR_CONFIG, "%.*s: %zu error%s", STR_ARG(str_slice(name, 0, 100)), wrong,
                    wrong == 1 ? "" : "s");
    config_close(config);
    return e;
}

struct config *config_default(void)
{
    struct config *config = NULL;
    struct config_errors errors;
    config_errors_init(&errors);
    err e = config_from_text((str){0}, (str){0}, &config, &errors);
    ASSERT(e == NULL);
    config_errors_release(&errors);
    return config;
}

static bool exists(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0;
}

/* The first file there is; empty: none. One that the environment names must be there. */
static str find_file(struct arena *arena)
{
    const char *named = getenv("SMTPTOOL_CONFIG"), *etc = "/etc/smtptool/smtptool.yaml";
    str xdg = str_of(getenv("XDG_CONFIG_HOME")), home = str_of(getenv("HOME"));
    if (named && named[0])
        return arena_str(arena, str_of(named));
    str path = {0};
    if (xdg.len && xdg.ptr[0] == '/')
        path = arena_printf(arena, "%.*s/smtptool/smtptool.yaml", STR_ARG(xdg));
    else if (home.len && home.ptr[0] == '/')
        path = arena_printf(arena, "%.*s/.config/smtptool/smtptool.yaml", STR_ARG(home));
    if (path.len && exists(arena_chars(arena, path)))
        return path;
    return exists(etc) ? str_of(etc) : (str){0};
}

err config_load(str path, struct config **ret_config, struct config_errors *errors)
{
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(4 * CONFIG_YAML_BYTES_MAX);
    str found = path.len ? path : find_file(arena), text = {0};
    if (found.len) {
        err e = config_source_read_file(found, CONFIG_YAML_BYTES_MAX, arena, &text);
        if (e) {
            char why[300];
            err_describe(e, why, sizeof why);
            config_errors_add(errors,
                              &(struct config_error){.file = found, .message = str_of(why)});
            return err_wrap(e, "%.*s", STR_ARG(str_slice(found, 0, 200)));
        }
    }
    return config_from_text(text, found, ret_config, errors);
}

bool config_overlaps(const struct config *config, const struct address *at)
{
    for (size_t i = 0; i < config->listener_count; i++) {
        const struct address *other = &config->listeners[i].address;
        bool ports = other->port == at->port && other->family != ADDRESS_UNIX;
        bool wide = address_is_wildcard(other) || address_is_wildcard(at);
        if (at->family != ADDRESS_UNIX && ports && wide && !address_eq(other, at))
            return true;
    }
    return false;
}

const struct config *config_hold(const struct config *config)
{
    atomic_fetch_add(&((struct config *)config)->holders, 1);
    return config;
}

void config_close(const struct config *config)
{
    if (config == NULL)
        return;
    int before = atomic_fetch_sub(&((struct config *)config)->holders, 1);
    ASSERT(before > 0);
    if (before == 1)
        arena_close(config->arena);
}
