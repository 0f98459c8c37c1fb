/* account/rotation_files.h -- what a rotation (account/rotation.h) does to the files of a domain's
 * keys
 *
 * In STATE/dkim/NAME only SELECTOR.pem signs; the keeper leaves all other names alone.
 *
 *     SELECTOR.pem.new   made, and not yet to sign
 *     SELECTOR.pem.old   has signed, and may have to again
 */
#pragma once
#include "account/rotation.h"

/* A new private key as PEM, for a selector. */
struct account_rotation_maker {
    err (*make)(void *arg, str selector, struct buf *out_pem);
    void *arg;
};

/* Bring the files to where the phase wants them. May be done again at any time, also after it was
 * cut short: there is no moment in which no key would sign. Blocks. ERR_CONFIG: a key's file has
 * gone; nothing was changed. */
must_use err account_rotation_files_apply(const char *folder, const struct account_rotation *,
                                          const struct account_rotation_maker *);

/* Is the name one of a file of ours: a key in any of its states, or the rotation's own? */
bool account_rotation_files_ours(str name);
