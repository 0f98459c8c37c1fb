/* template/names.h -- the fields that a template or an expression may name, and their slots
 *
 * A reader of lists puts each value into its name's slot; so a field is found once, when the
 * template is compiled, and not again in a million rows. Open names grow with every name that is
 * asked for (lists whose fields are not known beforehand: JSON); closed ones know their fields.
 */
#pragma once
#include "base/table.h"
#include "template/value.h"

enum {
    TEMPLATE_NAMES_MAX = 1000,
    TEMPLATE_NAMES_BYTES_MAX = 200, /* of one name */
};

struct template_name {
    str name;
    size_t slot;
};

struct template_names {
    struct arena *arena;
    struct table by_name;
    struct template_name *list[TEMPLATE_NAMES_MAX];
    size_t count;
    bool closed;
};

/* Texts live in the arena, as must the names themselves: they are large. */
struct template_names *template_names_open(struct arena *);
void template_names_close(struct template_names *); /* accepts NULL; the arena stays */

/* The slot of a name, made when it is new. ERR_LIMIT: too many names, or too long a one. */
must_use err template_names_add(struct template_names *, str name, size_t *ret_slot);
bool template_names_find(const struct template_names *, str name, size_t *ret_slot);
str template_names_nearest(const struct template_names *, str wrong); /* empty: none is near */
