/* inbound/proxy.h -- the PROXY protocol, versions 1 and 2: who the client behind a balancer is
 *
 * Where it is asked for it is required: a connection from an untrusted network, or one whose header
 * is missing, late or wrong, is dropped without a word (attacks 72, 152).
 */
#pragma once
#include "runtime/net.h"

enum {
    INBOUND_PROXY_V1_BYTES_MAX = 107,
    INBOUND_PROXY_V2_BYTES_MAX = 16 + 4096,
    INBOUND_PROXY_MS_MAX = 10 * 1000,
};

/* Take a header off the front of *input. *ret_complete false: more is needed. *ret_known false: the
 * balancer speaks for itself (LOCAL, UNKNOWN): the address stays. ERR_PROTOCOL. */
must_use err inbound_proxy_parse(str *input, bool *ret_complete, bool *ret_known,
                                 struct address *ret_client);
/* Read it and set the connection's peer. ERR_PROTOCOL: also when the peer is not trusted. */
must_use err inbound_proxy_accept(struct net_conn *, const struct network *trusted, size_t count,
                                  deadline until);
