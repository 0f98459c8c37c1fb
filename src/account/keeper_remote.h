/* account/keeper_remote.h -- a keeper in another process, asked over a socketpair
 *
 * One connection serves all loops: a thread of its own sends and receives, and finishes the call
 * of the fiber that waits, wherever that is. A call ends at its deadline at the latest, whatever
 * the keeper does; its late reply is dropped. When the keeper is gone, or says what is no reply,
 * every waiting call ends with ERR_CLOSED and so does every later one, at once.
 */
#pragma once
#include "account/keeper.h"

enum { KEEPER_CALLS_MAX = 1024 }; /* waiting at once; more is ERR_LIMIT */

struct keeper_remote;

/* fd is one end of a stream socketpair, keeper_serve() has the other; taken over. Starts a thread,
 * so confinement comes first. ERR_SYSTEM; then fd stays the caller's. */
must_use err keeper_remote_open(int fd, struct keeper_remote **ret_keeper);
/* When no call is waiting any more. Accepts NULL. */
void keeper_remote_close(struct keeper_remote *);

const struct keeper *keeper_remote_seam(struct keeper_remote *); /* good until it is closed */
bool keeper_remote_alive(struct keeper_remote *); /* false: it has gone; nobody can log in */
