#include "message/params.h"
#include "tests/fuzz.h"

/* A value that was read can be written, and is read back as it was. */
static void check_round(const struct message_param *p, struct arena *arena)
{
    CLEANUP(buf_release) struct buf field;
    struct message_params back;
    size_t column = 30;
    buf_init(&field, 2 << 20);
    err e = buf_add(&field, S("attachment"));
    ASSERT(e == NULL);
    e = message_params_add("filename", p->value, &column, &field);
    ASSERT(e == NULL);
    if (field.len > MESSAGE_PARAMS_BYTES_MAX)
        return;
    e = message_params_parse(buf_str(&field), arena, &back);
    ASSERT(e == NULL);
    if (back.flags & (PARAM_BAD_CONTINUATION | PARAM_BAD_EXTENDED))
        return; /* more sections than are read, or a control byte */
    const struct message_param *found = message_params_find(&back, S("filename"));
    ASSERT(found != NULL);
    ASSERT(str_eq(found->value, p->value));
}

FUZZ(input, arena)
{
    struct message_params params;
    if (input.len > 4096 || message_params_parse(input, arena, &params))
        return;
    ASSERT(params.value.len <= input.len);
    uint16_t flags = 0;
    for (size_t i = 0; i < params.count; i++) {
        const struct message_param *p = &params.items[i];
        ASSERT(p->name.len > 0 || p->flags != 0);
        ASSERT(str_is_utf8(p->value));
        ASSERT(str_find(p->value, '\n') == STR_NONE);
        ASSERT(str_find(p->value, '\0') == STR_NONE);
        ASSERT(i > 0 || !(p->flags & PARAM_GUESS) || p->flags & PARAM_BAD_CONTINUATION);
        flags |= p->flags;
    }
    ASSERT((flags & ~params.flags) == 0);
    for (size_t i = 0; i < params.count && i < 4; i++)
        check_round(&params.items[i], arena);
}
