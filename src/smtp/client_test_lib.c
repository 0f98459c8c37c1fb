#include "base/rand.h"
#include "runtime/sim.h"
#include "smtp/client.h"
#include "smtp/client_test.h"

enum { PATIENCE_MS = 24 * 3600 * 1000, PAUSE_MS = 1, LARGE_BODY_BYTES = 70 * 1000, RCPTS = 3 };

struct talk {
    struct smtp_client_test *test;
    struct net_listener *listener;
    struct net_conn *server;
    str says;
};

/* ---- the server --------------------------------------------------------------------------- */

static str next_piece(struct talk *k)
{
    const struct smtp_client_test *t = k->test;
    size_t size = t->piece ? t->piece : k->says.len;
    str piece = str_slice(k->says, 0, t->piece_drawn ? 1 + rand_below(size) : size);
    k->says = str_from(k->says, piece.len);
    return piece;
}

static void speak(void *arg)
{
    struct talk *k = arg;
    err e = NULL;
    while (e == NULL && k->says.len > 0) {
        e = net_write(k->server, next_piece(k), DEADLINE_NEVER);
        if (e == NULL)
            e = net_flush(k->server, DEADLINE_NEVER);
        if (e == NULL && k->test->piece)
            e = fiber_sleep(deadline_after(PAUSE_MS));
        err_forget();
    }
    if (e == NULL)
        sim_net_end_write(k->server);
}

static void serve(void *arg)
{
    struct talk *k = arg;
    struct group group;
    group_init(&group);
    err e = net_accept(k->listener, &k->server, DEADLINE_NEVER);
    if (e)
        return;
    fiber_spawn(&group, "speaker", speak, k);
    while (e == NULL) {
        str input = net_input(k->server);
        e = buf_add(&k->test->heard, input);
        net_consume(k->server, input.len);
        if (e == NULL)
            e = net_fill(k->server, DEADLINE_NEVER);
    }
    group_close(&group);
    net_close(k->server);
}

/* ---- the client --------------------------------------------------------------------------- */

static void tell(struct smtp_client_test *t, const char *what, int code, str text)
{
    err e = buf_addf(&t->told, "%s %d ", what, code);
    if (e == NULL)
        e = buf_add(&t->told, text);
    if (e == NULL)
        e = buf_add_char(&t->told, '\n');
    ASSERT(e == NULL);
}

/* True: it can go on. */
static bool tell_reply(struct smtp_client_test *t, const char *what, err e,
                       const struct smtp_reply *reply)
{
    if (e) {
        tell(t, what, -(int)e->kind, (str){0}); /* which fault is seen first is a matter of cuts */
        return false;
    }
    ASSERT(reply->code >= 200 && reply->code <= 599);
    tell(t, what, reply->code, reply->enhanced);
    tell(t, what, reply->code, reply->text);
    return true;
}

static bool open_session(struct smtp_client_test *t, struct smtp_client *c)
{
    struct smtp_reply reply;
    err e = smtp_client_greeting(c, &reply);
    if (!tell_reply(t, "greeting", e, &reply))
        return false;
    e = smtp_client_hello(c, &reply);
    if (!tell_reply(t, "hello", e, &reply))
        return false;
    tell(t, "offers", (int)c->capabilities.pipelining, c->capabilities.auth_names);
    return true;
}

/* SCRAM is not among them: its rounds take their time, and it has a target of its own. */
static bool log_in(struct smtp_client_test *t, struct smtp_client *c)
{
    static const char *const names[] = {"PLAIN", "LOGIN", "CRAM-MD5", "OAUTHBEARER"};
    if (!(t->wishes & SMTP_CLIENT_TEST_LOGIN))
        return true;
    struct smtp_reply reply;
    size_t which = (t->wishes / SMTP_CLIENT_TEST_LOGIN_SECOND) & 3;
    struct smtp_client_login login = {.user = S("alice"),
                                      .secret = S("correct horse"),
                                      .mechanism = str_of(names[which]),
                                      .token = which == 3,
                                      .host = S("mx.example"),
                                      .port = 587};
    err e = smtp_client_login(c, &login, &reply);
    bool known = e && e->kind == ERR_CONFIG; /* no common mechanism: nothing was said */
    return tell_reply(t, "login", e, &reply) || known;
}

static err read_once(void *arg, str *ret_piece, deadline until)
{
    (void)until;
    str *rest = arg;
    *ret_piece = str_slice(*rest, 0, 1000);
    *rest = str_from(*rest, ret_piece->len);
    return NULL;
}

static str body_of(const struct smtp_client_test *t, struct arena *arena)
{
    size_t len = t->wishes & SMTP_CLIENT_TEST_LARGE ? LARGE_BODY_BYTES : 100;
    char *bytes = arena_alloc(arena, len);
    for (size_t i = 0; i < len; i++)
        bytes[i] = i % 50 == 48 ? '\r' : i % 50 == 49 ? '\n' : i % 50 == 0 ? '.' : 'x';
    return (str){bytes, len};
}

static bool offer(struct smtp_client_test *t, struct smtp_client *c, struct arena *arena)
{
    static struct envelope_rcpt rcpts[RCPTS] = {
        {{"bob@d.example", 13},       {0}, {0},                         NOTIFY_SUCCESS},
        {{"carol@d.example", 15},     {0}, {"rfc822;c+@d.example", 19}, 0             },
        {{"d\xc3\xa4@d.example", 13}, {0}, {0},                         NOTIFY_NEVER  },
    };
    static const size_t indexes[RCPTS] = {0, 1, 2};
    struct smtp_verdict verdicts[RCPTS];
    bool utf8 = t->wishes & SMTP_CLIENT_TEST_UTF8, binary = t->wishes & SMTP_CLIENT_TEST_BINARY;
    struct envelope env = {.sender = S("a@b.example"),
                           .envid = S("x+y"),
                           .ret = RET_HDRS,
                           .rcpts = rcpts,
                           .rcpt_count = RCPTS,
                           .declared = binary ? BODY_BINARYMIME : BODY_7BIT};
    str body = body_of(t, arena);
    struct smtp_offer o = {.envelope = &env,
                           .rcpts = indexes,
                           .rcpt_count = utf8 ? RCPTS : RCPTS - 1,
                           .needs_smtputf8 = utf8,
                           .size = body.len,
                           .found = binary ? FOUND_BINARY : 0,
                           .read = read_once,
                           .body = &body};
    smtp_refusal no = smtp_client_check(c, &o);
    if (no) {
        tell(t, "unfit", no->code, str_of(no->enhanced));
        return true;
    }
    err e = smtp_client_offer(c, &o, arena, verdicts);
    for (size_t i = 0; i < o.rcpt_count; i++) {
        ASSERT(e || verdicts[i].decided); /* without an err everybody's fate is known */
        if (verdicts[i].decided)
            tell(t, smtp_verdict_stage_name(verdicts[i].stage), verdicts[i].reply.code,
                 verdicts[i].reply.text);
    }
    tell(t, "offer", e ? -(int)e->kind : 0, str_of(smtp_verdict_stage_name(c->stage)));
    tell(t, "after the dot", c->after_dot, (str){0});
    return e == NULL;
}

static bool ask(struct smtp_client_test *t, struct smtp_client *c, struct arena *arena)
{
    struct smtp_reply reply;
    if (!(t->wishes & SMTP_CLIENT_TEST_ASK))
        return true;
    err e = smtp_client_ask(c, S("bob@d.example"), arena, &reply, deadline_after(PATIENCE_MS));
    return tell_reply(t, "ask", e, &reply);
}

static void converse(struct smtp_client_test *t, struct net_conn *conn)
{
    struct smtp_client_options options = {
        .hello = S("client.example"),
        .lmtp = t->wishes & SMTP_CLIENT_TEST_LMTP,
        .timeouts = {PATIENCE_MS, PATIENCE_MS, PATIENCE_MS, PATIENCE_MS, PATIENCE_MS, PATIENCE_MS},
    };
    struct smtp_client c;
    struct arena *arena = arena_open(2 << 20);
    smtp_client_init(&c, conn, &options);
    if (open_session(t, &c) && log_in(t, &c) && offer(t, &c, arena) && offer(t, &c, arena) &&
        ask(t, &c, arena))
        smtp_client_quit(&c);
    err e = fiber_sleep(deadline_after(PAUSE_MS)); /* the server reads before we may reset it */
    (void)e;
    smtp_client_release(&c);
    arena_close(arena);
    err_forget();
}

void smtp_client_test_talk(struct smtp_client_test *t, str says)
{
    struct talk k = {.test = t, .says = says};
    struct address at;
    struct group group;
    struct net_conn *conn;
    group_init(&group);
    buf_clear(&t->heard);
    buf_clear(&t->told);
    if (address_parse(S("192.0.2.1:25"), 0, &at) || net_listen(&at, &k.listener))
        return;
    fiber_spawn(&group, "server", serve, &k);
    if (net_connect(&at, NULL, &conn, DEADLINE_NEVER) == NULL)
        converse(t, conn);
    err e = group_wait(&group, DEADLINE_NEVER);
    (void)e;
    group_close(&group);
    net_listener_close(k.listener);
}

void smtp_client_test_init(struct smtp_client_test *t)
{
    *t = (struct smtp_client_test){0};
    buf_init(&t->heard, SMTP_CLIENT_TEST_HEARD_BYTES_MAX);
    buf_init(&t->told, SMTP_CLIENT_TEST_TOLD_BYTES_MAX);
}

void smtp_client_test_release(struct smtp_client_test *t)
{
    buf_release(&t->heard);
    buf_release(&t->told);
}
