/* outbound/letter.h -- a mail of our own into the queue: a report to somebody
 *
 * Its sender is null: nothing ever answers it. Two steps, so that its name in the queue can be
 * noted before it is there.
 */
#pragma once
#include "config/config.h"
#include "queue/queue.h"

struct outbound_letter {
    const struct config *config;
    str to; /* "local@domain", canonical */
    str content, message_id;
    bool tls_optional; /* it says "TLS-Required: No" */
};

/* ERR_LIMIT: the queue takes no mail now. */
must_use err outbound_letter_open(struct queue *, const struct outbound_letter *,
                                  struct queue_draft **ret_draft, deadline until);
must_use err outbound_letter_commit(struct queue *, const struct outbound_letter *,
                                    struct queue_draft **, queue_id *ret_id, deadline until);
