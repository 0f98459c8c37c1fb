/* mailauth/dmarc_report.h -- aggregate reports: what was seen of one domain's mail (RFC 9990)
 *
 * A row says how many messages of one kind came from one address; equal rows are counted in one
 * (mailauth/dmarc_tally.h), and who keeps rows elsewhere may write them one after the other: begin,
 * row, row, end. Texts come from senders, so each is made good UTF-8 and good XML.
 *
 * Written is what the schema of RFC 9990 and the readers of the older one (RFC 7489) agree on: no
 * "version", no "testing" (a row that t=y changed says so), IPv6 in full, one SPF result a row.
 */
#pragma once
#include "base/buf.h"
#include "mailauth/dmarc.h"
#include "message/daily_report.h"
#include "runtime/address.h"

enum {
    MAILAUTH_DMARC_REPORT_TEXT_BYTES_MAX = 1000, /* of one element; what is longer is cut */
    MAILAUTH_DMARC_REPORT_SIGNATURES_MAX = 32,   /* of one row: RFC 9990 section 3.1.4 allows 100 */
    MAILAUTH_DMARC_REPORT_REASONS_MAX = 4,
    MAILAUTH_DMARC_REPORT_ERRORS_MAX = 20,
    MAILAUTH_DMARC_REPORT_ROW_BYTES_MAX = 128 << 10, /* of XML */
};

enum mailauth_dmarc_override { /* why something else was done than the policy says */
                               MAILAUTH_DMARC_OVERRIDE_LOCAL_POLICY,
                               MAILAUTH_DMARC_OVERRIDE_MAILING_LIST,
                               MAILAUTH_DMARC_OVERRIDE_TRUSTED_FORWARDER,
                               MAILAUTH_DMARC_OVERRIDE_TEST_MODE, /* t=y */
                               MAILAUTH_DMARC_OVERRIDE_OTHER,
};

struct mailauth_dmarc_reason {
    enum mailauth_dmarc_override type;
    str comment; /* may be empty */
};

struct mailauth_dmarc_row {
    struct address source;
    uint64_t count;
    enum mailauth_dmarc_policy disposition; /* what was done */
    bool dkim_aligned, spf_aligned;
    struct mailauth_dmarc_reason reasons[MAILAUTH_DMARC_REPORT_REASONS_MAX];
    size_t reason_count;
    str header_from;
    str envelope_from; /* a domain; empty with a null path */
    str envelope_to;   /* a domain; empty: not told */
    struct mailauth_dmarc_dkim dkim[MAILAUTH_DMARC_REPORT_SIGNATURES_MAX];
    size_t dkim_count;
    struct mailauth_dmarc_spf spf;
};

/* One report is about one policy of one domain. */
struct mailauth_dmarc_report {
    str receiver;           /* our domain: the submitter */
    str org_name, email;    /* who reports, and whom to write to */
    str extra_contact;      /* may be empty */
    str id;                 /* from message_daily_report_id() */
    int64_t begin_s, end_s; /* since 1970, UTC */
    str domain;             /* where the policy was found */
    const struct mailauth_dmarc_record *record;
    bool by_list; /* organizations by the public suffix list, not by the tree walk */
    str errors[MAILAUTH_DMARC_REPORT_ERRORS_MAX];
    size_t error_count;
};

/* The row of one message; its texts are the arguments'. False: there is nothing to report, for no
 * policy was applied (neither a PASS nor a FAIL), or the sender has no address of the Internet.
 * Signatures that pass and are aligned come first (section 3.1.4). */
bool mailauth_dmarc_report_row_of(const struct mailauth_dmarc *,
                                  const struct mailauth_dmarc_input *, const struct address *source,
                                  str envelope_from, str envelope_to,
                                  struct mailauth_dmarc_row *ret_row);

/* Append XML. ERR_LIMIT: the buf is full; then nothing was added. */
must_use err mailauth_dmarc_report_begin(const struct mailauth_dmarc_report *, struct buf *out);
must_use err mailauth_dmarc_report_row(const struct mailauth_dmarc_row *, struct buf *out);
must_use err mailauth_dmarc_report_end(struct buf *out);
