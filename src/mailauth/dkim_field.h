/* mailauth/dkim_field.h -- writes a field that holds a signature
 *
 * Tags are added one by one and folded below 78 columns; the place of b= is marked, and filled when
 * all else stands. An err leaves nothing behind but what was added to the arena.
 */
#pragma once
#include "mailauth/dkim_signer.h"

enum { MAILAUTH_DKIM_FIELD_BYTES_MAX = 64 << 10, MAILAUTH_DKIM_FIELD_COLUMNS = 77 };

struct mailauth_dkim_field {
    struct buf text;
    size_t column;
    size_t signature_at; /* in the text; 0: not marked yet */
    bool begun, new_line;
    bool one_piece; /* b= is not folded; set by the caller, before signing */
};

void mailauth_dkim_field_open(struct mailauth_dkim_field *);
void mailauth_dkim_field_release(struct mailauth_dkim_field *);

must_use err mailauth_dkim_field_begin(struct mailauth_dkim_field *, str name);
must_use err mailauth_dkim_field_tag(struct mailauth_dkim_field *, const char *name, str value);
must_use err mailauth_dkim_field_number(struct mailauth_dkim_field *, const char *name, int64_t);
/* bh= and the like: bytes as base64. */
must_use err mailauth_dkim_field_bytes(struct mailauth_dkim_field *, const char *name, str bytes);
/* h=: "from:to", folded between names. */
must_use err mailauth_dkim_field_names(struct mailauth_dkim_field *, str names);
/* b= stands here. */
must_use err mailauth_dkim_field_mark(struct mailauth_dkim_field *);

/* Add the field to the digest of all else that is signed, sign, and append the whole to out. */
must_use err mailauth_dkim_field_sign(struct mailauth_dkim_field *, enum mailauth_canon,
                                      struct mailauth_dkim_digest *, struct mailauth_dkim_signer *,
                                      struct buf *out, deadline until);

/* What a= says. */
str mailauth_dkim_field_algorithm(enum mailauth_dkim_algorithm);
