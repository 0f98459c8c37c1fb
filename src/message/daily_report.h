/* message/daily_report.h -- the mail that carries a day's report, packed, to who asked for it
 *
 * What DMARC's aggregate reports (RFC 9990 section 3.5.2) and TLS reports (RFC 8460 section 5.3)
 * share: a subject that machines read, a line or two for people, and a file.
 */
#pragma once
#include "base/buf.h"

enum { MESSAGE_DAILY_REPORT_ID_CHARS = 40 }; /* and NUL */

struct message_daily_report {
    str title;             /* "TLS report (RFC 8460)": for people */
    str domain, submitter; /* whom it is about, who made it: domains that the caller has checked */
    str id;                /* letters and digits */
    int64_t begin_s, end_s, now_ms;
    str from, to; /* one address each */
    str fields;   /* header lines of this kind alone, each with its CRLF; may be empty */
    str type;     /* of the whole: "multipart/mixed" */
    str file, file_type;
    str file_ending; /* "xml.gz", behind "mx.example.net!example.com!1700000000!1700086399!ID." */
    size_t file_bytes_max;
};

/* Append the message, lines ended by CRLF, none longer than 998 octets. ERR_CONFIG: an address or
 * the id could not stand in a header. ERR_LIMIT: the file or the buf is too large. */
must_use err message_daily_report_write(const struct message_daily_report *, struct buf *out);
/* Letters and digits, nowhere given twice. */
void message_daily_report_id(int64_t real_ms, char ret_id[MESSAGE_DAILY_REPORT_ID_CHARS]);
