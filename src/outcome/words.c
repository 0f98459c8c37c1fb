#include "outcome/words.h"
#include <string.h>

static bool is_word_byte(char c) { return char_is_alnum(c) || (unsigned char)c > 127; }

/* "'" and U+2019 inside a word: "doesn't" is "doesnt", however it is written. */
static size_t apostrophe(str text, size_t at)
{
    if (text.ptr[at] == '\'')
        return 1;
    return str_starts(str_from(text, at), S("\xE2\x80\x99")) ? 3 : 0;
}

/* What stands between blanks or brackets and holds an "@". */
static size_t address_len(str text)
{
    size_t len = 0;
    bool at = false;
    while (len < text.len && !memchr(" \t\r\n<>()[]\",;:", text.ptr[len], 15)) {
        at = at || text.ptr[len] == '@';
        len++;
    }
    return at ? len : 0;
}

/* The word in front, in lower case in room; returns how many bytes of the text it took. */
static size_t take_word(str text, char *room, str *ret_word)
{
    size_t at = 0, len = 0;
    while (at < text.len) {
        size_t skip = at > 0 ? apostrophe(text, at) : 0;
        if (skip == 0 && !is_word_byte(text.ptr[at]))
            break;
        if (skip == 0)
            room[len++] = char_lower(text.ptr[at]);
        at += skip ? skip : 1;
    }
    *ret_word = (str){room, len};
    return at;
}

struct outcome_words outcome_words_of(str text, struct arena *arena)
{
    text = str_slice(text, 0, OUTCOME_WORDS_TEXT_BYTES_MAX);
    size_t most = text.len / 2 + 1; /* one byte each, and one between two */
    struct outcome_words words = {
        .items = ARENA_ARRAY(arena, str, most < OUTCOME_WORDS_MAX ? most : OUTCOME_WORDS_MAX)};
    char *room = arena_alloc(arena, text.len + 1);
    bool at_start = true; /* where an address may begin */
    while (text.len > 0 && words.count < OUTCOME_WORDS_MAX) {
        size_t len = at_start ? address_len(text) : 0;
        if (len > 0) {
            words.items[words.count++] = S("@");
        } else if (is_word_byte(text.ptr[0])) {
            len = take_word(text, room, &words.items[words.count]);
            room += words.items[words.count].len;
            words.count++;
        }
        at_start = len == 0 && memchr(" \t\r\n<>()[]\",;:", text.ptr[0], 15) != NULL;
        text = str_from(text, len ? len : 1);
    }
    return words;
}

/* Is the word one of "a|b|c*"? This is where the time goes, so it looks at each byte once. */
static bool is_one_of(str word, str choices)
{
    const char *at = choices.ptr, *end = choices.ptr + choices.len;
    while (at < end) {
        size_t same = 0;
        while (same < word.len && at + same < end && at[same] == word.ptr[same])
            same++;
        char stop = at + same < end ? at[same] : '|';
        if (stop == '*' || (stop == '|' && same == word.len))
            return true;
        at = memchr(at, '|', (size_t)(end - at));
        if (at == NULL)
            return false;
        at++;
    }
    return false;
}

/* What stands behind the first word of a pattern, from that word of the text on. */
static bool matches_from(const struct outcome_words *words, size_t at, str pattern)
{
    size_t gap = 0;
    while (pattern.len > 0) {
        str choices;
        str_split(pattern, ' ', &choices, &pattern);
        if (str_eq(choices, S("~"))) {
            gap = OUTCOME_WORDS_GAP;
            continue;
        }
        if (str_eq(choices, S("$")))
            return at == words->count;
        while (gap > 0 && at < words->count && !is_one_of(words->items[at], choices)) {
            gap--;
            at++;
        }
        if (at == words->count || !is_one_of(words->items[at], choices))
            return false;
        gap = 0;
        at++;
    }
    return true;
}

bool outcome_words_have(const struct outcome_words *words, const char *pattern)
{
    str first, rest;
    str_split(str_of(pattern), ' ', &first, &rest);
    for (size_t at = 0; at < words->count; at++)
        if (is_one_of(words->items[at], first) && matches_from(words, at + 1, rest))
            return true;
    return false;
}
