#include "base/str.h"
#include <string.h>

str str_of(const char *text) { return text ? (str){text, strlen(text)} : (str){0}; }

bool str_eq(str a, str b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

bool str_eq_nocase(str a, str b) { return a.len == b.len && str_starts_nocase(a, b); }

int str_compare(str a, str b)
{
    size_t len = a.len < b.len ? a.len : b.len;
    int order = len ? memcmp(a.ptr, b.ptr, len) : 0;
    if (order != 0)
        return order;
    return a.len == b.len ? 0 : a.len < b.len ? -1 : 1;
}

bool str_starts(str s, str prefix)
{
    return s.len >= prefix.len && str_eq(str_slice(s, 0, prefix.len), prefix);
}

bool str_starts_nocase(str s, str prefix)
{
    if (s.len < prefix.len)
        return false;
    for (size_t i = 0; i < prefix.len; i++)
        if (char_lower(s.ptr[i]) != char_lower(prefix.ptr[i]))
            return false;
    return true;
}

bool str_ends_nocase(str s, str suffix)
{
    return s.len >= suffix.len && str_eq_nocase(str_from(s, s.len - suffix.len), suffix);
}

bool str_contains(str s, str part)
{
    return part.len == 0 || (s.len > 0 && memmem(s.ptr, s.len, part.ptr, part.len) != NULL);
}

bool str_skip(str *s, str prefix)
{
    if (!str_starts(*s, prefix))
        return false;
    *s = str_from(*s, prefix.len);
    return true;
}

bool str_skip_nocase(str *s, str prefix)
{
    if (!str_starts_nocase(*s, prefix))
        return false;
    *s = str_from(*s, prefix.len);
    return true;
}

str str_slice(str s, size_t from, size_t len)
{
    if (from >= s.len)
        return (str){0};
    return (str){s.ptr + from, len < s.len - from ? len : s.len - from};
}

str str_from(str s, size_t from) { return str_slice(s, from, SIZE_MAX); }

static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

str str_trim(str s)
{
    while (s.len > 0 && is_blank(s.ptr[0]))
        s = str_from(s, 1);
    while (s.len > 0 && is_blank(s.ptr[s.len - 1]))
        s.len--;
    return s;
}

size_t str_find(str s, char c)
{
    const char *at = s.len ? memchr(s.ptr, c, s.len) : NULL;
    return at ? (size_t)(at - s.ptr) : STR_NONE;
}

size_t str_find_last(str s, char c)
{
    const char *at = s.len ? memrchr(s.ptr, c, s.len) : NULL;
    return at ? (size_t)(at - s.ptr) : STR_NONE;
}

void str_split(str s, char sep, str *ret_head, str *ret_tail)
{
    size_t cut = str_find(s, sep);
    *ret_head = cut == STR_NONE ? s : str_slice(s, 0, cut);
    *ret_tail = cut == STR_NONE ? (str){0} : str_from(s, cut + 1);
}

bool str_to_u64(str s, uint64_t max, uint64_t *ret_value)
{
    uint64_t value = 0;
    if (s.len == 0)
        return false;
    for (size_t i = 0; i < s.len; i++) {
        if (!char_is_digit(s.ptr[i]))
            return false;
        uint64_t digit = (uint64_t)(s.ptr[i] - '0');
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, digit, &value) || value > max)
            return false;
    }
    *ret_value = value;
    return true;
}

bool str_to_chars(str s, char *ret_chars, size_t size)
{
    ASSERT(size > 0);
    ret_chars[0] = '\0';
    if (s.len >= size || str_find(s, '\0') != STR_NONE)
        return false;
    if (s.len)
        memcpy(ret_chars, s.ptr, s.len);
    ret_chars[s.len] = '\0';
    return true;
}

char *str_put(char *at, str s)
{
    if (s.len)
        memcpy(at, s.ptr, s.len);
    return at + s.len;
}

/* How many bytes at the start are ASCII; eight at a time, for most texts are nothing else. */
static size_t ascii_length(str s)
{
    size_t i = 0;
    for (uint64_t eight; i + sizeof eight <= s.len; i += sizeof eight) {
        memcpy(&eight, s.ptr + i, sizeof eight);
        if (eight & 0x8080808080808080u)
            break;
    }
    while (i < s.len && (unsigned char)s.ptr[i] < 0x80)
        i++;
    return i;
}

bool str_is_ascii(str s) { return ascii_length(s) == s.len; }

/* Length of the UTF-8 sequence at the start of s (never empty), or 0 when it is not one. */
static size_t utf8_sequence(str s)
{
    const unsigned char *p = (const unsigned char *)s.ptr;
    if (p[0] < 0x80)
        return 1;
    size_t len = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
    if (p[0] < 0xc2 || p[0] > 0xf4 || s.len < len)
        return 0;
    for (size_t i = 1; i < len; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    bool overlong = (p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xf0 && p[1] < 0x90);
    bool surrogate = p[0] == 0xed && p[1] > 0x9f;
    bool beyond = p[0] == 0xf4 && p[1] > 0x8f;
    return overlong || surrogate || beyond ? 0 : len;
}

bool str_is_utf8(str s)
{
    for (;;) {
        s = str_from(s, ascii_length(s));
        if (s.len == 0)
            return true;
        size_t len = utf8_sequence(s);
        if (len == 0)
            return false;
        s = str_from(s, len);
    }
}
