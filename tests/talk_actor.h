/* tests/talk_actor.h -- one end of a connection that follows a script */
#pragma once
#include "tests/talk_run.h"

struct talk_actor {
    struct list link; /* of a client, in talk_run.clients */
    struct talk_run *run;
    str name;
    bool peer;
    struct net_conn *conn;
    int64_t within_ms;    /* for the next await; 0: the default */
    uint64_t chunk_bytes; /* of the last BDAT that came */
};

/* Follow the steps. False: the run failed or crashed. Waits. */
bool talk_actor_perform(struct talk_actor *, const struct talk_step *);
void talk_actor_close(struct talk_actor *);

/* A client's block: connects when there is no connection of that name yet. Waits. */
bool talk_actor_client(struct talk_run *, const struct talk_block *);
/* inject from A to B[, C] body FILE: over SMTP, through the listener for trusted hosts. */
bool talk_actor_inject(struct talk_run *, const struct talk_item *);
