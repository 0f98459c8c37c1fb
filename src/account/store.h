/* account/store.h -- who may log in: users and app passwords in SQLite (STATE/accounts.db)
 *
 * What is kept of a password is a yescrypt hash and a SCRAM-SHA-256 verifier, never itself (but
 * for CRAM-MD5, when the operator asks for it). A user name is stored with its ASCII letters in
 * lower case and found in any case; other letters are compared as they are. Everything here
 * blocks (disk, hashing): call it on the job pool or in the keeper. Threads may share a store.
 *
 * Errs: ERR_CONFIG what the operator asked for cannot be done (and why), ERR_DAMAGED, ERR_TIMEOUT
 * (locked by another process for too long), ERR_SYSTEM.
 */
#pragma once
#include "account/keeper.h"
#include "account/sender.h"

enum {
    ACCOUNT_USERS_MAX = 100000,
    ACCOUNT_APP_PASSWORDS_MAX = 100, /* in use, of one user */
    ACCOUNT_LABEL_BYTES_MAX = 64,
    ACCOUNT_STORE_PATH_BYTES_MAX = 1024,
    ACCOUNT_APP_PASSWORD_CHARS = 40, /* "abcd-efgh-…": 8 groups of 4 with 7 hyphens, and a NUL */
};

/* Made with mode 0600 when it is not there. ERR_CONFIG: others may read it, or it was written by a
 * newer version. */
must_use err account_store_open(str path, struct account_store **ret_store);
void account_store_close(struct account_store *); /* accepts NULL */

struct account_user {
    str name;
    bool disabled;
    bool second_factor; /* the account password does not submit; app passwords do */
    bool cram_secret;   /* one is kept */
    int64_t created_ms;
    str *senders;
    size_t sender_count;
};

/* A new user has the one sender pattern "own". keep_cram_secret stores the password itself. */
must_use err account_store_add(struct account_store *, str user, str password,
                               bool keep_cram_secret);
must_use err account_store_remove(struct account_store *, str user); /* with its app passwords */
must_use err account_store_set_password(struct account_store *, str user, str password,
                                        bool keep_cram_secret);
must_use err account_store_set_senders(struct account_store *, str user, const str *patterns,
                                       size_t count);
must_use err account_store_set_disabled(struct account_store *, str user, bool disabled);
must_use err account_store_set_second_factor(struct account_store *, str user, bool on);
must_use err account_store_list(struct account_store *, struct arena *,
                                struct account_user **ret_users, size_t *ret_count); /* by name */

struct account_app_password {
    int64_t id;
    str label;
    enum keeper_scope scope;
    int64_t created_ms, last_used_ms, revoked_ms; /* 0: never; last_used to the minute */
};

/* The token is shown once and never again. */
must_use err account_store_app_add(struct account_store *, str user, str label, enum keeper_scope,
                                   char ret_token[ACCOUNT_APP_PASSWORD_CHARS], int64_t *ret_id);
must_use err account_store_app_list(struct account_store *, str user, struct arena *,
                                    struct account_app_password **ret_list, size_t *ret_count);
must_use err account_store_app_revoke(struct account_store *, str user, int64_t id);

/* Is the claim true? Whatever is wrong, exactly one yescrypt hash is computed for a password, so
 * an unknown user costs what a wrong password costs. An app password is looked for first. */
must_use err account_store_verify(struct account_store *, const struct keeper_claim *,
                                  struct arena *, struct keeper_verdict *ret_verdict);

/* The verifier of the account password; a fake one, the same each time, for users who are
 * unknown, disabled or need an app password (those log in by PLAIN or LOGIN: SCRAM would have to
 * know which of them is meant before it sees a proof). */
must_use err account_store_scram(struct account_store *, str user, enum keeper_scope,
                                 struct arena *, struct keeper_scram *ret_scram);
