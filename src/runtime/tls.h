/* runtime/tls.h -- TLS on a connection, both ends (OpenSSL 3)
 *
 * TLS is a layer under a net_conn's buffers. It runs over a BIO of ours on the connection's socket
 * and never waits inside OpenSSL: WANT_READ and WANT_WRITE are waited for outside, with the
 * caller's deadline. OpenSSL's error queue is cleared before and drained after each call. The end
 * of TLS is the end of the connection: nothing is ever read in clear after it.
 *
 * Always: TLS 1.2 or 1.3, no compression, no renegotiation, a bounded number of key updates.
 */
#pragma once
#include "base/buf.h"
#include "runtime/net.h"

enum tls_profile {
    TLS_MODERN,        /* 1.3 only */
    TLS_INTERMEDIATE,  /* 1.2 and 1.3, ECDHE with AEAD, server's order, RSA >= 2048 or P-256 */
    TLS_OPPORTUNISTIC, /* what old senders to an MX need besides: it replaces plain text */
};

enum {
    TLS_NAME_BYTES_MAX = 256,
    TLS_FIRST_BYTES = 64,
    TLS_BINDING_BYTES = 32,      /* tls-exporter (RFC 9266) */
    TLS_KEY_UPDATES_MAX = 64,    /* in a row without data; then the connection ends (attack 23) */
    TLS_CERTIFICATE_DAYS = 3650, /* of one that we make ourselves */
};

/* ---- server ----------------------------------------------------------------------------- */

struct tls_server; /* certificates and settings; shared by all loops; counted references */

struct tls_certificate {
    str name; /* SNI; empty for the default; "*.example.com" is understood. An RSA and an
               * ECDSA certificate may share a name: the client gets what it can */
    str certificate, key; /* paths of PEM files; the chain stands behind the certificate */
};

struct tls_server_options {
    enum tls_profile profile;
    const struct tls_certificate *certificates; /* the first is the default */
    size_t certificate_count;
};

/* Reads the files; blocks. ERR_CONFIG names the file and what is wrong with it (unreadable, key and
 * certificate do not match, expired: only warned of through tls_server_expires). A reload opens
 * another one; connections keep theirs. */
must_use err tls_server_open(const struct tls_server_options *, struct tls_server **ret_server);
struct tls_server *tls_server_hold(struct tls_server *);
void tls_server_close(struct tls_server *);            /* accepts NULL */
int64_t tls_server_expires(const struct tls_server *); /* real ms: the first of them to expire */

/* Handshake as the server. ERR_TLS: it failed, and OpenSSL's reason is in the text. ALPN that is
 * there without "smtp" is refused (no_application_protocol). Bytes that came in clear must have
 * been refused before (net_pending); what is left in net_input is ERR_PROTOCOL. After an err the
 * connection is good for net_close() only. */
must_use err tls_accept(struct net_conn *, struct tls_server *, deadline until);

/* ---- client ----------------------------------------------------------------------------- */

enum tls_verify {
    TLS_VERIFY_NAME, /* chain to a trusted root, and the name fits */
    TLS_VERIFY_NONE, /* opportunistic: encrypted, to whom is unknown */
};

struct tls_client; /* trust anchors; counted references, shared by all loops */

/* ca_file: PEM with the roots to trust instead of the system's; empty: the system's. Blocks. */
must_use err tls_client_open(str ca_file, struct tls_client **ret_client);
struct tls_client *tls_client_hold(struct tls_client *);
void tls_client_close(struct tls_client *);

/* Handshake as the client; errs as above. server_name goes out as SNI (unless it is an IP address)
 * and is what is verified (DNS names, or the IP address itself). ERR_TLS tells why the peer is not
 * trusted. */
must_use err tls_connect(struct net_conn *, struct tls_client *, str server_name, enum tls_verify,
                         deadline until);

/* ---- both ------------------------------------------------------------------------------- */

struct tls_facts {
    const char *version; /* "TLSv1.3" */
    const char *cipher;  /* "TLS_AES_256_GCM_SHA384" */
    int bits;
    const char *group; /* of the key exchange: "X25519MLKEM768", "x25519"; "": none, or unknown */
    bool verified;
    char server_name[TLS_NAME_BYTES_MAX]; /* SNI as sent or received; empty: none, or no name */
};

bool tls_active(const struct net_conn *);
bool tls_get_facts(const struct net_conn *, struct tls_facts *ret_facts); /* false: no TLS */
/* What the verification of the peer's certificate said, also when the handshake failed: OpenSSL's
 * X509_V_OK, or another of its numbers. Without TLS: X509_V_OK. */
int tls_verify_error(const struct net_conn *);
/* What the peer began to say in the handshake, also when it failed: who speaks something else than
 * TLS is known by it. Empty: nothing came, or nobody tried. Good as long as the connection. */
str tls_first_bytes(const struct net_conn *);
/* Channel binding for SCRAM-*-PLUS; false: no TLS, or a version that cannot (RFC 9266). */
bool tls_get_binding(const struct net_conn *, uint8_t ret_binding[TLS_BINDING_BYTES]);

/* Make a P-256 key and a self-signed certificate for this name and for localhost; both files are
 * new, mode 0600. */
must_use err tls_make_certificate(str name, const char *certificate_path, const char *key_path);

/* Post-quantum key exchange, offered and preferred on both ends where OpenSSL knows it (3.5). */
#define TLS_HYBRID_GROUP "X25519MLKEM768"
bool tls_has_hybrid(void);

/* The resolved cipher list of a profile, ":"-separated, for `config show`. */
must_use err tls_profile_ciphers(enum tls_profile, struct buf *out);
