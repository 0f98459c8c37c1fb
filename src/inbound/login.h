/* inbound/login.h -- the dialog behind AUTH, and what becomes of it
 *
 * sasl/ knows the mechanisms, the keeper knows the passwords, the throttle slows guessers down. The
 * peer hears 535 5.7.8 whatever was wrong; the event says what it was.
 */
#pragma once
#include "inbound/session.h"

/* What to offer now: SCRAM-PLUS needs a TLS channel that can be bound. A constant text. */
const char *inbound_login_mechanisms(const struct inbound_session *);

must_use err inbound_login(struct inbound_session *, str mechanism, const str *initial,
                           struct smtp_answer *, deadline until);
