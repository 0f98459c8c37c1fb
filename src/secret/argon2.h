/* secret/argon2.h -- a key out of a passphrase, at a price for who guesses (RFC 9106)
 *
 * libargon2, opened when a passphrase unlocks a file and not before: OpenSSL has Argon2 from 3.2
 * on.
 */
#pragma once
#include "base/err.h"

/* RFC 9106 section 4, the second recommended choice: 64 MiB. The most are for what a file asks. */
enum {
    SECRET_ARGON2_PASSES = 3,
    SECRET_ARGON2_KIB = 64 * 1024,
    SECRET_ARGON2_LANES = 4,
    SECRET_ARGON2_PASSES_MAX = 20,
    SECRET_ARGON2_KIB_MAX = 1024 * 1024,
    SECRET_ARGON2_LANES_MAX = 16,
};

struct secret_argon2 {
    uint32_t passes, kib, lanes;
};

/* Argon2id 1.3. ERR_CONFIG: no libargon2, or a price that is none. Takes time and memory. */
must_use err secret_argon2_key(const struct secret_argon2 *, str passphrase, str salt,
                               uint8_t *ret_key, size_t size);
