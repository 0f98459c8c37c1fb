#include "template/names.h"
#include "config/suggest.h"

static str key_of(const void *object) { return ((const struct template_name *)object)->name; }

struct template_names *template_names_open(struct arena *arena)
{
    struct template_names *n = ARENA_NEW(arena, struct template_names);
    n->arena = arena;
    table_init(&n->by_name, key_of);
    return n;
}

void template_names_close(struct template_names *n)
{
    if (n)
        table_release(&n->by_name);
}

bool template_names_find(const struct template_names *n, str name, size_t *ret_slot)
{
    const struct template_name *found = table_find(&n->by_name, name);
    if (found)
        *ret_slot = found->slot;
    return found != NULL;
}

err template_names_add(struct template_names *n, str name, size_t *ret_slot)
{
    if (template_names_find(n, name, ret_slot))
        return NULL;
    if (n->count == TEMPLATE_NAMES_MAX)
        return err_new(ERR_LIMIT, "more than %d fields", TEMPLATE_NAMES_MAX);
    if (name.len > TEMPLATE_NAMES_BYTES_MAX)
        return err_new(ERR_LIMIT, "a field's name of more than %d bytes", TEMPLATE_NAMES_BYTES_MAX);
    struct template_name *made = ARENA_NEW(n->arena, struct template_name);
    *made = (struct template_name){arena_str(n->arena, name), n->count};
    table_add(&n->by_name, made);
    n->list[n->count] = made;
    *ret_slot = n->count++;
    return NULL;
}

str template_names_nearest(const struct template_names *n, str wrong)
{
    struct config_suggest suggest;
    config_suggest_init(&suggest, wrong);
    for (size_t i = 0; i < n->count; i++)
        config_suggest_offer(&suggest, n->list[i]->name);
    return suggest.best;
}
