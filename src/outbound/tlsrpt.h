/* outbound/tlsrpt.h -- telling the owners of domains how private the way to them was (RFC 8460)
 *
 * Workers count each outcome (outbound/privacy.h); that never waits and never fails: what finds no
 * room is lost, and told as an event. One fiber writes the counts in batches (tlsrpt_store.h), so
 * that a start forgets no more than the last seconds, and sends each domain's report on a day in
 * the course of the next, at a time of its own, no more than tls_reports.per_day. By mail it goes
 * into the queue like any of ours: signed, with a null sender and "TLS-Required: No", so that no
 * report is about the sending of reports. By HTTPS it goes to public addresses alone. What was
 * offered is noted before: a crash in between costs a report, and none is sent twice.
 */
#pragma once
#include "dns/resolver.h"
#include "events/event.h"
#include "outbound/tlsrpt_store.h"
#include "queue/queue.h"
#include "tlspolicy/fetcher.h"

enum {
    OUTBOUND_TLSRPT_GATHER_MS = 2000,           /* how often counts are written */
    OUTBOUND_TLSRPT_LOOK_MS = 60 * 1000,        /* how often it is looked what is due */
    OUTBOUND_TLSRPT_REOPEN_MS = 10 * 60 * 1000, /* a store that could not be opened */
    OUTBOUND_TLSRPT_AGAIN_MS = 3600 * 1000,     /* when DNS or web server gave no answer */
    OUTBOUND_TLSRPT_ADDRESSES_MAX = 5,          /* that one report goes to */
};

struct outbound_tlsrpt;

/* All of it must outlive the reports. */
struct outbound_tlsrpt_options {
    const char *folder; /* STATE/reports: it is there, and so is dry-run/ in it */
    const struct config *(*config)(void *arg); /* the present one, held */
    void *config_arg;
    struct queue *queue;
    struct dns_resolver *dns;
    struct tlspolicy_fetcher *web; /* NULL: none is sent by HTTPS */
    const struct event_sink *events;
    bool allow_private; /* web servers at addresses that are not public: for tests */
};

struct outbound_tlsrpt *outbound_tlsrpt_open(const struct outbound_tlsrpt_options *);
/* When the fiber and all workers have ended: what was counted is written. Waits. Accepts NULL. */
void outbound_tlsrpt_close(struct outbound_tlsrpt *);

/* On any loop; never waits. */
void outbound_tlsrpt_count(struct outbound_tlsrpt *, const struct config *,
                           const struct tlspolicy_report_session *);
/* A mail to tls_reports.receive: keep a copy, in STATE/reports/tls/NAME.eml. Bounded; never fails,
 * for the mail goes on all the same. Waits. Accepts NULL. */
void outbound_tlsrpt_keep(struct outbound_tlsrpt *, str name, str content, deadline until);

/* A fiber's whole life. */
void outbound_tlsrpt_run(void *reports);
