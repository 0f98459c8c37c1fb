/* tests/talk_peer.h -- the remote servers of a scenario: who listens, and which block a connection
 * gets */
#pragma once
#include "tests/talk_actor.h"

/* Listen at every host that has a block or that a fact asks about. Blocks wait for their
 * connection from now on. False: it failed. */
bool talk_peer_open_all(struct talk_run *);
/* Every connection and listener is closed; the fibers in run->fibers must have ended. */
void talk_peer_close_all(struct talk_run *);
/* The story has come to this block: it may begin, if it is not the first on its connection. */
void talk_peer_reach(struct talk_run *, struct talk_block *);
/* Until its connection has come (in the usual time) and its steps are over. */
bool talk_peer_wait(struct talk_run *, struct talk_block *);
int talk_peer_connections(struct talk_run *, str host); /* so far; -1: nobody listens there */
