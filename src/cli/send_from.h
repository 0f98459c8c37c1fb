/* cli/send_from.h -- may the account that `send` logs in with write as this author?
 *
 * What the way out of the server does (outbound/from.h), with a person waiting: told on stderr,
 * refused before anything is sent, or From rewritten.
 */
#pragma once
#include "base/buf.h"
#include "config/config.h"

/* "off", "warn", "rewrite", "refuse"; NULL leaves the account's own. ERR_CONFIG: another word, or
 * nothing is known to rewrite to. */
must_use err cli_send_from_policy(const char *word, struct config_account *account);

/* The message as it may leave. ERR_CONFIG: refused; the text says why. Unless quiet, what is only
 * noticed or changed is told. */
must_use err cli_send_from_fit(const struct config_account *, const char *name, bool quiet,
                               struct buf *content);
