/* runtime/tls_tool.h -- TLS as a test of servers needs it: any version, any cipher, verified or not
 *
 * tls.h decides what is safe; here a person at a terminal does. Nothing that carries mail by itself
 * uses it. What the peer showed (its certificate and chain) can be read afterwards.
 */
#pragma once
#include "base/arena.h"
#include "runtime/tls.h"

enum tls_tool_version { TLS_TOOL_SSL3, TLS_TOOL_1_0, TLS_TOOL_1_1, TLS_TOOL_1_2, TLS_TOOL_1_3 };
enum { TLS_TOOL_VERSIONS = TLS_TOOL_1_3 + 1 };

enum { TLS_TOOL_CHAIN_MAX = 20 }; /* certificates of a peer that are told */

struct tls_tool_options {
    unsigned refused;     /* bit 1 << version for each that is not offered */
    str ciphers;          /* OpenSSL's list, TLS 1.2 and older; empty: its default */
    str certificate, key; /* PEM files; empty: none is shown */
    str chain;            /* a PEM file that is sent behind the certificate; or empty */
    str ca;               /* a file or a folder of roots; empty: the system's */
    str sni;              /* empty: none is sent */
    bool verify;          /* the chain must lead to a root, or the handshake fails */
    str verify_name;      /* and be for this host name or IP address; empty: whoever */
};

/* Blocks: reads files. ERR_CONFIG tells what cannot be used. */
must_use err tls_tool_open(const struct tls_tool_options *, struct tls_client **ret_client);
/* ERR_TLS, as tls_connect(). */
must_use err tls_tool_connect(struct net_conn *, struct tls_client *,
                              const struct tls_tool_options *, deadline until);

struct tls_tool_peer {
    str subject;                   /* "/C=DE/CN=mail.example.net" */
    str own_subject;               /* of the certificate that we showed; empty: none */
    const char *distrust;          /* NULL: the chain is good; else why not, in OpenSSL's words */
    str chain[TLS_TOOL_CHAIN_MAX]; /* PEM, the peer's own first */
    size_t chain_count;
};
/* False: no TLS, or no certificate. The texts live in the arena. */
bool tls_tool_get_peer(const struct net_conn *, struct arena *, struct tls_tool_peer *ret_peer);
