/* outbound/sign_keys.h -- which keys a domain has, asked of the keeper and remembered for a while
 *
 * Names only. A configuration that was read anew may come with other keys, so what was remembered
 * under the one before is forgotten: a reload counts from the next mail on.
 */
#pragma once
#include "account/keeper.h"
#include "config/config.h"

enum {
    OUTBOUND_SIGN_KEYS_MS = 10 * 1000,     /* then they are asked for anew in any case */
    OUTBOUND_SIGN_KEYS_DOMAINS_MAX = 1000, /* that are remembered */
};

struct outbound_sign_keys; /* one worker's */

/* NULL as the keeper: nobody has keys. */
struct outbound_sign_keys *outbound_sign_keys_open(const struct keeper *);
void outbound_sign_keys_close(struct outbound_sign_keys *); /* accepts NULL */

/* NULL: nobody has keys. */
const struct keeper *outbound_sign_keys_keeper(const struct outbound_sign_keys *);

/* Of that very domain, now that this configuration is in force; texts live in the arena. */
must_use err outbound_sign_keys_find(struct outbound_sign_keys *, const struct config *, str domain,
                                     struct arena *, struct keeper_dkim_keys *ret_keys, deadline);
/* They turned out to be others. */
void outbound_sign_keys_forget(struct outbound_sign_keys *);
