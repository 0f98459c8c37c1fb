/* inbound/report_own.h -- what the files of the reports share; nobody else's business */
#pragma once
#include "inbound/report.h"
#include "inbound/report_work.h"
#include "mailauth/dmarc_external.h"
#include "report/tell.h"

enum {
    INBOUND_REPORT_DNS_MS = 10 * 1000,
    INBOUND_REPORT_FAILURE_DNS_MS = 5 * 1000, /* counts wait for it */
    INBOUND_REPORT_DNS_QUESTIONS = 100,
    /* For one report, or one batch: whatever hangs, the next has its turn. */
    INBOUND_REPORT_WORK_MS = 5 * 60 * 1000,
    INBOUND_REPORT_ARENA_BYTES = 32 << 20,
    INBOUND_REPORT_HOURS_MAX = 256, /* domains whose failure reports are counted */
};

struct inbound_report_pace { /* of one provider */
    char name[INBOUND_REPORT_DOMAIN_BYTES_MAX + 1];
    int64_t until_ms; /* end of the pause behind this bundle */
    int sent, waiting;
};

struct inbound_report_hour { /* failure reports of one domain */
    char domain[INBOUND_REPORT_DOMAIN_BYTES_MAX + 1];
    int count;
};

struct inbound_report {
    struct inbound_report_options options;
    struct report_inbox inbox;
    struct inbound_report_store *store; /* NULL: not open */
    deadline open_again, look_again, clean_again;
    struct report_day_quota quota;
    struct inbound_report_pace *paces;
    size_t pace_count;
    int64_t hour; /* since 1970: of the counts below */
    struct inbound_report_hour *hours;
    size_t hour_count;
    int hour_total;
};

/* report_claim.c: what becomes of a mail, before and behind its commit. With a report_id the report
 * gets it. */
must_use err inbound_report_claim_note(struct inbound_report *, str report_id,
                                       const struct inbound_report_mail *, deadline until);
must_use err inbound_report_claim_is_queued(struct inbound_report *, str id, bool *ret_there,
                                            deadline until);
must_use err inbound_report_claim_settle(struct inbound_report *,
                                         deadline until); /* all that are open */

/* report_post.c: a mail of ours. The recipient is "local@domain", canonical. */
struct inbound_report_post {
    const struct config *config;
    str to, content, message_id;
};
must_use err inbound_report_post_open(struct inbound_report *, const struct inbound_report_post *,
                                      struct queue_draft **ret_draft, deadline until);
must_use err inbound_report_post_commit(struct inbound_report *, const struct inbound_report_post *,
                                        struct queue_draft **, queue_id *ret_id, deadline until);
/* Into reports/dry-run. *ret_path is for people. */
must_use err inbound_report_post_save(struct inbound_report *, str name, str content,
                                      struct arena *, str *ret_path, deadline until);

/* report_send.c: one aggregate report, to all that it goes to. An err: not now. */
must_use err inbound_report_send(struct inbound_report *, const struct config *,
                                 const struct inbound_report_head *, deadline until);
/* report_failure.c: one failure report, if it may be. */
must_use err inbound_report_failure_send(struct inbound_report *, const struct config *,
                                         const struct inbound_report_sample *, deadline until);
/* report_pace.c: 0: now; else when there is room for another to this provider. */
int64_t inbound_report_pace(struct inbound_report *, str provider, int64_t now_ms);
