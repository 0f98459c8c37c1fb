/* sasl/text.h -- which bytes may stand in a user name or a password
 *
 * Passwords are used as they came, as UTF-8, without normalisation: what SASLprep (RFC 4013)
 * prohibits is refused, but it is not applied. So a password typed in another normal form (NFD) is
 * another password; clients send what keyboards give, which is NFC. Names are compared by
 * sasl/name.h.
 */
#pragma once
#include "base/err.h"

/* ERR_PROTOCOL: empty, no valid UTF-8, or with a control character; ERR_LIMIT: too long.
 * The text of the err does not hold the bytes: they may be a password. */
must_use err sasl_text_check(str text, size_t bytes_max);
