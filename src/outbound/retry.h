/* outbound/retry.h -- when a mail is tried again, and until when
 *
 * Pure. The wait depends on why it was put off (`retry.classes`); a time that the server named is
 * kept to, within bounds. What the sender has asked for (expires, DELIVERBY) ends it sooner than
 * `retry.give_up`; what was held (FUTURERELEASE) is as old as its release.
 */
#pragma once
#include "config/config.h"
#include "message/envelope.h"
#include "outcome/reply.h"

enum {
    OUTBOUND_RETRY_NAMED_MS_MIN = 30 * 1000, /* of what a server names; longest: retry.longest */
    OUTBOUND_RETRY_NAMED_MORE_MS = 1000,     /* it counts in whole seconds, from another moment */
};

/* From when on the mail's age counts. */
int64_t outbound_retry_born_ms(const struct envelope *);
/* When it is given up. */
int64_t outbound_retry_end_ms(const struct config_retry *, const struct envelope *);
/* Has the time passed that the sender gave it? Then nothing is tried any more. */
enum outbound_retry_late { OUTBOUND_RETRY_IN_TIME, OUTBOUND_RETRY_EXPIRED, OUTBOUND_RETRY_BY };
enum outbound_retry_late outbound_retry_late(const struct envelope *, int64_t now_ms);

/* After so many earlier attempts and one that came to that; NULL: nothing is known of it. */
int64_t outbound_retry_wait_ms(const struct config_retry *, const struct outcome *,
                               uint32_t attempts);
/* That wait from now on, but not beyond the end, so that a last try is made then, nor beyond the
 * moment at which DELIVERBY wants the sender to be told. */
int64_t outbound_retry_due_ms(const struct config_retry *, const struct envelope *, int64_t wait_ms,
                              int64_t now_ms);
