/* oauth/store.h -- the logins that were made, sealed in a file, and tokens that are always fresh
 *
 * FOLDER/tokens.sealed (secret/sealed.h) has an entry for each name, and says itself what unseals
 * it. A token is renewed before it ends, by one process at a time
 * (FOLDER/NAME.lock): a provider that changes the refresh token each time would take a second
 * question with the old one for theft, and end the login. Blocks.
 */
#pragma once
#include "oauth/entry.h"
#include "secret/sealed.h"

enum {
    OAUTH_STORE_PATH_CHARS = 512,
    OAUTH_STORE_NAMES_MAX = 1000,
    OAUTH_STORE_LOCK_MS_MAX = 25 * 1000, /* for another process's refresh */
    OAUTH_STORE_RETRY_MS = 60 * 1000,    /* after one that failed, while the token is good */
    OAUTH_STORE_ARENA_BYTES = 1 << 20,
};

struct oauth_store;

enum oauth_store_renew {
    OAUTH_STORE_RENEW_IF_DUE,
    OAUTH_STORE_RENEW_IF_OLD, /* it was refused somewhere: also when it is OAUTH_STORE_RETRY_MS old
                               */
    OAUTH_STORE_RENEW_NOW,
};

struct oauth_store_options {
    str folder;   /* made, mode 0700, when something is put into it */
    bool own_key; /* a new file is sealed by FOLDER/key; else as secret_sealed_open() has it */
    /* Reads a client's secret by its reference; whoever is called must not come back to here. */
    err (*secret)(void *arg, str reference, struct buf *ret_secret);
    void *arg;
    str passphrase; /* of the file, from a person; copied. Empty: as secret_sealed_open() has it */
};

/* Opens nothing yet. Threads may share it. ERR_CONFIG: the path is too long. */
must_use err oauth_store_open(const struct oauth_store_options *, struct oauth_store **ret_store);
void oauth_store_close(struct oauth_store *); /* wipes; accepts NULL */

/* An access token that is good now, added to an empty buf, which is to be wiped. When a refresh
 * fails while the old token is good, that one is given, but for OAUTH_STORE_RENEW_NOW.
 * ERR_CONFIG: no such login, or the user has to log in again, in words that say how. */
must_use err oauth_store_token(struct oauth_store *, str name, enum oauth_store_renew,
                               struct buf *ret_token);

/* ERR_CONFIG: no such login. Texts live in the arena; the secrets among them are to be wiped with
 * oauth_store_forget(). */
must_use err oauth_store_get(struct oauth_store *, str name, struct arena *,
                             struct oauth_entry *ret_entry);
void oauth_store_forget(struct oauth_entry *);
must_use err oauth_store_put(struct oauth_store *, str name, const struct oauth_entry *);
must_use err oauth_store_remove(struct oauth_store *, str name);
/* Sorted, in the arena; none when there is no store yet. */
must_use err oauth_store_names(struct oauth_store *, struct arena *, str **ret_names,
                               size_t *ret_count);
bool oauth_store_exists(struct oauth_store *);
