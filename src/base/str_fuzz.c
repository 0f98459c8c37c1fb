#include "base/str.h"
#include "tests/fuzz.h"

/* The length of the character in front, written as RFC 3629 section 4 has it; 0: none. */
static size_t character(str s)
{
    static const struct {
        unsigned char first, last, second_min, second_max;
        size_t len;
    } forms[] = {
        {0x00, 0x7f, 0x00, 0x00, 1},
        {0xc2, 0xdf, 0x80, 0xbf, 2},
        {0xe0, 0xe0, 0xa0, 0xbf, 3},
        {0xe1, 0xec, 0x80, 0xbf, 3},
        {0xed, 0xed, 0x80, 0x9f, 3},
        {0xee, 0xef, 0x80, 0xbf, 3},
        {0xf0, 0xf0, 0x90, 0xbf, 4},
        {0xf1, 0xf3, 0x80, 0xbf, 4},
        {0xf4, 0xf4, 0x80, 0x8f, 4},
    };
    const unsigned char *p = (const unsigned char *)s.ptr;
    for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
        bool fits = p[0] >= forms[i].first && p[0] <= forms[i].last && s.len >= forms[i].len;
        if (fits && forms[i].len > 1)
            fits = p[1] >= forms[i].second_min && p[1] <= forms[i].second_max;
        for (size_t n = 2; fits && n < forms[i].len; n++)
            fits = (p[n] & 0xc0) == 0x80;
        if (fits)
            return forms[i].len;
    }
    return 0;
}

static bool is_utf8_slowly(str s)
{
    while (s.len > 0) {
        size_t len = character(s);
        if (len == 0)
            return false;
        s = str_from(s, len);
    }
    return true;
}

FUZZ(input, arena)
{
    (void)arena;
    ASSERT(str_is_utf8(input) == is_utf8_slowly(input));
    ASSERT(!str_is_ascii(input) || str_is_utf8(input));
    uint64_t number;
    if (str_to_u64(input, UINT64_MAX, &number)) {
        uint64_t again = 0;
        for (size_t i = 0; i < input.len; i++)
            again = again * 10 + (uint64_t)(input.ptr[i] - '0');
        ASSERT(again == number);
        ASSERT(number == 0 || !str_to_u64(input, number - 1, &again));
    }
    str trimmed = str_trim(input);
    ASSERT(str_eq(str_trim(trimmed), trimmed));
    str head, tail;
    str_split(input, ':', &head, &tail);
    ASSERT(str_find(head, ':') == STR_NONE);
    ASSERT(head.len + tail.len + (str_find(input, ':') != STR_NONE) == input.len);
}
