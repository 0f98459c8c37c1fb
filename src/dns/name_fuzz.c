#include "dns/name.h"
#include "tests/fuzz.h"

/* The canonical spelling is its own, and nothing in it could harm a log. */
FUZZ(input, arena)
{
    (void)arena;
    char name[DNS_NAME_CHARS], again[DNS_NAME_CHARS];
    if (!dns_name_canonical(input, name))
        return;
    str text = str_of(name);
    ASSERT(text.len > 0 && text.len < DNS_NAME_CHARS);
    for (size_t i = 0; i < text.len; i++) {
        ASSERT(text.ptr[i] > 0x20 && text.ptr[i] < 0x7f);
        ASSERT(char_lower(text.ptr[i]) == text.ptr[i]);
    }
    if (dns_name_is_host(text))
        ASSERT(str_find(text, '\\') == STR_NONE && str_find(text, ' ') == STR_NONE);
    ASSERT(dns_name_canonical(text, again));
    ASSERT(str_eq(text, str_of(again)));
}
