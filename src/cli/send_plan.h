/* cli/send_plan.h -- `send --dry-run`: what would be sent, where, under which TLS; nobody is asked
 */
#pragma once
#include "cli/send.h"

/* Route, envelope, TLS and the MIME tree on stderr, the message on stdout; as JSON all of it is one
 * object on stdout. */
void cli_send_plan_show(const struct cli_send *, const struct client_mail *, const char *name);
