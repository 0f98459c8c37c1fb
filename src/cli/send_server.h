/* cli/send_server.h -- where `send` sends: a server, an account's, the recipients' MX hosts, or our
 * own queue
 */
#pragma once
#include "cli/send.h"

/* Fills the options but the login, the resolver and TLS. Without a server, an account's, --mx or
 * --queue it is ERR_CONFIG, unless it is a rehearsal without one. */
must_use err cli_send_server_read(struct cli_send *);
