/* config/source.h -- a configuration while it is being read: which field came from which node
 *
 * The steps of a load share it: config_source_read() fills the fields,
 * config_source_fill_defaults() what is left, config_source_check() judges the whole. Each tells
 * its errors through config_source_complain().
 */
#pragma once
#include "config/config.h"
#include "config/yaml.h"

/* Kept in the configuration: the line of each value that was given, by the field's address. */
struct config_origin {
    const void *field;
    int line;
};

struct config_origins {
    struct config_origin *list; /* by field */
    size_t count;
};

struct config_place {
    const void *field;
    const struct config_yaml_node *node;
};

struct config_source {
    struct config *config;
    struct config_errors *errors;
    str name;
    struct arena *scratch;       /* freed when the load is over */
    struct config_place *places; /* by field, once config_source_sort() was called */
    size_t place_count, places_max;
};

/* The field was read from that node. */
void config_source_note(struct config_source *, const void *field,
                        const struct config_yaml_node *node);
void config_source_sort(struct config_source *);
/* NULL: the field has its default. */
const struct config_yaml_node *config_source_find(const struct config_source *, const void *field);
static inline bool config_source_given(const struct config_source *source, const void *field)
{
    return config_source_find(source, field) != NULL;
}

/* The node may be NULL. */
void config_source_complain(struct config_source *, const struct config_yaml_node *node,
                            const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Move the places into config->origins. */
void config_source_keep_origins(const struct config_source *);

/* 0: the field has its default. */
int config_source_line(const struct config *, const void *field);

/* Every key of the table, from the tree into the fields; what is not given gets its default. */
void config_source_read(struct config_source *, const struct config_yaml_node *root);
/* The defaults that depend on the machine or on other values. */
void config_source_fill_defaults(struct config_source *);
/* What accounts have from their presets, and routes from accounts. Reads presets. */
void config_source_fill_accounts(struct config_source *);
/* The files that domains name for their recipients. */
void config_source_fill_recipients(struct config_source *);
/* What ships of providers (share/shaping.yaml), with the operator's own over it. */
void config_source_fill_shaping(struct config_source *);
/* The names that were not given, and the egress called default. */
void config_source_fill_egress(struct config_source *);
/* What warm-up plans say of the sites of each egress. Reads share/warmup.yaml. */
void config_source_fill_warmup(struct config_source *);
/* What no single value shows: contradictions and dangers. */
void config_source_check(struct config_source *);
void config_source_check_egress(struct config_source *);

/* A whole regular file of at most max bytes. */
must_use err config_source_read_file(str path, size_t max, struct arena *, str *ret_text);
