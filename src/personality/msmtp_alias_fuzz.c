/* Any text as an aliases file: names are names, and what they lead to ends. */
#include "personality/msmtp_alias.h"
#include "tests/fuzz.h"

static err count(void *arg, str address)
{
    size_t *found = arg;
    (void)address;
    ++*found;
    return NULL;
}

FUZZ(input, arena)
{
    struct msmtp_aliases aliases;
    size_t found = 0;
    if (input.len > 20000)
        return;
    err e = personality_msmtp_alias_read(input, arena, &aliases);
    if (e) {
        ASSERT(e->text.len > 0);
        return;
    }
    ASSERT(aliases.count <= MSMTP_ALIAS_COUNT_MAX);
    for (size_t i = 0; i < aliases.count; i++) {
        ASSERT(aliases.items[i].name.len > 0);
        ASSERT(str_find(aliases.items[i].name, '@') == STR_NONE);
    }
    e = personality_msmtp_alias_expand(&aliases, aliases.count ? aliases.items[0].name : S("a"),
                                       count, &found);
    ASSERT(e != NULL || found > 0);
}
