/* inbound/report_sample.h -- one judged message, as far as reports about it need it (RFC 9990,
 * 9991)
 *
 * Made on the session's fiber in one piece of memory, handed over through a channel, written into
 * the store (report_store.h) later. Texts are cut and cleaned here: behind this no domain holds a
 * blank or a control byte, so lists of them are lines of words.
 *
 * A message that is itself a report is not counted when DMARC passes for it: two receivers that
 * report on each other's reports would never end. One that fails is counted, whatever it says it
 * is.
 */
#pragma once
#include "config/config.h"
#include "inbound/verdict.h"
#include "report/inbox.h"

enum {
    INBOUND_REPORT_DOMAIN_BYTES_MAX = 255,
    INBOUND_REPORT_HEADER_BYTES_MAX = 32 << 10, /* of a failure report; a longer one is cut */
    INBOUND_REPORT_TEXT_BYTES_MAX = 600,        /* of any other text of a failure report */
    /* Reports of a day are due in this part of the next (report/day.h). */
    INBOUND_REPORT_FIRST_MS = 30 * 60 * 1000,
    INBOUND_REPORT_SPREAD_MS = 12 * 3600 * 1000,
};

/* What the session knows. */
struct inbound_report_seen {
    const struct config *config;
    const struct mailauth_judgement *judgement;
    enum inbound_verdict verdict;
    str header; /* of the message, as it came */
    int64_t now_ms;
};

struct inbound_report_sample {
    struct report_inbox_item inbox;
    bool counts, fails; /* for an aggregate report; for a failure report */
    int64_t day;        /* since 1970, UTC */
    int64_t now_ms, due_ms;
    str domain, policy; /* where the record was found, and its text */
    str provider;       /* the domain of the first address in rua=; may be empty */
    str source;         /* an IP address */
    str header_from, envelope_from;
    str spf;     /* "pass example.com" */
    str dkim;    /* lines "pass example.com s2026", " partial" behind what l= cut short */
    str reasons; /* lines "trusted_forwarder why" */
    enum mailauth_dmarc_policy disposition;
    bool dkim_aligned, spf_aligned;
    /* For a failure report only. */
    str header, sender, results, failure;
};

/* NULL: nobody asks for reports about it, or we do not send them. mem_free() it. */
struct inbound_report_sample *inbound_report_sample_make(const struct inbound_report_seen *,
                                                         struct arena *scratch);

bool inbound_report_sample_excluded(const struct config_reports *, str domain);
