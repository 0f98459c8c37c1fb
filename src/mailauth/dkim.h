/* mailauth/dkim.h -- who signed a message, and whether it is what was signed (RFC 6376)
 *
 * Open with the header, let the body pass through the hashes, finish on a fiber: then the keys are
 * asked for, all at once, and each signature has a result. Nothing is kept of the body.
 *
 *     struct mailauth_canon_hash *body = mailauth_canon_hash_open(arena);
 *     TRY(mailauth_dkim_open(header, body, arena, &dkim));
 *     mailauth_canon_hash_add(body, bytes); ... as often as there are bytes
 *     TRY(mailauth_dkim_finish(dkim, &ask, &story, &verdict));
 *
 * Stricter than the RFC must be: a message with two From fields has no signature that holds
 * (people see one of them, and nobody knows which); of more than ten signatures the first ten are
 * looked at; RSA keys have 1024 to 4096 bits; rsa-sha1 is an error (RFC 8301).
 */
#pragma once
#include "mailauth/ask.h"
#include "mailauth/canon_hash.h"
#include "mailauth/dkim_signature.h"
#include "mailauth/result.h"

enum {
    MAILAUTH_DKIM_SIGNATURES_MAX = 10,
    MAILAUTH_DKIM_ARENA_BYTES_MAX = 8 << 20, /* what one message can make us keep at most */
    MAILAUTH_DKIM_SKEW_S = 86400,            /* a signer's clock may be ahead by a time zone */
};

/* What one signature came to:
 *
 * pass       it holds
 * fail       it does not: the body, the header or the signature were changed; or there are two From
 * policy     it holds, but it has expired (x=) or was made in the future (t=)
 * temperror  the key could not be had now
 * permerror  the field, the key's record or the key cannot be used, or there is no key */
struct mailauth_dkim_result {
    enum mailauth_result result;
    str reason; /* in words, for everything but a pass */
    const struct mailauth_dkim_signature *signature;
    unsigned key_bits;       /* 0: not known */
    bool testing;            /* the key's record says t=y */
    bool partial;            /* l= leaves bytes at the end of the body unsigned */
    uint64_t unsigned_bytes; /* how many, in the signature's form of the body */
};

struct mailauth_dkim_verdict {
    struct mailauth_dkim_result *results; /* in the header's order */
    size_t count;
    size_t ignored; /* signatures beyond the ten */
};

/* It may vouch for its domain (DMARC): it passed, and signed the whole body. */
bool mailauth_dkim_result_counts(const struct mailauth_dkim_result *);

struct mailauth_dkim;

/* Before the first byte of the body. The header must live until finish. ERR_LIMIT: above the maxima
 * of message/header.h, or too many hashes are wanted. */
must_use err mailauth_dkim_open(str header, struct mailauth_canon_hash *body, struct arena *,
                                struct mailauth_dkim **ret_dkim);

/* Once, after the last byte of the body; on a fiber. Ends the hashes. ERR_CANCELED only; the story
 * may be NULL. */
must_use err mailauth_dkim_finish(struct mailauth_dkim *, const struct mailauth_ask *,
                                  struct mailauth_story *,
                                  struct mailauth_dkim_verdict *ret_verdict);
