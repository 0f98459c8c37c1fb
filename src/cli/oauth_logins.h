/* cli/oauth_logins.h -- where logins by token are kept, and tokens for commands
 *
 *     $XDG_DATA_HOME/smtptool/oauth    (~/.local/share/smtptool/oauth) the user's own
 *     STATE/oauth                      the server's, which its keeper reads
 *
 * Both are folders of oauth/store.h.
 */
#pragma once
#include "config/config.h"
#include "oauth/store.h"

/* The server's, of this configuration; NULL: the user's own. ERR_CONFIG: there is no HOME. */
must_use err cli_oauth_logins_open(const struct config *server, struct oauth_store **ret_store);
/* The folder and those above it, mode 0700, when they are not there. */
must_use err cli_oauth_logins_make(const struct config *server);

/* What "oauth:NAME" names: of the user's own logins, else of the server's (config may be NULL).
 * Any other reference is read as secret_resolver_once() has it. */
must_use err cli_oauth_logins_read(const struct config *, str reference, struct buf *ret_secret);
