/* lib/template.c -- the part of smtptool.h about templates */
#include "template/template.h"
#include "base/clock.h"
#include "base/mem.h"
#include "lib/call.h"
#include <assert.h>
#include <string.h>

enum {
    NAMES_ARENA_BYTES_MAX = 1 << 20,
    NAME_BYTES_MAX = 200, /* of the template, in errors */
    ARENA_BYTES_MAX = TEMPLATE_ARENA_BYTES_MAX + TEMPLATE_SOURCE_BYTES_MAX + NAMES_ARENA_BYTES_MAX,
};
static_assert((int)SMTPTOOL_FIELDS_MAX == (int)TEMPLATE_NAMES_MAX, "as smtptool.h says");
static_assert((int)SMTPTOOL_URL == (int)TEMPLATE_URL, "as smtptool.h says");

struct smtptool_template {
    struct arena *arena;
    struct template_names *names;
    const struct template *compiled;
};

/* ---- compiling -------------------------------------------------------------------------- */

static err compile(struct smtptool_template *t, int context, str name, str text)
{
    if (context < SMTPTOOL_PLAIN || context > SMTPTOOL_URL)
        return err_new(ERR_CONFIG, "there is no context %d", context);
    if (text.len > TEMPLATE_SOURCE_BYTES_MAX)
        return err_new(ERR_LIMIT, "a template of more than %d bytes", TEMPLATE_SOURCE_BYTES_MAX);
    struct template_options options = {
        .context = (enum template_context)context,
        .source = {arena_str(t->arena, str_slice(name, 0, NAME_BYTES_MAX)),
                   arena_str(t->arena, text)},
        .names = t->names,
    };
    return template_compile(&options, t->arena, &t->compiled);
}

int smtptool_template_compile(int context, const char *name, const char *text,
                              struct smtptool_template **ret_template,
                              struct smtptool_error **ret_error)
{
    struct lib_call call;
    if (text == NULL || ret_template == NULL)
        return lib_call_misuse(ret_error, "a text and a place for the template are needed");
    if (!lib_call_begin(&call, NULL, ret_error))
        return SMTPTOOL_MISUSE;
    struct smtptool_template *t = MEM_NEW(struct smtptool_template);
    t->arena = arena_open(ARENA_BYTES_MAX);
    t->names = template_names_open(t->arena);
    err e = compile(t, context, name ? str_of(name) : S("template"), str_of(text));
    if (e == NULL)
        *ret_template = t;
    else
        smtptool_template_free(t);
    return lib_call_end(&call, e);
}

void smtptool_template_free(struct smtptool_template *t)
{
    if (t == NULL)
        return;
    template_names_close(t->names);
    arena_close(t->arena);
    mem_free(t);
}

/* ---- rendering -------------------------------------------------------------------------- */

static err fill(const struct smtptool_template *t, const struct smtptool_field *fields,
                size_t count, struct template_value *slots)
{
    for (size_t i = 0; i < count; i++) {
        str value = str_of(fields[i].value);
        size_t slot;
        if (fields[i].name == NULL || !template_names_find(t->names, str_of(fields[i].name), &slot))
            continue;
        if (value.len > SMTPTOOL_VALUE_BYTES_MAX)
            return err_new(ERR_LIMIT, "the field %.100s: more than %d bytes", fields[i].name,
                           SMTPTOOL_VALUE_BYTES_MAX);
        slots[slot] = template_value_of_text(value);
    }
    return NULL;
}

static err render(const struct smtptool_template *t, const struct smtptool_field *fields,
                  size_t count, struct buf *out)
{
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(TEMPLATE_RENDER_ARENA_BYTES_MAX);
    struct template_value *slots = ARENA_ARRAY(arena, struct template_value, SMTPTOOL_FIELDS_MAX);
    struct template_scope *scope = ARENA_NEW(arena, struct template_scope);
    TRY(fill(t, fields, count, slots));
    *scope = (struct template_scope){.slots = slots,
                                     .slot_count = SMTPTOOL_FIELDS_MAX,
                                     .now_ms = clock_real_ms(),
                                     .arena = arena};
    return template_render(t->compiled, scope, out);
}

int smtptool_template_render(const struct smtptool_template *t, const struct smtptool_field *fields,
                             size_t count, char **ret_text, size_t *ret_size,
                             struct smtptool_error **ret_error)
{
    struct lib_call call;
    CLEANUP(buf_release) struct buf out;
    buf_init(&out, SMTPTOOL_TEXT_BYTES_MAX);
    if (t == NULL || ret_text == NULL || (fields == NULL && count > 0))
        return lib_call_misuse(ret_error, "a template, fields and a place for the text are needed");
    if (!lib_call_begin(&call, NULL, ret_error))
        return SMTPTOOL_MISUSE;
    err e = render(t, fields, count, &out);
    if (e == NULL) {
        *ret_text = mem_alloc(out.len + 1);
        memcpy(*ret_text, buf_chars(&out), out.len);
        if (ret_size)
            *ret_size = out.len;
    }
    return lib_call_end(&call, e);
}
