/* outbound/sign.h -- what leaves in our name is signed, over exactly what goes out (RFC 6376)
 *
 * Mail that was submitted or relayed and what we write ourselves is signed for the domain of its
 * From field, else for its envelope sender's, with all keys that the keeper has for it. What came
 * in by MX is not ours to sign. The mail is read once for its hashes; it is not held in memory.
 */
#pragma once
#include "account/keeper.h"
#include "message/envelope.h"

enum {
    OUTBOUND_SIGN_KEYS_MS = 10 * 1000, /* how soon new keys are seen */
    OUTBOUND_SIGN_DOMAINS_MAX = 1000,  /* whose keys are remembered */
    OUTBOUND_SIGN_MS = 60 * 1000,      /* for reading a mail and asking the keeper */
};

struct outbound_sign; /* one worker's */

/* NULL as the keeper: there are no keys. */
struct outbound_sign *outbound_sign_open(const struct keeper *);
void outbound_sign_close(struct outbound_sign *); /* accepts NULL */

/* What goes out, after all that changes it. */
struct outbound_sign_source {
    void (*rewind)(void *arg);                        /* read() begins anew */
    err (*read)(void *arg, str *ret_piece, deadline); /* the next piece; empty at the end */
    void *arg;
};

struct outbound_sign_result {
    str fields;       /* to be sent in front of it; empty: nothing is signed */
    str unsigned_why; /* not empty: there are keys, but no verifier would take a signature of such
                         a message */
};

/* Texts live in the arena. The source has been read and must be rewound by the caller. An err: it
 * cannot be signed now: it must wait. */
must_use err outbound_sign_run(struct outbound_sign *, const struct envelope *,
                               const struct outbound_sign_source *, struct arena *,
                               struct outbound_sign_result *ret_result, deadline);
