/* mailauth/canon_hash.h -- the body's hashes, for all signatures of a message in one pass
 *
 * Whoever checks or makes a signature says before the body comes which hash it wants; equal wishes
 * share one. Each form of the body is made once, however many signatures use it.
 */
#pragma once
#include "mailauth/canon.h"
#include "mailauth/dkim_digest.h"

enum { MAILAUTH_CANON_HASHES_MAX = 128 }; /* DKIM's ten and ARC's fifty, and room for our own */

#define MAILAUTH_CANON_WHOLE UINT64_MAX /* the limit that is none */

struct mailauth_canon_hash;

/* Lives as long as the arena. */
struct mailauth_canon_hash *mailauth_canon_hash_open(struct arena *);

/* The hash of the first limit bytes of the body in that form (the tag "l="). The number is what
 * the questions below take. Before the first byte of the body. ERR_LIMIT: above the maximum. */
must_use err mailauth_canon_hash_want(struct mailauth_canon_hash *, enum mailauth_canon,
                                      uint64_t limit, size_t *ret_number);

void mailauth_canon_hash_add(struct mailauth_canon_hash *,
                             str bytes);                    /* of the body, as it comes */
void mailauth_canon_hash_end(struct mailauth_canon_hash *); /* again: does nothing */

/* After the end. */
const uint8_t *mailauth_canon_hash_digest(const struct mailauth_canon_hash *, size_t number);
/* How long the body is in the form that was wanted, whatever the limit. */
uint64_t mailauth_canon_hash_length(const struct mailauth_canon_hash *, size_t number);
