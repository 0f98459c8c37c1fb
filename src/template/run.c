#include "template/run.h"
#include <string.h>

struct machine {
    const struct template_scope *scope;
    struct template_value stack[TEMPLATE_EXPR_STACK_MAX];
    int height;
};

static struct template_value pop(struct machine *m)
{
    ASSERT(m->height > 0);
    return m->stack[--m->height];
}

static void push(struct machine *m, struct template_value v)
{
    ASSERT(m->height < TEMPLATE_EXPR_STACK_MAX);
    m->stack[m->height++] = v;
}

/* ---- fields ----------------------------------------------------------------------------- */

static struct template_value member(const struct template_value *v, str name)
{
    for (size_t i = 0; v->kind == VALUE_OBJECT && i < v->object.count; i++)
        if (str_eq(v->object.members[i].name, name))
            return v->object.members[i].value;
    return (struct template_value){0};
}

static struct template_value look(const struct template_scope *s, const struct template_term *t)
{
    struct template_value v = {0};
    if (t->kind == TERM_FIELD && (size_t)t->number < s->slot_count)
        v = s->slots[t->number];
    if (t->kind == TERM_LOOP) {
        const struct template_loop_place *loop = &s->loops[t->number];
        v = loop->at < loop->count ? loop->items[loop->at] : v;
    }
    for (int i = 0; i < t->path_count; i++)
        v = member(&v, t->path[i]);
    return v;
}

/* ---- operators -------------------------------------------------------------------------- */

static bool equal(struct machine *m, const struct template_value *a, const struct template_value *b)
{
    int order;
    const struct template_scope *s = m->scope;
    return template_value_compare(a, b, s->now_ms, s->arena, &order) && order == 0;
}

static bool equal_any(struct machine *m, const struct template_value *a,
                      const struct template_value *list)
{
    if (list->kind != VALUE_LIST)
        return equal(m, a, list);
    for (size_t i = 0; i < list->list.count; i++)
        if (equal(m, a, &list->list.items[i]))
            return true;
    return false;
}

static bool compare(struct machine *m, int how, const struct template_value *a,
                    const struct template_value *b)
{
    const struct template_scope *s = m->scope;
    int order;
    if (!template_value_compare(a, b, s->now_ms, s->arena, &order))
        return how == COMPARE_NE;
    switch (how) {
    case COMPARE_EQ:
        return order == 0;
    case COMPARE_NE:
        return order != 0;
    case COMPARE_LT:
        return order < 0;
    case COMPARE_LE:
        return order <= 0;
    case COMPARE_GT:
        return order > 0;
    default:
        return order >= 0;
    }
}

static bool text_contains(str text, str part)
{
    for (size_t i = 0; part.len > 0 && part.len <= text.len && i <= text.len - part.len; i++)
        if (str_starts_nocase(str_from(text, i), part))
            return true;
    return false;
}

/* A list has the item; a text has the part, whatever the case of ASCII letters. */
static bool contains(struct machine *m, const struct template_value *a,
                     const struct template_value *part)
{
    if (a->kind == VALUE_LIST)
        return equal_any(m, part, a);
    return text_contains(template_value_as_text(a, m->scope->arena),
                         template_value_as_text(part, m->scope->arena));
}

static void step_two(struct machine *m, const struct template_term *t)
{
    struct template_value b = pop(m), a = pop(m);
    bool yes = false;
    if (t->kind == TERM_COMPARE)
        yes = compare(m, t->number, &a, &b);
    else if (t->kind == TERM_CONTAINS)
        yes = contains(m, &a, &b);
    else if (t->kind == TERM_AND)
        yes = template_value_is_true(&a) && template_value_is_true(&b);
    else if (t->kind == TERM_OR)
        yes = template_value_is_true(&a) || template_value_is_true(&b);
    else /* TERM_IN_END: below lies what was looked for */
        yes = b.yes;
    push(m, template_value_of_bool(yes));
}

static void step_in(struct machine *m)
{
    struct template_value one = pop(m), found = pop(m), wanted = pop(m);
    found.yes = found.yes || equal_any(m, &wanted, &one);
    push(m, wanted);
    push(m, found);
}

static void step_filter(struct machine *m, const struct template_term *t)
{
    struct template_value args[TEMPLATE_FILTER_ARGS_MAX];
    for (int i = t->arg_count; i-- > 0;)
        args[i] = pop(m);
    struct template_value input = pop(m);
    push(m, t->filter->run(&input, args, t->arg_count, m->scope->arena));
}

static void step(struct machine *m, const struct template_term *t)
{
    const struct template_loop_place *loop = m->scope->loops;
    struct template_value v;
    switch (t->kind) {
    case TERM_VALUE:
        push(m, t->value);
        return;
    case TERM_FIELD:
    case TERM_LOOP:
        push(m, look(m->scope, t));
        return;
    case TERM_INDEX:
        push(m, template_value_of_number((double)loop[t->number].at + 1));
        return;
    case TERM_LAST:
        push(m, template_value_of_bool(loop[t->number].at + 1 == loop[t->number].count));
        return;
    case TERM_FILTER:
        step_filter(m, t);
        return;
    case TERM_IN:
        step_in(m);
        return;
    case TERM_NOT:
        v = pop(m);
        push(m, template_value_of_bool(!template_value_is_true(&v)));
        return;
    default:
        step_two(m, t);
    }
}

struct template_value template_run(const struct template_expr *e, const struct template_scope *s)
{
    struct machine m;
    m.scope = s;
    m.height = 0;
    for (size_t i = 0; i < e->count; i++)
        step(&m, &e->terms[i]);
    return pop(&m);
}

bool template_run_is_true(const struct template_expr *e, const struct template_scope *s)
{
    struct template_value v = template_run(e, s);
    return template_value_is_true(&v);
}
