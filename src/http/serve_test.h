/* http/serve_test.h -- an HTTP server on loopback, one thread, for tests of who asks
 *
 * It answers one connection after the other, each with one request, by a function of the test.
 */
#pragma once
#include "base/buf.h"
#include <openssl/ssl.h>

enum { HTTP_SERVE_TEST_BYTES_MAX = 4 << 20 };

/* A certificate that signs itself. */
struct http_serve_test_identity {
    X509 *certificate;
    EVP_PKEY *key;
};
struct http_serve_test_identity http_serve_test_identity_make(const char *san, int from_days,
                                                              int to_days);
void http_serve_test_identity_release(struct http_serve_test_identity *);
/* A file for who is to trust it; the caller unlinks it. */
void http_serve_test_roots(const struct http_serve_test_identity *, char ret_path[40]);

struct http_serve_test {
    /* The whole answer, head and all, for a whole request. Runs on the server's thread. */
    void (*answer)(void *arg, str request, struct buf *answer);
    void *arg;
    const struct http_serve_test_identity *identity; /* NULL: no TLS */
    bool silent; /* after the answer: nothing, until the client leaves */
    /* what is had of it */
    char url[40]; /* "https://127.0.0.1:4711" */
    uint16_t port;
    int requests; /* atomic */
    /* its own */
    int listener;
    SSL_CTX *context;
    bool ending; /* atomic */
    struct thread *thread;
};
void http_serve_test_open(struct http_serve_test *);
void http_serve_test_close(struct http_serve_test *);
