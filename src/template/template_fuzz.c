#include "template/template.h"
#include "tests/fuzz.h"
#include <string.h>

static err find_partial(void *arg, str name, struct arena *arena,
                        struct template_source *ret_source)
{
    (void)arena;
    *ret_source = (struct template_source){name, *(str *)arg};
    return NULL;
}

static struct template_value slots[TEMPLATE_NAMES_MAX];

/* A value that tries everything: no line end comes out of a header, no "<" out of HTML. */
static void render(const struct template *t, enum template_context context, str own,
                   struct arena *arena)
{
    static const struct template_value list[2] = {
        {.kind = VALUE_TEXT, .text = {"\n<\">", 4}}
    };
    for (size_t i = 0; i < TEMPLATE_NAMES_MAX; i++)
        slots[i] = i % 2 ? (struct template_value){.kind = VALUE_LIST, .list = {list, 2}}
                         : template_value_of_text(S("\r\nBcc: <\"'>&"));
    struct template_scope scope = {
        .slots = slots, .slot_count = TEMPLATE_NAMES_MAX, .arena = arena};
    CLEANUP(buf_release) struct buf out;
    buf_init(&out, 64 << 10);
    err e = template_render(t, &scope, &out);
    if (e) {
        ASSERT(out.len == 0);
        return;
    }
    if (context == TEMPLATE_HEADER && str_find(own, '\n') == STR_NONE &&
        str_find(own, '\\') == STR_NONE)
        ASSERT(str_find(buf_str(&out), '\n') == STR_NONE);
    if (context == TEMPLATE_HTML && str_find(own, '<') == STR_NONE)
        ASSERT(str_find(buf_str(&out), '<') == STR_NONE);
}

FUZZ(input, arena)
{
    if (input.len == 0 || input.len > 4096)
        return;
    enum template_context context = (enum template_context)((unsigned char)input.ptr[0] % 5);
    str text = str_from(input, 1);
    CLEANUP(arena_cleanup) struct arena *room = arena_open(TEMPLATE_ARENA_BYTES_MAX + (256 << 20));
    struct template_names *names = template_names_open(room);
    const struct template *t;
    struct template_options options = {
        .context = context,
        .source = {S("f"), text},
        .names = names,
        .partial = find_partial,
        .partial_arg = &text
    };
    (void)arena;
    if (template_compile(&options, room, &t) == NULL)
        render(t, context, text, room);
    template_names_close(names);
}
