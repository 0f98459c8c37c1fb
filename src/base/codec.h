/* base/codec.h -- bytes as text: base64, quoted-printable, hex, xtext
 *
 * Encoders append to a buf. Decoders are strict: what the RFC does not allow is ERR_PROTOCOL, and
 * then nothing was appended.
 */
#pragma once
#include "base/buf.h"

must_use err codec_base64_encode(str bytes, struct buf *out); /* one line (RFC 4648 section 4) */
must_use err codec_base64_encode_lines(str bytes, struct buf *out); /* 76 a line, CRLF (RFC 2045) */
int codec_base64_value(char digit);                                 /* 0..63, or -1 */
must_use err codec_base64_decode(str text, struct buf *out); /* padded, no blanks, no junk bits */

/* RFC 2045 section 6.7; CRLF lines are kept. When decoding, blanks at the end of a line are dropped
 * as the RFC has it, lower-case digits are taken, and the length of lines is not judged. */
must_use err codec_qp_encode(str text, struct buf *out);
must_use err codec_qp_decode(str text, struct buf *out);

must_use err codec_hex_encode(str bytes, struct buf *out); /* lower case */
must_use err codec_hex_decode(str text, struct buf *out);

must_use err codec_xtext_encode(str bytes, struct buf *out); /* RFC 3461 section 4 */
must_use err codec_xtext_decode(str text, struct buf *out);
