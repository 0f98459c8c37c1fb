/* message/dsn_text.h -- the part of a notification that people read */
#pragma once
#include "message/dsn.h"

str message_dsn_text_subject(const struct message_dsn *);

/* Append it: plain text in UTF-8, lines of at most 998 octets. */
must_use err message_dsn_text_add(const struct message_dsn *, struct buf *out);
