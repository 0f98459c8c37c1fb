/* inbound/report.h -- telling the owners of domains what came in their name (RFC 9989 to 9991)
 *
 * Sessions count each judged message behind its reply; that never waits and never fails: what finds
 * no room is lost, and told as an event. One fiber writes the counts in batches (report_store.h),
 * and sends each domain's report on a day in the course of the next: at a time of its own, a few at
 * a time to the same provider, no more than reports.per_day. A report goes into the queue like any
 * mail of ours; that it is there is noted on both sides of the commit, so a restart neither repeats
 * it nor forgets it. Its sender is null: nothing ever answers it.
 *
 * Without a store (it is damaged, its disk is full) mail comes in all the same.
 */
#pragma once
#include "inbound/inbound.h"
#include "inbound/report_sample.h"

enum {
    INBOUND_REPORT_GATHER_MS = 2000,           /* how often counts are written */
    INBOUND_REPORT_LOOK_MS = 60 * 1000,        /* how often it is looked what is due */
    INBOUND_REPORT_REOPEN_MS = 10 * 60 * 1000, /* a store that could not be opened */
    INBOUND_REPORT_ASK_AGAIN_MS = 3600 * 1000, /* when the DNS gave no answer */
    /* To one provider: so many at once, which can share a connection, then a pause. */
    INBOUND_REPORT_BUNDLE = 10,
    INBOUND_REPORT_PAUSE_MS = 5 * 60 * 1000,
    INBOUND_REPORT_PROVIDERS_MAX = 512,     /* whose pace is remembered */
    INBOUND_REPORT_FAILURES_HOUR_MAX = 100, /* failure reports to everybody together */
    INBOUND_REPORT_FAILURES_BATCH_MAX = 20, /* looked at, behind each batch of counts */
};

struct inbound_report;

/* All of it must outlive the reports. */
struct inbound_report_options {
    const char *folder; /* STATE/reports: it is there, and so is dry-run/ in it */
    const struct config *(*config)(void *arg); /* the present one, held */
    void *config_arg;
    struct queue *queue;
    struct dns_resolver *dns;
    const struct event_sink *events;
    int64_t store_bytes_max; /* 0: the store's own maximum */
};

struct inbound_report *inbound_report_open(const struct inbound_report_options *);
/* When the fiber and all sessions have ended: what was counted is written. Waits. Accepts NULL. */
void inbound_report_close(struct inbound_report *);

/* On any loop; never waits. NULL counts nothing. */
void inbound_report_count(struct inbound_report *, const struct inbound_report_seen *);

/* Once, on a fiber, before the first delivery begins: what we were about to note when we stopped is
 * found in the queue. */
void inbound_report_recover(struct inbound_report *, deadline until);
/* A fiber's whole life. */
void inbound_report_run(void *report);
