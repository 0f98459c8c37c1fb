/* cli/send_login.h -- as whom `send` logs in, and with what: by reference, never in an argument
 */
#pragma once
#include "cli/send.h"

must_use err cli_send_login_check(struct cli_send *);
/* The secret itself, into options.secret; asks for it on the terminal when nothing else is said. */
must_use err cli_send_login_read(struct cli_send *);
/* One that an option names: "file:PATH", "env:NAME", "command:CMD". */
must_use err cli_send_login_reference(struct cli_send *, str reference, struct buf *ret_secret);
