/* config/yaml.h -- one YAML document as a bounded tree of nodes, each with its place
 *
 * A small part of YAML 1.2: mappings, sequences and one-line scalars. Aliases, anchors, tags,
 * further documents and control characters are refused. Values stay texts: what a text means
 * is decided by the schema, never guessed.
 */
#pragma once
#include "config/errors.h"

enum {
    CONFIG_YAML_BYTES_MAX = 1 << 20,
    CONFIG_YAML_DEPTH_MAX = 32,
    CONFIG_YAML_NODES_MAX = 100000,
    CONFIG_YAML_ARENA_BYTES_MAX = 96 << 20, /* for the largest tree and its errors' texts */
};

enum config_yaml_kind {
    YAML_KIND_TEXT,
    YAML_KIND_LIST,
    YAML_KIND_MAP,
    YAML_KIND_REFUSED, /* an error was told: nothing more to say about it */
};

struct config_yaml_node {
    enum config_yaml_kind kind;
    bool plain; /* a text without quotes */
    int line, col;
    str text;
    str key; /* in a mapping */
    int key_line, key_col;
    size_t index; /* among its siblings */
    size_t count; /* of children */
    struct config_yaml_node *parent, *first, *last, *next;
};

/* Reads the whole text. *ret_root is NULL for an empty document. False: the text is not YAML as
 * we take it, and errors say why. Errors may have been added on true as well. */
bool config_yaml_parse(str text, str name, struct arena *, struct config_errors *,
                       struct config_yaml_node **ret_root, size_t *ret_count);

/* Plain and empty, "~" or "null": the key is there, the value is not. */
bool config_yaml_is_null(const struct config_yaml_node *);

/* The child of a mapping; NULL: none. */
struct config_yaml_node *config_yaml_find(const struct config_yaml_node *map, str key);

/* "listeners[0].role" */
str config_yaml_path(const struct config_yaml_node *, struct arena *);
