/* mailauth/dkim_signature.h -- what a signature field says (RFC 6376 section 3.5, RFC 8617 4.1)
 *
 * DKIM-Signature, ARC-Message-Signature and ARC-Seal have most tags in common, so one reader reads
 * them. What is wrong with a field is data: the tags that could be read stand beside it.
 */
#pragma once
#include "mailauth/canon.h"
#include "mailauth/tag.h"

enum mailauth_dkim_algorithm { MAILAUTH_DKIM_RSA, MAILAUTH_DKIM_ED25519 }; /* with SHA-256 */

enum mailauth_dkim_kind { /* each a bit */
                          MAILAUTH_DKIM_FIELD_DKIM = 1,
                          MAILAUTH_DKIM_FIELD_ARC_MESSAGE = 2,
                          MAILAUTH_DKIM_FIELD_ARC_SEAL = 4,
};

enum { MAILAUTH_DKIM_SIGNATURE_BYTES_MAX = 1024 };

struct mailauth_dkim_signature {
    str wrong; /* why it cannot be used; empty: it can */
    enum mailauth_dkim_algorithm algorithm;
    str algorithm_name;     /* a=, as written */
    str domain;             /* d=, lower case, A-labels */
    str selector;           /* s= */
    str identity;           /* i=, as written; "@" and the domain when there is none */
    bool identity_is_below; /* its domain is not d= but below it */
    str names;              /* h=, as written */
    enum mailauth_canon header_canon, body_canon;
    str body_hash;       /* bh=, decoded */
    str signature;       /* b=, decoded */
    str signature_tag;   /* "b=..." in the field */
    str signature_start; /* the first characters of b= (RFC 6008 section 4) */
    uint64_t length;     /* l=; UINT64_MAX: none */
    int64_t signed_s;    /* t=; -1: none */
    int64_t expires_s;   /* x=; -1: none */
    struct mailauth_tags tags;
};

/* Views into the field and copies in the arena. */
void mailauth_dkim_signature_read(const struct message_field *, enum mailauth_dkim_kind,
                                  struct arena *, struct mailauth_dkim_signature *ret_signature);

/* The field as it is hashed: the value of b= is empty. */
struct message_field mailauth_dkim_signature_open(const struct message_field *,
                                                  const struct mailauth_dkim_signature *,
                                                  struct arena *);
