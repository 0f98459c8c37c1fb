/* inbound/verdict.h -- what becomes of a message now that it is known who wrote it
 *
 * Mail that comes to an mx listener from a host we do not trust is judged when its recipients'
 * domains want that. Several recipients share one reply after the dot, so a message goes to domains
 * that all want the same: others are told at RCPT to come in a transaction of their own.
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

/* What its recipients want. */
enum config_judging inbound_verdict_judging(const struct config *,
                                            const struct inbound_relay_peer *,
                                            const struct envelope *);
/* Does this one want what those in the envelope want? */
bool inbound_verdict_fits(const struct config *, const struct inbound_relay_peer *,
                          const struct envelope *, str address);

enum inbound_verdict inbound_verdict_of(const struct config_mailauth *, enum config_judging,
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
