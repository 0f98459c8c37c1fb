/* mailauth/dkim_digest.h -- SHA-256 of what comes in pieces (OpenSSL)
 *
 * The only hash that signatures of mail may use (RFC 8301, RFC 8463).
 */
#pragma once
#include "base/arena.h"

enum { MAILAUTH_DKIM_DIGEST_BYTES = 32 };

struct mailauth_dkim_digest;

/* Lives as long as the arena. */
struct mailauth_dkim_digest *mailauth_dkim_digest_open(struct arena *);
void mailauth_dkim_digest_add(struct mailauth_dkim_digest *, str bytes);
/* A mailauth_canon_take: adds to the digest that is given as arg. */
void mailauth_dkim_digest_take(void *digest, str bytes);
/* to has then seen what from has. */
void mailauth_dkim_digest_copy(struct mailauth_dkim_digest *to,
                               const struct mailauth_dkim_digest *from);
/* Gives the result and begins anew. */
void mailauth_dkim_digest_end(struct mailauth_dkim_digest *,
                              uint8_t ret_bytes[MAILAUTH_DKIM_DIGEST_BYTES]);
