/* mailauth/dkim_key.h -- a public key, and whether a signature holds (OpenSSL)
 *
 * The bytes of a key come from strangers: an RSA key is taken apart here, byte by byte, and only
 * two numbers of a sane size reach the library. One check costs less than a TLS handshake, so it
 * is done on the fiber that asks, whose stack has the room (the tests measure it).
 */
#pragma once
#include "mailauth/dkim_digest.h"
#include "mailauth/dkim_record.h"

enum {
    MAILAUTH_DKIM_KEY_BITS_MIN = 1024, /* RFC 8301 section 3.2 */
    MAILAUTH_DKIM_KEY_BITS_MAX = 4096, /* larger ones the RFC leaves to us; the cost grows */
    MAILAUTH_DKIM_KEY_EXPONENT_BYTES_MAX = 8,
};

struct mailauth_dkim_key;

/* The reason why the record's key cannot be used, or NULL. *ret_bits is set when it is known,
 * whether or not the key can be used. The key lives as long as the arena. */
const char *mailauth_dkim_key_open(const struct mailauth_dkim_record *, struct arena *,
                                   struct mailauth_dkim_key **ret_key, unsigned *ret_bits);

bool mailauth_dkim_key_check(struct mailauth_dkim_key *,
                             const uint8_t digest[MAILAUTH_DKIM_DIGEST_BYTES], str signature);
