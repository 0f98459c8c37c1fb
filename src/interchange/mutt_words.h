/* interchange/mutt_words.h -- a line of a muttrc as its words
 *
 * Quotes, backslashes, '#', ';' and $variables as mutt has them. What stands between backticks is
 * never run: a word that is nothing else is its command, and one that has more is unknown, as is
 * one with a variable that nobody set.
 */
#pragma once
#include "base/buf.h"

enum { INTERCHANGE_MUTT_WORD_BYTES_MAX = 4096 };

enum interchange_mutt_kind {
    INTERCHANGE_MUTT_TEXT,
    INTERCHANGE_MUTT_COMMAND, /* the text is what stood between backticks */
    INTERCHANGE_MUTT_UNKNOWN, /* its value cannot be known here */
};

struct interchange_mutt_words {
    str rest;    /* of the file */
    size_t line; /* where that begins, from 1 */
    /* The value of $name, a text or a command; false: none is known. NULL: nobody knows any. */
    bool (*variable)(void *arg, str name, str *ret_value, enum interchange_mutt_kind *ret_kind);
    void *arg;
};

/* The next word of this command. False: the command is over. at_equals: '=' ends it, too. The buf
 * is cleared first. Words above the maximum are unknown, and empty. */
bool interchange_mutt_words_next(struct interchange_mutt_words *, bool at_equals, struct buf *word,
                                 enum interchange_mutt_kind *ret_kind);
/* True: '=' stands there, and is now behind us. */
bool interchange_mutt_words_equals(struct interchange_mutt_words *);
/* On to the next command. False: the file is over. */
bool interchange_mutt_words_command(struct interchange_mutt_words *);
