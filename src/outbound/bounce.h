/* outbound/bounce.h -- what an attempt means for the message: outcomes, notification, next try
 *
 * Pure but for the front of the message, which is read for the notification. One notification tells
 * of all recipients that an attempt has settled, and it joins the queue together with the outcomes:
 * all or none.
 */
#pragma once
#include "events/event.h"
#include "message/dsn.h"
#include "outbound/attempt.h"
#include "outbound/retry.h"
#include "queue/queue.h"

enum outbound_bounce_fate { /* of one recipient */
                            OUTBOUND_BOUNCE_WAITS,
                            OUTBOUND_BOUNCE_DONE,
                            OUTBOUND_BOUNCE_FAILED,
                            OUTBOUND_BOUNCE_EXPIRED, /* it would wait, but its time is over */
};

struct outbound_bounce {
    const struct config *config;
    const struct queue_message *message;
    const struct outbound_offer_mail *mail;
    struct outbound_offer_rcpt *rcpts; /* what the attempt said, beside the envelope's */
    bool tried;
    uint8_t way; /* that the next try must go; 0: any */
    int64_t now_ms;
    struct arena *arena;

    /* Results. */
    enum outbound_bounce_fate *fates;
    const struct outcome **outcomes; /* what each refusal means; NULL: nothing is known, or done */
    struct queue_settlement settlement;
    bool delay_told;         /* the notification (also) warns of a delay */
    const char *dsn_dropped; /* somebody should have been told, and there is nobody: why */
};

/* Always comes to an end, canceled or not: what an attempt has learned must be kept. A notification
 * whose original cannot be read goes without it. */
void outbound_bounce_decide(struct outbound_bounce *, deadline until);

/* Is the time over in which it is tried, if it is not delivered now? */
bool outbound_bounce_is_late(const struct config *, const struct queue_message *, int64_t now_ms);
