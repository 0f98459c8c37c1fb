/* inbound/report_letter.h -- an aggregate report out of the store: packed, then as a mail
 *
 * Blocks and takes its time (10,000 rows are 10 MB of XML): for jobs and commands.
 */
#pragma once
#include "inbound/report_store.h"
#include "mailauth/dmarc_mail.h"

enum { INBOUND_REPORT_LETTER_BYTES_MAX = 2 * MAILAUTH_DMARC_MAIL_FILE_BYTES_MAX };

struct inbound_report_letter {
    const struct inbound_report_head *head;
    str receiver;           /* our host's name */
    str org, from, contact; /* of config_reports */
    str id;                 /* the report's: from message_daily_report_id() */
    str to;                 /* of one mail */
    int64_t now_ms;
};

/* Append the report as a gzip file. ERR_LIMIT: it is larger than
 * MAILAUTH_DMARC_MAIL_FILE_BYTES_MAX; and the store's errs. */
must_use err inbound_report_letter_pack(struct inbound_report_store *,
                                        const struct inbound_report_letter *, struct buf *file);
/* The same, not packed. */
must_use err inbound_report_letter_xml(struct inbound_report_store *,
                                       const struct inbound_report_letter *, struct buf *out);
/* Append the mail that carries it. */
must_use err inbound_report_letter_write(const struct inbound_report_letter *, str file,
                                         struct buf *out);
