/* message/text.h -- other people's text, made harmless before it is written into ours */
#pragma once
#include "base/buf.h"

enum { MESSAGE_TEXT_LINE_WANTED = 76, MESSAGE_TEXT_WORD_MAX = 900 };

/* Take one character off the front of *text, which is not empty. A byte that is not UTF-8 is taken
 * alone and false is returned. */
bool message_text_next(str *text, uint32_t *ret_code);

/* Append at most max bytes' worth of text in one line: line ends and tabs become blanks, other
 * control bytes and what is not UTF-8 become "?". Without utf8, other than ASCII is written
 * "\x{E9}" (RFC 6533 section 3). What was cut ends in "...". */
must_use err message_text_add_clean(str text, size_t max, bool utf8, struct buf *out);

/* Append lead and the words of text, CRLF at the end; lines grow to 76 octets where words allow,
 * to 998 never. The lines after the first begin with indent. text must be clean. */
must_use err message_text_add_wrapped(str lead, str text, str indent, struct buf *out);
