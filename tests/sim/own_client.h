/* tests/sim/own_client.h -- a client of our server that is our own smtp/client.h */
#pragma once
#include "tests/sim/letter.h"

/* One conversation with one mail, from the greeting on. The connection is taken over; *conn is NULL
 * then. */
must_use err sim_own_client_send(struct sim_stage *, struct net_conn **, const struct sim_letter *);
