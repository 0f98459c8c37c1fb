/* Any text as a .swaksrc: settings are bounded, each has its option, and what is wrong is told. */
#include "personality/swaks_source.h"
#include "tests/fuzz.h"

FUZZ(input, arena)
{
    struct swaks_settings s;
    if (input.len > 100000)
        return; /* the words are copied several times */
    personality_swaks_option_init(&s, arena);
    err e = personality_swaks_source_lines(&s, input, "fuzz");
    ASSERT(e == NULL || e->text.len > 0);
    ASSERT(s.count <= SWAKS_SETTINGS_MAX);
    for (size_t i = 0; i < s.count; i++) {
        const struct swaks_option *o = s.list[i].option;
        ASSERT(personality_swaks_option_of(str_of(o->names[0])) == o);
        ASSERT(o->takes != SWAKS_NO_VALUE || s.list[i].value.len == 0);
        ASSERT(personality_swaks_option_given(&s, o->key));
    }
}
