/* base/str.h -- a borrowed run of bytes
 *
 * A str points into memory that someone else owns (a literal, an arena, a buf) and is copied
 * freely. It is not NUL-terminated and may hold any byte. The empty str is {NULL, 0}.
 */
#pragma once
#include "base/assert.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct str {
    const char *ptr;
    size_t len;
} str;

#define S(literal) ((str){"" literal, sizeof(literal) - 1})
#define STR_ARG(s) (int)(s).len, (s).ptr /* the two arguments of "%.*s" */

str str_of(const char *text); /* NULL gives the empty str */

bool str_eq(str a, str b);
bool str_eq_nocase(str a, str b); /* ASCII letters only, whatever the locale */
int str_compare(str a, str b);    /* as memcmp, a prefix sorts first */
bool str_starts(str s, str prefix);
bool str_starts_nocase(str s, str prefix);
bool str_ends_nocase(str s, str suffix);
bool str_contains(str s, str part);

/* True: the prefix was there and is now cut off. */
bool str_skip(str *s, str prefix);
bool str_skip_nocase(str *s, str prefix);

str str_slice(str s, size_t from, size_t len); /* clipped to what there is */
str str_from(str s, size_t from);              /* all but the first bytes */
str str_trim(str s);                           /* without spaces, tabs, CR and LF at both ends */

#define STR_NONE SIZE_MAX
size_t str_find(str s, char c);      /* index of the first c, or STR_NONE */
size_t str_find_last(str s, char c); /* index of the last c, or STR_NONE */

/* Split at the first sep. Without one, all of s becomes the head and the tail is empty. */
void str_split(str s, char sep, str *ret_head, str *ret_tail);

/* Strict decimal: digits only, no sign, no blank, at most max. False: not that. */
bool str_to_u64(str s, uint64_t max, uint64_t *ret_value);

/* A NUL-terminated copy in the caller's array; false (and an empty string) when it does not fit or
 * s holds a NUL. */
bool str_to_chars(str s, char *ret_chars, size_t size);

/* Copy the bytes to where there is room for them; returns the place behind them. */
char *str_put(char *at, str s);

bool str_is_ascii(str s);
bool str_is_utf8(str s); /* RFC 3629: no overlong forms, no surrogates, at most U+10FFFF */

static inline char char_lower(char c) { return (char)(c >= 'A' && c <= 'Z' ? c | 0x20 : c); }
static inline bool char_is_digit(char c) { return c >= '0' && c <= '9'; }
/* 0..15, or -1. */
static inline int char_hex_value(char c)
{
    char low = char_lower(c);
    return char_is_digit(c) ? c - '0' : low >= 'a' && low <= 'f' ? low - 'a' + 10 : -1;
}
static inline bool char_is_alpha(char c) { return char_lower(c) >= 'a' && char_lower(c) <= 'z'; }
static inline bool char_is_alnum(char c) { return char_is_alpha(c) || char_is_digit(c); }
