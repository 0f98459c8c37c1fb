/* cli/bulk_view.h -- a mailing while it runs, and what came of it
 *
 * On a terminal one line that changes, elsewhere a plain line every ten seconds; both on stderr.
 * The summary is a table, or one JSON object, on stdout.
 */
#pragma once
#include "bulk/run.h"
#include "cli/cli.h"

struct cli_bulk_view {
    bool terminal, color, quiet;
    int64_t shown_ms; /* steady */
    uint64_t shown_sent;
    int64_t shown_at_ms;
    double rate;
    bool line_open, limits_told;
    uint64_t waited_for; /* hash of the words that were printed last: a long wait is told seldom */
};

void cli_bulk_view_init(struct cli_bulk_view *, const struct cli *);
void cli_bulk_view_look(void *view, const struct bulk_run_look *); /* for bulk_run() */
void cli_bulk_view_end(struct cli_bulk_view *);                    /* the line is over */
/* Of a dry run: all.tried and each group's would be sent. */
void cli_bulk_view_dry(const struct cli *, str campaign, const struct bulk_tally *);
void cli_bulk_view_summary(const struct cli *, str campaign, const char *state, const char *why,
                           const struct bulk_tally *);
