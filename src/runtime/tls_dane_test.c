/* Attacks 207 and 212: certificates that the DNS vouches for, and the names they are for. */
#include "runtime/file.h"
#include "runtime/sim.h"
#include "runtime/sim_fs.h"
#include "runtime/tls_dane.h"
#include "runtime/tls_inside.h"
#include "tests/test.h"
#include <openssl/pem.h>
#include <openssl/x509v3.h>

/* ---- certificates ----------------------------------------------------------------------- */

enum {
    ROOT,
    OTHER_ROOT,
    FITS,
    EXPIRED,
    ELSEWHERE,
    STAR,
    NAME_IN_SUBJECT,
    ADDRESS,
    IDN,
    CERTIFICATES
};

static const struct recipe {
    const char *subject, *san; /* NULL: none */
    int from_days, to_days;
} recipes[CERTIFICATES] = {
    [ROOT] = {"root",       NULL,                        -1, 99},
    [OTHER_ROOT] = {"other root", NULL,                        -1, 99},
    [FITS] = {"x",          "DNS:mx.example",            -1, 30},
    [EXPIRED] = {"x",          "DNS:mx.example",            -9, -2},
    [ELSEWHERE] = {"x",          "DNS:example.org",           -1, 30},
    [STAR] = {"x",          "DNS:*.mx.example",          -1, 30},
    [NAME_IN_SUBJECT] = {"mx.example", NULL,                        -1, 30},
    [ADDRESS] = {"x",          "IP:192.0.2.1",              -1, 30},
    [IDN] = {"x",          "DNS:xn--bcher-kva.example", -1, 30},
};

struct identity {
    X509 *certificate;
    EVP_PKEY *key;
};

static void extend(X509 *x, int nid, const char *value)
{
    X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, NULL, nid, value);
    CHECK(e && X509_add_ext(x, e, -1) == 1, value);
    X509_EXTENSION_free(e);
}

/* A root signs itself; all others are signed by the first root. */
static void make(struct identity *all, int which)
{
    const struct recipe *r = &recipes[which];
    bool is_root = which == ROOT || which == OTHER_ROOT;
    struct identity *own = &all[which], *issuer = is_root ? own : &all[ROOT];
    time_t now = (time_t)(clock_real_ms() / 1000);
    own->certificate = X509_new();
    own->key = EVP_EC_gen("P-256");
    X509_set_version(own->certificate, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(own->certificate), which + 1);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(own->certificate), "CN", MBSTRING_ASC,
                               (const uint8_t *)r->subject, -1, -1, 0);
    ASN1_TIME_adj(X509_getm_notBefore(own->certificate), now, r->from_days, 0);
    ASN1_TIME_adj(X509_getm_notAfter(own->certificate), now, r->to_days, 0);
    X509_set_pubkey(own->certificate, own->key);
    X509_set_issuer_name(own->certificate, X509_get_subject_name(issuer->certificate));
    if (r->san)
        extend(own->certificate, NID_subject_alt_name, r->san);
    extend(own->certificate, NID_basic_constraints, is_root ? "critical,CA:TRUE" : "CA:FALSE");
    CHECK(X509_sign(own->certificate, issuer->key, EVP_sha256()) > 0, "signed");
}

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

/* Its certificate, with the root behind it. */
static struct tls_server *server_of(const struct identity *all, int which)
{
    struct tls_certificate certificate = {S(""), S("/x.crt"), S("/x.key")};
    struct tls_server_options options = {TLS_INTERMEDIATE, &certificate, 1};
    struct tls_server *server = NULL;
    BIO *pem = BIO_new(BIO_s_mem());
    PEM_write_bio_X509(pem, all[which].certificate);
    PEM_write_bio_X509(pem, all[ROOT].certificate);
    put_file("/x.crt", pem);
    pem = BIO_new(BIO_s_mem());
    PEM_write_bio_PrivateKey(pem, all[which].key, NULL, NULL, 0, NULL, NULL);
    put_file("/x.key", pem);
    CHECK_DONE(tls_server_open(&options, &server), "server");
    return server;
}

/* ---- records ---------------------------------------------------------------------------- */

enum { DATA_BYTES_MAX = 2048 };

/* What a record of this kind says of a certificate. */
static struct tls_dane_record record_of(const X509 *x, uint8_t usage, uint8_t selector,
                                        uint8_t matching, uint8_t room[DATA_BYTES_MAX])
{
    uint8_t *der = NULL;
    int size = selector ? i2d_X509_PUBKEY(X509_get_X509_PUBKEY(x), &der) : i2d_X509(x, &der);
    unsigned len = (unsigned)size;
    CHECK(size > 0 && size < DATA_BYTES_MAX, "as bytes");
    if (matching == 0)
        memcpy(room, der, len);
    else
        CHECK(EVP_Digest(der, (size_t)size, room, &len, matching == 1 ? EVP_sha256() : EVP_sha512(),
                         NULL) == 1,
              "a digest");
    OPENSSL_free(der);
    return (struct tls_dane_record){
        usage, selector, matching, {(char *)room, len}
    };
}

/* ---- meetings --------------------------------------------------------------------------- */

struct kind {
    uint8_t usage, selector, matching;
    int of; /* which certificate it is of */
};

static const struct meeting {
    const char *label;
    int shown;              /* by the server */
    struct kind records[2]; /* of usage 0: there is none */
    const char *names[2];
    const char *why; /* part of it; NULL: it fits */
} meetings[] = {
  /* clang-format off */
    {"3 1 1 fits",                        FITS,            {{3, 1, 1, FITS}},                          {"mx.example"}, NULL},
    {"3 1 2 fits",                        FITS,            {{3, 1, 2, FITS}},                          {"mx.example"}, NULL},
    {"3 0 1 fits",                        FITS,            {{3, 0, 1, FITS}},                          {"mx.example"}, NULL},
    {"3 1 0 fits",                        FITS,            {{3, 1, 0, FITS}},                          {"mx.example"}, NULL},
    {"3 1 1 of another",                  FITS,            {{3, 1, 1, STAR}},                          {"mx.example"}, "fits no TLSA record"},
    {"3 1 1, two, the second fits",       FITS,            {{3, 1, 1, STAR}, {3, 1, 1, FITS}},         {"mx.example"}, NULL},
    {"3 1 1, an expired certificate",     EXPIRED,         {{3, 1, 1, EXPIRED}},                       {"mx.example"}, NULL},
    {"3 1 1, another name",               ELSEWHERE,       {{3, 1, 1, ELSEWHERE}},                     {"mx.example"}, NULL},
    {"3: the weaker digest fits, the stronger does not", FITS, {{3, 1, 1, FITS}, {3, 1, 2, STAR}},     {"mx.example"}, "fits no TLSA record"},
    {"2 0 1 fits",                        FITS,            {{2, 0, 1, ROOT}},                          {"mx.example"}, NULL},
    {"2 1 1 fits",                        FITS,            {{2, 1, 1, ROOT}},                          {"mx.example"}, NULL},
    {"2 0 0 fits",                        FITS,            {{2, 0, 0, ROOT}},                          {"mx.example"}, NULL},
    {"2 0 1 of another root",             FITS,            {{2, 0, 1, OTHER_ROOT}},                    {"mx.example"}, "fits no TLSA record"},
    {"2 0 1, an expired certificate",     EXPIRED,         {{2, 0, 1, ROOT}},                          {"mx.example"}, "expired on"},
    {"2 0 1, another name",               ELSEWHERE,       {{2, 0, 1, ROOT}},                          {"mx.example"}, "the certificate is not for mx.example but for example.org"},
    {"2 0 1, the second name",            ELSEWHERE,       {{2, 0, 1, ROOT}},                          {"mx.example", "example.org"}, NULL},
    {"2 0 1, another name, and 3 1 1",    ELSEWHERE,       {{2, 0, 1, ROOT}, {3, 1, 1, ELSEWHERE}},    {"mx.example"}, NULL},
    {"2 0 1, a star",                     STAR,            {{2, 0, 1, ROOT}},                          {"a.mx.example"}, NULL},
    {"2 0 1, a star is one label",        STAR,            {{2, 0, 1, ROOT}},                          {"a.b.mx.example"}, "is not for a.b.mx.example"},
    {"2 0 1, a star is not none",         STAR,            {{2, 0, 1, ROOT}},                          {"mx.example"}, "is not for mx.example"},
    {"2 0 1, the name in the subject",    NAME_IN_SUBJECT, {{2, 0, 1, ROOT}},                          {"mx.example"}, "is not for mx.example"},
    {"2 0 1, an address instead",         ADDRESS,         {{2, 0, 1, ROOT}},                          {"mx.example"}, "is not for mx.example"},
    {"2 0 1, an A-label",                 IDN,             {{2, 0, 1, ROOT}},                          {"xn--bcher-kva.example"}, NULL},
    {"no record of use",                  FITS,            {{9, 1, 1, FITS}},                          {"mx.example"}, "no TLSA record can be used"},
    {"no name",                           FITS,            {{3, 1, 1, FITS}},                          {"mx example"}, "is no name"},
  /* clang-format on */
};

struct scene {
    struct net_listener *listener;
    struct address at;
    struct tls_server *server;
    struct tls_client *client;
    const struct identity *all;
    char asked_for[TLS_NAME_BYTES_MAX];
};

static deadline soon(void) { return deadline_after(5000); }

static void serve(void *arg)
{
    struct scene *s = arg;
    struct net_conn *c;
    struct tls_facts facts;
    CHECK_DONE(net_accept(s->listener, &c, soon()), "accept");
    err e = tls_accept(c, s->server, soon());
    if (e == NULL && tls_get_facts(c, &facts))
        snprintf(s->asked_for, sizeof s->asked_for, "%s", facts.server_name);
    while (e == NULL)
        e = net_fill(c, soon());
    net_close(c);
}

static err shake_hands(struct scene *s, const struct meeting *m)
{
    static uint8_t rooms[2][DATA_BYTES_MAX];
    struct tls_dane_record records[2];
    struct tls_dane d = {.records = records};
    str names[2];
    struct net_conn *c;
    struct tls_facts facts = {0};
    for (; d.count < 2 && m->records[d.count].usage; d.count++) {
        const struct kind *k = &m->records[d.count];
        records[d.count] = record_of(s->all[k->of].certificate, k->usage, k->selector, k->matching,
                                     rooms[d.count]);
    }
    for (; d.name_count < 2 && m->names[d.name_count]; d.name_count++)
        names[d.name_count] = str_of(m->names[d.name_count]);
    d.names = names;
    CHECK_DONE(net_connect(&s->at, NULL, &c, soon()), "connect");
    err e = tls_connect_dane(c, s->client, &d, soon());
    CHECK(tls_active(c) == (e == NULL), m->label);
    CHECK(e || (tls_get_facts(c, &facts) && facts.verified), m->label);
    net_close(c);
    return e;
}

static void meet(struct scene *s, const struct meeting *m)
{
    struct group group;
    char why[400] = "";
    s->server = server_of(s->all, m->shown);
    CHECK_DONE(address_parse(S("192.0.2.1:25"), 0, &s->at), "at");
    CHECK_DONE(net_listen(&s->at, &s->listener), "listen");
    group_init(&group);
    fiber_spawn(&group, "dane serve", serve, s);
    err e = shake_hands(s, m);
    if (e) {
        CHECK(e->kind == ERR_TLS, m->label);
        err_describe(e, why, sizeof why);
    }
    CHECK(m->why ? strstr(why, m->why) != NULL : e == NULL, m->label);
    if (m->why && strstr(why, m->why) == NULL)
        CHECK_STR(str_of(why), m->why, m->label);
    CHECK_DONE(group_wait(&group, soon()), "the server ends");
    group_close(&group);
    if (e == NULL)
        CHECK_STR(str_of(s->asked_for), m->names[0], "SNI (RFC 7672 section 8.1)");
    net_listener_close(s->listener);
    tls_server_close(s->server);
}

static void meet_all(void *arg)
{
    (void)arg;
    struct sim_fs *fs = sim_fs_open();
    struct identity all[CERTIFICATES] = {0};
    struct scene s = {.all = all};
    sim_fs_use(fs);
    for (int i = 0; i < CERTIFICATES; i++)
        make(all, i);
    BIO *pem = BIO_new(BIO_s_mem());
    PEM_write_bio_X509(pem, all[OTHER_ROOT].certificate); /* what is trusted otherwise */
    put_file("/trusted.crt", pem);
    CHECK_DONE(tls_client_open(S("/trusted.crt"), &s.client), "client");
    for (size_t i = 0; i < ARRAY_LEN(meetings); i++)
        meet(&s, &meetings[i]);
    tls_client_close(s.client);
    for (int i = 0; i < CERTIFICATES; i++) {
        X509_free(all[i].certificate);
        EVP_PKEY_free(all[i].key);
    }
    sim_fs_close(fs);
}

TEST(tls_dane_meetings) { sim_run(1, meet_all, NULL); }
