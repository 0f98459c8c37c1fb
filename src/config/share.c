#include "config/share.h"
#include "config/source.h"
#include "runtime/file.h"

str config_share(str name)
{
    for (const struct config_share_file *file = config_share_files; file->name; file++)
        if (str_eq(str_of(file->name), name))
            return str_of(file->text);
    return (str){0};
}

static void renumber(struct config_yaml_node *parent)
{
    parent->count = 0;
    parent->last = NULL;
    for (struct config_yaml_node *node = parent->first; node; node = node->next) {
        node->parent = parent;
        node->index = parent->count++;
        parent->last = node;
    }
}

/* Theirs, then ours. */
static void merge_list(struct config_yaml_node *ours, struct config_yaml_node *theirs)
{
    if (theirs->first == NULL)
        return;
    theirs->last->next = ours->first;
    ours->first = theirs->first;
    renumber(ours);
}

/* Put the node where the map has one of its key, else behind all others. */
static void put(struct config_yaml_node *map, struct config_yaml_node *node)
{
    struct config_yaml_node **at = &map->first;
    while (*at && !str_eq((*at)->key, node->key))
        at = &(*at)->next;
    node->next = *at ? (*at)->next : NULL;
    *at = node;
}

static void merge_map(struct config_yaml_node *ours, struct config_yaml_node *theirs)
{
    for (struct config_yaml_node *node = theirs->first, *next; node; node = next) {
        next = node->next;
        put(ours, node);
    }
    renumber(ours);
}

static void merge(struct config_yaml_node *ours, struct config_yaml_node *theirs)
{
    for (struct config_yaml_node *node = theirs->first, *next; node; node = next) {
        struct config_yaml_node *same = config_yaml_find(ours, node->key);
        next = node->next;
        if (same && same->kind == YAML_KIND_MAP && node->kind == YAML_KIND_MAP)
            merge_map(same, node);
        else if (same && same->kind == YAML_KIND_LIST && node->kind == YAML_KIND_LIST)
            merge_list(same, node);
        else
            put(ours, node);
    }
    renumber(ours);
}

static void complain(struct config_errors *errors, str file, str message)
{
    config_errors_add(errors, &(struct config_error){.file = file, .message = message});
}

/* NULL in *ret_root: there is no such file, or nothing in it. */
static bool read_own(str path, struct arena *arena, struct config_errors *errors,
                     struct config_yaml_node **ret_root)
{
    str text;
    size_t count;
    *ret_root = NULL;
    if (!file_exists(arena_chars(arena, path)))
        return true;
    err e = config_source_read_file(path, CONFIG_YAML_BYTES_MAX, arena, &text);
    if (e) {
        char why[300];
        err_describe(e, why, sizeof why);
        complain(errors, path, str_of(why));
        return false;
    }
    size_t before = errors->count + errors->left_out;
    if (!config_yaml_parse(text, path, arena, errors, ret_root, &count) ||
        errors->count + errors->left_out > before)
        return false;
    if (*ret_root == NULL || (*ret_root)->kind == YAML_KIND_MAP)
        return true;
    complain(errors, path, S("keys are wanted here, as in the file that ships"));
    return false;
}

bool config_share_read(str name, str folder, struct arena *arena, struct config_errors *errors,
                       struct config_yaml_node **ret_root)
{
    struct config_yaml_node *ours = NULL, *theirs = NULL;
    size_t count;
    str text = config_share(name);
    ASSERT(text.len > 0 && name.len <= CONFIG_SHARE_NAME_BYTES_MAX);
    bool good = config_yaml_parse(text, name, arena, errors, &ours, &count);
    ASSERT(good && ours && ours->kind == YAML_KIND_MAP); /* a unit test has read every one */
    str path = arena_printf(arena, "%.*s/%.*s.yaml", STR_ARG(folder), STR_ARG(name));
    if (folder.len > 0 && !read_own(path, arena, errors, &theirs))
        return false;
    if (theirs)
        merge(ours, theirs);
    *ret_root = ours;
    return true;
}
