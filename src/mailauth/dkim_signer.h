/* mailauth/dkim_signer.h -- who signs: the private key may live in another process
 *
 * Whoever makes signatures knows nothing of the key but what it can do. dkim_private.h has one
 * that is in memory.
 */
#pragma once
#include "base/buf.h"
#include "base/clock.h"
#include "mailauth/dkim_digest.h"
#include "mailauth/dkim_signature.h"

struct mailauth_dkim_signer {
    enum mailauth_dkim_algorithm algorithm;
    /* Append the signature of the digest, at most MAILAUTH_DKIM_SIGNATURE_BYTES_MAX. */
    err (*sign)(struct mailauth_dkim_signer *, const uint8_t digest[MAILAUTH_DKIM_DIGEST_BYTES],
                struct buf *out, deadline until);
};
