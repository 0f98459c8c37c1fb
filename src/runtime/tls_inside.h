/* runtime/tls_inside.h -- what the files of TLS share; not for others
 *
 * tls.c has the layer on the connection and the handshake, tls_server.c and tls_client.c the
 * settings of each end, tls_dane.c what the DNS vouches for, tls_tool.c what a test wants,
 * tls_choice.c what a person has chosen, tls_peer.c who the other side is,
 * tls_certificate.c files, names and dates of certificates.
 */
#pragma once
#include "base/clock.h"
#include "runtime/tls_dane.h"
#include <openssl/ssl.h>

enum {
    TLS_FILE_BYTES_MAX = 4 << 20, /* a bundle of all public roots has 0.25 MB */
    TLS_CHAIN_MAX = 16,           /* certificates behind the first in one file */
    TLS_REASON_BYTES = 512,
    TLS_SUBJECTS_TOLD_MAX = 8, /* names that a mismatch lists */
};

/* TLS on one connection. */
struct tls_link {
    struct net_conn *conn;
    SSL *ssl;
    struct tls_server *server; /* held: one of the two */
    struct tls_client *client;
    char *server_name; /* as sent, or as received when it has the form of a name; may be NULL */
    char *reason;      /* TLS_REASON_BYTES, during the handshake only */
    bool name_checked; /* the verified certificate was also compared with the name */
    bool shaken;       /* the handshake is done */
    bool wants_write;
    bool read_ended;             /* close_notify or the end: nothing is read any more */
    bool failed;                 /* nothing is read or written any more, but errno is given */
    int failure;                 /* that errno */
    enum net_io socket_io;       /* NET_END, NET_FAILED: what the socket said last; else NET_DONE */
    char first[TLS_FIRST_BYTES]; /* what came first in the handshake */
    size_t first_count;
    int messages_without_data; /* after the handshake; see TLS_KEY_UPDATES_MAX */
};

/* Settings that both ends have. ERR_SYSTEM when OpenSSL has no such thing. */
must_use err tls_context_open(enum tls_profile, bool server, SSL_CTX **ret_context);
const char *tls_profile_list(enum tls_profile); /* of TLS 1.2, in OpenSSL's words */

/* Put TLS on the connection; from now on nothing passes in clear. */
must_use err tls_link_open(struct net_conn *, SSL_CTX *, deadline until,
                           struct tls_link **ret_link);
must_use err tls_link_handshake(struct tls_link *, deadline until);
struct tls_link *tls_link_of(const SSL *);
/* As the client's end; the client is held by the link. */
must_use err tls_link_to_server(struct net_conn *, struct tls_client *, deadline until,
                                struct tls_link **ret_link);
/* The handshake, unless expected says why there can be none: then nothing passes. */
must_use err tls_link_when_expected(struct tls_link *, err expected, deadline until);

/* OpenSSL's reasons, newest last; the queue is empty afterwards. */
void tls_drain_errors(char *ret_text, size_t size);

/* The whole file. ERR_CONFIG names it. */
must_use err tls_certificate_read_file(str path, struct buf *out);
/* Reads both files into the context and lowers *expires_ms to the first that expires. */
must_use err tls_certificate_load(SSL_CTX *, const struct tls_certificate *, int64_t *expires_ms);
/* "a.example, b.example": whom this certificate is for, shown characters only. */
void tls_certificate_names(const X509 *, char *ret_text, size_t size);
int64_t tls_certificate_time_ms(const ASN1_TIME *); /* INT64_MAX when it cannot be read */
bool tls_certificate_name_fits(str name); /* letters, digits, hyphens, underscores and dots */
must_use err tls_certificate_make(str name, const char *certificate_path, const char *key_path);

SSL_CTX *tls_server_context(const struct tls_server *); /* of the default certificate */
SSL_CTX *tls_client_context(const struct tls_client *);
struct tls_client *tls_client_of(SSL_CTX *); /* takes it over */
enum { TLS_PIN_BYTES = 32 };                 /* SHA-256 of a certificate */
/* Only this certificate is trusted, whoever issued it and whatever name it has. Before its first
 * connection. */
void tls_client_pin(struct tls_client *, const uint8_t pin[TLS_PIN_BYTES]);
/* Whom the client wants to meet, and what it puts up with. ERR_TLS: that is nobody's name. */
must_use err tls_client_expect(struct tls_link *, str server_name, enum tls_verify);
/* OpenSSL's callback for each step of a verification: keeps the first reason against it. */
int tls_client_check_step(int fine, X509_STORE_CTX *);
/* The same with the records of the DNS. ERR_TLS: none can be used, or a name is none. */
must_use err tls_dane_expect(struct tls_link *, const struct tls_dane *);
