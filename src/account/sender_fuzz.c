#include "account/sender.h"
#include "tests/fuzz.h"

/* A pattern, a login and a sender, a line each: what is allowed is what one of the forms allows. */
FUZZ(input, arena)
{
    (void)arena;
    str pattern, login, sender, rest;
    str_split(str_slice(input, 0, 2048), '\n', &pattern, &rest);
    str_split(rest, '\n', &login, &sender);
    ASSERT(account_sender_allowed(login, S("h.example"), NULL, 0, (str){0}));
    ASSERT(sender.len == 0 || !account_sender_allowed(login, S("h.example"), NULL, 0, sender));
    if (account_sender_check(pattern))
        return;
    bool allowed = account_sender_allowed(login, S("h.example"), &pattern, 1, sender);
    ASSERT(allowed || !str_eq(pattern, S("*")));
    ASSERT(allowed || !str_eq(pattern, sender) || str_eq(pattern, S("own")));
    if (allowed && sender.len > 0 && str_starts(pattern, S("@")))
        ASSERT(str_find(sender, '@') != STR_NONE);
}
