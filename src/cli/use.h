/* cli/use.h -- use.db below $XDG_STATE_HOME: what was sent through each account, whoever sent it
 *
 * `bulk` and `send` count there (shaping/ledger.h), so that they share what the provider allows.
 */
#pragma once
#include "cli/user_folder.h"
#include "client/client.h"

/* Two names of one login at one server are one account: "ann@example.com at smtp.example.com". */
str cli_use_name(const struct client_options *, struct arena *);
must_use err cli_use_path(char ret_path[CLI_USER_FOLDER_CHARS]); /* its folders are made */

/* After a `send` through that account. What cannot be counted is not worth a failure: it is told
 * when the quota is used up. */
void cli_use_count(const struct config_account *, const struct client_options *, size_t messages,
                   size_t rcpts);
