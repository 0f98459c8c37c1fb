/* inbound/verdict.h -- what becomes of a message now that it is known who wrote it
 *
 * Mail that comes to an mx listener from a host we do not trust is judged, when any of its
 * recipients' domains wants that. Several recipients share one reply, so the least strict of their
 * domains says what is done; what is found out stands in the message in any case.
 */
#pragma once
#include "config/config.h"
#include "events/event.h"
#include "inbound/relay.h"
#include "mailauth/judge.h"
#include "message/envelope.h"
#include "smtp/answer.h"

enum inbound_verdict {
    INBOUND_VERDICT_ACCEPT,
    INBOUND_VERDICT_QUARANTINE, /* accepted, and marked */
    INBOUND_VERDICT_REJECT,
    INBOUND_VERDICT_DEFER, /* the DNS cannot tell now */
};

struct inbound_verdict_rule {
    bool judged;
    enum config_judging least; /* of the recipients' domains */
};

struct inbound_verdict_rule inbound_verdict_rule(const struct config *,
                                                 const struct inbound_relay_peer *,
                                                 const struct envelope *);

enum inbound_verdict inbound_verdict_of(const struct config_mailauth *, struct inbound_verdict_rule,
                                        const struct mailauth_judgement *);

/* For REJECT and DEFER. */
void inbound_verdict_answer(enum inbound_verdict, const struct mailauth_judgement *,
                            struct smtp_answer *);

/* For the others: the fields above Received, at most INBOUND_INTAKE_TRACE_BYTES_MAX. */
must_use err inbound_verdict_fields(const struct config_mailauth *, enum inbound_verdict,
                                    const struct mailauth_judgement *, bool utf8, struct arena *,
                                    struct buf *out);

/* What the event EVENT_JUDGED says of it. */
void inbound_verdict_tell(enum inbound_verdict, const struct mailauth_judgement *, struct event *);
