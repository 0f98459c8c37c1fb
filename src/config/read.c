#include "config/schema.h"
#include "config/source.h"
#include "config/suggest.h"
#include "config/type.h"
#include <string.h>

/* One mapping to be read into one struct; a queue of these stands for what would be recursion. */
struct task {
    const struct config_schema_group *group;
    const struct config_yaml_node *node; /* NULL: nothing was given */
    char *base;
    struct task *next;
};

struct reader {
    struct config_source *source;
    struct task *first, *last;
};

static void push(struct reader *r, const struct config_schema_group *group,
                 const struct config_yaml_node *node, char *base)
{
    struct task *task = ARENA_NEW(r->source->scratch, struct task);
    *task = (struct task){group, node, base, NULL};
    if (r->last)
        r->last->next = task;
    else
        r->first = task;
    r->last = task;
}

static const char *kind_name(const struct config_yaml_node *node)
{
    if (node->kind == YAML_KIND_TEXT)
        return "a single value";
    return node->kind == YAML_KIND_LIST ? "a list" : "a mapping";
}

static void complain_near(struct config_source *source, int line, int col,
                          const struct config_yaml_node *node, str message, str suggestion)
{
    bool told = source->errors->count < CONFIG_ERRORS_MAX;
    config_errors_add(source->errors,
                      &(struct config_error){
                          .file = source->name,
                          .line = line,
                          .col = col,
                          .key = told ? config_yaml_path(node, source->scratch) : (str){0},
                          .message = message,
                          .suggestion = suggestion,
                      });
}

/* A value was refused: say why, and offer the choice that is nearest. */
static void complain_value(struct config_source *source, const struct config_schema_key *key,
                           const struct config_yaml_node *node, err e)
{
    struct config_suggest near;
    config_suggest_init(&near, node->text);
    for (const struct config_schema_choice *c = key->choices; c && c->name; c++)
        config_suggest_offer(&near, str_of(c->name));
    complain_near(source, node->line, node->col, node, e->text, near.best);
    err_forget(); /* the load has a ring of its own: there may be many */
}

static bool is_bool_word(str text) { return str_eq(text, S("true")) || str_eq(text, S("false")); }

/* One scalar into one field. False: refused, and told. */
static bool read_value(struct config_source *source, const struct config_schema_key *key,
                       const struct config_yaml_node *node, void *field)
{
    const struct config_type *type = key->type;
    if (node->kind == YAML_KIND_REFUSED)
        return false;
    if (node->kind != YAML_KIND_TEXT) {
        config_source_complain(source, node, "%s is wanted, not %s", type->noun, kind_name(node));
        return false;
    }
    if (config_yaml_is_null(node)) {
        config_source_complain(source, node, "the value is missing: %s is wanted", type->noun);
        return false;
    }
    if (type->literal && !node->plain) {
        config_source_complain(source, node, "%s is wanted: write it without quotes", type->noun);
        return false;
    }
    if (!type->literal && node->plain && is_bool_word(node->text)) {
        config_source_complain(source, node, "%s is wanted; if %.*s is meant, put it in quotes",
                               type->noun, STR_ARG(node->text));
        return false;
    }
    err e = type->read(key, node->text, source->config->arena, field);
    if (e) {
        complain_value(source, key, node, e);
        return false;
    }
    config_source_note(source, field, node);
    return true;
}

static void set_items(const struct config_schema_key *key, char *base, void *items, size_t count)
{
    memcpy(base + key->offset, &items, sizeof items);
    memcpy(base + key->count_offset, &count, sizeof count);
}

static void set_word(const struct config_schema_key *key, char *base, int value)
{
    if (key->choices)
        memcpy(base + key->word_offset, &value, sizeof value);
}

/* Where one text may stand for the list: a word, "file:/path", or the only item. */
static void read_lone_value(struct config_source *source, const struct config_schema_key *key,
                            const struct config_yaml_node *node, char *base)
{
    const struct config_schema_choice *choice =
        key->choices ? config_schema_choose(key->choices, node->text) : NULL;
    struct arena *arena = source->config->arena;
    str path = node->text;
    if (choice && node->kind == YAML_KIND_TEXT) {
        set_word(key, base, choice->value);
        config_source_note(source, base + key->offset, node);
        return;
    }
    if (key->file_offset == 0) {
        void *item = arena_alloc(arena, key->item_size);
        if (!read_value(source, key, node, item))
            return;
        set_items(key, base, item, 1);
        set_word(key, base, key->word_list);
        config_source_note(source, base + key->offset, node);
        return;
    }
    ASSERT(key->choices != NULL); /* every key that may be a file may be a word, too */
    if (!str_skip(&path, S("file:")) || !str_starts(path, S("/"))) {
        err e = err_new(ERR_CONFIG, "\"%.*s\" is not %s, a list, or file:/path",
                        STR_ARG(str_slice(node->text, 0, 60)), key->choices[0].name);
        complain_value(source, key, node, e);
        return;
    }
    str copy = arena_str(arena, path);
    memcpy(base + key->file_offset, &copy, sizeof copy);
    set_word(key, base, key->word_file);
    config_source_note(source, base + key->offset, node);
}

static bool too_many(struct config_source *source, const struct config_yaml_node *node)
{
    if (node->count <= CONFIG_SCHEMA_ITEMS_MAX)
        return false;
    config_source_complain(source, node, "more than %d items", CONFIG_SCHEMA_ITEMS_MAX);
    return true;
}

static void read_values(struct config_source *source, const struct config_schema_key *key,
                        const struct config_yaml_node *node, char *base)
{
    size_t count = 0;
    if (node->kind == YAML_KIND_TEXT && !config_yaml_is_null(node)) {
        read_lone_value(source, key, node, base);
        return;
    }
    if (node->kind != YAML_KIND_LIST) {
        if (node->kind != YAML_KIND_REFUSED)
            config_source_complain(source, node, "a list is wanted, each %s", key->type->noun);
        return;
    }
    if (key->required && node->count == 0)
        config_source_complain(source, node, "the list is empty: %s is wanted", key->type->noun);
    if (too_many(source, node))
        return;
    char *items = arena_alloc(source->config->arena, key->item_size * node->count);
    for (const struct config_yaml_node *each = node->first; each; each = each->next)
        if (read_value(source, key, each, items + count * key->item_size))
            count++;
    set_items(key, base, items, count);
    set_word(key, base, key->word_list);
    config_source_note(source, base + key->offset, node);
}

/* `routes: mx`: one route, for everybody, to the recipient's own server. */
static void read_route_word(struct reader *r, const struct config_yaml_node *node)
{
    struct config *config = r->source->config;
    if (!str_eq(node->text, S("mx"))) {
        config_source_complain(r->source, node, "a list of routes is wanted, or mx");
        return;
    }
    config->routes = ARENA_NEW(config->arena, struct config_route);
    config->routes[0] = (struct config_route){.to = S("*"), .kind = ROUTE_MX};
    config->route_count = 1;
    config_source_note(r->source, &config->routes, node);
}

static void read_list(struct reader *r, const struct config_schema_key *key,
                      const struct config_yaml_node *node, char *base)
{
    struct config_source *source = r->source;
    size_t count = 0;
    if (node->kind == YAML_KIND_REFUSED)
        return;
    if (key->choices && node->kind == YAML_KIND_TEXT && !config_yaml_is_null(node)) {
        read_route_word(r, node);
        return;
    }
    if (node->kind != YAML_KIND_LIST) {
        config_source_complain(source, node,
                               "a list is wanted (each item starts with \"- \"; "
                               "[] for none)");
        return;
    }
    if (too_many(source, node))
        return;
    char *items = arena_alloc(source->config->arena, key->group->size * node->count);
    for (const struct config_yaml_node *each = node->first; each; each = each->next) {
        if (each->kind == YAML_KIND_MAP)
            push(r, key->group, each, items + count++ * key->group->size);
        else if (each->kind != YAML_KIND_REFUSED)
            config_source_complain(source, each, "keys are wanted here, not %s", kind_name(each));
    }
    set_items(key, base, items, count);
    config_source_note(source, base + key->offset, node);
}

static bool read_item_name(struct config_source *source, const struct config_schema_group *group,
                           const struct config_yaml_node *node, char *item)
{
    str name = {0};
    err e = NULL;
    if (group->name_is_host)
        e = config_type_host.read(NULL, node->key, source->config->arena, &name);
    else
        e = config_type_name.read(NULL, node->key, source->config->arena, &name);
    if (e) {
        complain_near(source, node->key_line, node->key_col, node, e->text, (str){0});
        err_forget();
        return false;
    }
    memcpy(item + group->name_offset, &name, sizeof name);
    return true;
}

/* Defaults are texts of our own: one that cannot be read is a bug. */
static void read_default(struct config_source *source, const struct config_schema_key *key,
                         char *base)
{
    struct arena *arena = source->config->arena;
    str rest = str_of(key->normal), item;
    if (key->normal == NULL)
        return;
    if (key->shape == SHAPE_VALUE) {
        err e = key->type->read(key, rest, arena, base + key->offset);
        ASSERT(e == NULL);
        return;
    }
    ASSERT(key->shape == SHAPE_VALUES);
    if (key->choices) {
        set_word(key, base, config_schema_choose(key->choices, rest)->value);
        return;
    }
    char *items = arena_alloc(arena, key->item_size * rest.len);
    size_t count = 0;
    while (rest.len) {
        str_split(rest, ' ', &item, &rest);
        err e = key->type->read(key, item, arena, items + count++ * key->item_size);
        ASSERT(e == NULL);
    }
    set_items(key, base, items, count);
}

/* `NAME: value` where the group has one key that is meant then. */
static void read_lone_item(struct config_source *source, const struct config_schema_group *group,
                           const struct config_yaml_node *node, char *item)
{
    for (size_t i = 0; i < group->count; i++) {
        const struct config_schema_key *key = &group->keys[i];
        bool meant = str_eq(str_of(key->name), str_of(group->lone));
        if (!meant || !read_value(source, key, node, item + key->offset))
            read_default(source, key, item);
    }
}

static void read_map(struct reader *r, const struct config_schema_key *key,
                     const struct config_yaml_node *node, char *base)
{
    struct config_source *source = r->source;
    size_t count = 0;
    if (config_yaml_is_null(node) || node->kind == YAML_KIND_REFUSED)
        return;
    if (node->kind != YAML_KIND_MAP) {
        config_source_complain(source, node, "names with keys are wanted, not %s", kind_name(node));
        return;
    }
    if (too_many(source, node))
        return;
    char *items = arena_alloc(source->config->arena, key->group->size * node->count);
    for (const struct config_yaml_node *each = node->first; each; each = each->next) {
        char *item = items + count * key->group->size;
        if (!read_item_name(source, key->group, each, item))
            continue;
        if (key->group->lone && each->kind == YAML_KIND_TEXT && !config_yaml_is_null(each))
            read_lone_item(source, key->group, each, item);
        else
            push(r, key->group, each, item);
        count++;
    }
    set_items(key, base, items, count);
    config_source_note(source, base + key->offset, node);
}

static void read_key(struct reader *r, const struct task *task, const struct config_schema_key *key)
{
    const struct config_yaml_node *node = config_yaml_find(task->node, str_of(key->name));
    if (key->shape == SHAPE_GROUP) {
        push(r, key->group, node, task->base);
        return;
    }
    if (node == NULL) {
        read_default(r->source, key, task->base);
        ASSERT(!key->required || task->node != NULL); /* such keys belong to items of a list */
        if (key->required && task->node->kind != YAML_KIND_REFUSED)
            config_source_complain(r->source, task->node, "\"%s\" is missing: %s is wanted",
                                   key->name, key->type->noun);
        return;
    }
    if (key->shape == SHAPE_LIST) {
        read_list(r, key, node, task->base);
    } else if (key->shape == SHAPE_MAP) {
        read_map(r, key, node, task->base);
    } else if (key->shape == SHAPE_VALUES) {
        read_values(r->source, key, node, task->base);
    } else if (!read_value(r->source, key, node, task->base + key->offset)) {
        read_default(r->source, key, task->base); /* so that no later rule trips over it */
    }
}

static void complain_unknown(struct config_source *source, const struct config_schema_group *group,
                             const struct config_yaml_node *node)
{
    struct config_suggest near;
    CLEANUP(buf_release) struct buf message;
    buf_init(&message, 1000);
    config_suggest_init(&near, node->key);
    for (size_t i = 0; i < group->count; i++)
        config_suggest_offer(&near, str_of(group->keys[i].name));
    err e = buf_add(&message, near.best.len ? S("unknown key") : S("unknown key; known here: "));
    for (size_t i = 0; near.best.len == 0 && i < group->count && e == NULL; i++)
        e = buf_addf(&message, "%s%s", i ? ", " : "", group->keys[i].name);
    ASSERT(e == NULL);
    complain_near(source, node->key_line, node->key_col, node, buf_str(&message), near.best);
}

static void read_task(struct reader *r, const struct task *task)
{
    const struct config_yaml_node *node = task->node;
    if (node && node->kind != YAML_KIND_MAP && node->kind != YAML_KIND_REFUSED &&
        !config_yaml_is_null(node))
        config_source_complain(r->source, node, "keys are wanted here, not %s", kind_name(node));
    else if (node && node->kind == YAML_KIND_MAP)
        for (const struct config_yaml_node *each = node->first; each; each = each->next)
            if (config_schema_find(task->group, each->key) == NULL)
                complain_unknown(r->source, task->group, each);
    for (size_t i = 0; i < task->group->count; i++)
        read_key(r, task, &task->group->keys[i]);
}

void config_source_read(struct config_source *source, const struct config_yaml_node *root)
{
    struct reader r = {.source = source};
    push(&r, &config_schema_root, root, (char *)source->config);
    for (const struct task *task = r.first; task; task = task->next)
        read_task(&r, task);
}
