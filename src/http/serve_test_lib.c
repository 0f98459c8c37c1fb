#include "http/serve_test.h"
#include "runtime/thread.h"
#include "tests/test.h"
#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

struct http_serve_test_identity http_serve_test_identity_make(const char *san, int from_days,
                                                              int to_days)
{
    struct http_serve_test_identity i = {X509_new(), EVP_EC_gen("P-256")};
    X509_set_version(i.certificate, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(i.certificate), 7);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(i.certificate), "CN", MBSTRING_ASC,
                               (const uint8_t *)"test", -1, -1, 0);
    X509_set_issuer_name(i.certificate, X509_get_subject_name(i.certificate));
    X509_gmtime_adj(X509_getm_notBefore(i.certificate), (long)from_days * 86400);
    X509_gmtime_adj(X509_getm_notAfter(i.certificate), (long)to_days * 86400);
    X509_set_pubkey(i.certificate, i.key);
    X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, san);
    CHECK(e && X509_add_ext(i.certificate, e, -1) == 1, san);
    X509_EXTENSION_free(e);
    CHECK(X509_sign(i.certificate, i.key, EVP_sha256()) > 0, "signed");
    return i;
}

void http_serve_test_identity_release(struct http_serve_test_identity *i)
{
    X509_free(i->certificate);
    EVP_PKEY_free(i->key);
}

void http_serve_test_roots(const struct http_serve_test_identity *i, char ret_path[40])
{
    strncpy(ret_path, "/tmp/smtptool-roots-XXXXXX", 39);
    int fd = mkstemp(ret_path);
    FILE *file = fd >= 0 ? fdopen(fd, "w") : NULL;
    CHECK(file && PEM_write_X509(file, i->certificate) == 1, ret_path);
    if (file)
        fclose(file);
}

/* ---- one connection ---------------------------------------------------------------------- */

struct peer {
    int fd;
    SSL *ssl; /* NULL: in clear */
};

static long peer_read(struct peer *p, char *room, size_t size)
{
    return p->ssl ? SSL_read(p->ssl, room, (int)size) : (long)read(p->fd, room, size);
}

static bool peer_write(struct peer *p, str bytes)
{
    while (bytes.len > 0) {
        long n = p->ssl ? SSL_write(p->ssl, bytes.ptr, (int)bytes.len)
                        : (long)write(p->fd, bytes.ptr, bytes.len);
        if (n <= 0)
            return false;
        bytes = str_from(bytes, (size_t)n);
    }
    return true;
}

static bool is_whole(str request)
{
    str head = request, field;
    uint64_t body = 0;
    for (size_t i = 0; i + 4 <= request.len; i++) {
        if (!str_starts(str_from(request, i), S("\r\n\r\n")))
            continue;
        head.len = i;
        while (head.len > 0) {
            str_split(head, '\n', &field, &head);
            if (str_skip_nocase(&field, S("Content-Length:")))
                CHECK(str_to_u64(str_trim(field), HTTP_SERVE_TEST_BYTES_MAX, &body), "length");
        }
        return request.len >= i + 4 + body;
    }
    return false;
}

static void answer(struct http_serve_test *s, struct peer *p)
{
    struct buf request, out;
    char *room;
    long n = 1;
    buf_init(&request, HTTP_SERVE_TEST_BYTES_MAX);
    buf_init(&out, HTTP_SERVE_TEST_BYTES_MAX);
    while (!is_whole(buf_str(&request)) && n > 0) {
        CHECK_DONE(buf_reserve(&request, 65536, &room), "room");
        n = peer_read(p, room, 65536);
        request.len += n > 0 ? (size_t)n : 0;
    }
    if (n > 0) {
        __atomic_add_fetch(&s->requests, 1, __ATOMIC_SEQ_CST);
        s->answer(s->arg, buf_str(&request), &out);
        bool open = peer_write(p, buf_str(&out));
        char more[64];
        while (open && s->silent && peer_read(p, more, sizeof more) > 0)
            ;
    }
    buf_release(&request);
    buf_release(&out);
}

static void serve(void *arg)
{
    struct http_serve_test *s = arg;
    struct pollfd wait = {s->listener, POLLIN, 0};
    while (!__atomic_load_n(&s->ending, __ATOMIC_SEQ_CST)) {
        if (poll(&wait, 1, 20) <= 0)
            continue;
        struct peer p = {accept(s->listener, NULL, NULL), NULL};
        if (s->context) {
            p.ssl = SSL_new(s->context);
            SSL_set_fd(p.ssl, p.fd);
        }
        if (p.ssl == NULL || SSL_accept(p.ssl) == 1)
            answer(s, &p);
        if (p.ssl)
            SSL_shutdown(p.ssl);
        SSL_free(p.ssl);
        close(p.fd);
        ERR_clear_error();
        err_forget();
    }
}

void http_serve_test_open(struct http_serve_test *s)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof to;
    signal(SIGPIPE, SIG_IGN); /* it writes to clients that have left */
    s->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool bound = bind(s->listener, (struct sockaddr *)&to, sizeof to) == 0 &&
                 listen(s->listener, 10) == 0 &&
                 getsockname(s->listener, (struct sockaddr *)&to, &size) == 0;
    CHECK(bound, "a port on loopback");
    s->port = ntohs(to.sin_port);
    snprintf(s->url, sizeof s->url, "http%s://127.0.0.1:%u", s->identity ? "s" : "", s->port);
    if (s->identity) {
        s->context = SSL_CTX_new(TLS_server_method());
        SSL_CTX_use_certificate(s->context, s->identity->certificate);
        SSL_CTX_use_PrivateKey(s->context, s->identity->key);
    }
    s->thread = thread_start("server", serve, s);
}

void http_serve_test_close(struct http_serve_test *s)
{
    __atomic_store_n(&s->ending, true, __ATOMIC_SEQ_CST);
    thread_join(s->thread);
    close(s->listener);
    SSL_CTX_free(s->context);
}
