/* tlspolicy/report_tally.h -- what is counted for our TLS reports: sessions, by domain, day and
 * policy
 *
 * Every session that was told is counted once, as a success or as a failure of one kind; what a
 * kind needs more room for than there is goes into one without particulars, so that the sums stay
 * true. Days are those of UTC. Belongs to one loop.
 */
#pragma once
#include "base/arena.h"
#include "tlspolicy/report.h"

enum {
    TLSPOLICY_REPORT_TALLY_DAYS_MAX = 10000,  /* of one domain each */
    TLSPOLICY_REPORT_TALLY_POLICIES_MAX = 16, /* of one domain and day; a policy may change */
    TLSPOLICY_REPORT_TALLY_DETAILS_MAX = 100, /* of one policy, besides those without particulars */
    TLSPOLICY_REPORT_TALLY_STRINGS_MAX = 100, /* lines of a policy; more are cut */
};

struct tlspolicy_report_session {
    str domain; /* of the recipient: whose report it is */
    int64_t ended_ms;
    struct tlspolicy_report_policy policy; /* type, strings, domain, mx: the rest is not read */
    enum tlspolicy_result result;
    struct tlspolicy_report_detail detail; /* addresses, names, reason; for a failure */
    uint64_t count;                        /* sessions alike; 0: one */
};

struct tlspolicy_report_day {
    str domain;
    int64_t begin_s; /* midnight */
};

struct tlspolicy_report_tally;

struct tlspolicy_report_tally *tlspolicy_report_tally_open(void);
void tlspolicy_report_tally_close(struct tlspolicy_report_tally *); /* accepts NULL */

/* Copies what it keeps. ERR_LIMIT: no room for another day, or another policy of one; the session
 * is not counted. */
must_use err tlspolicy_report_tally_add(struct tlspolicy_report_tally *,
                                        const struct tlspolicy_report_session *);
/* Walk in no order: start with 0; false at the end. */
bool tlspolicy_report_tally_next(const struct tlspolicy_report_tally *, size_t *position,
                                 struct tlspolicy_report_day *ret_day);
/* The policies, and begin_s and end_s, of one day's report; who we are and its id are the caller's
 * to set. Good until the tally changes; false: nothing was counted. */
bool tlspolicy_report_tally_report(const struct tlspolicy_report_tally *, str domain,
                                   int64_t begin_s, struct tlspolicy_report *ret_report);
/* It was sent. */
void tlspolicy_report_tally_drop(struct tlspolicy_report_tally *, str domain, int64_t begin_s);
