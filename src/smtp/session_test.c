/* Server and client of this folder against each other, in the simulation. */
#include "smtp/session_test.h"
#include "runtime/sim.h"
#include "smtp/client.h"
#include "tests/test.h"

struct post {
    struct net_listener *listener;
    struct group group;
    struct smtp_session_test server;
};

static void serve_one(void *arg)
{
    struct post *p = arg;
    smtp_session_test_serve(&p->server, p->listener);
}

static const struct smtp_client_options client_options = {
    .hello = {"client.example", 14},
    .timeouts = { 300000, 300000, 300000, 120000, 180000, 600000},
};

static void post_open(struct post *p)
{
    struct address at;
    CHECK_DONE(address_parse(S("192.0.2.1:25"), 0, &at), "address");
    CHECK_DONE(net_listen(&at, &p->listener), "listen");
    smtp_session_test_init(&p->server);
    p->server.options.message_bytes_max = 3 << 20;
    group_init(&p->group);
}

static void post_close(struct post *p)
{
    group_close(&p->group);
    net_listener_close(p->listener);
    smtp_session_test_release(&p->server);
}

static void dial(struct post *p, struct smtp_client *ret_client)
{
    struct address at = net_listener_address(p->listener);
    struct net_conn *conn;
    struct smtp_reply reply;
    fiber_spawn(&p->group, "server", serve_one, p);
    CHECK_DONE(net_connect(&at, NULL, &conn, deadline_after(1000)), "connect");
    smtp_client_init(ret_client, conn, &client_options);
    CHECK_DONE(smtp_client_greeting(ret_client, &reply), "greeting");
    CHECK(reply.code == 220, "greeting");
    CHECK_DONE(smtp_client_hello(ret_client, &reply), "hello");
    CHECK(ret_client->capabilities.pipelining, "PIPELINING");
    CHECK(ret_client->capabilities.chunking, "CHUNKING");
}

struct body {
    str rest;
    size_t piece;
};

static err read_body(void *arg, str *ret_piece, deadline until)
{
    (void)until;
    struct body *b = arg;
    *ret_piece = str_slice(b->rest, 0, b->piece);
    b->rest = str_from(b->rest, ret_piece->len);
    return NULL;
}

/* A message with every trouble that dot-stuffing has, of about that size. */
static void make_message(struct buf *out, size_t size)
{
    CHECK_DONE(buf_add(out, S("Subject: x\r\n\r\n.\r\n..\r\n.a\r\n\r\n")), "front");
    while (out->len < size)
        CHECK_DONE(buf_add(out, S(".the same line again and again, with a dot in front\r\n")),
                   "line");
}

static void offer(struct smtp_client *c, str content, struct smtp_verdict *verdicts)
{
    struct envelope_rcpt rcpts[2] = {{.address = S("bob@example.net")},
                                     {.address = S("eve@example.net")}};
    struct envelope env = {.sender = S("alice@example.org"), .rcpts = rcpts, .rcpt_count = 2};
    size_t indexes[2] = {0, 1};
    struct body body = {content, 1000};
    struct smtp_offer o = {&env, indexes, 2, false, false, content.len, 0, read_body, &body};
    struct arena *arena = arena_open(1 << 20);
    CHECK_DONE(smtp_client_offer(c, &o, arena, verdicts), "offer");
    for (int i = 0; i < 2; i++)
        verdicts[i].reply.text = (str){0};
    arena_close(arena);
}

static void round_trips(void *arg)
{
    static const struct {
        const char *label;
        size_t size, read_bytes_max;
        bool refuse;
    } cases[] = {
        {"by DATA",                 3000,    0, false},
        {"by DATA, one is refused", 3000,    0, true },
        {"attack 8: byte by byte",  3000,    1, false},
        {"by BDAT",                 2500000, 0, false},
        {"by BDAT, 7 bytes a read", 70000,   7, false},
    };
    struct post *p = arg;
    post_open(p);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct smtp_client c;
        struct smtp_verdict verdicts[2];
        struct buf message;
        buf_init(&message, 4 << 20);
        make_message(&message, cases[i].size);
        p->server.refuse_second_rcpt = cases[i].refuse;
        int kept = p->server.kept;
        sim_net_set_rules(&(struct sim_net_rules){.read_bytes_max = cases[i].read_bytes_max});
        dial(p, &c);
        offer(&c, buf_str(&message), verdicts);
        CHECK(verdicts[0].decided && verdicts[0].reply.code == 250, cases[i].label);
        CHECK(verdicts[0].stage == SMTP_STAGE_BODY, cases[i].label);
        CHECK(verdicts[1].reply.code == (cases[i].refuse ? 550 : 250), cases[i].label);
        CHECK(p->server.kept == kept + 1, cases[i].label);
        CHECK(str_eq(buf_str(&p->server.content), buf_str(&message)), cases[i].label);
        CHECK_STR(str_of(p->server.accepted),
                  cases[i].refuse ? "bob@example.net " : "bob@example.net eve@example.net ",
                  cases[i].label);
        smtp_client_quit(&c);
        smtp_client_release(&c);
        buf_release(&message);
    }
    post_close(p);
    CHECK(sim_net_open_count() == 0, "no socket is left");
}

TEST(smtp_session_round_trips)
{
    struct post p = {0};
    sim_run(1, round_trips, &p);
}
