/* message/date.h -- Date fields read (RFC 5322 section 3.3, its obsolete forms, and common
 * mistakes)
 *
 * A date is taken when its moment is clear; what the grammar does not allow is flagged. Writing is
 * clock_rfc5322().
 */
#pragma once
#include "base/str.h"

enum message_date_flag {
    DATE_OBSOLETE = 1,     /* two-digit year, named zone, comments or blanks inside (section 4.3) */
    DATE_ZONE_UNKNOWN = 2, /* "-0000", no zone, or a name that means nothing: read as UTC */
    DATE_WRONG_WEEKDAY = 4, /* not that date's */
    DATE_ODD = 8,           /* against every grammar, though one knows what is meant */
    DATE_LEAP_SECOND = 16,  /* second 60: the moment is that of the next second */
};

enum { MESSAGE_DATE_BYTES_MAX = 200, MESSAGE_DATE_YEAR_MIN = 1900, MESSAGE_DATE_YEAR_MAX = 9999 };

struct message_date {
    int64_t real_ms;  /* since 1970-01-01 UTC */
    int zone_minutes; /* east of Greenwich */
    uint8_t flags;
};

/* Read a field's value, folds and comments and all. False: no date, or none that exists. */
bool message_date_parse(str value, struct message_date *ret_date);

/* "2026-11-21T08:48:16Z", "…16.5+01:00": a whole date-time of RFC 3339 section 5.6, no more and no
 * less. False also for what no calendar has. */
bool message_date_parse_rfc3339(str text, int64_t *ret_real_ms);
