/* message/mime_range_test.h -- what must hold of the parts of any message: for tests and fuzzing */
#pragma once
#include "message/mime.h"

/* Offsets are in order and in bounds, parts stand inside their parents, and between two ranges
 * there is nothing but delimiters, line ends and empty lines: no byte is lost. */
bool mime_range_holds(str message, const struct message_mime_part *, size_t count);

/* Cut into pieces of that size, the message gives the same parts. */
bool mime_range_pieces_agree(str message, const struct message_mime_part *, size_t count,
                             size_t piece, struct arena *);
