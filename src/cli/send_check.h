/* cli/send_check.h -- before anything is sent: what is wrong with the message itself
 */
#pragma once
#include "cli/send.h"

/* --verify: findings of the linter go to stderr. ERR_CONFIG: one of them is an error. */
must_use err cli_send_check_lint(const struct cli_send *, const struct client_mail *,
                                 const char *name);
