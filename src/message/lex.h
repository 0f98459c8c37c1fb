/* message/lex.h -- the small pieces that structured fields are made of (RFC 5322 section 3.2)
 *
 * Shared by the parsers of parameters and dates. Each takes what it reads off the front of *rest
 * and always makes progress; bytes that no grammar allows are the callers' to flag.
 */
#pragma once
#include "base/buf.h"

/* Blanks, line ends and comments, however deep. False: a comment had no end; all was taken. */
bool message_lex_skip(str *rest);

/* *rest begins with '"': append what is quoted, without backslashes and folds. *ret_ended: there
 * was a closing quote; else all was taken. ERR_LIMIT: out is full. */
must_use err message_lex_quoted(str *rest, struct buf *out, bool *ret_ended);

/* Up to a blank, a line end or one of the stops; perhaps nothing. */
str message_lex_run(str *rest, const char *stops);

/* Printable ASCII without blanks and the specials of RFC 2045, one byte at least. */
bool message_lex_is_token(str text);
