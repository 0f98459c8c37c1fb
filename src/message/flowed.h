/* message/flowed.h -- paragraphs that fit any screen: format=flowed (RFC 3676) */
#pragma once
#include "base/buf.h"

enum { MESSAGE_FLOWED_LINE_BYTES_WANTED = 72 };

/* Append UTF-8 text, whose lines end in CRLF, so that long lines are broken behind a blank and a
 * reader can join them again. Lines that begin with ">" are quotes and stay as they are. ERR_LIMIT:
 * out is full; then nothing was added. */
must_use err message_flowed_add(str text, struct buf *out);
