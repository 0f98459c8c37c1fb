/* smtp/body.h -- the content of a mail as it arrives, by DATA or by BDAT
 *
 * Streams to the backend while all is well, and to nowhere after the first trouble: the content is
 * always read to its real end, within bounds, so that what follows is a command and nothing else.
 */
#pragma once
#include "smtp/session.h"

/* Read up to the final dot. When an err comes back the connection cannot go on. When session->
 * failure.close is set it must not. */
must_use err smtp_body_read_data(struct smtp_session *);

/* Read one chunk of size bytes; keep: false throws it away. */
must_use err smtp_body_read_chunk(struct smtp_session *, uint64_t size, bool keep);

/* It could not be kept: that goes to session->failure, unless one is there. 452 when space is
 * short, else 451. */
void smtp_body_fail(struct smtp_session *, err);

/* The content is complete: what is wrong with it, if anything, goes to session->failure. */
void smtp_body_judge(struct smtp_session *);
