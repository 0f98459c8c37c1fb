/* Any text as an msmtprc: accounts are bounded, have names, and hold good values only. */
#include "personality/msmtprc.h"
#include "tests/fuzz.h"

FUZZ(input, arena)
{
    struct msmtprc *rc = ARENA_NEW(arena, struct msmtprc);
    if (input.len > 100000)
        return;
    err e = personality_msmtprc_read(rc, input, arena);
    ASSERT(e == NULL || e->text.len > 0);
    ASSERT(rc->count <= MSMTPRC_ACCOUNTS_MAX);
    for (size_t i = 0; i < rc->count; i++) {
        ASSERT(rc->accounts[i].name.len > 0);
        str from = rc->accounts[i].values[MSMTPRC_FROM];
        bool itself = personality_msmtprc_stands_for(from, S("me+x@example.com"));
        ASSERT(!itself || from.len > 0);
        for (int key = 0; key < MSMTPRC_KEYS; key++)
            ASSERT(rc->accounts[i].values[key].ptr == NULL ||
                   personality_msmtprc_good((enum msmtprc_key)key, rc->accounts[i].values[key]));
    }
}
