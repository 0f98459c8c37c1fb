/* tlspolicy/report_mail.h -- the mail that carries a TLS report (RFC 8460 section 5.3) */
#pragma once
#include "tlspolicy/report.h"

enum { TLSPOLICY_REPORT_MAIL_FILE_BYTES_MAX = 10 << 20 }; /* of the packed report */

struct tlspolicy_report_mail {
    const struct tlspolicy_report *report;
    str domain;    /* whose policies it is about */
    str submitter; /* our own domain; the signature must be of it (section 5.3) */
    str from, to;  /* one address each */
    str file;      /* the report, packed: tlspolicy_report_mail_pack() */
    int64_t now_ms;
};

/* Append the report as a gzip file. ERR_LIMIT: the buf is full. */
must_use err tlspolicy_report_mail_pack(const struct tlspolicy_report *, struct buf *out);
/* Append the message, lines ended by CRLF, none longer than 998 octets. ERR_CONFIG: an address, a
 * domain or the id could not stand in a header. ERR_LIMIT: the file or the buf is too large. */
must_use err tlspolicy_report_mail_write(const struct tlspolicy_report_mail *, struct buf *out);
