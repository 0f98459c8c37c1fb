/* cli/dmarc_reports.h -- smtptool dmarc reports: what was counted, and what became of it
 *
 * Reads the server's own database (inbound/report_store.h), also beside a running server; nothing
 * is changed and nothing is sent.
 */
#pragma once
#include "cli/cli.h"

/* argv: "ls [DOMAIN]", "show DOMAIN [DAY]", "write DOMAIN [DAY]". Returns what to exit with. */
int cli_dmarc_reports_run(struct cli *, bool xml, int argc, char **argv);
