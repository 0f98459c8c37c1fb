/* runtime/tls_dane.h -- TLS with a server whose certificate the DNS vouches for (RFC 6698, 7671)
 *
 * Which records count, and whether their DNS answers can be trusted, is decided by others
 * (tlspolicy/dane.h); here certificates are compared with them. With usage 3 the record is all that
 * counts: neither names nor dates are looked at, unless that is asked for. With usage 2 the chain
 * must lead to what the record names, be in date, and be for one of the names. Usages 0 and 1 want
 * a trusted root besides. Of records that differ in their digest alone the stronger one counts.
 */
#pragma once
#include "runtime/tls.h"

struct tls_dane_record {
    uint8_t usage, selector, matching;
    str data;
};

struct tls_dane {
    const struct tls_dane_record *records;
    size_t count;
    const str
        *names; /* the first is where the records were found: it is told to the server (SNI) */
    size_t name_count;
    bool names_always; /* with usage 3, too: not what SMTP does (RFC 7672 section 3.1.1) */
};

struct tls_dane_match {
    bool fits;
    const char *reason; /* OpenSSL's words when it does not */
    int error;          /* X509_V_OK, or another of its numbers */
    int depth;          /* of the certificate that a record names; -1: none */
};

/* Handshake as the client, as tls_connect(). ERR_TLS: no record can be used, or none fits. */
must_use err tls_connect_dane(struct net_conn *, struct tls_client *, const struct tls_dane *,
                              deadline until);

/* Would this chain do? It is as a server sends it: DER, its own certificate first. ERR_TLS: it
 * cannot be read, or no record can be used. */
must_use err tls_dane_check(struct tls_client *, const str *chain, size_t count,
                            const struct tls_dane *, struct tls_dane_match *ret_match);
