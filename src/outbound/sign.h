/* outbound/sign.h -- what leaves in our name is signed, over exactly what goes out (RFC 6376), and
 * what is passed on is sealed (RFC 8617)
 *
 * Mail that was submitted or relayed and what we write ourselves is signed for the domain of its
 * From field, else for its envelope sender's, with all keys that the keeper has for it. What came
 * in by MX is not ours to sign; with `mailauth.seal` it gets a set of ARC fields. The mail is read
 * once for its hashes; it is not held in memory.
 */
#pragma once
#include "message/envelope.h"
#include "outbound/sign_keys.h"

enum { OUTBOUND_SIGN_MS = 60 * 1000 }; /* for reading a mail and asking the keeper */

/* What goes out, after all that changes it. */
struct outbound_sign_source {
    void (*rewind)(void *arg);                        /* read() begins anew */
    err (*read)(void *arg, str *ret_piece, deadline); /* the next piece; empty at the end */
    void *arg;
};

struct outbound_sign_mail {
    const struct config *config; /* in force */
    const struct envelope *envelope;
    const struct outbound_sign_source *source;
};

struct outbound_sign_result {
    str fields;       /* to be sent in front of it; empty: nothing is signed or sealed */
    str unsigned_why; /* not empty: it should be, but no verifier would take it of such a message,
                         or there is no key to seal with */
};

/* Texts live in the arena. The source has been read and must be rewound by the caller. An err: it
 * cannot be signed or sealed now: it must wait. */
must_use err outbound_sign_run(struct outbound_sign_keys *, const struct outbound_sign_mail *,
                               struct arena *, struct outbound_sign_result *ret_result, deadline);
