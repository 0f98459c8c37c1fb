/* client/mx.h -- straight to the MX hosts of a domain (RFC 5321 section 5.1)
 *
 * Host after host, by preference. What DANE says of the host and MTA-STS of the domain decides how
 * private it must be (tlspolicy/decide.h); where neither does, TLS is used when it works and the
 * host is tried once more in clear when it does not. For client/session.c.
 */
#pragma once
#include "client/session.h"

enum { CLIENT_MX_ADDRESSES_MAX = 4 }; /* of one host */

/* A session behind EHLO, as private as it must be. */
must_use err client_mx_connect(struct client_session *);
