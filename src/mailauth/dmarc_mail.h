/* mailauth/dmarc_mail.h -- the mail that carries an aggregate report (RFC 9990 section 3.5.2) */
#pragma once
#include "mailauth/dmarc_report.h"

enum { MAILAUTH_DMARC_MAIL_FILE_BYTES_MAX = 20 << 20 }; /* of the packed report */

struct mailauth_dmarc_mail {
    const struct mailauth_dmarc_report *report;
    str from; /* an address; its domain's DMARC must pass, or nobody believes the report */
    str to;   /* one address: mailauth/dmarc_external.h says which */
    str file; /* the report, packed by mailauth/dmarc_gzip.h */
    int64_t now_ms;
};

/* Append the message, lines ended by CRLF, none longer than 998 octets. ERR_CONFIG: an address, a
 * domain or the id could not stand in a header. ERR_LIMIT: the file or the buf is too large. */
must_use err mailauth_dmarc_mail_write(const struct mailauth_dmarc_mail *, struct buf *out);
