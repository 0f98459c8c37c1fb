/* message/crlf.h -- a file's line ends made those of the wire, piece by piece
 *
 * LF and CR alone both become CRLF, so no bare byte is ever sent; CRLF stays. How the input is cut
 * into pieces makes no difference.
 */
#pragma once
#include "base/buf.h"

struct message_crlf {
    bool cr_last;  /* the last byte was a CR whose line end is not yet written */
    size_t mended; /* line ends that were not CRLF */
};

/* Append the piece. ERR_LIMIT: out is full. */
must_use err message_crlf_add(struct message_crlf *, str piece, struct buf *out);
must_use err message_crlf_end(struct message_crlf *, struct buf *out); /* behind the last piece */
