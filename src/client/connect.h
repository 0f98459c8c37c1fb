/* client/connect.h -- from a name to a greeting: addresses, ports, connections, TLS from the first
 * byte
 *
 * For client/session.c and client/mx.c.
 */
#pragma once
#include "client/session.h"

/* The server of the options: the first address that greets, at the first port that lets us in. What
 * is in the way of a port is told; a reply, or a certificate that is not trusted, is an answer and
 * no reason for another port. */
must_use err client_connect(struct client_session *);

/* One door, up to the greeting. After an err the session may be open: its reply refused us. */
must_use err client_connect_door(struct client_session *, const struct client_door *);
