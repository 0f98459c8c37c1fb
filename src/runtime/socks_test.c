#include "runtime/sim.h"
#include "runtime/socks.h"
#include "tests/test.h"

#define BYTES(text) ((str){"" text, sizeof(text) - 1})

TEST(socks_reply_parse)
{
    static const struct {
        const char *label;
        str input;
        const char *bound; /* NULL: not complete, or an err */
        size_t left;
        int code;
        bool wrong;
    } cases[] = {
        {"IPv4",                BYTES("\5\0\0\1\300\0\2\7\0\31"),                          "192.0.2.7:25",      0, 0,             false},
        {"the next bytes stay",
         BYTES("\5\0\0\1\300\0\2\7\0\31"
               "220 hi"),
         "192.0.2.7:25",                                                                                        6, 0,             false},
        {"IPv6",                BYTES("\5\0\0\4\40\1\15\270\0\0\0\0\0\0\0\0\0\0\0\1\1\0"), "[2001:db8::1]:256", 0,
         0,                                                                                                                       false},
        {"a name",              BYTES("\5\0\0\3\4host\0\31"),                              "",                  0, 0,             false},
        {"not told",            BYTES("\5\0\0\1\0\0\0\0\0\0"),                             "",                  0, 0,             false},
        {"refused",             BYTES("\5\5\0\1\0\0\0\0\0\0"),                             "",                  0, SOCKS_REFUSED, false},
        {"an unknown code",     BYTES("\5\377\0\1\0\0\0\0\0\0"),                           "",                  0, 255,           false},
        {"nothing yet",         BYTES(""),                                                 NULL,                0, 0,             false},
        {"the head",            BYTES("\5\0\0\1"),                                         NULL,                4, 0,             false},
        {"one byte is missing", BYTES("\5\0\0\1\300\0\2\7\0"),                             NULL,                9, 0,             false},
        {"SOCKS4",              BYTES("\0\132\0\1\300\0\2\7\0\31"),                        NULL,                0, 0,             true },
        {"an unknown type",     BYTES("\5\0\0\2\300\0\2\7\0\31"),                          NULL,                0, 0,             true },
        {"HTTP",                BYTES("HTTP/1.1 400 "),                                    NULL,                0, 0,             true },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct socks_reply reply;
        char text[ADDRESS_CHARS] = "";
        bool complete = false;
        str rest = cases[i].input;
        err e = socks_reply_parse(&rest, &complete, &reply);
        CHECK((e != NULL) == cases[i].wrong, cases[i].label);
        CHECK(complete == (cases[i].bound != NULL), cases[i].label);
        err_forget();
        if (e == NULL)
            CHECK(rest.len == cases[i].left, cases[i].label);
        if (!complete)
            continue;
        if (reply.bound.family != ADDRESS_NONE)
            address_format(&reply.bound, text);
        CHECK_STR(str_of(text), cases[i].bound, cases[i].label);
        CHECK(reply.code == cases[i].code, cases[i].label);
    }
}

/* ---- a proxy that plays a part ------------------------------------------------------------ */

struct part {
    const char *label;
    str wants[3], says[3];              /* step by step */
    const char *user, *password, *name; /* name: the proxy is to look it up */
    const char *told;                   /* the err; NULL: none */
    int code;
    struct net_listener *listener;
};

static void play(void *arg)
{
    struct part *p = arg;
    struct net_conn *c;
    CHECK_DONE(net_accept(p->listener, &c, DEADLINE_NEVER), p->label);
    for (size_t i = 0; i < ARRAY_LEN(p->wants) && p->wants[i].len > 0; i++) {
        err e = NULL;
        while (e == NULL && net_input(c).len < p->wants[i].len)
            e = net_fill(c, deadline_after(1000));
        CHECK_DONE(e, p->label);
        CHECK(str_eq(net_input(c), p->wants[i]), p->label);
        net_consume(c, net_input(c).len);
        CHECK_DONE(net_write(c, p->says[i], DEADLINE_NEVER), p->label);
        CHECK_DONE(net_flush(c, DEADLINE_NEVER), p->label);
    }
    err e = fiber_sleep(DEADLINE_NEVER); /* until the other side has seen enough */
    CHECK(e->kind == ERR_CANCELED, p->label);
    net_close(c);
}

static void check_part(void *arg)
{
    struct part *p = arg;
    struct address at, to;
    struct net_conn *c;
    struct socks_reply reply = {.code = -1};
    struct group proxy;
    group_init(&proxy);
    CHECK_DONE(address_parse(S("127.0.0.1:1080"), 0, &at), p->label);
    CHECK_DONE(address_parse(S("192.0.2.1:25"), 0, &to), p->label);
    CHECK_DONE(net_listen(&at, &p->listener), p->label);
    fiber_spawn(&proxy, "proxy", play, p);
    CHECK_DONE(net_connect(&at, NULL, &c, deadline_after(1000)), p->label);
    struct socks_login login = {str_of(p->user), str_of(p->password)};
    const struct socks_login *in = p->user ? &login : NULL;
    err e = p->name ? socks_connect_name(c, str_of(p->name), 25, in, &reply, deadline_after(2000))
                    : socks_connect(c, &to, in, &reply, deadline_after(2000));
    CHECK((e != NULL) == (p->told != NULL), p->label);
    if (e && p->told)
        CHECK(str_contains(e->text, str_of(p->told)), p->label);
    if (e == NULL) {
        CHECK(reply.code == p->code, p->label);
        CHECK_STR(net_input(c), reply.code == 0 ? "220 hello\r\n" : "", p->label);
    }
    err_forget();
    net_close(c);
    group_close(&proxy);
    net_listener_close(p->listener);
}

#define ASK BYTES("\5\1\0\1\300\0\2\1\0\31")
#define DONE_AND_HELLO                \
    BYTES("\5\0\0\1\306\63\144\1\0\1" \
          "220 hello\r\n")

TEST(socks_connect)
{
    static struct part parts[] = {
        {.label = "without a login",
         .wants = {BYTES("\5\1\0"), ASK},
         .says = {BYTES("\5\0"), DONE_AND_HELLO}                               },
        { .label = "a login that is not asked for",
         .user = "me",
         .password = "secret",
         .wants = {BYTES("\5\2\0\2"), ASK},
         .says = {BYTES("\5\0"), DONE_AND_HELLO}},
        {                                  .label = "a login",
         .user = "me",
         .password = "secret",
         .wants = {BYTES("\5\2\0\2"), BYTES("\1\2me\6secret"), ASK},
         .says = {BYTES("\5\2"), BYTES("\1\0"), DONE_AND_HELLO}},
        {               .label = "a login that is refused",
         .user = "me",
         .password = "secret",
         .wants = {BYTES("\5\2\0\2"), BYTES("\1\2me\6secret")},
         .says = {BYTES("\5\2"), BYTES("\1\1")},
         .told = "refuses our login"},
        {                                                     .label = "wants a login",
         .wants = {BYTES("\5\1\0")},
         .says = {BYTES("\5\377")},
         .told = "wants a login"},
        {.label = "chooses what was not offered",
         .wants = {BYTES("\5\1\0")},
         .says = {BYTES("\5\2")},
         .told = "was not offered"},
        {                                          .label = "speaks something else",
         .wants = {BYTES("\5\1\0")},
         .says = {BYTES("HTTP/1.0 400\r\n")},
         .told = "does not speak SOCKS5"},
        {.label = "connection refused",
         .wants = {BYTES("\5\1\0"), ASK},
         .says = {BYTES("\5\0"), BYTES("\5\5\0\1\0\0\0\0\0\0")},
         .code = SOCKS_REFUSED},
        {                                       .label = "says nothing",
         .wants = {BYTES("\5\1\0"), ASK},
         .says = {BYTES("\5\0"), BYTES("\5\0")},
         .told = "time"},
        {.label = "by name",
         .name = "mx.example",
         .wants = {BYTES("\5\1\0"), BYTES("\5\1\0\3\12mx.example\0\31")},
         .says = {BYTES("\5\0"), DONE_AND_HELLO}},
        {                                                   .label = "by no name", .name = "", .told = "1 to 255 bytes"                             },
        {.label = "a login that is too long for it",
         .user = "me",
         .password = "",
         .told = "1 to 255 bytes"},
    };
    for (size_t i = 0; i < ARRAY_LEN(parts); i++)
        sim_run(7, check_part, &parts[i]);
}
