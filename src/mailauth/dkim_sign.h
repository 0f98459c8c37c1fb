/* mailauth/dkim_sign.h -- sign a message: one field for each key, all in one pass
 *
 *     TRY(mailauth_dkim_sign_open(header, plans, 2, body, arena, &sign));
 *     mailauth_canon_hash_add(body, bytes); ... as often as there are bytes
 *     TRY(mailauth_dkim_sign_finish(sign, now_s, &fields, until)); put them above the header
 *
 * Fields that must not be added later are named once more than they stand there, so that one more
 * breaks the signature. l= is never written. The same message, keys and time give the same fields.
 */
#pragma once
#include "mailauth/canon_hash.h"
#include "mailauth/dkim_signer.h"

enum {
    MAILAUTH_DKIM_SIGN_PLANS_MAX = 8,
    MAILAUTH_DKIM_SIGN_NAMES_MAX = 500, /* in one h= */
};

/* Which fields are signed, and which may not be added:
 *
 *            mail        bulk                     listed
 * signed     what an author writes, the parts of MIME, Resent-, Feedback-ID
 *            List-       List-                    not Sender, not List-
 * no more    From Subject Date To Cc Message-ID In-Reply-To References MIME-Version Content-Type
 *            Content-Transfer-Encoding
 *            Reply-To    Reply-To, List-Id,
 *                        List-Unsubscribe, -Post
 *
 * "listed" is for mail that mailing lists pass on: they add Sender, Reply-To and List- fields. */
enum mailauth_dkim_purpose { MAILAUTH_DKIM_MAIL, MAILAUTH_DKIM_BULK, MAILAUTH_DKIM_LISTED };

struct mailauth_dkim_plan {
    str domain, selector;
    str identity; /* i=; empty: none */
    str names;    /* "from:to", written as h= and nothing else; empty: by the purpose */
    enum mailauth_dkim_purpose purpose;
    enum mailauth_canon header_canon, body_canon; /* relaxed survives most relays */
    int64_t valid_s;                              /* x= that long after t=; 0: none */
    struct mailauth_dkim_signer *signer;
};

struct mailauth_dkim_sign;

/* The names that a purpose gives for that header. ERR_PROTOCOL: more than the maximum. */
must_use err mailauth_dkim_sign_names(str header, enum mailauth_dkim_purpose, struct arena *,
                                      str *ret_names);

/* ERR_CONFIG: a domain, selector, identity or list of names that no verifier would take. */
must_use err mailauth_dkim_sign_check(const struct mailauth_dkim_plan *, str names, struct arena *);

/* Before the first byte of the body. The header and the plans must live until finish.
 * ERR_PROTOCOL: not a message that receivers would take: not exactly one From, or CR or LF alone.
 * ERR_CONFIG: as mailauth_dkim_sign_check(). */
must_use err mailauth_dkim_sign_open(str header, const struct mailauth_dkim_plan *plans,
                                     size_t count, struct mailauth_canon_hash *body, struct arena *,
                                     struct mailauth_dkim_sign **ret_sign);

/* Once, after the last byte of the body. Appends the fields, in the order of the plans. */
must_use err mailauth_dkim_sign_finish(struct mailauth_dkim_sign *, int64_t now_s,
                                       struct buf *out_fields, deadline until);
