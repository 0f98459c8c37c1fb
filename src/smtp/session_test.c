/* Server and client of this folder against each other, in the simulation. */
#include "base/mem.h"
#include "runtime/sim.h"
#include "smtp/client.h"
#include "smtp/server.h"
#include "tests/test.h"

enum { KEPT_MAX = 8 };

struct post { /* a backend that keeps everything in memory */
    struct net_listener *listener;
    struct group group;
    struct smtp_server_options options;
    struct buf content;
    char sender[100];
    char rcpts[200];
    int kept, chunks;
    bool refuse_second_rcpt, stop;
};

static struct post *post_of(struct smtp_session *s) { return s->context; }

static err on_greet(struct smtp_session *s, struct smtp_answer *a, deadline until)
{
    (void)s, (void)a, (void)until;
    return NULL;
}

static const char *no_mechanisms(struct smtp_session *s)
{
    (void)s;
    return "";
}

static err on_mail(struct smtp_session *s, const struct smtp_mail *m, struct smtp_answer *a,
                   deadline until)
{
    (void)a, (void)until;
    str_to_chars(m->from.text, post_of(s)->sender, sizeof post_of(s)->sender);
    post_of(s)->rcpts[0] = '\0';
    return NULL;
}

static err on_rcpt(struct smtp_session *s, const struct smtp_rcpt *r, struct smtp_answer *a,
                   deadline until)
{
    (void)until;
    struct post *p = post_of(s);
    if (p->refuse_second_rcpt && p->rcpts[0]) {
        smtp_answer_set(a, 550, "5.1.1", "No such user");
        return NULL;
    }
    size_t used = strlen(p->rcpts);
    snprintf(p->rcpts + used, sizeof p->rcpts - used, "%.*s ", STR_ARG(r->to.text));
    return NULL;
}

static err on_begin(struct smtp_session *s, struct smtp_answer *a, deadline until)
{
    (void)a, (void)until;
    buf_clear(&post_of(s)->content);
    return NULL;
}

static err on_content(struct smtp_session *s, str run, deadline until)
{
    (void)until;
    return buf_add(&post_of(s)->content, run);
}

static err on_done(struct smtp_session *s, const struct smtp_scan *scan, struct smtp_answer *a,
                   deadline until)
{
    (void)scan, (void)until;
    post_of(s)->kept++;
    smtp_answer_set(a, 250, "2.0.0", "kept");
    return NULL;
}

static void on_reset(struct smtp_session *s) { (void)s; }

static const struct smtp_backend backend = {
    .greet = on_greet,
    .hello = on_greet,
    .mechanisms = no_mechanisms,
    .mail = on_mail,
    .rcpt = on_rcpt,
    .begin = on_begin,
    .content = on_content,
    .done = on_done,
    .reset = on_reset,
};

static void serve_one(void *arg)
{
    struct post *p = arg;
    struct net_conn *conn;
    if (net_accept(p->listener, &conn, DEADLINE_NEVER))
        return;
    struct smtp_session s = {
        .conn = conn, .options = &p->options, .backend = &backend, .context = p};
    smtp_server_init(&s);
    err e = smtp_server_run(&s);
    (void)e; /* a client that just leaves is fine here */
    smtp_server_release(&s);
    net_close(conn);
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
    buf_init(&p->content, 4 << 20);
    p->options = (struct smtp_server_options){
        .hostname = S("mx.example"),
        .message_bytes_max = 3 << 20,
        .recipients_max = 100,
        .junk_commands_max = 100,
        .command_ms = 300000,
        .data_ms = 180000,
        .done_ms = 600000,
    };
    group_init(&p->group);
}

static void post_close(struct post *p)
{
    group_close(&p->group);
    net_listener_close(p->listener);
    buf_release(&p->content);
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
    struct smtp_offer o = {&env, indexes, 2, false, content.len, 0, read_body, &body};
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
        p->refuse_second_rcpt = cases[i].refuse;
        int kept = p->kept;
        sim_net_set_rules(&(struct sim_net_rules){.read_bytes_max = cases[i].read_bytes_max});
        dial(p, &c);
        offer(&c, buf_str(&message), verdicts);
        CHECK(verdicts[0].decided && verdicts[0].reply.code == 250, cases[i].label);
        CHECK(verdicts[0].stage == SMTP_STAGE_BODY, cases[i].label);
        CHECK(verdicts[1].reply.code == (cases[i].refuse ? 550 : 250), cases[i].label);
        CHECK(p->kept == kept + 1, cases[i].label);
        CHECK(str_eq(buf_str(&p->content), buf_str(&message)), cases[i].label);
        CHECK_STR(str_of(p->rcpts),
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
