/* personality/letter.h -- a message on stdin, and what a sendmail mends in its header
 *
 * Lines end in LF or CRLF and leave with CRLF. What is added stands on top; all else stays as it
 * is, in its order.
 */
#pragma once
#include "base/arena.h"
#include "base/buf.h"

enum { LETTER_BYTES_MAX = 100 << 20, LETTER_ARENA_BYTES_MAX = 64 << 20 };

/* Until the end, or (dot_ends) a line that is a dot alone; that line is not part of it. Blocks.
 * ERR_LIMIT: above LETTER_BYTES_MAX. */
must_use err personality_letter_read(int fd, bool dot_ends, struct buf *out);
/* The same of bytes that are there; for tests. */
must_use err personality_letter_take(str bytes, bool dot_ends, struct buf *out);

struct letter_fields {
    str from;            /* the address of a From that is added; empty: none is added */
    str full_name;       /* before it; may be empty */
    str message_id_host; /* empty: no Message-ID is added */
    bool date;           /* a Date is added when it lacks */
    bool replace_from;   /* also when there is a From, which goes */
    bool remove_bcc;
    bool undisclosed; /* To, Cc and Bcc go, and an empty To stands for them */
};

/* The message with its header mended, appended to out, which is empty. ERR_CONFIG: a full name or
 * an address with a line end or another control byte in it. ERR_LIMIT. */
must_use err personality_letter_mend(str content, const struct letter_fields *, struct arena *,
                                     struct buf *out);
