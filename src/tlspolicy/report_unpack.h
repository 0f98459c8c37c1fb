/* tlspolicy/report_unpack.h -- the JSON of a TLS report, however it came: as it is, packed by gzip,
 * or in the mail that carries it (RFC 8460 section 5.3)
 */
#pragma once
#include "base/arena.h"
#include "tlspolicy/report.h"

enum { TLSPOLICY_REPORT_UNPACK_ARENA_BYTES = 64 << 20 };

/* The text lives in the arena. Never more than TLSPOLICY_REPORT_BYTES_MAX, however small it was
 * packed: ERR_LIMIT. ERR_PROTOCOL: a mail without a report, or not what gzip packs. */
must_use err tlspolicy_report_unpack(str bytes, struct arena *, str *ret_json);
