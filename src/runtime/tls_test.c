#include "base/clock.h"
#include "base/mem.h"
#include "runtime/file.h"
#include "runtime/sanitize.h"
#include "runtime/sim.h"
#include "runtime/sim_fs.h"
#include "runtime/thread.h"
#include "runtime/tls_inside.h"
#include "tests/test.h"
#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- certificates ----------------------------------------------------------------------- */

struct recipe {
    const char *san;                 /* "DNS:a.example,IP:192.0.2.1" */
    int rsa_bits;                    /* 0: P-256 */
    int from_days, to_days;          /* relative to now */
    const char *file, *key;          /* where it goes */
    const char *issuer, *issuer_key; /* NULL: self-signed */
};

static void put_file(const char *path, BIO *pem)
{
    char *bytes;
    long size = BIO_get_mem_data(pem, &bytes);
    struct file *f;
    CHECK_DONE(file_open(path, FILE_WRITE | FILE_CREATE, &f), path);
    CHECK_DONE(file_resize(f, 0), path);
    struct iovec part = {bytes, (size_t)size};
    CHECK_DONE(file_write_at(f, &part, 1, 0), path);
    file_close(f);
    BIO_free(pem);
}

static BIO *get_file(const char *path)
{
    struct buf bytes;
    buf_init(&bytes, 1 << 16);
    CHECK_DONE(tls_file_read(str_of(path), &bytes), path);
    BIO *pem = BIO_new(BIO_s_mem());
    BIO_write(pem, bytes.ptr, (int)bytes.len);
    buf_release(&bytes);
    return pem;
}

static void extend(X509 *x, int nid, const char *value)
{
    X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, NULL, nid, value);
    CHECK(e && X509_add_ext(x, e, -1) == 1, value);
    X509_EXTENSION_free(e);
}

static void sign(X509 *x, EVP_PKEY *own, const struct recipe *r)
{
    X509_NAME *name = X509_get_subject_name(x);
    EVP_PKEY *key = own;
    X509 *issuer = x;
    if (r->issuer) {
        BIO *pem = get_file(r->issuer);
        issuer = PEM_read_bio_X509(pem, NULL, NULL, NULL);
        BIO_free(pem);
        pem = get_file(r->issuer_key);
        key = PEM_read_bio_PrivateKey(pem, NULL, NULL, NULL);
        BIO_free(pem);
        name = X509_get_subject_name(issuer);
    }
    X509_set_issuer_name(x, name);
    CHECK(X509_sign(x, key, EVP_sha256()) > 0, "signed");
    if (r->issuer) {
        X509_free(issuer);
        EVP_PKEY_free(key);
    }
}

static void make(const struct recipe *r)
{
    EVP_PKEY *key = r->rsa_bits ? EVP_RSA_gen((unsigned)r->rsa_bits) : EVP_EC_gen("P-256");
    X509 *x = X509_new();
    time_t now = (time_t)(clock_real_ms() / 1000);
    X509_set_version(x, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(x), 7);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC,
                               (const uint8_t *)r->file, -1, -1, 0);
    ASN1_TIME_adj(X509_getm_notBefore(x), now, r->from_days, 0);
    ASN1_TIME_adj(X509_getm_notAfter(x), now, r->to_days, 0);
    X509_set_pubkey(x, key);
    if (r->san)
        extend(x, NID_subject_alt_name, r->san);
    extend(x, NID_basic_constraints, r->san ? "CA:FALSE" : "critical,CA:TRUE");
    sign(x, key, r);
    BIO *pem = BIO_new(BIO_s_mem());
    PEM_write_bio_X509(pem, x);
    put_file(r->file, pem);
    pem = BIO_new(BIO_s_mem());
    PEM_write_bio_PrivateKey(pem, key, NULL, NULL, 0, NULL, NULL);
    put_file(r->key, pem);
    X509_free(x);
    EVP_PKEY_free(key);
}

static const struct recipe recipes[] = {
    {NULL,                                  0,    -1, 99, "/root.crt",    "/root.key",    NULL,           NULL          },
    {"DNS:mx.example,IP:192.0.2.1",         0,    -1, 30, "/mx.crt",      "/mx.key",      "/root.crt",    "/root.key"   },
    {"DNS:mx.example",                      2048, -1, 30, "/rsa.crt",     "/rsa.key",     "/root.crt",    "/root.key"   },
    {"DNS:*.wild.example",                  0,    -1, 30, "/wild.crt",    "/wild.key",    "/root.crt",    "/root.key"   },
    {"DNS:other.example,DNS:third.example", 0,    -1, 30, "/other.crt",   "/other.key",   "/root.crt",
     "/root.key"                                                                                                        },
    {"DNS:mx.example",                      0,    -9, -2, "/old.crt",     "/old.key",     "/root.crt",    "/root.key"   },
    {"DNS:mx.example",                      0,    2,  9,  "/new.crt",     "/new.key",     "/root.crt",    "/root.key"   },
    {"DNS:mx.example",                      0,    -1, 30, "/self.crt",    "/self.key",    NULL,           NULL          },
    {"DNS:mx.example",                      1024, -1, 30, "/weak.crt",    "/weak.key",    NULL,           NULL          },
    {NULL,                                  0,    -1, 99, "/unknown.crt", "/unknown.key", NULL,           NULL          },
    {"DNS:mx.example",                      0,    -1, 30, "/stray.crt",   "/stray.key",   "/unknown.crt", "/unknown.key"},
};

static struct sim_fs *make_all(void)
{
    struct sim_fs *fs = sim_fs_open();
    sim_fs_use(fs);
    for (size_t i = 0; i < ARRAY_LEN(recipes); i++)
        make(&recipes[i]);
    return fs;
}

/* ---- two ends --------------------------------------------------------------------------- */

struct scene {
    struct net_listener *listener;
    struct address at;
    struct group group;
    struct tls_server *server;
    struct tls_client *client;
    const char *name;
    enum tls_verify verify;
    struct tls_facts server_facts, client_facts;
    uint8_t server_binding[TLS_BINDING_BYTES], client_binding[TLS_BINDING_BYTES];
    bool server_bound, client_bound;
    enum err_kind server_kind;
    bool server_failed, server_closed;
    char server_why[400];
};

static struct tls_server *server_with(enum tls_profile profile, const char *crt, const char *key)
{
    struct tls_certificate certificate = {S(""), str_of(crt), str_of(key)};
    struct tls_server_options options = {profile, &certificate, 1};
    struct tls_server *server = NULL;
    CHECK_DONE(tls_server_open(&options, &server), crt);
    return server;
}

static deadline soon(void) { return deadline_after(5000); }

static void keep_err(struct scene *s, err e)
{
    s->server_failed = true;
    s->server_kind = e->kind;
    err_describe(e, s->server_why, sizeof s->server_why);
}

/* Accepts one, shakes hands, echoes until the end. */
static void serve(void *arg)
{
    struct scene *s = arg;
    struct net_conn *c;
    CHECK_DONE(net_accept(s->listener, &c, soon()), "accept");
    err e = tls_accept(c, s->server, soon());
    if (e)
        keep_err(s, e);
    else if (tls_get_facts(c, &s->server_facts))
        s->server_bound = tls_get_binding(c, s->server_binding);
    while (e == NULL && (e = net_fill(c, soon())) == NULL) {
        e = net_write(c, net_input(c), soon());
        net_consume(c, net_input(c).len);
        if (e == NULL && net_pending(c) == 0)
            e = net_flush(c, soon());
    }
    s->server_closed = e->kind == ERR_CLOSED;
    if (!s->server_failed)
        keep_err(s, e), s->server_failed = false;
    net_close(c);
}

static void begin(struct scene *s)
{
    CHECK_DONE(address_parse(sim_active() ? S("192.0.2.1:25") : S("127.0.0.1:0"), 0, &s->at), "at");
    CHECK_DONE(net_listen(&s->at, &s->listener), "listen");
    s->at = net_listener_address(s->listener);
    group_init(&s->group);
    fiber_spawn(&s->group, "tls serve", serve, s);
}

static void finish(struct scene *s)
{
    CHECK_DONE(group_wait(&s->group, deadline_after(20000)), "the server ends");
    group_close(&s->group);
    net_listener_close(s->listener);
}

/* Sends total bytes, a piece at a time, and wants them back. */
static void echo(struct net_conn *c, size_t total)
{
    static char piece[4096], want[4096];
    for (size_t i = 0; i < sizeof piece; i++)
        piece[i] = want[i] = (char)(i * 7);
    for (size_t done = 0; done < total;) {
        str out = {piece, total - done < sizeof piece ? total - done : sizeof piece};
        CHECK_DONE(net_write(c, out, soon()), "write");
        CHECK_DONE(net_flush(c, soon()), "flush");
        for (size_t back = 0; back < out.len;) {
            err e = net_input(c).len ? NULL : net_fill(c, soon());
            CHECK_DONE(e, "the echo comes");
            if (e)
                return;
            str in = net_input(c);
            CHECK(in.len <= out.len - back && memcmp(in.ptr, want + back, in.len) == 0, "equal");
            back += in.len;
            net_consume(c, in.len);
        }
        done += out.len;
    }
}

/* The client's side of a scene: the err of tls_connect. */
static err visit(struct scene *s, size_t bytes)
{
    begin(s);
    struct net_conn *c;
    CHECK_DONE(net_connect(&s->at, NULL, &c, soon()), "connect");
    err e = tls_connect(c, s->client, str_of(s->name), s->verify, soon());
    if (e == NULL) {
        CHECK(tls_get_facts(c, &s->client_facts), "facts");
        s->client_bound = tls_get_binding(c, s->client_binding);
        echo(c, bytes);
    } else {
        CHECK(!tls_active(c), "no TLS after a failure");
        err closed = net_fill(c, soon());
        CHECK(closed != NULL, "nothing is read in clear after a failed handshake");
    }
    net_close(c);
    finish(s);
    return e;
}

static void check_meeting(struct scene *s, const char *label, size_t bytes)
{
    CHECK_DONE(visit(s, bytes), label);
    CHECK(s->server_closed, label);
    CHECK(s->server_bound == s->client_bound, label);
    CHECK(!s->server_bound || memcmp(s->server_binding, s->client_binding, TLS_BINDING_BYTES) == 0,
          label);
    CHECK(s->server_facts.bits >= 128, label);
    CHECK_STR(str_of(s->server_facts.version), s->client_facts.version, label);
}

/* ---- handshakes ------------------------------------------------------------------------- */

static void meet_all(void *arg)
{
    size_t bytes = *(size_t *)arg;
    struct sim_fs *fs = make_all();
    static const struct {
        const char *label, *crt, *key, *version;
        enum tls_profile profile;
        int newest;
    } cases[] = {
        {"P-256, 1.3", "/mx.crt",  "/mx.key",  "TLSv1.3", TLS_MODERN,        0             },
        {"RSA, 1.3",   "/rsa.crt", "/rsa.key", "TLSv1.3", TLS_INTERMEDIATE,  0             },
        {"P-256, 1.2", "/mx.crt",  "/mx.key",  "TLSv1.2", TLS_INTERMEDIATE,  TLS1_2_VERSION},
        {"RSA, 1.2",   "/rsa.crt", "/rsa.key", "TLSv1.2", TLS_OPPORTUNISTIC, TLS1_2_VERSION},
    };
    struct tls_client *client;
    CHECK_DONE(tls_client_open(S("/root.crt"), &client), "client");
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct scene s = {.name = "mx.example", .client = client};
        SSL_CTX_set_max_proto_version(tls_client_context(client), cases[i].newest);
        s.server = server_with(cases[i].profile, cases[i].crt, cases[i].key);
        check_meeting(&s, cases[i].label, bytes);
        CHECK_STR(str_of(s.client_facts.version), cases[i].version, cases[i].label);
        CHECK(s.client_facts.verified, cases[i].label);
        CHECK(s.client_bound, "a binding, in 1.2 thanks to the extended master secret");
        CHECK_STR(str_of(s.server_facts.server_name), "mx.example", cases[i].label);
        tls_server_close(s.server);
    }
    tls_client_close(client);
    sim_fs_close(fs);
    CHECK(!sim_active() || sim_net_open_count() == 0, "no socket is left");
}

TEST(tls_meet_simulated)
{
    size_t bytes = 1 << 20;
    sim_run(1, meet_all, &bytes);
}

TEST(tls_meet_real)
{
    size_t bytes = 1 << 20;
    struct loop *l = loop_open(NULL);
    loop_run(l, "test", meet_all, &bytes);
    loop_close(l);
}
