/* message/encoded_word.h -- text other than ASCII in header fields (RFC 2047, 2231 section 5)
 *
 * For texts only: a subject, a comment, the display name of a mailbox. An address is never decoded,
 * for there the words mean themselves: message/mailbox.h keeps names and addresses apart. A word
 * that is not right stays as it is, and a flag says so. The result is UTF-8 in one line: no line
 * end and no NUL can come out of a word.
 */
#pragma once
#include "base/buf.h"

enum message_encoded_word_flag {
    ENCODED_WORD_BROKEN = 1,   /* looks like a word but is none; left as it is */
    ENCODED_WORD_CHARSET = 2,  /* a charset that we do not know; left as it is */
    ENCODED_WORD_BYTES = 4,    /* bytes that mean nothing in their charset: now U+FFFD */
    ENCODED_WORD_LONG = 8,     /* above the 75 octets of RFC 2047 section 2 */
    ENCODED_WORD_CONTROL = 16, /* a control byte was encoded: now U+FFFD */
    ENCODED_WORD_JOINED = 32,  /* no blank between a word and other text */
    ENCODED_WORD_RAW = 64, /* octets above 127 bare in the field; UTF-8 stays, other is U+FFFD */
};

enum {
    MESSAGE_ENCODED_WORD_BYTES_MAX = 75,        /* RFC 2047 section 2 */
    MESSAGE_ENCODED_WORD_READ_BYTES_MAX = 4096, /* a longer one is ENCODED_WORD_BROKEN */
    MESSAGE_ENCODED_WORD_LINE_BYTES_MAX = 76,
};

/* Unfold the text, decode its words, append the result. ERR_LIMIT: out is full; then nothing was
 * added. Linear. */
must_use err message_encoded_word_decode(str text, struct buf *out, uint8_t *ret_flags);

/* Must the text be written in words: octets other than printable ASCII, what looks like a word, or
 * a run of letters too long for a line? */
bool message_encoded_word_needed(str text);

/* Append UTF-8 text as words, whole characters in each, folded so that no line grows above 76
 * octets; column is where the first one begins. ERR_LIMIT: out is full. */
must_use err message_encoded_word_add(str text, size_t column, struct buf *out);
