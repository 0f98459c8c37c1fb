/* mailauth/dkim_header.h -- a header as signatures see it: fields by name, from the bottom up
 *
 * "h=from:to:to" names the last To and the one above it (RFC 6376 section 5.4.2). The fields are
 * found by an index, so that a long list over a long header costs no more than their sum.
 */
#pragma once
#include "mailauth/canon.h"
#include "mailauth/dkim_digest.h"

struct mailauth_dkim_header;

/* The header's bytes must live as long as the arena. ERR_LIMIT: more bytes or fields than
 * message/header.h has for one. */
must_use err mailauth_dkim_header_open(str header, struct arena *,
                                       struct mailauth_dkim_header **ret_header);

size_t mailauth_dkim_header_size(const struct mailauth_dkim_header *); /* fields */
const struct message_field *mailauth_dkim_header_at(const struct mailauth_dkim_header *, size_t);
/* How many fields have that name, whatever the case and however malformed. */
size_t mailauth_dkim_header_count(const struct mailauth_dkim_header *, str name);

/* Add the fields that names ("from:to") lists to the digest, in the list's order. The field that
 * holds the signature is not one of them; except may be NULL. */
void mailauth_dkim_header_hash(struct mailauth_dkim_header *, str names, enum mailauth_canon,
                               const struct message_field *except, struct mailauth_dkim_digest *);
