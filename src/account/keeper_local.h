/* account/keeper_local.h -- a keeper in this process: each call is a job over an account store
 *
 * For tests, the simulation (where jobs run on the one loop), one-shot commands, and a service
 * that was told to stay one process. Calls come from fibers of any loop.
 */
#pragma once
#include "account/keeper.h"

struct config;
struct keeper_local;

/* The store is taken over and closed when the last call has ended; NULL: no logins here. The
 * references (see keeper_references.h) are copied. ERR_LIMIT: too many of them; then the store
 * stays the caller's. */
must_use err keeper_local_open(struct account_store *, const str *references, size_t count,
                               struct keeper_local **ret_keeper);
/* After a reload. ERR_LIMIT: the old ones stay in force. */
must_use err keeper_local_set_references(struct keeper_local *, const str *references,
                                         size_t count);
/* The keys that sign (keeper_keys.h): at the start, where there are none yet, and after a reload.
 * Blocks. On an err the old ones stay in force. */
must_use err keeper_local_load_keys(struct keeper_local *, const struct config *);
/* The server's own logins by token, in its state folder; before the first call. ERR_CONFIG */
must_use err keeper_local_open_logins(struct keeper_local *, str state);
/* By the last user; calls that were left behind (their deadline passed) still run to their end.
 * Accepts NULL. */
void keeper_local_close(struct keeper_local *);

const struct keeper *keeper_local_seam(struct keeper_local *); /* good until it is closed */
struct account_store *keeper_local_store(struct keeper_local *);
