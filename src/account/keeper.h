/* account/keeper.h -- the seam to whoever keeps the passwords and may start programs
 *
 * The sessions ask a keeper and do not know where it is: in this process on the job pool (tests,
 * one-shot commands), or in a process of its own behind a socketpair (`serve`), so that a parser
 * of hostile bytes can read neither hashes nor secrets. Both stand on keeper_answer(): the one
 * calls it in a job, the other sends the request over the wire (keeper_wire.h) to keeper_serve().
 *
 * ERR from a call means "could not be asked" (454 4.7.0); a wrong password is a verdict.
 */
#pragma once
#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"
#include "mailauth/dkim_digest.h"
#include "mailauth/dkim_signature.h"
#include "sasl/mechanism.h"
#include "sasl/scram.h"

struct account_store;
struct keeper_keys;
struct keeper_references;
struct oauth_store;
struct secret_resolver;

enum keeper_scope { KEEPER_SUBMISSION, KEEPER_MAILBOX, KEEPER_SCOPE_COUNT };

/* What a client said. With a digest it is a CRAM-MD5 login, else a password. */
struct keeper_claim {
    str user;
    str password;
    str challenge, digest;
    enum keeper_scope scope;
};

enum keeper_reason { /* for the log and events; the peer hears 535 5.7.8 for all but RIGHT */
                     KEEPER_RIGHT,
                     KEEPER_UNKNOWN_USER,
                     KEEPER_WRONG_PASSWORD,
                     KEEPER_DISABLED,
                     KEEPER_SECOND_FACTOR, /* the account password was right, but an app password is
                                              needed */
                     KEEPER_NO_SECRET,     /* CRAM-MD5, and no secret is kept for this user */
                     KEEPER_REASON_COUNT,
};

struct keeper_verdict {
    enum keeper_reason reason;
    str user;                /* as the store spells it; empty when unknown */
    int64_t app_password_id; /* 0: it was the account password */
    str *senders;            /* patterns for account_sender_allowed() */
    size_t sender_count;
};

/* For SCRAM. An unknown, disabled or second-factor user has a verifier with known == false: go on
 * with it, the exchange fails at its end. verdict is the one to use when it ends well. */
struct keeper_scram {
    struct sasl_scram_verifier verifier;
    struct keeper_verdict verdict;
};

enum { KEEPER_DKIM_KEYS_MAX = 8 }; /* of one domain; all of them sign */

/* A key that signs, by name: nobody but the keeper has more of it. */
struct keeper_dkim_key {
    str selector;
    enum mailauth_dkim_algorithm algorithm;
};

struct keeper_dkim_keys {
    struct keeper_dkim_key list[KEEPER_DKIM_KEYS_MAX];
    size_t count; /* 0: the domain has none */
};

/* What is to be signed, and by which key. */
struct keeper_digest {
    str domain, selector;
    enum mailauth_dkim_algorithm algorithm;
    uint8_t bytes[MAILAUTH_DKIM_DIGEST_BYTES];
};

struct keeper {
    err (*check_login)(void *state, const struct keeper_claim *, struct arena *,
                       struct keeper_verdict *ret_verdict, deadline);
    err (*scram_lookup)(void *state, str user, enum keeper_scope, struct arena *,
                        struct keeper_scram *ret_scram, deadline);
    err (*secret)(void *state, str reference, struct buf *ret_secret, deadline);
    void *state;
    /* The same, but what was given before has just been refused: a store is asked anew. NULL: no
     * more than secret does. */
    err (*secret_again)(void *state, str reference, struct buf *ret_secret, deadline);
    /* NULL, both: no keys. */
    err (*dkim_keys)(void *state, str domain, struct arena *, struct keeper_dkim_keys *ret_keys,
                     deadline);
    err (*dkim_sign)(void *state, const struct keeper_digest *, struct buf *out_signature,
                     deadline);
};

/* Is the claim true? The verdict's texts live in the arena. */
static inline must_use err keeper_check_login(const struct keeper *k,
                                              const struct keeper_claim *claim, struct arena *arena,
                                              struct keeper_verdict *ret_verdict, deadline until)
{
    return k->check_login(k->state, claim, arena, ret_verdict, until);
}

static inline must_use err keeper_scram_lookup(const struct keeper *k, str user,
                                               enum keeper_scope scope, struct arena *arena,
                                               struct keeper_scram *ret_scram, deadline until)
{
    return k->scram_lookup(k->state, user, scope, arena, ret_scram, until);
}

/* What a reference names (docs/secrets.md). Wipe it with secret_wipe(). */
static inline must_use err keeper_secret(const struct keeper *k, str reference,
                                         struct buf *ret_secret, deadline until)
{
    return k->secret(k->state, reference, ret_secret, until);
}

static inline must_use err keeper_secret_again(const struct keeper *k, str reference,
                                               struct buf *ret_secret, deadline until)
{
    return (k->secret_again ? k->secret_again : k->secret)(k->state, reference, ret_secret, until);
}

/* The keys that sign for this very domain (A-labels, lower case); texts live in the arena. */
static inline must_use err keeper_dkim_keys(const struct keeper *k, str domain, struct arena *arena,
                                            struct keeper_dkim_keys *ret_keys, deadline until)
{
    if (k->dkim_keys)
        return k->dkim_keys(k->state, domain, arena, ret_keys, until);
    *ret_keys = (struct keeper_dkim_keys){0};
    return NULL;
}

/* ERR_CONFIG: the key has gone, or is another one now. */
static inline must_use err keeper_dkim_sign(const struct keeper *k, const struct keeper_digest *d,
                                            struct buf *out_signature, deadline until)
{
    return k->dkim_sign(k->state, d, out_signature, until);
}

const char *keeper_reason_name(enum keeper_reason);

/* -- the side that answers; everything below blocks ------------------------------------------- */

struct keeper_request;
struct keeper_reply;

enum {
    KEEPER_THREADS =
        4, /* logins hashed at once, 16 MiB each; a slow one does not hold the others */
    KEEPER_WAITING_MAX = 64,
};

/* Only references that the configuration holds are read: a broken main process may not have the
 * keeper run or read whatever it likes. */
struct keeper_state {
    struct account_store *store;          /* shared by the threads; NULL: no logins here */
    struct keeper_references *references; /* NULL: none */
    struct secret_resolver *secrets;      /* reads them; NULL: none */
    struct keeper_keys *keys;             /* NULL: none */
    struct oauth_store *oauth;            /* NULL: no logins by token */
};

/* Answer one request; never fails, for what cannot be done is in the reply. Its texts live in the
 * arena and in secret (a signature, too), which is wiped by the caller. */
void keeper_answer(const struct keeper_state *, const struct keeper_request *, struct arena *,
                   struct buf *secret, struct keeper_reply *ret_reply);

/* Answer requests from fd until the other side closes it, each one when it is done. Returns NULL
 * then; ERR_PROTOCOL or ERR_LIMIT when what comes is no request. fd stays the caller's. */
must_use err keeper_serve(int fd, const struct keeper_state *);
