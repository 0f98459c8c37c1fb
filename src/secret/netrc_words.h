/* secret/netrc_words.h -- the words of a netrc, one after the other
 *
 * Words stand between blanks and line ends; "…" holds blanks, with a backslash before what would
 * end it. What they mean is the caller's to know. It holds passwords: wipe it.
 */
#pragma once
#include "base/err.h"

enum { SECRET_NETRC_WORD_BYTES_MAX = 4096 };

struct secret_netrc_words { /* begins with the text and line 1 */
    str rest;
    int line;
    size_t len;
    char word[SECRET_NETRC_WORD_BYTES_MAX];
};

/* *ret_there false: nothing is left. ERR_CONFIG, without the line: a word that is too long, or a
 * quote that stays open. */
must_use err secret_netrc_words_next(struct secret_netrc_words *, bool *ret_there);
str secret_netrc_words_last(const struct secret_netrc_words *); /* until the next one */

void secret_netrc_words_skip_line(struct secret_netrc_words *);
void secret_netrc_words_skip_macro(struct secret_netrc_words *); /* up to an empty line */
