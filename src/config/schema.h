/* config/schema.h -- the table of all keys: what may be written, what it means, what it is else
 *
 * Loading, showing, the JSON Schema and the reference all walk this one table, so none of them
 * can know a key that another does not. A default is written as an operator would write it.
 */
#pragma once
#include "config/config.h"

enum config_schema_shape {
    SHAPE_VALUE,  /* one value */
    SHAPE_VALUES, /* [value, …], a value alone, or one of words */
    SHAPE_GROUP,  /* keys of the table's own */
    SHAPE_LIST,   /* [{keys}, …] */
    SHAPE_MAP,    /* {name: {keys}, …} */
};

enum { CONFIG_SCHEMA_DEPTH_MAX = 8, CONFIG_SCHEMA_ITEMS_MAX = 20000 };

struct config_schema_choice {
    const char *name;
    int value;
};

struct config_schema_group;

struct config_schema_key {
    const char *name;
    enum config_schema_shape shape;
    const struct config_type *type; /* VALUE; of each, for VALUES */
    size_t offset, size;            /* of the field; for VALUES, LIST and MAP a pointer */
    size_t count_offset;            /* of the number behind that pointer */
    size_t item_size;               /* VALUES */
    const char *normal;             /* the default, parsed; several VALUES have blanks between */
    const char *normal_told;        /* what is said of a default that is made, not written */
    int64_t least, most;            /* of a number, a size, a duration; most bytes of a text */
    const struct config_schema_choice *choices; /* ends with a NULL name */
    const struct config_schema_group *group;
    size_t word_offset; /* VALUES with words: where choices are stored */
    int word_list;      /* …and what stands there for a list */
    size_t file_offset; /* VALUES that may be "file:/path": where that is stored; 0: not */
    int word_file;
    bool required;
    const char *unit;
    const char *doc;
};

struct config_schema_group {
    const char *name; /* "listeners[]", for the reference */
    const struct config_schema_key *keys;
    size_t count;
    size_t size;        /* of an item of a LIST or MAP */
    size_t name_offset; /* MAP: the str that takes the item's name */
    bool name_is_host;  /* MAP: else a name of letters, digits, "._-" */
    const char *lone;   /* MAP: the key that an item's only value is for; NULL: none */
    const char *doc;
};

extern const struct config_schema_group config_schema_root;
/* Parts of it. */
extern const struct config_schema_group config_schema_secrets, config_schema_shaping,
    config_schema_warmup;
extern const struct config_schema_group config_schema_egress, config_schema_egress_pools,
    config_schema_egress_watch;
extern const struct config_schema_choice config_schema_overflows[]; /* "wait", "next" */
/* The keys of a struct config_shaping_rule. */
extern const struct config_schema_group *const config_schema_shaping_rule;

/* NULL: there is no such key. */
const struct config_schema_key *config_schema_find(const struct config_schema_group *, str name);
/* NULL: there is no such choice. */
const struct config_schema_choice *config_schema_choose(const struct config_schema_choice *,
                                                        str name);
const char *config_schema_choice_name(const struct config_schema_choice *, int value);

static inline bool config_schema_has_group(const struct config_schema_key *key)
{
    return key->shape == SHAPE_GROUP || key->shape == SHAPE_LIST || key->shape == SHAPE_MAP;
}
