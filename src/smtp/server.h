/* smtp/server.h -- the server's side of SMTP, as one linear function (RFC 5321)
 *
 * Announces PIPELINING, SIZE, 8BITMIME, BINARYMIME, CHUNKING, SMTPUTF8, ENHANCEDSTATUSCODES, DSN,
 * STARTTLS, AUTH, LIMITS, MT-PRIORITY, DELIVERBY, FUTURERELEASE (this one on submission only) and
 * XONCE (docs/bulk.md; where mail is not from strangers), and does what each asks.
 */
#pragma once
#include "base/buf.h"
#include "smtp/session.h"

/* The caller fills in conn, options, backend and context, nothing else. */
void smtp_server_init(struct smtp_session *);
void smtp_server_release(struct smtp_session *); /* the connection stays the caller's */

/* From greeting to goodbye. NULL: it ended by QUIT or by our own word. The last word (421 4.4.2 for
 * a timeout, 421 4.3.2 when canceled) has been said. Waits: it is a fiber's own function. */
must_use err smtp_server_run(struct smtp_session *);

/* For backend->login: say 334 with the challenge and hand back the decoded answer. False in
 * *ret_given: the client gave up ("*") or sent no base64; the answer says so already. */
must_use err smtp_server_challenge(struct smtp_session *, str challenge, struct buf *ret_response,
                                   bool *ret_given, struct smtp_answer *, deadline until);
