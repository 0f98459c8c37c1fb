/* inbound/returned.h -- mail that comes back: to a signed return path, or from a feedback loop
 *
 * It is for nobody here: it is read, acted on (feedback/arrival.h), and then goes on to the sender
 * of the message that it is about. All that is done before the 250. A transaction is for one return
 * path, as bounces are.
 */
#pragma once
#include "inbound/session.h"

enum { INBOUND_RETURNED_AT_ONCE_MAX = 64 }; /* in memory; more are told to come again */

enum inbound_returned {
    INBOUND_RETURNED_NOT,   /* an address like any other */
    INBOUND_RETURNED_TAKE,  /* it is, and the session is set for it */
    INBOUND_RETURNED_REFUSE /* forged, expired, or not with those before: the answer says so */
};
enum inbound_returned inbound_returned_rcpt(struct inbound_session *, str address,
                                            struct smtp_answer *);

/* The content is whole. *ret_keep: it goes on to the envelope's recipient, which is set; else it is
 * done, and the answer is set. */
must_use err inbound_returned_done(struct inbound_session *, struct smtp_answer *, bool *ret_keep,
                                   deadline until);

/* Count a bounce for one of our domains that answers no mail of ours. */
void inbound_returned_stranger(struct inbound_session *, str domain);
