/* client/connect.h -- from a name to a greeting: addresses, connections, TLS from the first byte
 *
 * For client/session.c.
 */
#pragma once
#include "client/session.h"

/* The first address that greets. After an err the session may be open: its reply refused us. */
must_use err client_connect(struct client_session *);
