#include "account/rotation.h"
#include "tests/fuzz.h"

/* What was understood is written and understood again, and means the same. */
FUZZ(input, arena)
{
    struct account_rotation *once = ARENA_NEW(arena, struct account_rotation);
    struct account_rotation *twice = ARENA_NEW(arena, struct account_rotation);
    struct buf text, again;
    if (account_rotation_parse(input, arena, once))
        return;
    buf_init(&text, ACCOUNT_ROTATION_FILE_BYTES_MAX);
    buf_init(&again, ACCOUNT_ROTATION_FILE_BYTES_MAX);
    err e = account_rotation_format(once, &text);
    ASSERT(e == NULL); /* all that fits into the limits fits into a file */
    e = account_rotation_parse(buf_str(&text), arena, twice);
    ASSERT(e == NULL);
    e = account_rotation_format(twice, &again);
    ASSERT(e == NULL);
    ASSERT(str_eq(buf_str(&text), buf_str(&again)));
    for (size_t i = 0; i < once->fresh_count; i++)
        ASSERT(str_find(once->fresh[i], '/') == STR_NONE);
    buf_release(&text);
    buf_release(&again);
}
