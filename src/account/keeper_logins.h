/* account/keeper_logins.h -- the server's own logins by token: STATE/oauth
 *
 * `smtptool oauth login NAME --server` makes them, the keeper reads and renews them
 * (oauth/store.h).
 */
#pragma once
#include "base/err.h"

struct oauth_store;
struct secret_resolver;

enum { KEEPER_LOGINS_PATH_CHARS = 512 };

must_use err keeper_logins_path(str state, char ret_path[KEEPER_LOGINS_PATH_CHARS]);
/* Opens nothing yet: there may be none. Clients' secrets are read by the resolver, which must
 * outlive it. Close it with oauth_store_close(). */
must_use err keeper_logins_open(str state, struct secret_resolver *,
                                struct oauth_store **ret_store);
