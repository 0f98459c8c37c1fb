/* tlspolicy/report_read.h -- other people's TLS reports, JSON (RFC 8460 section 4)
 *
 * Strict in form: JSON without duplicate names, the members that the RFC demands, counts that are
 * counts. Lenient where senders are known to differ: members that we do not know are skipped, a
 * list of one may be no list, a type of failure may be unknown.
 */
#pragma once
#include "base/arena.h"
#include "tlspolicy/report.h"

enum { TLSPOLICY_REPORT_READ_DEPTH_MAX = 16 };

/* All lives in the arena: at most four times the bytes of the text. ERR_PROTOCOL says where it is
 * wrong, ERR_LIMIT which maximum it is above. */
must_use err tlspolicy_report_read(str json, struct arena *, struct tlspolicy_report *ret_report);
