/* A client's own choices: one certificate and no other, versions, files that are not there. */
#include "runtime/sim.h"
#include "runtime/sim_fs.h"
#include "runtime/tls_choice.h"
#include "runtime/tls_peer.h"
#include "tests/test.h"

struct meeting {
    struct net_listener *listener;
    struct tls_server *server;
};

static void host(void *arg)
{
    const struct meeting *m = arg;
    struct net_conn *c;
    CHECK_DONE(net_accept(m->listener, &c, deadline_after(5000)), "accept");
    err e = tls_accept(c, m->server, deadline_after(5000)); /* the client may walk away */
    (void)e;
    err_forget();
    net_close(c);
}

struct outcome {
    bool done, verified;
    char why[300];
    char version[20];
    struct tls_peer peer;
};

static void meet(struct meeting *m, const struct tls_choice *choice, const char *name,
                 struct arena *arena, struct outcome *ret)
{
    struct address at = net_listener_address(m->listener);
    struct group group;
    struct net_conn *c;
    struct tls_client *client;
    struct tls_facts facts = {0};
    *ret = (struct outcome){0};
    CHECK_DONE(tls_choice_open(choice, &client), "client");
    group_init(&group);
    fiber_spawn(&group, "host", host, m);
    CHECK_DONE(net_connect(&at, NULL, &c, deadline_after(5000)), "connect");
    err e = tls_connect(c, client, str_of(name), TLS_VERIFY_NAME, deadline_after(5000));
    ret->done = e == NULL;
    if (e)
        err_reason(e, ret->why, sizeof ret->why);
    if (e == NULL && tls_get_facts(c, &facts)) {
        ret->verified = facts.verified;
        snprintf(ret->version, sizeof ret->version, "%s", facts.version);
        CHECK(tls_peer_get(c, arena, &ret->peer), "a certificate");
    }
    err_forget();
    net_close(c);
    CHECK_DONE(group_wait(&group, deadline_after(5000)), "the host's end of it");
    group_close(&group);
    tls_client_close(client);
}

static void choose(void *arg)
{
    static const struct tls_certificate own = {S(""), S("/a.crt"), S("/a.key")};
    struct tls_server_options options = {TLS_INTERMEDIATE, &own, 1};
    struct sim_fs *fs = sim_fs_open();
    struct arena *arena = arena_open(1 << 20);
    struct address at;
    struct meeting m;
    struct outcome o;
    (void)arg;
    sim_fs_use(fs);
    CHECK_DONE(tls_make_certificate(S("mx.example"), "/a.crt", "/a.key"), "make");
    CHECK_DONE(tls_server_open(&options, &m.server), "server");
    CHECK_DONE(address_parse(S("127.0.0.1:25"), 0, &at), "address");
    CHECK_DONE(net_listen(&at, &m.listener), "listen");

    struct tls_choice by_root = {.ca_file = S("/a.crt")};
    meet(&m, &by_root, "mx.example", arena, &o);
    CHECK(o.done && o.verified, "by a root");
    CHECK(o.peer.subject.len > 0 && o.peer.ends_ms > o.peer.begins_ms, "who it is");

    struct tls_choice pinned = {.pinned = true};
    memcpy(pinned.pin, o.peer.sha256, sizeof pinned.pin);
    meet(&m, &pinned, "192.0.2.1", arena, &o);
    CHECK(o.done && o.verified, "by a pin, whatever its name");
    pinned.pin[31] ^= 1;
    meet(&m, &pinned, "mx.example", arena, &o);
    CHECK(!o.done && str_contains(str_of(o.why), S("fingerprint does not match")),
          "another certificate");

    struct tls_choice versions = {.ca_file = S("/a.crt"), .newest = TLS_CHOICE_1_2};
    meet(&m, &versions, "mx.example", arena, &o);
    CHECK_STR(str_of(o.version), "TLSv1.2", "not newer");
    versions = (struct tls_choice){.ca_file = S("/a.crt"), .oldest = TLS_CHOICE_1_3};
    meet(&m, &versions, "mx.example", arena, &o);
    CHECK_STR(str_of(o.version), "TLSv1.3", "not older");
    meet(&m, &versions, "other.example", arena, &o);
    CHECK(!o.done && str_contains(str_of(o.why), S("not for other.example")), "a name");

    net_listener_close(m.listener);
    tls_server_close(m.server);
    arena_close(arena);
    sim_fs_close(fs);
}

TEST(tls_choice_meets) { sim_run(21, choose, NULL); }

TEST(tls_choice_files)
{
    static const struct {
        struct tls_choice choice;
        const char *why;
    } rows[] = {
        {{.certificate = S("/nonexistent/c"), .key = S("/nonexistent/k")},
         "certificate /nonexistent/c: No such file"                                                            },
        {{.crl = S("/nonexistent/crl")},                                   "revoked certificates /nonexistent/"},
        {{.crl = S("/dev/null")},                                          "revoked certificates /dev/null"    },
        {{.ca_file = S("/nonexistent/ca")},                                "/nonexistent/ca"                   },
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct tls_client *client = NULL;
        char why[400] = "";
        err e = tls_choice_open(&rows[i].choice, &client);
        CHECK(e != NULL && client == NULL, rows[i].why);
        if (e)
            err_reason(e, why, sizeof why);
        CHECK(str_contains(str_of(why), str_of(rows[i].why)), why);
        err_forget();
    }
}
