/* cli/account_secret.h -- the password of a new account, put where only its reference is told
 */
#pragma once
#include "cli/cli.h"

/* Asks for it (a prompt, or the first line of stdin) and keeps it: where is "keyring", "file" (a
 * file of mode 0600 beside accounts.yaml), "encrypted:FILE#NAME" (a sealed file), or NULL: the
 * keyring when there is a session that could have one, else a file. ERR_CONFIG: another word. */
must_use err cli_account_secret_keep(const char *where, str account, str user, struct arena *,
                                     str *ret_reference);
/* The same for a secret that is there already; "encrypted:FILE" keeps it under the account's name.
 */
must_use err cli_account_secret_put(const char *where, str account, str user, str secret,
                                    struct arena *, str *ret_reference);
/* What it would become: nothing is kept. */
must_use err cli_account_secret_plan(const char *where, str account, str user, struct arena *,
                                     str *ret_reference);
/* Forget what cli_account_secret_keep() put into a file of ours; any other place is its owner's. */
void cli_account_secret_forget(str reference, str account);
