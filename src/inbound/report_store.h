/* inbound/report_store.h -- what was seen of mail in others' names, and what they were told
 * (SQLite)
 *
 * STATE/reports/reports.db. A report is about one policy of one domain on one day (UTC); it has
 * rows with counts, and a mail for each address that it goes to. Everything here blocks: it is
 * called in jobs (report_work.h) and by commands, also beside a running server. Threads may share a
 * store.
 *
 * Counts are written without a sync: a power cut may lose the last seconds of a statistic, and no
 * mail with them. What says that a report was sent is synced, for it must neither be repeated nor
 * forgotten; in WAL mode the one can follow the other in one file (the log is synced up to there).
 *
 * Errs: ERR_DAMAGED, ERR_TIMEOUT (locked for too long), ERR_CONFIG (made by a newer version),
 * ERR_SYSTEM.
 */
#pragma once
#include "inbound/report_sample.h"
#include "mailauth/dmarc_report.h"
#include "report/day.h"

enum {
    INBOUND_REPORT_STORE_PATH_CHARS = 600,
    INBOUND_REPORT_STORE_BYTES_MAX = 256 << 20,
    INBOUND_REPORT_STORE_ROWS_MAX = 10000,    /* of one report */
    INBOUND_REPORT_STORE_POLICIES_MAX = 4,    /* of one domain on one day */
    INBOUND_REPORT_STORE_REPORTS_MAX = 20000, /* of one day */
    INBOUND_REPORT_STORE_MAILS_MAX = 5,       /* of one report */
};

struct inbound_report_store;

/* make: when it is not there, with mode 0600, and its folder; else ERR_SYSTEM. bytes_max 0: the
 * maximum above. */
must_use err inbound_report_store_open(const char *path, bool make, int64_t bytes_max,
                                       struct inbound_report_store **ret_store);
/* Each holder closes it once. */
struct inbound_report_store *inbound_report_store_hold(struct inbound_report_store *);
void inbound_report_store_close(struct inbound_report_store *); /* accepts NULL */

/* ---- counting ---- */

struct inbound_report_added {
    size_t left_out; /* samples for which no report could be begun */
    size_t dropped;  /* the oldest reports, not sent yet, that made room */
};
/* Those that count, in one transaction. */
must_use err inbound_report_store_add(struct inbound_report_store *,
                                      const struct inbound_report_sample *const *, size_t count,
                                      struct inbound_report_added *ret_added);

/* What is too old goes. *ret_late: reports that could not be sent in time. */
must_use err inbound_report_store_clean(struct inbound_report_store *, int64_t now_ms,
                                        size_t *ret_late);

/* ---- sending ---- */

enum inbound_report_mail_state {
    INBOUND_REPORT_MAIL_CLAIMED, /* it may be in the queue, under queue_id */
    INBOUND_REPORT_MAIL_SENT,
    INBOUND_REPORT_MAIL_WRITTEN, /* into a file: dry-run */
    INBOUND_REPORT_MAIL_REFUSED, /* note says why */
};

struct inbound_report_mail {
    int64_t report; /* whose */
    str recipient, queue_id, note;
    enum inbound_report_mail_state state;
    int64_t time_ms, bytes;
};

struct inbound_report_head {
    int64_t id, day, due_ms;
    str domain, policy, provider;
    str report_id; /* empty: none was made yet */
    enum report_day_state state;
    int64_t messages, rows, left_out; /* left_out: messages of these that are in no row */
};

struct inbound_report_query {
    str domain;     /* empty: any */
    int64_t day;    /* -1: any */
    bool due;       /* open, of a day that is over, and its time has come */
    int64_t now_ms; /* for due */
    size_t most;
};
/* Due ones with the most messages first: a thousand names that somebody thought of for a message
 * each must not keep others from their reports. Else the newest first. Texts live in the arena. */
must_use err inbound_report_store_list(struct inbound_report_store *,
                                       const struct inbound_report_query *, struct arena *,
                                       struct inbound_report_head **ret_list, size_t *ret_count);
must_use err inbound_report_store_mails(struct inbound_report_store *, int64_t report,
                                        struct arena *, struct inbound_report_mail **ret_list,
                                        size_t *ret_count);
/* Those that may be in the queue, of all reports; so many at most. */
must_use err inbound_report_store_claimed(struct inbound_report_store *, size_t most,
                                          struct arena *, struct inbound_report_mail **ret_list,
                                          size_t *ret_count);
/* Give each row to the callback, until it returns an err; the row is good during the call. */
must_use err inbound_report_store_rows(struct inbound_report_store *, int64_t report,
                                       err (*each)(void *arg, const struct mailauth_dmarc_row *),
                                       void *arg);

must_use err inbound_report_store_postpone(struct inbound_report_store *, int64_t report,
                                           int64_t due_ms);
/* Synced: this is what becomes of the mail to this address. With a report_id the report gets it. */
must_use err inbound_report_store_note(struct inbound_report_store *, str report_id,
                                       const struct inbound_report_mail *);
must_use err inbound_report_store_finish(struct inbound_report_store *, int64_t report);
must_use err inbound_report_store_sent(struct inbound_report_store *, int64_t since_ms,
                                       int64_t *ret_count); /* mails, or files written */
