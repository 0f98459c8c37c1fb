/* message/compose.h -- a small correct message from its parts (RFC 5322, 2047, 2045)
 *
 * For people and programs that have a text and want a mail. Values with a line end or NUL are
 * refused, never mended: who builds a header from a form's fields must not send somebody's Bcc.
 */
#pragma once
#include "base/buf.h"

enum {
    MESSAGE_COMPOSE_VALUE_BYTES_MAX = 64 << 10, /* of one header value */
    MESSAGE_COMPOSE_TEXT_BYTES_MAX = 64 << 20,
};

struct message_compose_field {
    str name, value;
};

struct message_compose {
    str from, to, cc; /* address lists; cc may be empty; to may be when cc is not */
    str subject;      /* UTF-8; may be empty */
    str message_id;   /* "<...>", from message_id_make() */
    int64_t now_ms;
    str text;                                 /* UTF-8; lines end in LF or CRLF */
    const struct message_compose_field *more; /* further fields; non-ASCII is encoded */
    size_t more_count;
};

/* Append the message, lines ended by CRLF. ERR_CONFIG names the field that cannot be: a line end in
 * it, no address list, no UTF-8. ERR_LIMIT: too large. Then nothing was added. */
must_use err message_compose(const struct message_compose *, struct buf *out);
