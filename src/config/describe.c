/* The schema told to programs (JSON Schema) and to people (docs/config.md). */
#include "config/schema.h"
#include "config/type.h"
#include "config/value.h"
#include <jansson.h>

enum { GROUPS_MAX = 48 };

/* All groups, a group before those below it. */
static size_t list_groups(const struct config_schema_group *ret_groups[GROUPS_MAX])
{
    size_t count = 0;
    ret_groups[count++] = &config_schema_root;
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < ret_groups[i]->count; k++)
            if (config_schema_has_group(&ret_groups[i]->keys[k])) {
                ASSERT(count < GROUPS_MAX);
                ret_groups[count++] = ret_groups[i]->keys[k].group;
            }
    return count;
}

static json_t *words_schema(const struct config_schema_choice *choices)
{
    json_t *words = json_array();
    for (; choices->name; choices++)
        json_array_append_new(words, json_string(choices->name));
    return json_pack("{s:o}", "enum", words);
}

static json_t *value_schema(const struct config_schema_key *key, bool item)
{
    if (key->type->json)
        return json_loads(key->type->json, 0, NULL);
    if (key->choices && !item)
        return words_schema(key->choices);
    return json_pack("{s:s,s:I,s:I}", "type", "integer", "minimum", (json_int_t)key->least,
                     "maximum", (json_int_t)key->most);
}

/* A list, a word, "file:/path", or a lone item. */
static json_t *values_schema(const struct config_schema_key *key)
{
    json_t *any = json_array();
    json_array_append_new(
        any, json_pack("{s:s,s:o}", "type", "array", "items", value_schema(key, true)));
    if (key->choices)
        json_array_append_new(any, words_schema(key->choices));
    json_array_append_new(any, key->file_offset
                                   ? json_pack("{s:s,s:s}", "type", "string", "pattern", "^file:/")
                                   : value_schema(key, true));
    return json_pack("{s:o}", "anyOf", any);
}

static json_t *group_schema(const struct config_schema_group *group)
{
    json_t *required = json_array();
    for (size_t i = 0; i < group->count; i++)
        if (group->keys[i].required)
            json_array_append_new(required, json_string(group->keys[i].name));
    /* a group whose keys are all commented out is null */
    return json_pack("{s:[s,s],s:s,s:b,s:{},s:o}", "type", "object", "null", "description",
                     group->doc, "additionalProperties", 0, "properties", "required", required);
}

static json_t *items_schema(const struct config_schema_key *key, json_t *item)
{
    if (key->shape == SHAPE_MAP && key->group->lone)
        return json_pack(
            "{s:[s,s],s:{s:[O,o]}}", "type", "object", "null", "additionalProperties", "anyOf",
            item, value_schema(config_schema_find(key->group, str_of(key->group->lone)), false));
    if (key->shape == SHAPE_MAP)
        return json_pack("{s:[s,s],s:O}", "type", "object", "null", "additionalProperties", item);
    json_t *list = json_pack("{s:s,s:O}", "type", "array", "items", item);
    return key->choices ? json_pack("{s:[o,o]}", "anyOf", list, words_schema(key->choices)) : list;
}

/* A default in the type its key has. */
static json_t *normal_schema(const struct config_schema_key *key)
{
    json_t *literal = key->shape == SHAPE_VALUE && key->type->literal
                          ? json_loads(key->normal, JSON_DECODE_ANY, NULL)
                          : NULL;
    if (literal || key->shape == SHAPE_VALUE || key->choices)
        return literal ? literal : json_string(key->normal);
    json_t *list = json_array();
    str rest = str_of(key->normal), item;
    while (rest.len) {
        str_split(rest, ' ', &item, &rest);
        json_array_append_new(list, json_stringn(item.ptr, item.len));
    }
    return list;
}

static void add_words(const struct config_schema_key *key, json_t *schema)
{
    if (key->doc)
        json_object_set_new(schema, "description",
                            key->unit ? json_sprintf("%s (%s)", key->doc, key->unit)
                                      : json_string(key->doc));
    if (key->normal)
        json_object_set_new(schema, "default", normal_schema(key));
    else if (key->normal_told)
        json_object_set_new(schema, "$comment", json_sprintf("default: %s", key->normal_told));
}

/* Fill one group's properties; the groups below it get their objects on the way. */
static void fill_properties(const struct config_schema_group *group, json_t *object,
                            json_t **objects, size_t *count)
{
    json_t *properties = json_object_get(object, "properties");
    for (size_t i = 0; i < group->count; i++) {
        const struct config_schema_key *key = &group->keys[i];
        json_t *schema;
        if (config_schema_has_group(key)) {
            json_t *below = group_schema(key->group);
            objects[(*count)++] = below;
            schema = key->shape == SHAPE_GROUP ? json_incref(below) : items_schema(key, below);
        } else {
            schema = key->shape == SHAPE_VALUE ? value_schema(key, false) : values_schema(key);
        }
        add_words(key, schema);
        json_object_set_new(properties, key->name, schema);
    }
}

struct dump {
    struct buf *out;
    err e;
};

static int add_dumped(const char *text, size_t len, void *arg)
{
    struct dump *dump = arg;
    dump->e = buf_add(dump->out, (str){text, len});
    return dump->e ? -1 : 0;
}

err config_schema(struct buf *out)
{
    const struct config_schema_group *groups[GROUPS_MAX];
    json_t *objects[GROUPS_MAX] = {0};
    size_t group_count = list_groups(groups), count = 0;
    json_t *root = group_schema(groups[0]);
    objects[count++] = root;
    json_object_set_new(root, "$schema",
                        json_string("https://json-schema.org/draft/2020-12/schema"));
    json_object_set_new(root, "title", json_string("smtptool configuration"));
    for (size_t i = 0; i < group_count; i++)
        fill_properties(groups[i], objects[i], objects, &count);
    ASSERT(count == group_count); /* both walks go level by level */
    struct dump dump = {.out = out};
    int failed = json_dump_callback(root, add_dumped, &dump, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
    for (size_t i = 0; i < count; i++)
        json_decref(objects[i]);
    TRY(dump.e);
    ASSERT(failed == 0);
    return buf_add_char(out, '\n');
}

/* The reference. */

static err add_cell(struct buf *out, const char *text)
{
    for (; *text; text++) {
        if (*text == '|')
            TRY(buf_add_char(out, '\\'));
        TRY(buf_add_char(out, *text));
    }
    return NULL;
}

static err add_range(const struct config_schema_key *key, struct buf *out)
{
    err (*format)(int64_t, struct buf *) = NULL;
    if (key->type == &config_type_duration)
        format = config_value_format_duration;
    else if (key->type == &config_type_size)
        format = config_value_format_size;
    if (key->type == &config_type_int)
        return buf_addf(out, ", %lld to %lld", (long long)key->least, (long long)key->most);
    if (format == NULL)
        return NULL;
    TRY(buf_add(out, S(", ")));
    TRY(format(key->least, out));
    TRY(buf_add(out, S(" to ")));
    return format(key->most, out);
}

static err add_words_of(const struct config_schema_choice *choices, struct buf *out)
{
    for (; choices->name; choices++)
        TRY(buf_addf(out, "`%s`%s", choices->name, choices[1].name ? ", " : ""));
    return NULL;
}

static err add_wanted(const struct config_schema_key *key, struct buf *out)
{
    if (config_schema_has_group(key))
        return buf_addf(out, "see `%s`", key->group->name);
    if (key->shape == SHAPE_VALUE && key->choices)
        return add_words_of(key->choices, out);
    if (key->shape == SHAPE_VALUE) {
        TRY(add_cell(out, key->type->noun));
        return add_range(key, out);
    }
    if (key->choices) {
        TRY(add_words_of(key->choices, out));
        TRY(buf_add(out, key->file_offset ? S(", `file:/path`, or ") : S(", or ")));
    }
    TRY(buf_add(out, S("a list, each ")));
    return add_cell(out, key->type->noun);
}

/* "a b" as [a, "b"]: what YAML needs for it. */
static err add_normal_list(const char *normal, struct buf *out)
{
    str rest = str_of(normal), item;
    TRY(buf_add(out, S("`[")));
    while (rest.len) {
        str_split(rest, ' ', &item, &rest);
        TRY(config_type_write_text(item, out));
        TRY(buf_add(out, rest.len ? S(", ") : S("")));
    }
    return buf_add(out, S("]`"));
}

static err add_normal(const struct config_schema_key *key, struct buf *out)
{
    if (key->required)
        return buf_add(out, S("**required**"));
    if (key->normal && key->shape == SHAPE_VALUES && key->choices == NULL)
        return add_normal_list(key->normal, out);
    if (key->normal)
        return buf_addf(out, "`%s`", key->normal);
    return key->normal_told ? add_cell(out, key->normal_told) : buf_add(out, S("none"));
}

static err add_row(const struct config_schema_key *key, struct buf *out)
{
    const char *doc = key->doc ? key->doc : key->group->doc;
    TRY(buf_addf(out, "| `%s` | ", key->name));
    TRY(add_wanted(key, out));
    TRY(buf_add(out, S(" | ")));
    if (key->shape != SHAPE_GROUP)
        TRY(add_normal(key, out));
    TRY(buf_add(out, S(" | ")));
    TRY(add_cell(out, doc));
    if (key->unit)
        TRY(buf_addf(out, " (%s)", key->unit));
    return buf_add(out, S(" |\n"));
}

static const char reference_head[] =
    "# Configuration\n\n"
    "One YAML file: the one given with `-C`, else the first there is of `$SMTPTOOL_CONFIG`,\n"
    "`$XDG_CONFIG_HOME/smtptool/smtptool.yaml` and `/etc/smtptool/smtptool.yaml`. No file at all "
    "is "
    "valid.\n"
    "`smtptool config check` tells every mistake at once; `smtptool config show --origin` shows "
    "every\nvalue and where it comes from. A file with a mistake is never used in part: a reload "
    "keeps what\nwas in force.\n\n"
    "Durations are one number and one unit: `500ms`, `10s`, `5m`, `4h`, `5d`. Sizes likewise: "
    "`100B`,\n`1KiB`, `50MiB`, `1GiB` (1024) or `1KB`, `10MB`, `1GB` (1000). Booleans are `true` "
    "and `false`.\nSecrets are never written here, only where to find them: `file:/path`, "
    "`env:NAME`, `command:…`, `vault:…` (all kinds: docs/secrets.md).\nYAML's tags, anchors and "
    "aliases are not supported.\n\n"
    "Servers are URLs: `smtp://host[:587]` (STARTTLS, required and verified), "
    "`smtps://host[:465]` (TLS\nfrom the first byte), `lmtp://host[:24]`, `lmtp+unix:///path`. "
    "`?tls=opportunistic` takes TLS as it\nis offered and does not verify it, `?tls=none` does "
    "without; neither goes with a login, except on this\nmachine. LMTP to this machine is "
    "opportunistic unless said otherwise.\n\n"
    "This page is made from the program's own table of keys.\n";

static err add_group(const struct config_schema_group *group, struct buf *out)
{
    TRY(buf_addf(out, "\n## %s%s%s\n\n%s\n\n", group->name[0] ? "`" : "Top level", group->name,
                 group->name[0] ? "`" : "", group->doc));
    TRY(buf_add(out, S("| key | value | default | meaning |\n|---|---|---|---|\n")));
    for (size_t i = 0; i < group->count; i++)
        TRY(add_row(&group->keys[i], out));
    return NULL;
}

err config_reference(struct buf *out)
{
    const struct config_schema_group *groups[GROUPS_MAX];
    size_t count = list_groups(groups);
    TRY(buf_add(out, str_of(reference_head)));
    for (size_t i = 0; i < count; i++)
        TRY(add_group(groups[i], out));
    return NULL;
}
