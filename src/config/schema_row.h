/* config/schema_row.h -- how a row of the table of keys is written
 *
 * For the files that hold parts of the table, and nobody else.
 */
#pragma once
#include "config/schema.h"
#include "config/type.h"

#define KIB (1LL << 10)
#define MIB (1LL << 20)
#define GIB (1LL << 30)
#define SECOND 1000LL
#define MINUTE (60 * SECOND)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)

/* One row of a table: where in `of` the value stands and how it is read. */
#define VALUE(of, field, kind, key, ...)                                                           \
    {                                                                                              \
        .name = key, .shape = SHAPE_VALUE, .type = &config_type_##kind,                            \
        .offset = offsetof(struct of, field), .size = sizeof(((struct of *)0)->field), __VA_ARGS__ \
    }
#define VALUES(of, field, count, kind, key, ...)                                                   \
    {                                                                                              \
        .name = key, .shape = SHAPE_VALUES, .type = &config_type_##kind,                           \
        .offset = offsetof(struct of, field), .size = sizeof(((struct of *)0)->field),             \
        .count_offset = offsetof(struct of, count), .item_size = sizeof(*((struct of *)0)->field), \
        __VA_ARGS__                                                                                \
    }
#define ITEMS(of, form, field, count, key, items, ...)                                       \
    {                                                                                        \
        .name = key, .shape = form, .group = &items, .offset = offsetof(struct of, field),   \
        .size = sizeof(((struct of *)0)->field), .count_offset = offsetof(struct of, count), \
        __VA_ARGS__                                                                          \
    }
#define GROUP(key, keys)                                  \
    {                                                     \
        .name = key, .shape = SHAPE_GROUP, .group = &keys \
    }
#define BETWEEN(low, high) .least = low, .most = high

/* schema_reports.c */
extern const struct config_schema_choice config_schema_reportings[];
extern const struct config_schema_group config_schema_reports, config_schema_tls_reports;
