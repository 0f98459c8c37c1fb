#include "personality/msmtp_alias.h"

/* ---- reading ---------------------------------------------------------------------------- */

static const struct msmtp_alias *find(const struct msmtp_aliases *list, str name)
{
    for (size_t i = 0; i < list->count; i++)
        if (str_eq(list->items[i].name, name))
            return &list->items[i];
    return NULL;
}

static err check_targets(str targets, size_t line)
{
    str target;
    do {
        str_split(targets, ',', &target, &targets);
        if (str_trim(target).len == 0)
            return err_new(ERR_CONFIG, "line %zu: an address is missing", line);
    } while (targets.len);
    return NULL;
}

static err take_line(struct msmtp_aliases *list, str line, size_t number)
{
    str name, targets;
    size_t remark = str_find(line, '#');
    line = str_trim(remark == STR_NONE ? line : str_slice(line, 0, remark));
    if (line.len == 0)
        return NULL;
    str_split(line, ':', &name, &targets);
    if (str_find(line, ':') == STR_NONE)
        return err_new(ERR_CONFIG, "line %zu: single ':' delimiter expected", number);
    name = str_trim(name);
    if (name.len == 0 || str_find(name, '@') != STR_NONE)
        return err_new(ERR_CONFIG, "line %zu: invalid alias '%.*s'", number,
                       STR_ARG(str_slice(name, 0, 200)));
    if (find(list, name))
        return err_new(ERR_CONFIG, "line %zu: duplicate alias '%.*s'", number,
                       STR_ARG(str_slice(name, 0, 200)));
    if (list->count == MSMTP_ALIAS_COUNT_MAX)
        return err_new(ERR_LIMIT, "line %zu: more than %d aliases", number, MSMTP_ALIAS_COUNT_MAX);
    TRY(check_targets(targets, number));
    list->items[list->count++] = (struct msmtp_alias){name, str_trim(targets)};
    return NULL;
}

err personality_msmtp_alias_read(str text, struct arena *arena, struct msmtp_aliases *ret_aliases)
{
    size_t lines = 1, number = 0;
    if (text.len > MSMTP_ALIAS_FILE_BYTES_MAX)
        return err_new(ERR_LIMIT, "above %d bytes", MSMTP_ALIAS_FILE_BYTES_MAX);
    for (size_t i = 0; i < text.len; i++)
        lines += text.ptr[i] == '\n';
    struct msmtp_aliases list = {0};
    size_t room = lines < MSMTP_ALIAS_COUNT_MAX ? lines : MSMTP_ALIAS_COUNT_MAX;
    list.items = ARENA_ARRAY(arena, struct msmtp_alias, room);
    text = arena_str(arena, text);
    while (text.len) {
        str line;
        str_split(text, '\n', &line, &text);
        TRY(take_line(&list, line, ++number));
    }
    *ret_aliases = list;
    return NULL;
}

/* ---- expanding -------------------------------------------------------------------------- */

struct expansion {
    const struct msmtp_aliases *list;
    str recipient;
    str rest[MSMTP_ALIAS_DEPTH_MAX]; /* at each depth: the targets that are still to come */
    size_t depth, steps;
    size_t default_depth; /* where "default" was entered; 0: it was not */
};

static err descend(struct expansion *x, const struct msmtp_alias *alias)
{
    if (x->depth == MSMTP_ALIAS_DEPTH_MAX || ++x->steps > MSMTP_ALIAS_STEPS_MAX)
        return err_new(ERR_CONFIG, "Too many redirects when expanding alias %.*s.",
                       STR_ARG(str_slice(x->recipient, 0, 200)));
    x->rest[x->depth++] = alias->targets;
    return NULL;
}

/* A name that "default" itself leads to, and that is no alias, is an address. */
static err step(struct expansion *x, str name, err (*add)(void *arg, str address), void *arg)
{
    if (str_find(name, '@') != STR_NONE)
        return add(arg, name);
    const struct msmtp_alias *alias = find(x->list, name), *other = find(x->list, S("default"));
    if (alias)
        return descend(x, alias);
    if (other == NULL || x->default_depth > 0)
        return add(arg, name);
    TRY(descend(x, other));
    x->default_depth = x->depth;
    return NULL;
}

err personality_msmtp_alias_expand(const struct msmtp_aliases *list, str recipient,
                                   err (*add)(void *arg, str address), void *arg)
{
    struct expansion x = {.list = list, .recipient = recipient};
    TRY(step(&x, recipient, add, arg));
    while (x.depth > 0) {
        str *rest = &x.rest[x.depth - 1], name;
        if (rest->len == 0) {
            x.default_depth = x.default_depth == x.depth ? 0 : x.default_depth;
            x.depth--;
            continue;
        }
        str_split(*rest, ',', &name, rest);
        TRY(step(&x, str_trim(name), add, arg));
    }
    return NULL;
}
