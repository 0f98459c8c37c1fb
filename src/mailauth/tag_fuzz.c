#include "mailauth/tag.h"
#include "tests/fuzz.h"

/* What was read is the same when it is written plainly and read again. */
FUZZ(input, arena)
{
    struct mailauth_tags tags, again;
    if (mailauth_tag_parse(input, arena, &tags))
        return;
    str text = S("");
    for (size_t i = 0; i < tags.count && text.len < 4096; i++) {
        ASSERT(mailauth_tag_find(&tags, tags.items[i].name) == &tags.items[i]);
        text = arena_printf(arena, "%.*s%.*s=%.*s;", STR_ARG(text), STR_ARG(tags.items[i].name),
                            STR_ARG(tags.items[i].value));
    }
    ASSERT(mailauth_tag_parse(text, arena, &again) == NULL);
    for (size_t i = 0; i < again.count; i++)
        ASSERT(str_eq(again.items[i].value, tags.items[i].value));
}
