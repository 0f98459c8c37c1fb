/* sasl/refusal.h -- why a server refused a token: its JSON (RFC 7628 section 3.2.2) in words */
#pragma once
#include "base/buf.h"

enum { SASL_REFUSAL_JSON_BYTES_MAX = 1024 };

/* "of the token it says: invalid_token; it wants the scope mail.send", in visible ASCII. Nothing is
 * added for what is no such JSON. ERR_LIMIT: the buf is too small. */
must_use err sasl_refusal_words(str json, struct buf *out);
