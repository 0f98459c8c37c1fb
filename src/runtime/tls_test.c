#include "base/clock.h"
#include "base/sanitize.h"
#include "runtime/file.h"
#include "runtime/sim.h"
#include "runtime/sim_fs.h"
#include "runtime/tls_inside.h"
#include "tests/test.h"
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

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
    CHECK_DONE(tls_certificate_read_file(str_of(path), &bytes), path);
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
        CHECK_STR(str_of(s.server_facts.group), s.client_facts.group, cases[i].label);
        bool hybrid = str_eq(str_of(s.client_facts.group), S(TLS_HYBRID_GROUP));
        bool newest = str_eq(str_of(cases[i].version), S("TLSv1.3"));
        CHECK(hybrid == (newest && tls_has_hybrid()), "post-quantum where it can be");
        CHECK(s.client_facts.group[0] != '\0', "its name is known");
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

/* Every read gives one byte, and little fits into the pipe: but a session ticket must, since both
 * ends may write at the same time. */
static void meet_slowly(void *arg)
{
    (void)arg;
    sim_net_set_rules(&(struct sim_net_rules){.read_bytes_max = 1, .pipe_bytes_max = 1000});
    size_t bytes = 2000;
    meet_all(&bytes);
}

TEST(tls_meet_byte_by_byte) { sim_run(2, meet_slowly, NULL); }

/* ---- trust ------------------------------------------------------------------------------ */

static void judge_all(void *arg)
{
    (void)arg;
    static const struct {
        const char *label, *crt, *key, *name, *why; /* why: part of it; NULL: trusted */
        enum tls_verify verify;
        bool verified;
    } cases[] = {
        {"fits",                   "/mx.crt",    "/mx.key",    "mx.example",       NULL,                            TLS_VERIFY_NAME, true },
        {"case and root dot",      "/mx.crt",    "/mx.key",    "MX.Example.",      NULL,                            TLS_VERIFY_NAME, true },
        {"an IP address",          "/mx.crt",    "/mx.key",    "192.0.2.1",        NULL,                            TLS_VERIFY_NAME, true },
        {"another IP address",     "/mx.crt",    "/mx.key",    "192.0.2.2",
         "not for 192.0.2.2 but for mx.example, 192.0.2.1",                                                         TLS_VERIFY_NAME, false},
        {"wildcard",               "/wild.crt",  "/wild.key",  "a.wild.example",   NULL,                            TLS_VERIFY_NAME, true },
        {"wildcard, two labels",   "/wild.crt",  "/wild.key",  "a.b.wild.example", "but for *.wild",
         TLS_VERIFY_NAME,                                                                                                            false},
        {"mismatch",               "/other.crt", "/other.key", "mx.example",
         "not for mx.example but for other.example, third.example",                                                 TLS_VERIFY_NAME, false},
        {"the subject is no name", "/mx.crt",    "/mx.key",    "/mx.crt",          "no name that a certificate",
         TLS_VERIFY_NAME,                                                                                                            false},
        {"expired",                "/old.crt",   "/old.key",   "mx.example",       "the certificate expired on 20",
         TLS_VERIFY_NAME,                                                                                                            false},
        {"not yet valid",          "/new.crt",   "/new.key",   "mx.example",       "not valid before 20",
         TLS_VERIFY_NAME,                                                                                                            false},
        {"self-signed",            "/self.crt",  "/self.key",  "mx.example",       "self-signed",                   TLS_VERIFY_NAME,
         false                                                                                                                            },
        {"unknown issuer",         "/stray.crt", "/stray.key", "mx.example",       "issuer is not trusted",
         TLS_VERIFY_NAME,                                                                                                            false},
        {"no name",                "/mx.crt",    "/mx.key",    "",                 "no name",                       TLS_VERIFY_NAME, false},
        {"none: self-signed",      "/self.crt",  "/self.key",  "mx.example",       NULL,                            TLS_VERIFY_NONE, false},
        {"none: mismatch",         "/other.crt", "/other.key", "mx.example",       NULL,                            TLS_VERIFY_NONE, false},
        {"none: but it fits",      "/mx.crt",    "/mx.key",    "mx.example",       NULL,                            TLS_VERIFY_NONE, true },
        {"none: no name",          "/mx.crt",    "/mx.key",    "",                 NULL,                            TLS_VERIFY_NONE, false},
    };
    struct sim_fs *fs = make_all();
    struct tls_client *client;
    CHECK_DONE(tls_client_open(S("/root.crt"), &client), "client");
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct scene s = {.name = cases[i].name, .client = client, .verify = cases[i].verify};
        s.server = server_with(TLS_INTERMEDIATE, cases[i].crt, cases[i].key);
        err e = visit(&s, 10);
        if (cases[i].why == NULL) {
            CHECK_DONE(e, cases[i].label);
            CHECK(s.client_facts.verified == cases[i].verified, cases[i].label);
        } else {
            CHECK(e && e->kind == ERR_TLS && str_contains(e->text, str_of(cases[i].why)),
                  cases[i].label);
            CHECK(s.server_failed || s.server_closed, cases[i].label);
        }
        tls_server_close(s.server);
        err_forget();
    }
    tls_client_close(client);
    CHECK(sim_net_open_count() == 0, "no socket is left");
    sim_fs_close(fs);
}

TEST(tls_trust) { sim_run(3, judge_all, NULL); }

/* ---- hostile peers ---------------------------------------------------------------------- */

static struct tls_link *link_in(struct net_conn *c)
{
    void *layer;
    CHECK(net_get_layer(c, &layer) != NULL, "a layer");
    return layer;
}

static void send_clear(struct net_conn *c, const char *text)
{
    struct net_socket *socket = net_socket(c);
    struct iovec part = {(void *)text, strlen(text)};
    size_t count = 0;
    CHECK(socket->driver->write(socket, &part, 1, &count) == NET_DONE, "sent in clear");
}

static void close_then_talk(struct net_conn *c)
{
    SSL_shutdown(link_in(c)->ssl);
    send_clear(c, "X");
}

static void talk_in_clear(struct net_conn *c) { send_clear(c, "RSET\r\n"); }

static void update_keys(struct net_conn *c)
{
    SSL *ssl = link_in(c)->ssl;
    for (int i = 0; i < 1000; i++) {
        SSL_key_update(ssl, SSL_KEY_UPDATE_NOT_REQUESTED);
        if (SSL_do_handshake(ssl) != 1)
            break;
    }
    ERR_clear_error();
}

/* As many updates, but with data in between: that is allowed. */
static void update_keys_politely(struct net_conn *c)
{
    SSL *ssl = link_in(c)->ssl;
    for (int i = 0; i < 100; i++) {
        SSL_key_update(ssl, SSL_KEY_UPDATE_REQUESTED);
        CHECK(SSL_do_handshake(ssl) == 1, "update");
        echo(c, 1);
    }
    SSL_shutdown(ssl);
}

static void renegotiate(struct net_conn *c)
{
    SSL *ssl = link_in(c)->ssl;
    SSL_clear_options(ssl, SSL_OP_NO_RENEGOTIATION);
    SSL_renegotiate(ssl);
    SSL_do_handshake(ssl);
    ERR_clear_error();
    CHECK(net_fill(c, soon()) != NULL, "it is refused");
    CHECK(SSL_session_reused(ssl) == 0, "no second handshake");
}

static void be_hostile(void *arg)
{
    (void)arg;
    static const struct {
        const char *label;
        void (*act)(struct net_conn *);
        int newest;
        bool closed; /* ERR_CLOSED, else EPROTO */
    } cases[] = {
        {"attacks 21, 22: close_notify, then a byte in clear", close_then_talk,      0,              true },
        {"the same in 1.2",                                    close_then_talk,      TLS1_2_VERSION, true },
        {"clear bytes inside TLS",                             talk_in_clear,        0,              false},
        {"attack 23: 1000 key updates",                        update_keys,          0,              false},
        {"key updates with data",                              update_keys_politely, 0,              true },
        {"attack 23: renegotiation",                           renegotiate,          TLS1_2_VERSION, false},
    };
    struct sim_fs *fs = make_all();
    struct tls_client *client;
    CHECK_DONE(tls_client_open(S("/root.crt"), &client), "client");
    struct scene s = {.name = "mx.example", .client = client};
    s.server = server_with(TLS_INTERMEDIATE, "/mx.crt", "/mx.key");
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        SSL_CTX_set_max_proto_version(tls_client_context(client), cases[i].newest);
        begin(&s);
        struct net_conn *c;
        CHECK_DONE(net_connect(&s.at, NULL, &c, soon()), "connect");
        CHECK_DONE(tls_connect(c, client, S("mx.example"), TLS_VERIFY_NAME, soon()), "shake");
        echo(c, 5);
        cases[i].act(c);
        CHECK_DONE(fiber_sleep(deadline_after(1000)), "the server acts");
        CHECK(group_empty(&s.group), cases[i].label);
        net_close(c);
        finish(&s);
        CHECK(s.server_closed == cases[i].closed, cases[i].label);
        CHECK(s.server_closed || strstr(s.server_why, "Protocol error"), s.server_why);
        err_forget();
    }
    tls_server_close(s.server);
    tls_client_close(client);
    CHECK(sim_net_open_count() == 0, "no socket is left");
    sim_fs_close(fs);
}

TEST(tls_hostile) { sim_run(4, be_hostile, NULL); }

/* ---- ALPN and SNI ----------------------------------------------------------------------- */

static void offer_protocols(void *arg)
{
    (void)arg;
    static const struct {
        const char *label, *offer, *chosen;
        unsigned size;
    } cases[] = {
        {"attack 150: h2, http/1.1", "\2h2\10http/1.1", NULL,   12},
        {"smtp",                     "\4smtp",          "smtp", 5 },
        {"smtp among others",        "\2h2\4smtp\3foo", "smtp", 12},
        {"nearly smtp",              "\5smtps",         NULL,   6 },
    };
    struct sim_fs *fs = make_all();
    struct scene s = {.name = "mx.example"};
    s.server = server_with(TLS_INTERMEDIATE, "/mx.crt", "/mx.key");
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CHECK_DONE(tls_client_open(S("/root.crt"), &s.client), "client");
        SSL_CTX_set_alpn_protos(tls_client_context(s.client), (const uint8_t *)cases[i].offer,
                                cases[i].size);
        err e = visit(&s, 10);
        CHECK((e == NULL) == (cases[i].chosen != NULL), cases[i].label);
        CHECK(e == NULL || str_contains(e->text, S("no application protocol")), cases[i].label);
        CHECK(e == NULL || s.server_kind == ERR_TLS, cases[i].label);
        s.server_failed = false;
        tls_client_close(s.client);
        err_forget();
    }
    tls_server_close(s.server);
    sim_fs_close(fs);
}

TEST(tls_alpn) { sim_run(5, offer_protocols, NULL); }

static const char *ask_for(struct scene *s, SSL_CTX *context, const char *name, char names[400])
{
    begin(s);
    struct net_conn *c;
    struct tls_link *l;
    CHECK_DONE(net_connect(&s->at, NULL, &c, soon()), "connect");
    CHECK_DONE(tls_link_open(c, context, soon(), &l), "open");
    SSL_set_connect_state(l->ssl);
    if (name)
        CHECK(SSL_set_tlsext_host_name(l->ssl, name) == 1, "SNI");
    CHECK_DONE(tls_link_handshake(l, soon()), "shake");
    X509 *peer = SSL_get1_peer_certificate(l->ssl);
    tls_certificate_names(peer, names, 400);
    X509_free(peer);
    net_close(c);
    finish(s);
    return names;
}

static void ask_for_all(void *arg)
{
    (void)arg;
    static char long_name[256], names[400];
    memset(long_name, 'a', sizeof long_name - 1);
    static const struct {
        const char *label, *sni, *names, *known;
    } cases[] = {
        {"none",                  NULL,                "mx.example, 192.0.2.1",        ""                },
        {"exact",                 "other.example",     "other.example, third.example", "other.example"   },
        {"any case",              "OTHER.example",     "other.example, third.example", "OTHER.example"   },
        {"wildcard",              "x.wild.example",    "*.wild.example",               "x.wild.example"  },
        {"wildcard, two labels",  "x.y.wild.example",  "mx.example, 192.0.2.1",        "x.y.wild.example"},
        {"wildcard, no label",    ".wild.example",     "mx.example, 192.0.2.1",        ".wild.example"   },
        {"unknown",               "nobody.example",    "mx.example, 192.0.2.1",        "nobody.example"  },
        {"attack 39: backslash",  "a\\",               "mx.example, 192.0.2.1",        ""                },
        {"attack 39: 255 bytes",  long_name,           "mx.example, 192.0.2.1",        long_name         },
        {"attack 39: IP literal", "[192.0.2.1]",       "mx.example, 192.0.2.1",        ""                },
        {"attack 39: not ASCII",  "m\xc3\xbc.example", "mx.example, 192.0.2.1",        ""                },
        {"attack 39: a pattern",  "*.wild.example",    "mx.example, 192.0.2.1",        ""                },
    };
    struct sim_fs *fs = make_all();
    static const struct tls_certificate certificates[] = {
        {{0},                    {"/mx.crt", 7},     {"/mx.key", 7}    },
        {{"other.example", 13},  {"/other.crt", 10}, {"/other.key", 10}},
        {{"*.wild.example", 14}, {"/wild.crt", 9},   {"/wild.key", 9}  },
    };
    struct tls_server_options options = {TLS_INTERMEDIATE, certificates, 3};
    struct scene s = {0};
    SSL_CTX *context;
    CHECK_DONE(tls_context_open(TLS_INTERMEDIATE, false, &context), "context");
    CHECK_DONE(tls_server_open(&options, &s.server), "server");
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CHECK_STR(str_of(ask_for(&s, context, cases[i].sni, names)), cases[i].names,
                  cases[i].label);
        CHECK_STR(str_of(s.server_facts.server_name), cases[i].known, cases[i].label);
    }
    SSL_CTX_free(context);
    tls_server_close(s.server);
    sim_fs_close(fs);
}

TEST(tls_sni) { sim_run(6, ask_for_all, NULL); }

/* ---- deadlines and reload --------------------------------------------------------------- */

static void stall(void *arg)
{
    (void)arg;
    static const struct {
        const char *label, *bytes;
        bool ends, times_out;
    } cases[] = {
        {"silence",                   "",                       false, true },
        {"half a record",             "\x16\x03\x01\x02",       false, true },
        {"half a record and the end", "\x16\x03\x01\x02",       true,  false},
        {"no TLS at all",             "GET / HTTP/1.1\r\n\r\n", false, false},
    };
    struct sim_fs *fs = make_all();
    struct scene s = {.server = server_with(TLS_INTERMEDIATE, "/mx.crt", "/mx.key")};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        s.server_failed = false;
        begin(&s);
        struct net_conn *c;
        CHECK_DONE(net_connect(&s.at, NULL, &c, soon()), "connect");
        if (cases[i].bytes[0])
            send_clear(c, cases[i].bytes);
        if (cases[i].ends)
            sim_net_end_write(c);
        finish(&s);
        CHECK(s.server_failed, cases[i].label);
        CHECK(s.server_kind == (cases[i].times_out ? ERR_TIMEOUT : ERR_TLS), cases[i].label);
        net_close(c);
        err_forget();
    }
    CHECK(sim_net_open_count() == 0, "no socket is left");
    tls_server_close(s.server);
    sim_fs_close(fs);
}

TEST(tls_stall) { sim_run(7, stall, NULL); }

static void reload(void *arg)
{
    (void)arg;
    struct sim_fs *fs = make_all();
    struct scene s = {.server = server_with(TLS_INTERMEDIATE, "/mx.crt", "/mx.key")};
    CHECK_DONE(tls_client_open(S("/root.crt"), &s.client), "client");
    begin(&s);
    struct net_conn *c;
    CHECK_DONE(net_connect(&s.at, NULL, &c, soon()), "connect");
    CHECK_DONE(tls_connect(c, s.client, S("mx.example"), TLS_VERIFY_NAME, soon()), "shake");
    tls_server_close(s.server); /* the connection holds the last reference */
    tls_client_close(s.client);
    echo(c, 1000);
    net_close(c);
    finish(&s);
    sim_fs_close(fs);
}

TEST(tls_reload) { sim_run(8, reload, NULL); }

/* ---- files ------------------------------------------------------------------------------ */

static void load_all(void *arg)
{
    (void)arg;
    static const struct {
        const char *label, *crt, *key, *why;
    } cases[] = {
        {"fine",                    "/mx.crt",   "/mx.key",   NULL                                },
        {"expired is only told",    "/old.crt",  "/old.key",  NULL                                },
        {"through a symbolic link", "/link.crt", "/mx.key",   NULL                                },
        {"weak key",                "/weak.crt", "/weak.key", "/weak.key: an RSA key of 1024 bits"},
        {"another's key",           "/mx.crt",   "/rsa.key",  "/rsa.key does not belong"          },
        {"not there",               "/none.crt", "/mx.key",   "cannot read /none.crt"             },
        {"no key",                  "/mx.crt",   "/mx.crt",   "/mx.crt: no private key"           },
        {"no certificate",          "/mx.key",   "/mx.key",   "/mx.key: no certificate"           },
        {"a folder",                "/",         "/mx.key",   "/"                                 },
    };
    struct sim_fs *fs = make_all();
    CHECK_DONE(sim_fs_plant_symlink(fs, "/mx.crt", "/link.crt"), "link");
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct tls_certificate c = {{0}, str_of(cases[i].crt), str_of(cases[i].key)};
        struct tls_server_options options = {TLS_OPPORTUNISTIC, &c, 1};
        struct tls_server *server = NULL;
        err e = tls_server_open(&options, &server);
        CHECK((e == NULL) == (cases[i].why == NULL), cases[i].label);
        if (e) {
            CHECK(e->kind == ERR_CONFIG && str_contains(e->text, str_of(cases[i].why)),
                  cases[i].label);
            continue;
        }
        bool expired = tls_server_expires(server) < clock_real_ms();
        CHECK(expired == (cases[i].crt[1] == 'o'), cases[i].label);
        tls_server_close(server);
    }
    CHECK(sim_fs_open_files(fs) == 0, "no file is left open");
    struct tls_client *client;
    CHECK(tls_client_open(S("/mx.key"), &client) != NULL, "no roots in it");
    sim_fs_close(fs);
}

TEST(tls_files) { sim_run(9, load_all, NULL); }

static void make_and_use(void *arg)
{
    (void)arg;
    static const char *const names[] = {"mail.example", "192.0.2.1", "2001:db8::1"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        struct sim_fs *fs = sim_fs_open();
        sim_fs_use(fs);
        CHECK_DONE(tls_make_certificate(str_of(names[i]), "/a.crt", "/a.key"), names[i]);
        CHECK(tls_make_certificate(str_of(names[i]), "/a.crt", "/a.key") != NULL, "both are new");
        struct sim_fs *after = sim_fs_crash(fs, SIM_FS_NOTHING, 0);
        sim_fs_use(after);
        struct scene s = {.name = names[i], .server = server_with(TLS_MODERN, "/a.crt", "/a.key")};
        CHECK_DONE(tls_client_open(S("/a.crt"), &s.client), "trusts it");
        check_meeting(&s, names[i], 10);
        int64_t days = (tls_server_expires(s.server) - clock_real_ms()) / 86400000;
        CHECK(days == TLS_CERTIFICATE_DAYS || days == TLS_CERTIFICATE_DAYS - 1, "its days");
        tls_server_close(s.server);
        tls_client_close(s.client);
        sim_fs_close(after);
        sim_fs_close(fs);
    }
    CHECK(tls_make_certificate(S("a,DNS:b"), "/a.crt", "/a.key") != NULL, "no name");
}

TEST(tls_make_certificate) { sim_run(10, make_and_use, NULL); }

TEST(tls_profile_ciphers)
{
    struct buf modern, middle, old;
    buf_init(&modern, 4096), buf_init(&middle, 4096), buf_init(&old, 4096);
    CHECK_DONE(tls_profile_ciphers(TLS_MODERN, &modern), "modern");
    CHECK_DONE(tls_profile_ciphers(TLS_INTERMEDIATE, &middle), "intermediate");
    CHECK_DONE(tls_profile_ciphers(TLS_OPPORTUNISTIC, &old), "opportunistic");
    CHECK_STR(buf_str(&modern),
              "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256",
              "modern is 1.3 only");
    CHECK(str_starts(buf_str(&middle), buf_str(&modern)), "and 1.2");
    CHECK(str_starts(buf_str(&old), buf_str(&middle)), "and older ciphers, last");
    CHECK(!str_contains(buf_str(&middle), S("SHA:")), "AEAD only");
    CHECK(!str_contains(buf_str(&old), S("NULL")), "all encrypt");
    CHECK(!str_contains(buf_str(&old), S("DHE-RSA-DES")), "no 3DES");
    buf_release(&modern), buf_release(&middle), buf_release(&old);
}

/* ---- what it costs ---------------------------------------------------------------------- */

static void check_depth(void *arg, const char *name, size_t bytes, size_t count)
{
    (void)arg, (void)count;
    if (strcmp(name, "tls serve") != 0 && strcmp(name, "tls visit") != 0)
        return;
    fprintf(stderr, "    stack of %s: %zu bytes\n", name, bytes);
#if !defined(WITH_ASAN) && !defined(WITH_TSAN) /* they make frames several times larger */
    CHECK(bytes < 40 * 1024, name);
#endif
}

static void visit_all(void *arg)
{
    size_t bytes = 1000;
    meet_all(&bytes);
    (void)arg;
}

static void visit_on_fiber(void *arg)
{
    (void)arg;
    struct group group;
    group_init(&group);
    fiber_spawn(&group, "tls visit", visit_all, NULL);
    CHECK_DONE(group_wait(&group, DEADLINE_NEVER), "visits");
    group_close(&group);
}

TEST(tls_stack)
{
    fiber_census(NULL, NULL);
    sim_run(11, visit_on_fiber, NULL);
    fiber_census(check_depth, NULL);
}
