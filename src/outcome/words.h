/* outcome/words.h -- what a text says, word for word, and patterns over it
 *
 * Servers say the same thing with other punctuation, case and names in it. So a text becomes a list
 * of words in lower case; an address becomes the word "@", for what it is called says nothing about
 * what became of it ("no-such-user@example.net"). A pattern is words too:
 *
 *     mailbox|account ~ full      one of two words, at most WORDS_GAP others, "full"
 *     blacklist*                  a word that begins like this
 *     address rejected $          and nothing behind it
 *
 * Matching costs at most the words of the text times those of the pattern and the gap; nothing is
 * tried twice.
 */
#pragma once
#include "base/arena.h"

enum {
    OUTCOME_WORDS_TEXT_BYTES_MAX = 4000, /* what is looked at of a text */
    OUTCOME_WORDS_MAX = 500,
    OUTCOME_WORDS_GAP = 6,
};

struct outcome_words {
    str *items;
    size_t count;
};

struct outcome_words outcome_words_of(str text, struct arena *);
bool outcome_words_have(const struct outcome_words *, const char *pattern);
