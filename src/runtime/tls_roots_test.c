#include "runtime/file.h"
#include "runtime/sim.h"
#include "runtime/sim_fs.h"
#include "runtime/tls_inside.h"
#include "tests/test.h"
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* The system's roots. OpenSSL reads them by itself, so here they are on the real disk: a file that
 * holds all of them, and a folder in which each has a name made of its subject. */

struct place {
    char folder[40], bundle[60], hashed[60];
};

static void copy_to(BIO *pem, const char *path)
{
    X509 *root = NULL;
    BIO_reset(pem);
    root = PEM_read_bio_X509(pem, NULL, NULL, NULL);
    BIO *out = BIO_new_file(path, "w");
    CHECK(root && out && PEM_write_bio_X509(out, root) == 1, path);
    BIO_free(out);
    X509_free(root);
}

static void write_roots(struct place *p)
{
    struct buf bytes;
    buf_init(&bytes, 1 << 16);
    CHECK_DONE(tls_certificate_read_file(S("/a.crt"), &bytes), "read");
    BIO *pem = BIO_new_mem_buf(bytes.ptr, (int)bytes.len);
    X509 *root = PEM_read_bio_X509(pem, NULL, NULL, NULL);
    CHECK(root != NULL, "a certificate");
    snprintf(p->bundle, sizeof p->bundle, "%s/all.pem", p->folder);
    snprintf(p->hashed, sizeof p->hashed, "%s/%08lx.0", p->folder, X509_subject_name_hash(root));
    X509_free(root);
    copy_to(pem, p->bundle);
    copy_to(pem, p->hashed);
    BIO_free(pem);
    buf_release(&bytes);
}

struct meeting {
    struct net_listener *listener;
    struct tls_server *server;
};

static void host(void *arg)
{
    const struct meeting *m = arg;
    struct net_conn *c;
    CHECK_DONE(net_accept(m->listener, &c, deadline_after(5000)), "accept");
    CHECK_DONE(tls_accept(c, m->server, deadline_after(5000)), "shake");
    net_close(c);
}

/* Does a client that trusts the system believe this server? */
static bool is_verified(void)
{
    static const struct tls_certificate own = {S(""), S("/a.crt"), S("/a.key")};
    struct tls_server_options options = {TLS_INTERMEDIATE, &own, 1};
    struct meeting m;
    struct address at;
    struct group group;
    struct net_conn *c;
    struct tls_client *client;
    struct tls_facts facts = {0};
    CHECK_DONE(address_parse(S("127.0.0.1:25"), 0, &at), "address");
    CHECK_DONE(tls_server_open(&options, &m.server), "server");
    CHECK_DONE(tls_client_open(S(""), &client), "client");
    CHECK_DONE(net_listen(&at, &m.listener), "listen");
    group_init(&group);
    fiber_spawn(&group, "host", host, &m);
    CHECK_DONE(net_connect(&at, NULL, &c, deadline_after(5000)), "connect");
    CHECK_DONE(tls_connect(c, client, S("mx.example"), TLS_VERIFY_NONE, deadline_after(5000)),
               "shake");
    CHECK(tls_get_facts(c, &facts), "TLS");
    CHECK_DONE(group_wait(&group, deadline_after(5000)), "the host's end of it");
    net_close(c);
    group_close(&group);
    net_listener_close(m.listener);
    tls_client_close(client);
    tls_server_close(m.server);
    return facts.verified;
}

static void trust_the_system(void *arg)
{
    struct place *p = arg;
    struct sim_fs *fs = sim_fs_open();
    sim_fs_use(fs);
    CHECK_DONE(tls_make_certificate(S("mx.example"), "/a.crt", "/a.key"), "make");
    write_roots(p);
    const struct {
        const char *label, *file, *folder;
        bool verified;
    } cases[] = {
        {"by the file",   p->bundle,   "/nonexistent", true },
        {"by the folder", "/dev/null", p->folder,      true },
        {"by neither",    "/dev/null", "/nonexistent", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        setenv("SSL_CERT_FILE", cases[i].file, 1);
        setenv("SSL_CERT_DIR", cases[i].folder, 1);
        CHECK(is_verified() == cases[i].verified, cases[i].label);
    }
    unsetenv("SSL_CERT_FILE");
    unsetenv("SSL_CERT_DIR");
    sim_fs_close(fs);
}

TEST(tls_roots_of_the_system)
{
    struct place p = {.folder = "/tmp/smtptool-roots-XXXXXX"};
    CHECK(mkdtemp(p.folder) != NULL, "folder");
    sim_run(11, trust_the_system, &p);
    CHECK(unlink(p.bundle) == 0 && unlink(p.hashed) == 0 && rmdir(p.folder) == 0, "removed");
}
