#include "account/sender.h"
#include "sasl/name.h"
#include "sasl/text.h"

err account_sender_check(str pattern)
{
    if (str_eq(pattern, S("own")) || str_eq(pattern, S("*")))
        return NULL;
    err e = sasl_text_check(pattern, ACCOUNT_SENDER_BYTES_MAX);
    if (e)
        return err_new(ERR_CONFIG, "a sender pattern: %.*s", STR_ARG(e->text));
    size_t at = str_find_last(pattern, '@');
    if (at == STR_NONE || at + 1 == pattern.len || str_contains(pattern, S(" ")))
        return err_new(ERR_CONFIG, "\"%.*s\" is no sender: own, user@domain, @domain or *",
                       STR_ARG(pattern));
    return NULL;
}

static bool is_own(str login, str hostname, str sender)
{
    size_t at = str_find_last(sender, '@');
    if (str_find(login, '@') != STR_NONE)
        return sasl_name_equal(login, sender);
    return at != STR_NONE && login.len > 0 && sasl_name_equal(login, str_slice(sender, 0, at)) &&
           str_eq_nocase(hostname, str_from(sender, at + 1));
}

static bool matches(str login, str hostname, str pattern, str sender)
{
    if (str_eq(pattern, S("*")))
        return true;
    if (str_eq(pattern, S("own")))
        return is_own(login, hostname, sender);
    if (!str_starts(pattern, S("@")))
        return sasl_name_equal(pattern, sender);
    size_t at = str_find_last(sender, '@');
    return at != STR_NONE && str_eq_nocase(pattern, str_from(sender, at));
}

bool account_sender_allowed(str login, str hostname, const str *patterns, size_t count, str sender)
{
    if (sender.len == 0)
        return true;
    for (size_t i = 0; i < count; i++)
        if (matches(login, hostname, patterns[i], sender))
            return true;
    return false;
}
