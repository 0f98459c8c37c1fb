/* mailauth/dmarc_tally.h -- equal rows of a report, counted in one
 *
 * Rows are equal when all but their count is. It owns copies of all that it holds.
 */
#pragma once
#include "mailauth/dmarc_report.h"

enum {
    MAILAUTH_DMARC_TALLY_ROWS_MAX = 10000,
    MAILAUTH_DMARC_TALLY_BYTES_MAX = 64 << 20, /* of rows, as XML and as they are */
};

struct mailauth_dmarc_tally;

struct mailauth_dmarc_tally *mailauth_dmarc_tally_open(void);
void mailauth_dmarc_tally_close(struct mailauth_dmarc_tally *); /* accepts NULL */

/* ERR_LIMIT: no room for another row; those that are there still count on. */
must_use err mailauth_dmarc_tally_add(struct mailauth_dmarc_tally *,
                                      const struct mailauth_dmarc_row *);
size_t mailauth_dmarc_tally_count(const struct mailauth_dmarc_tally *);
/* In the order in which they came first; at < count. */
const struct mailauth_dmarc_row *mailauth_dmarc_tally_row(const struct mailauth_dmarc_tally *,
                                                          size_t at);
