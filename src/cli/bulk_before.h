/* cli/bulk_before.h -- what a mailing's mails are beside their template, and a look at the first
 * one
 *
 * Markdown becomes the HTML template, once. Each mail gets the From that the account allows (with
 * --from-policy rewrite) and our signatures (--dkim). Before the first one goes, its From is
 * judged, and the DNS is asked whether receivers will believe it: send_preflight.h.
 */
#pragma once
#include "cli/bulk_plan.h"

/* --markdown FILE: its tags are kept as they are, and the HTML around them is escaped for them. */
must_use err cli_bulk_before_markdown(struct cli_bulk_plan *);

/* Reads the keys of --dkim, and sets the plan's options to finish each mail. ERR_CONFIG. */
must_use err cli_bulk_before_open(struct cli_bulk_plan *);
/* All of it for the first mail; nothing when nobody would get one. ERR_CONFIG: it is not to be
 * sent. Runs loops of its own. */
must_use err cli_bulk_before_check(struct cli_bulk_plan *);
