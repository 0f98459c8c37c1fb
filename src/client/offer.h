/* client/offer.h -- one mail in an open session, and what its verdicts come to
 *
 * For client/client.c.
 */
#pragma once
#include "client/session.h"

/* Offer the mail to those recipients that are not settled: 2xx and 5xx are. Verdicts that came
 * before an err are kept. */
must_use err client_offer(struct client_session *, struct client_mail *);
void client_offer_release(struct client_session *);
/* CLIENT_LATER: somebody is still open. */
enum client_outcome client_offer_outcome(const struct client_mail *);
/* The same when there is no other attempt: a final refusal counts more than one for now. */
enum client_outcome client_offer_outcome_at_last(const struct client_mail *);
/* NULL: no recipient was refused for now. */
const struct smtp_reply *client_offer_first_passing(const struct client_mail *);
