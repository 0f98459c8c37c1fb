/* inbound/recipients.h -- does the next hop know this recipient? (smtp-rules: `recipients: ask`)
 *
 * A yes is good for an hour, a no for five minutes; in between nobody asks. So a message for an
 * unknown recipient is refused at RCPT, and never bounced later.
 */
#pragma once
#include "base/clock.h"
#include "config/config.h"
#include "smtp/reply.h"

struct inbound_recipients;

enum {
    INBOUND_RECIPIENTS_MAX = 100000, /* remembered answers */
    INBOUND_RECIPIENTS_YES_MS = 3600 * 1000,
    INBOUND_RECIPIENTS_NO_MS = 300 * 1000,
    INBOUND_RECIPIENTS_ASK_MS_MAX = 30 * 1000, /* the client waits for our reply meanwhile */
};

enum inbound_recipient { INBOUND_RECIPIENT_YES, INBOUND_RECIPIENT_NO, INBOUND_RECIPIENT_AWAY };

/* How the next hop is asked: outbound/ask.h, or a test. The reply is the one to RCPT; an err: it
 * cannot be reached, or would not be asked. */
struct inbound_recipients_asker {
    err (*ask)(void *arg, const struct config_hop *, str address, struct arena *,
               struct smtp_reply *ret_reply, deadline until);
    void *arg;
};

struct inbound_recipients *inbound_recipients_open(const struct inbound_recipients_asker *);
void inbound_recipients_close(struct inbound_recipients *);

/* Shared by all workers. ERR_CANCELED only: whatever else goes wrong is AWAY. */
must_use err inbound_recipients_ask(struct inbound_recipients *, const struct config_hop *,
                                    str address, enum inbound_recipient *ret_answer,
                                    deadline until);
