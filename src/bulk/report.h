/* bulk/report.h -- what came of a mailing, as one HTML page that needs nothing else
 */
#pragma once
#include "base/buf.h"
#include "bulk/tally.h"

enum { BULK_REPORT_BYTES_MAX = 4 << 20 };

struct bulk_report {
    str campaign;
    str state; /* "done", "paused: bounce > 3% ..." */
    int64_t now_ms;
};

/* Every text in it is escaped; the charts are SVG. */
must_use err bulk_report_write(const struct bulk_report *, const struct bulk_tally *,
                               struct buf *out);
