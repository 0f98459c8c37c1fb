/* outbound/tlsrpt_store.h -- what is counted of TLS on the way out, until its report was sent
 * (SQLite)
 *
 * STATE/reports/tls.db. A report is about one domain on one day (UTC); it has counts, and a note
 * for each address that it was offered to. Everything here blocks: it is called in jobs and by
 * commands, also beside a running server. Threads may share a store. Sums stay true: what a report
 * has no room for is counted without its particulars.
 *
 * Errs: ERR_DAMAGED, ERR_TIMEOUT (locked for too long), ERR_CONFIG (made by a newer version),
 * ERR_SYSTEM.
 */
#pragma once
#include "outbound/tlsrpt_sample.h"
#include "report/day.h"

enum {
    OUTBOUND_TLSRPT_STORE_BYTES_MAX = 128 << 20,
    OUTBOUND_TLSRPT_STORE_REPORTS_MAX = 20000, /* of one day */
    OUTBOUND_TLSRPT_STORE_ROWS_MAX = 1000, /* of one report, besides those without particulars */
    /* Of one report, with particulars: the tally has room for them and one plain one of each type.
     */
    OUTBOUND_TLSRPT_STORE_POLICIES_MAX = TLSPOLICY_REPORT_TALLY_POLICIES_MAX - 3,
};

struct outbound_tlsrpt_store;

/* make: when it is not there; else ERR_SYSTEM. */
must_use err outbound_tlsrpt_store_open(const char *path, bool make,
                                        struct outbound_tlsrpt_store **ret_store);
/* Each holder closes it once. */
struct outbound_tlsrpt_store *outbound_tlsrpt_store_hold(struct outbound_tlsrpt_store *);
void outbound_tlsrpt_store_close(struct outbound_tlsrpt_store *); /* accepts NULL */

/* All in one transaction. *ret_left_out: those for which no report could be begun, or whose report
 * has gone already. */
must_use err outbound_tlsrpt_store_add(struct outbound_tlsrpt_store *,
                                       const struct outbound_tlsrpt_sample *const *, size_t count,
                                       size_t *ret_left_out);

struct outbound_tlsrpt_head {
    int64_t id, day, due_ms;
    str domain, report_id; /* report_id: empty: it was not written yet */
    enum report_day_state state;
    int64_t sessions, failures;
};

struct outbound_tlsrpt_query {
    str domain;     /* empty: any */
    bool due;       /* open, of a day that is over, and its time has come */
    int64_t now_ms; /* for due */
    size_t most;
};
/* Due ones with the most sessions first, else the newest first. Texts live in the arena. */
must_use err outbound_tlsrpt_store_list(struct outbound_tlsrpt_store *,
                                        const struct outbound_tlsrpt_query *, struct arena *,
                                        struct outbound_tlsrpt_head **ret_list, size_t *ret_count);
/* What was counted, into a tally. */
must_use err outbound_tlsrpt_store_load(struct outbound_tlsrpt_store *,
                                        const struct outbound_tlsrpt_head *,
                                        struct tlspolicy_report_tally *);

struct outbound_tlsrpt_note { /* what became of a report at one address */
    str uri, text;
    int64_t time_ms;
    bool sent;
};
/* Synced: with a report_id the report gets it. */
must_use err outbound_tlsrpt_store_note(struct outbound_tlsrpt_store *, int64_t report,
                                        str report_id, const struct outbound_tlsrpt_note *);
must_use err outbound_tlsrpt_store_notes(struct outbound_tlsrpt_store *, int64_t report,
                                         struct arena *, struct outbound_tlsrpt_note **ret_list,
                                         size_t *ret_count);
must_use err outbound_tlsrpt_store_sent(struct outbound_tlsrpt_store *, int64_t since_ms,
                                        int64_t *ret_count);
must_use err outbound_tlsrpt_store_settle(struct outbound_tlsrpt_store *, int64_t report,
                                          enum report_day_state, int64_t due_ms);
/* What is too old goes. *ret_late: reports that could not be sent in time. */
must_use err outbound_tlsrpt_store_clean(struct outbound_tlsrpt_store *, int64_t now_ms,
                                         int64_t *ret_late);
