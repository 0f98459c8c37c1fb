#include "template/steps.h"

/* Where an object or a text stands instead of a list it is a list of one. */
static void begin_loop(const struct template_step *step, struct template_scope *s)
{
    struct template_loop_place *loop = &s->loops[step->loop];
    struct template_value v = template_run(&step->expr, s);
    *loop = (struct template_loop_place){0};
    if (v.kind == VALUE_LIST) {
        loop->items = v.list.items;
        loop->count = v.list.count;
    } else if (template_value_is_true(&v)) {
        struct template_value *one = ARENA_NEW(s->arena, struct template_value);
        *one = v;
        loop->items = one;
        loop->count = 1;
    }
}

static err print(const struct template_step *step, struct template_scope *s, struct buf *out)
{
    struct template_value v = template_run(&step->expr, s);
    str text = template_value_as_text(&v, s->arena);
    if (text.len == 0 && step->escape != ESCAPE_ADDRESS)
        return NULL;
    err e = template_escape_add(step->escape, text, out);
    return e ? err_make(e->kind, e, __FILE__, __LINE__, "{{%.*s}}",
                        STR_ARG(str_slice(step->text, 0, 60)))
             : NULL;
}

static err run_step(const struct template *t, size_t *at, struct template_scope *s, struct buf *out)
{
    const struct template_step *step = &t->steps[(*at)++];
    struct template_loop_place *loop = &s->loops[step->loop];
    switch (step->kind) {
    case STEP_TEXT:
        return buf_add(out, step->text);
    case STEP_PRINT:
        return print(step, s, out);
    case STEP_UNLESS:
        if (!template_run_is_true(&step->expr, s))
            *at = step->target;
        return NULL;
    case STEP_GO:
        *at = step->target;
        return NULL;
    case STEP_EACH:
        begin_loop(step, s);
        if (loop->count == 0)
            *at = step->target;
        return NULL;
    case STEP_NEXT:
        if (++loop->at < loop->count)
            *at = step->target;
    }
    return NULL;
}

err template_render(const struct template *t, struct template_scope *s, struct buf *out)
{
    size_t before = out->len, at = 0, used = arena_used(s->arena);
    err e = NULL;
    for (int count = 0; at < t->count && e == NULL; count++)
        if (count == TEMPLATE_RENDER_STEPS_MAX)
            e = err_new(ERR_LIMIT, "the loops of this template do not come to an end");
        else if (arena_used(s->arena) - used > TEMPLATE_RENDER_BYTES_MAX)
            e = err_new(ERR_LIMIT, "this template needs more than %d MiB for its values",
                        TEMPLATE_RENDER_BYTES_MAX >> 20);
        else
            e = run_step(t, &at, s, out);
    if (e)
        out->len = before;
    return e;
}
