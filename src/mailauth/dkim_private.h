/* mailauth/dkim_private.h -- a private key in memory, and new ones (OpenSSL)
 *
 * A 2048-bit RSA signature takes some hundred microseconds, in the caller's place. Any number of
 * threads may sign with one key at the same time.
 */
#pragma once
#include "mailauth/dkim_signer.h"

enum {
    MAILAUTH_DKIM_PRIVATE_RSA_BITS = 2048, /* of a new one */
    MAILAUTH_DKIM_PRIVATE_PEM_BYTES_MAX = 16 << 10,
    MAILAUTH_DKIM_PRIVATE_TXT_BYTES_MAX = 255, /* of one string of a TXT record */
};

struct mailauth_dkim_private;

/* RSA of 1024 to 4096 bits, or Ed25519; not encrypted. It lives as long as the arena. ERR_CONFIG
 * says what is wrong. */
must_use err mailauth_dkim_private_read(str pem, struct arena *,
                                        struct mailauth_dkim_private **ret_private);
struct mailauth_dkim_signer *mailauth_dkim_private_signer(struct mailauth_dkim_private *);
unsigned mailauth_dkim_private_bits(const struct mailauth_dkim_private *);

/* A new key as PEM (PKCS #8): RSA of 2048 bits, or Ed25519. Takes a while. */
must_use err mailauth_dkim_private_make(enum mailauth_dkim_algorithm, struct buf *out_pem);

/* What to publish: "v=DKIM1; k=rsa; p=...", without line ends. */
must_use err mailauth_dkim_private_record(const struct mailauth_dkim_private *, struct buf *out);
/* The same as a line of a zone file, in strings of at most 255 bytes. */
must_use err mailauth_dkim_private_zone_line(const struct mailauth_dkim_private *, str selector,
                                             str domain, struct buf *out);
