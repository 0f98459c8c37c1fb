/* account/store_own.h -- what the files of the account store share with each other, and no one else
 */
#pragma once
#include "account/password.h"
#include "account/sql.h"
#include "account/store.h"
#include <pthread.h>

struct account_store {
    sqlite3 *db;
    pthread_mutex_t lock; /* of db; never held while a password is hashed */
    uint8_t fake_key[SASL_SCRAM_KEY_BYTES];
    char dummy_hash[ACCOUNT_PASSWORD_HASH_CHARS]; /* nobody's password */
};

enum { ACCOUNT_STORE_TOUCH_MS = 60000 }; /* last_used is written once a minute at most */

/* Lower-case ASCII letters, in the arena or in chars. ERR_CONFIG: no usable name. */
must_use err account_store_name(str user, char ret_chars[SASL_USER_BYTES_MAX], str *ret_name);

/* ERR_CONFIG: no such user. The lock is held. */
must_use err account_store_user_id(struct account_store *, str user, int64_t *ret_id);

/* The lock is held. */
must_use err account_store_senders(struct account_store *, int64_t user_id, struct arena *,
                                   str **ret_senders, size_t *ret_count);

/* SHA-256 of the token that this text is, if it has the form of one (case, blanks and hyphens do
 * not count); false: it does not. */
bool account_store_token_hash(str text, uint8_t ret_hash[32]);
