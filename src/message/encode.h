/* message/encode.h -- a transfer encoding written, piece by piece (RFC 2045 section 6)
 *
 * For bodies that are not in memory; base/codec.h has the same at once. CRLF stays a line end in
 * quoted-printable, every other octet comes back as it was. How the input is cut makes no
 * difference.
 */
#pragma once
#include "message/decode.h"

struct message_encode {
    enum message_encoding encoding; /* ENCODING_QP or ENCODING_BASE64 */
    size_t column;                  /* of the line that is being written */
    char held[3]; /* base64: octets of an unfinished group; quoted-printable: a blank, a CR */
    size_t held_len;
};

void message_encode_init(struct message_encode *, enum message_encoding);
must_use err message_encode_add(struct message_encode *, str piece, struct buf *out);
/* Behind the last piece: the last line gets no line end. */
must_use err message_encode_end(struct message_encode *, struct buf *out);
