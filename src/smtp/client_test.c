/* The client against a server that says what the test wants, in the simulation. */
#include "base/mem.h"
#include "runtime/sim.h"
#include "smtp/client.h"
#include "tests/test.h"

enum { HEARD_BYTES_MAX = 1 << 20, MS = 300000 };

struct stage {
    struct net_listener *listener;
    struct buf script; /* all of it is said, a part for each line of the client */
    struct buf heard;
};

/* Parts of the script are divided by "|". The first is the greeting. */
static void play(void *arg)
{
    struct stage *st = arg;
    struct net_conn *conn;
    if (net_accept(st->listener, &conn, DEADLINE_NEVER))
        return;
    str rest = buf_str(&st->script), part;
    err e = NULL;
    while (e == NULL) {
        str_split(rest, '|', &part, &rest);
        e = net_write(conn, part, deadline_after(MS));
        if (e == NULL)
            e = net_flush(conn, deadline_after(MS));
        while (e == NULL && str_find(net_input(conn), '\n') == STR_NONE)
            e = net_fill(conn, deadline_after(MS));
        if (e)
            break;
        size_t taken = str_find(net_input(conn), '\n') + 1;
        e = buf_add(&st->heard, str_slice(net_input(conn), 0, taken));
        net_consume(conn, taken);
    }
    net_close(conn);
}

static void begin(struct stage *st, struct group *group, str script, struct smtp_client *ret_client)
{
    static const struct smtp_client_options options = {
        .hello = {"client.example", 14},
        .timeouts = { MS, MS, MS, MS, MS, MS},
    };
    struct address at;
    struct net_conn *conn;
    group_init(group);
    *st = (struct stage){0};
    buf_init(&st->script, 128 << 20);
    buf_init(&st->heard, HEARD_BYTES_MAX);
    CHECK_DONE(buf_add(&st->script, script), "script");
    CHECK_DONE(address_parse(S("192.0.2.1:25"), 0, &at), "address");
    CHECK_DONE(net_listen(&at, &st->listener), "listen");
    fiber_spawn(group, "server", play, st);
    CHECK_DONE(net_connect(&at, NULL, &conn, deadline_after(1000)), "connect");
    smtp_client_init(ret_client, conn, &options);
}

static void end(struct stage *st, struct group *group, struct smtp_client *c)
{
    smtp_client_release(c);
    group_close(group);
    net_listener_close(st->listener);
    buf_release(&st->script);
    buf_release(&st->heard);
    err_forget();
}

static err greet(struct smtp_client *c)
{
    struct smtp_reply reply;
    TRY(smtp_client_greeting(c, &reply));
    return smtp_client_hello(c, &reply);
}

/* Attack 34: what is no reply ends the conversation, at once. */
static void bad_replies(void *arg)
{
    (void)arg;
    static const struct {
        const char *label;
        str said;
        int times;
    } cases[] = {
        {"many lines",    {"550-x\r\n", 7},           100000 },
        {"a long line",   {"xxxxxxxx", 8},            1 << 17},
        {"code 99",       {"99 x\r\n", 6},            1      },
        {"code 1000",     {"1000 x\r\n", 8},          1      },
        {"code 250x",     {"250x\r\n", 6},            1      },
        {"an empty line", {"\r\n", 2},                1      },
        {"NUL",           {"220 \0\r\n", 7},          1      },
        {"bare LF",       {"220 x\n", 6},             1      },
        {"two codes",     {"220-x\r\n221 y\r\n", 14}, 1      },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct buf script;
        struct stage st;
        struct group group;
        struct smtp_client c;
        buf_init(&script, 16 << 20);
        for (int n = 0; n < cases[i].times; n++)
            CHECK_DONE(buf_add(&script, cases[i].said), "script");
        begin(&st, &group, buf_str(&script), &c);
        int64_t begun_ms = clock_steady_ms();
        err e = greet(&c);
        CHECK(e && (e->kind == ERR_PROTOCOL || e->kind == ERR_LIMIT), cases[i].label);
        CHECK(clock_steady_ms() == begun_ms, cases[i].label);
        CHECK(arena_used(c.arena) <= 64 * 1024, cases[i].label);
        CHECK(st.heard.len == 0, cases[i].label);
        end(&st, &group, &c);
        buf_release(&script);
    }
}

TEST(smtp_client_bad_replies) { sim_run(1, bad_replies, NULL); }

/* Attacks 19 and 20. */
static void starttls(void *arg)
{
    (void)arg;
    struct stage st;
    struct group group;
    struct smtp_client c;
    struct smtp_reply reply;
    begin(&st, &group,
          S("220 x\r\n|250-x\r\n250 STARTTLS\r\n|220 go\r\n250-AUTH PLAIN\r\n250 ok\r\n"), &c);
    CHECK_DONE(greet(&c), "greet");
    CHECK(c.capabilities.starttls, "STARTTLS is offered");
    err e = smtp_client_starttls(&c, NULL, S("x"), TLS_VERIFY_NAME, &reply);
    CHECK(e && e->kind == ERR_PROTOCOL, "attack 19");
    CHECK(e && str_contains(e->text, S("response injection")), "attack 19");
    CHECK_STR(buf_str(&st.heard), "EHLO client.example\r\nSTARTTLS\r\n", "attack 19: no more said");
    end(&st, &group, &c);
    begin(&st, &group, S("220 x\r\n|250-x\r\n250 SIZE\r\n|454 4.7.0 not now\r\n"), &c);
    CHECK_DONE(greet(&c), "greet");
    CHECK(!c.capabilities.starttls, "attack 20: it is seen that STARTTLS is not there");
    CHECK_DONE(smtp_client_starttls(&c, NULL, S("x"), TLS_VERIFY_NAME, &reply), "refused");
    CHECK(reply.code == 454, "a refusal is a reply");
    CHECK(!tls_active(c.conn), "in clear still");
    end(&st, &group, &c);
}

TEST(smtp_client_starttls) { sim_run(1, starttls, NULL); }

static void asked(void *arg)
{
    (void)arg;
    static const struct {
        const char *label;
        str script;
        int code; /* 0: an err */
    } cases[] = {
        {"known",                 {"220 x\r\n|250 x\r\n|250 ok\r\n|250 ok\r\n|250 ok\r\n", 0},       250},
        {"unknown",               {"220 x\r\n|250 x\r\n|250 ok\r\n|550 5.1.1 no\r\n|250 ok\r\n", 0}, 550},
        {"the sender is refused", {"220 x\r\n|250 x\r\n|550 5.7.1 you again\r\n", 0},                0  },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct stage st;
        struct group group;
        struct smtp_client c;
        struct smtp_reply reply = {0};
        begin(&st, &group, str_of(cases[i].script.ptr), &c);
        CHECK_DONE(greet(&c), cases[i].label);
        err e = smtp_client_ask(&c, S("bob@x.example"), c.arena, &reply, deadline_after(60000));
        CHECK((e == NULL) == (cases[i].code != 0), cases[i].label);
        CHECK(reply.code == cases[i].code, cases[i].label);
        end(&st, &group, &c);
    }
}

TEST(smtp_client_asks) { sim_run(1, asked, NULL); }

TEST(smtp_client_check)
{
    enum { BINARY = 1, EIGHT = 2, UTF8 = 4, CHUNKS = 8 };
    static const struct {
        const char *label;
        int can;
        uint64_t size_max;
        enum envelope_body declared;
        unsigned found;
        bool utf8;
        const char *refusal; /* NULL: none */
    } cases[] = {
        {"plain",                            0,               0,    BODY_7BIT,       0,                   false, NULL   },
        {"8-bit, declared",                  0,               0,    BODY_8BITMIME,   FOUND_8BIT,          false, "5.6.3"},
        {"8-bit, declared and offered",      EIGHT,           0,    BODY_8BITMIME,   FOUND_8BIT,          false, NULL   },
        {"8-bit, never declared: as it is",  0,               0,    BODY_7BIT,       FOUND_8BIT,          false, NULL   },
        {"declared, but not found",          0,               0,    BODY_8BITMIME,   0,                   false, NULL   },
        {"raw 8-bit headers create no need", 0,               0,    BODY_8BITMIME,   FOUND_8BIT_HEADER,   false, NULL   },
        {"binary",                           EIGHT,           0,    BODY_BINARYMIME, FOUND_BINARY,        false, "5.6.3"},
        {"binary needs both",                BINARY,          0,    BODY_BINARYMIME, FOUND_BINARY,        false, "5.6.3"},
        {"binary, offered",                  BINARY | CHUNKS, 0,    BODY_BINARYMIME, FOUND_BINARY,        false, NULL   },
        {"declared binary, is text",         0,               0,    BODY_BINARYMIME, FOUND_NO_FINAL_CRLF, false, NULL   },
        {"declared binary, has long lines",  EIGHT,           0,    BODY_BINARYMIME, FOUND_LONG_LINES,    false,
         "5.6.3"                                                                                                        },
        {"attack 153: UTF-8",                EIGHT,           0,    BODY_7BIT,       FOUND_8BIT_HEADER,   true,  "5.6.7"},
        {"UTF-8, offered",                   EIGHT | UTF8,    0,    BODY_7BIT,       FOUND_8BIT_HEADER,   true,  NULL   },
        {"too big",                          0,               999,  BODY_7BIT,       0,                   false, "5.3.4"},
        {"just fits",                        0,               1000, BODY_7BIT,       0,                   false, NULL   },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct envelope env = {.declared = cases[i].declared};
        struct smtp_offer o = {.envelope = &env,
                               .found = (uint8_t)cases[i].found,
                               .size = 1000,
                               .needs_smtputf8 = cases[i].utf8};
        struct smtp_client c = {
            .capabilities = {.size = true,
                             .size_max = cases[i].size_max,
                             .binary_mime = (cases[i].can & BINARY) != 0,
                             .eight_bit_mime = (cases[i].can & EIGHT) != 0,
                             .smtputf8 = (cases[i].can & UTF8) != 0,
                             .chunking = (cases[i].can & CHUNKS) != 0}
        };
        smtp_refusal no = smtp_client_check(&c, &o);
        CHECK_STR(str_of(no ? no->enhanced : "none"), cases[i].refusal ? cases[i].refusal : "none",
                  cases[i].label);
    }
}

/* ---- a whole transaction: what is said, and what each recipient gets --------------------------
 */

#define HI "220 x\r\n|250-x\r\n250-8BITMIME\r\n250-DSN\r\n250 SIZE\r\n|"

static err read_once(void *arg, str *ret_piece, deadline until)
{
    (void)until;
    str *rest = arg;
    *ret_piece = *rest;
    *rest = (str){0};
    return NULL;
}

static void offers(void *arg)
{
    (void)arg;
    static const struct {
        const char *label, *script;
        bool closes; /* an err comes back */
        int codes[2];
        const char *heard; /* after EHLO */
    } cases[] = {
        {"with all that DSN says",
         HI "250 ok\r\n|250 ok\r\n|250 ok\r\n|354 go\r\n|||250 ok\r\n",
         false,                                                                               {250, 250},
         "MAIL FROM:<a@b.example> SIZE=8 BODY=8BITMIME RET=HDRS ENVID=x+2By\r\n"
         "RCPT TO:<c@d.example> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;c+2B@d.example\r\n"
         "RCPT TO:<e@f.example> NOTIFY=NEVER\r\nDATA\r\n..x\r\n\xc3\xa4\r\n.\r\n"                             },
        {"MAIL is refused",        HI "552 5.3.4 no\r\n|250 ok\r\n",                   false, {552, 552}, NULL},
        {"one is refused",
         HI "250 ok\r\n|550 no\r\n|250 ok\r\n|354 go\r\n|||250 ok\r\n",
         false,                                                                               {550, 250},
         NULL                                                                                                 },
        {"both are refused",
         HI "250 ok\r\n|550 no\r\n|450 no\r\n|250 ok\r\n",
         false,                                                                               {550, 450},
         NULL                                                                                                 },
        {"421 before the dot",     HI "250 ok\r\n|550 no\r\n|421 bye\r\n",             true,  {550, 0},   NULL},
        {"421 to MAIL",            HI "421 bye\r\n",                                   true,  {0, 0},     NULL},
        {"3xx to MAIL",            HI "354 what\r\n",                                  true,  {0, 0},     NULL},
        {"2xx to DATA",            HI "250 ok\r\n|250 ok\r\n|250 ok\r\n|250 what\r\n", true,  {0, 0},     NULL},
        {"DATA is refused",
         HI "250 ok\r\n|250 ok\r\n|250 ok\r\n|451 no\r\n|250 ok\r\n",
         false,                                                                               {451, 451},
         NULL                                                                                                 },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct envelope_rcpt rcpts[2] = {
            {S("c@d.example"), S("d"), S("rfc822;c+@d.example"), NOTIFY_SUCCESS | NOTIFY_DELAY},
            {S("e@f.example"), S("f"), {0},                      NOTIFY_NEVER                 },
        };
        struct envelope env = {.sender = S("a@b.example"),
                               .envid = S("x+y"),
                               .ret = RET_HDRS,
                               .rcpts = rcpts,
                               .rcpt_count = 2};
        size_t indexes[2] = {0, 1};
        str body = S(".x\r\n\xc3\xa4\r\n");
        struct smtp_offer o = {&env,     indexes,    2,         false, false,
                               body.len, FOUND_8BIT, read_once, &body};
        struct smtp_verdict verdicts[2];
        struct stage st;
        struct group group;
        struct smtp_client c;
        begin(&st, &group, str_of(cases[i].script), &c);
        CHECK_DONE(greet(&c), cases[i].label);
        err e = smtp_client_offer(&c, &o, c.arena, verdicts);
        CHECK((e != NULL) == cases[i].closes, cases[i].label);
        for (int n = 0; n < 2; n++) {
            CHECK(verdicts[n].decided == (cases[i].codes[n] != 0), cases[i].label);
            CHECK(verdicts[n].reply.code == cases[i].codes[n], cases[i].label);
        }
        CHECK(!c.after_dot, cases[i].label);
        if (cases[i].heard)
            CHECK_STR(str_from(buf_str(&st.heard), strlen("EHLO client.example\r\n")),
                      cases[i].heard, cases[i].label);
        end(&st, &group, &c);
    }
}

TEST(smtp_client_offers) { sim_run(1, offers, NULL); }

/* A refusal of 60 KiB to each of a thousand recipients: what is kept of them is bounded. */
static void long_refusals(void *arg)
{
    enum { RCPTS = 1000, LINES = 100 };
    (void)arg;
    struct arena *arena = arena_open(2 * RCPTS * SMTP_VERDICT_TEXT_BYTES_MAX);
    struct envelope_rcpt *rcpts = ARENA_ARRAY(arena, struct envelope_rcpt, RCPTS);
    size_t *indexes = ARENA_ARRAY(arena, size_t, RCPTS);
    struct smtp_verdict *verdicts = ARENA_ARRAY(arena, struct smtp_verdict, RCPTS);
    struct buf script, reply;
    buf_init(&script, 128 << 20);
    buf_init(&reply, SMTP_REPLY_BYTES_MAX);
    CHECK_DONE(buf_add(&script, S(HI "250 ok\r\n")), "hello, MAIL");
    for (int i = 0; i < LINES; i++)
        CHECK_DONE(buf_addf(&reply, "550%c%0600d\r\n", i + 1 < LINES ? '-' : ' ', i), "line");
    for (size_t i = 0; i < RCPTS; i++) {
        rcpts[i] = (struct envelope_rcpt){.address = S("c@d.example"), .destination = S("d")};
        indexes[i] = i;
        CHECK_DONE(buf_addf(&script, "|%.*s", STR_ARG(buf_str(&reply))), "refusal");
    }
    CHECK_DONE(buf_add(&script, S("|250 ok\r\n")), "RSET");
    struct envelope env = {.sender = S("a@b.example"), .rcpts = rcpts, .rcpt_count = RCPTS};
    str body = S("x\r\n");
    struct smtp_offer o = {&env, indexes, RCPTS, false, false, body.len, 0, read_once, &body};
    struct stage st;
    struct group group;
    struct smtp_client c;
    begin(&st, &group, buf_str(&script), &c);
    CHECK_DONE(greet(&c), "greet");
    size_t before = arena_used(arena);
    CHECK_DONE(smtp_client_offer(&c, &o, arena, verdicts), "offer");
    CHECK(arena_used(arena) - before <= RCPTS * (SMTP_VERDICT_TEXT_BYTES_MAX + 64), "bounded");
    CHECK(arena_used(c.replies) <= 2 * SMTP_REPLY_BYTES_MAX, "one reply at a time");
    CHECK(verdicts[0].reply.text.len == SMTP_VERDICT_TEXT_BYTES_MAX, "cut");
    CHECK(verdicts[RCPTS - 1].reply.code == 550, "the last one has its own");
    end(&st, &group, &c);
    buf_release(&script);
    buf_release(&reply);
    arena_close(arena);
}

TEST(smtp_client_keeps_little_of_long_refusals) { sim_run(1, long_refusals, NULL); }
