/* account/keeper_keys.h -- the private keys that sign mail, where only the keeper has them
 *
 * Two sources: `domains.NAME.dkim` of the configuration, and STATE/dkim/NAME/SELECTOR.pem, where
 * `smtptool domain add` puts them. Threads share one; a reload changes it in place, and a
 * signature under way is finished with the key it began with.
 */
#pragma once
#include "account/keeper.h"

enum {
    KEEPER_KEYS_MAX = 4096, /* of all domains */
    KEEPER_KEYS_PATH_BYTES_MAX = 4096,
};

struct config;
struct keeper_keys;

struct keeper_keys *keeper_keys_open(void);   /* no keys */
void keeper_keys_close(struct keeper_keys *); /* accepts NULL */

/* All that this configuration and its state folder have, in place of what was there. Blocks.
 * ERR_CONFIG, ERR_SYSTEM, ERR_LIMIT: which key is wrong; then all stays as it was. */
must_use err keeper_keys_load(struct keeper_keys *, struct secret_resolver *,
                              const struct config *);

/* Both are for any thread; NULL has no keys. */
void keeper_keys_list(struct keeper_keys *, str domain, struct arena *,
                      struct keeper_dkim_keys *ret_keys);
/* ERR_CONFIG: there is no such key, or it is of another algorithm now. */
must_use err keeper_keys_sign(struct keeper_keys *, const struct keeper_digest *,
                              struct buf *out_signature);
