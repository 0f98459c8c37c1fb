#include "config/schema.h"
#include "config/share.h"
#include "config/source.h"
#include "config/type.h"
#include "config/value.h"

enum { TEXT_BYTES_MAX = 600 };

/* One provider while it is read. */
struct reading {
    struct config_source *source;
    struct config_shaping_provider *provider;
};

static const struct {
    const char *name;
    size_t offset;
    bool required;
} texts[] = {
    {"name",   offsetof(struct config_shaping_provider, title),  true },
    {"source", offsetof(struct config_shaping_provider, source), true },
    {"date",   offsetof(struct config_shaping_provider, date),   true },
    {"note",   offsetof(struct config_shaping_provider, note),   false},
};

static void complain(struct reading *r, const struct config_yaml_node *at, str message)
{
    config_errors_add(r->source->errors,
                      &(struct config_error){.file = S("shaping.yaml"),
                                             .line = at->line,
                                             .col = at->col,
                                             .key = config_yaml_path(at, r->source->scratch),
                                             .message = message});
}

static bool read_text(struct reading *r, const struct config_yaml_node *node)
{
    size_t i = 0;
    while (i < ARRAY_LEN(texts) && !str_eq(node->key, str_of(texts[i].name)))
        i++;
    if (i == ARRAY_LEN(texts))
        return false;
    if (node->kind != YAML_KIND_TEXT || node->text.len == 0 || node->text.len > TEXT_BYTES_MAX)
        complain(r, node, S("a text of at most 600 bytes is wanted"));
    else
        *(str *)((char *)r->provider + texts[i].offset) =
            arena_str(r->source->config->arena, node->text);
    return true;
}

static void add_suffix(struct reading *r, const struct config_yaml_node *node)
{
    struct config_shaping_provider *p = r->provider;
    str host;
    err e = node->kind != YAML_KIND_TEXT
                ? err_new(ERR_CONFIG, "a list of host names is wanted")
                : config_value_host(node->text, r->source->config->arena, &host);
    if (e)
        complain(r, node, e->text);
    else
        p->mx[p->mx_count++] = host;
}

static bool read_suffixes(struct reading *r, const struct config_yaml_node *node)
{
    if (!str_eq(node->key, S("mx")))
        return false;
    if (node->kind != YAML_KIND_LIST || node->count == 0 ||
        node->count > CONFIG_SHAPING_SUFFIXES_MAX) {
        complain(r, node, S("a list of host names is wanted"));
        return true;
    }
    r->provider->mx = ARENA_ARRAY(r->source->config->arena, str, node->count);
    for (const struct config_yaml_node *one = node->first; one; one = one->next)
        add_suffix(r, one);
    return true;
}

static void read_limit(struct reading *r, const struct config_yaml_node *node)
{
    const struct config_schema_key *key = config_schema_find(config_schema_shaping_rule, node->key);
    if (key == NULL || node->kind != YAML_KIND_TEXT) {
        complain(r, node, S("no such key: name, mx, source, date, note or a limit is wanted"));
        return;
    }
    err e = key->type->read(key, node->text, r->source->config->arena,
                            (char *)&r->provider->limits + key->offset);
    if (e)
        complain(r, node, e->text);
}

static void read_provider(struct reading *r, const struct config_yaml_node *node)
{
    r->provider->limits.name = arena_str(r->source->config->arena, node->key);
    if (node->kind != YAML_KIND_MAP || !config_type_is_name(node->key)) {
        complain(r, node, S("a provider's name with its keys is wanted"));
        return;
    }
    for (const struct config_yaml_node *one = node->first; one; one = one->next)
        if (!read_text(r, one) && !read_suffixes(r, one))
            read_limit(r, one);
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        if (texts[i].required && config_yaml_find(node, str_of(texts[i].name)) == NULL)
            complain(r, node, S("name, source and date are wanted for every provider"));
}

void config_source_fill_shaping(struct config_source *source)
{
    struct config_yaml_node *root;
    struct config_shaping *shaping = &source->config->shaping;
    struct reading r = {.source = source};
    if (!config_share_read(S("shaping"), source->config->share, source->scratch, source->errors,
                           &root))
        return;
    const struct config_yaml_node *list = config_yaml_find(root, S("providers"));
    if (list == NULL || list->kind != YAML_KIND_MAP || root->count != 1 ||
        list->count > CONFIG_SHAPING_PROVIDERS_MAX) {
        complain(&r, root, S("providers with at most 1000 names is wanted, and nothing else"));
        return;
    }
    shaping->providers =
        ARENA_ARRAY(source->config->arena, struct config_shaping_provider, list->count + 1);
    for (const struct config_yaml_node *node = list->first; node; node = node->next) {
        r.provider = &shaping->providers[shaping->provider_count++];
        read_provider(&r, node);
    }
}
