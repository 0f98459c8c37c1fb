/* tests/talk_send.h -- `send`: the client of the command line, in this process, as a scenario's
 * line
 *
 * It runs on a fiber of its own while the story goes on; `then exit N` waits for its end.
 */
#pragma once
#include "tests/talk_run.h"

/* "from A to B[, C] via URL body FILE [times N] [connections N]". False: it failed. */
bool talk_send_begin(struct talk_run *, const struct talk_item *);
/* Its exit, once it has ended; -1: it goes on, or none was begun. */
int talk_send_exit(const struct talk_run *);
