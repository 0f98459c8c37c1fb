/* cli/send_go.h -- the sending itself: resolver, TLS, a loop, and a client for each way
 */
#pragma once
#include "cli/send.h"
#include "cli/send_report.h"

/* Sends all mails; with --mx each goes once to each of its recipients' domains. Tells the
 * conversation to the report; what became of them is in the mails. ERR_CONFIG: it could not begin.
 */
must_use err cli_send_go(struct cli_send *, struct cli_send_report *);

/* For the steps that ask the DNS: the configuration's, or --dns-zone. */
must_use err cli_send_go_resolver(const struct cli_send *, struct dns_resolver **ret_resolver);
