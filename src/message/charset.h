/* message/charset.h -- other people's charsets made UTF-8, piece by piece
 *
 * The conversion is libc's, but only for the charsets that mail is written in: the others are
 * rarely right in a message, and some of their converters have had holes. What a charset does not
 * know becomes U+FFFD and is counted; the result is always UTF-8. libc reads the table of a charset
 * from a file when it is first used.
 */
#pragma once
#include "base/buf.h"

enum { MESSAGE_CHARSET_NAME_BYTES_MAX = 40 };

struct message_charset; /* a conversion under way */

/* libc loads code from files when it first meets a charset, and takes much stack for it: a process
 * that reads strangers' mail on fibers, in a sandbox, does without. For the whole process. */
void message_charset_confine(bool);

/* NULL: no charset that we know; then let the caller say so. Case does not matter. */
struct message_charset *message_charset_open(str name);
void message_charset_close(struct message_charset *); /* accepts NULL */
void message_charset_cleanup(struct message_charset **);

/* Append the piece; characters may be cut anywhere. ERR_LIMIT: out is full. */
must_use err message_charset_add(struct message_charset *, str piece, struct buf *out);
must_use err message_charset_end(struct message_charset *, struct buf *out);
size_t message_charset_bad(const struct message_charset *); /* bytes that meant nothing so far */

/* All at once. An unknown charset is read as UTF-8. *ret_exact: the charset is known and every byte
 * meant something. ERR_LIMIT: out is full; then nothing was added. */
must_use err message_charset_to_utf8(str name, str bytes, struct buf *out, bool *ret_exact);
