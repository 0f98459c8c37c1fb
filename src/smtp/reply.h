/* smtp/reply.h -- SMTP replies: what a server says after each command (RFC 5321 section 4.2)
 *
 * A reply is plain data. A 550 is a reply, not an err: an err means that no reply was had, and that
 * the connection is of no more use.
 */
#pragma once
#include "base/arena.h"
#include "base/buf.h"

enum {
    SMTP_REPLY_LINES_MAX = 128,
    SMTP_REPLY_BYTES_MAX = 64 * 1024,
    SMTP_REPLY_LINE_BYTES_MAX = 2048,      /* read, with CRLF: others do not keep to 512 */
    SMTP_REPLY_LINE_BYTES_WRITE_MAX = 512, /* written, with CRLF: RFC 5321 section 4.5.3.1.5 */
    SMTP_REPLY_ENHANCED_BYTES_MAX = 9,     /* "5.999.999" */
};

struct smtp_reply {
    int code;     /* 200..599 */
    str enhanced; /* "2.1.5" (RFC 3463), or empty */
    str text;     /* without codes; the lines joined by '\n', control bytes as '?' */
};

static inline bool smtp_reply_ok(const struct smtp_reply *r) { return r->code / 100 == 2; }

/* Take one whole reply off the front of *input; its texts are copied into the arena.
 * When *ret_complete is false there is no err, nothing was taken, and more input is needed.
 * ERR_PROTOCOL: not a reply (lines with differing codes, bare CR or LF, NUL). ERR_LIMIT: above the
 * maxima. Both are found as soon as the bytes that prove them are there. */
must_use err smtp_reply_parse(str *input, struct arena *, bool *ret_complete,
                              struct smtp_reply *ret_reply);

/* Append a reply with code and enhanced (NULL or "": none) on every line; '\n' in text begins
 * another line, as does the length limit. Control bytes and what is not ASCII become '?'.
 * ERR_LIMIT: the buf is full; then nothing was added. */
must_use err smtp_reply_format(struct buf *, int code, const char *enhanced, str text);

/* Cut "5.1.1 " off the front of *text when it is there and its class is code's first digit (0: any
 * class); else the empty str. Points into text. */
str smtp_reply_cut_enhanced(int code, str *text);
