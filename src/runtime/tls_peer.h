/* runtime/tls_peer.h -- the certificate that the other side showed, for a person to look at
 */
#pragma once
#include "base/arena.h"
#include "runtime/tls.h"

enum { TLS_PEER_SHA256_BYTES = 32, TLS_PEER_SHA1_BYTES = 20, TLS_PEER_MD5_BYTES = 16 };

struct tls_peer {
    str subject, issuer; /* "CN=mail.example.net,O=Example,C=DE"; control characters are escaped */
    int64_t begins_ms, ends_ms; /* real time; INT64_MAX when it cannot be read */
    uint8_t sha256[TLS_PEER_SHA256_BYTES], sha1[TLS_PEER_SHA1_BYTES], md5[TLS_PEER_MD5_BYTES];
};

/* False: no TLS, or no certificate. Texts live in the arena. */
bool tls_peer_get(const struct net_conn *, struct arena *, struct tls_peer *ret_peer);
