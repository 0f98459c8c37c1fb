/* secret/sealed_key.h -- what unlocks a sealed file, and the keys that come of it */
#pragma once
#include "secret/sealed_text.h"

enum { SECRET_SEALED_KEY_BYTES = 32 };

/* One to seal values, one for the list: both differ from file to file, by its salt. */
struct secret_sealed_key {
    uint8_t values[SECRET_SEALED_KEY_BYTES], list[SECRET_SEALED_KEY_BYTES];
};

/* Blocks: argon2id, or a program that asks a keyring. With make a key that is not there is made.
 * unlock as secret_sealed_open() has it; its kind must be the lock's. */
must_use err secret_sealed_key_find(const struct secret_sealed_lock *, const struct secret_unlock *,
                                    bool make, struct secret_sealed_key *ret_key);
/* The lock of a file that is made: a new salt, and unlock's or the first there is. */
must_use err secret_sealed_key_choose(const struct secret_unlock *, struct arena *,
                                      struct secret_sealed_lock *ret_lock);
