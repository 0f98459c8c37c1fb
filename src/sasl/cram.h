/* sasl/cram.h -- the arithmetic of CRAM-MD5 (RFC 2195)
 *
 * It needs the password itself on the server, so it is off unless the operator asks for it.
 */
#pragma once
#include "base/str.h"

enum { SASL_CRAM_DIGEST_CHARS = 32 };

/* HMAC-MD5 of the challenge under the secret, as lower-case hex. False: this OpenSSL has no MD5. */
must_use bool sasl_cram_digest(str secret, str challenge, char ret_digest[SASL_CRAM_DIGEST_CHARS]);
