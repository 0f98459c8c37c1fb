/* message/decode.h -- a body's transfer encoding undone, piece by piece (RFC 2045 section 6)
 *
 * Tolerant, for broken mail is read by somebody: but what two programs may read in two ways is
 * flagged. The strict decoders are base/codec.h. How the input is cut makes no difference.
 */
#pragma once
#include "base/buf.h"

enum message_encoding {
    ENCODING_7BIT,
    ENCODING_8BIT,
    ENCODING_BINARY,
    ENCODING_QP,
    ENCODING_BASE64,
    ENCODING_UNKNOWN, /* another name: the bytes are taken as they stand */
};

enum message_decode_flag {
    DECODE_BASE64_JUNK = 1,       /* a byte that is no digit, blank or line end; passed over */
    DECODE_BASE64_PADDING = 2,    /* the last digits make no whole group */
    DECODE_BASE64_MORE = 4,       /* digits behind the padding: read on as a second text */
    DECODE_BASE64_ODD_EQUALS = 8, /* "=" where no padding can stand */
    DECODE_QP_BAD = 16,           /* "=" without two hex digits or a line end; kept as it stands */
    DECODE_QP_8BIT = 32,          /* an octet above 126 or a control byte, bare; kept */
    DECODE_BASE64_BITS = 64,      /* bits in the last digit that no encoder sets */
};

enum {
    MESSAGE_DECODE_BLANKS_MAX = 200
}; /* kept back until it is known whether a line ends there */

struct message_decode {
    enum message_encoding encoding;
    uint8_t flags; /* enum message_decode_flag */
    /* base64 */
    uint32_t word;
    uint8_t digits, equals;
    bool ended; /* a padded group was read */
    /* quoted-printable */
    char held[MESSAGE_DECODE_BLANKS_MAX]; /* "=" and a digit, or blanks */
    uint8_t held_len;
};

void message_decode_init(struct message_decode *, enum message_encoding);

/* Append what the piece says; out may be NULL when only the flags are wanted. ERR_LIMIT: out is
 * full; then the decoding cannot go on. */
must_use err message_decode_add(struct message_decode *, str piece, struct buf *out);
must_use err message_decode_end(struct message_decode *, struct buf *out);

/* The value of a Content-Transfer-Encoding field. *ret_plain: it was one of the five names and
 * nothing else but blanks and comments. */
enum message_encoding message_decode_encoding(str value, bool *ret_plain);
const char *message_decode_name(enum message_encoding); /* "quoted-printable" */
