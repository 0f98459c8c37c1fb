/* outbound/egress_connect.h -- a connection that leaves by an egress
 *
 * From its address, or through its proxy. What failed on our side of the way is told apart from
 * what failed on theirs: an address that this machine does not have, or a proxy that is away, is no
 * fault of the host that the mail was for.
 */
#pragma once
#include "outbound/egress.h"
#include "runtime/socks.h"

enum { OUTBOUND_EGRESS_CONNECT_HEADER_BYTES = 16 + 36 };

enum outbound_egress_fault {
    EGRESS_FAULT_THEIRS, /* the host did not answer, or refused */
    EGRESS_FAULT_OURS,   /* our address or our proxy: no other host would help */
    EGRESS_FAULT_PROXY,  /* the proxy could not, and does not say why: another host might do */
};

struct outbound_egress_connected {
    struct net_conn *conn;
    struct address local; /* what the host sees, as far as it is known; family NONE: it is not */
};

/* egress: NULL, as the system chooses. login: for a SOCKS5 proxy, or NULL. *ret_fault is set with
 * every err. */
must_use err outbound_egress_connect(const struct config_egress *, const struct address *to,
                                     const struct socks_login *login,
                                     struct outbound_egress_connected *ret_connected,
                                     enum outbound_egress_fault *ret_fault, deadline until);

/* A PROXY header, version 2, for a TCP connection; both of one family. Returns its length. */
size_t outbound_egress_connect_header(const struct address *from, const struct address *to,
                                      uint8_t ret_header[OUTBOUND_EGRESS_CONNECT_HEADER_BYTES]);
