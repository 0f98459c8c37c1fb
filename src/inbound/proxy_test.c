#include "inbound/proxy.h"
#include "runtime/sim.h"
#include "tests/test.h"

#define V2 "\r\n\r\n\0\r\nQUIT\n"
#define IP4 "\xc0\x00\x02\x07\xc6\x33\x64\x01\x9c\x40\x00\x19"
#define IP6                                                                                      \
    "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\2\x9c\x40\0" \
    "\x19"
#define MAPPED                                                                                   \
    "\0\0\0\0\0\0\0\0\0\0\xff\xff\xc0\0\2\7\0\0\0\0\0\0\0\0\0\0\xff\xff\xc6\x33\x64\1\x9c\x40\0" \
    "\x19"
#define TEXT(literal)                \
    {                                \
        literal, sizeof(literal) - 1 \
    }

static const struct {
    const char *label;
    str input;
    const char *client; /* NULL: refused; "": the address stays */
} cases[] = {
    {"v1 IPv4",                              TEXT("PROXY TCP4 192.0.2.7 198.51.100.1 40000 25\r\n"),   "192.0.2.7:40000"    },
    {"v1 IPv6",                              TEXT("PROXY TCP6 2001:db8::1 2001:db8::2 40000 25\r\n"),  "[2001:db8::1]:40000"},
    {"v1 unknown",                           TEXT("PROXY UNKNOWN\r\n"),                                ""                   },
    {"v1 unknown with words",                TEXT("PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n"),            ""                   },
    {"v1 wrong family",                      TEXT("PROXY TCP4 2001:db8::1 192.0.2.7 40000 25\r\n"),    NULL                 },
    {"v1 wrong family of the other",         TEXT("PROXY TCP4 192.0.2.7 2001:db8::1 40000 25\r\n"),    NULL                 },
    {"v1 port above 65535",                  TEXT("PROXY TCP4 192.0.2.7 198.51.100.1 65536 25\r\n"),   NULL                 },
    {"v1 a word more",                       TEXT("PROXY TCP4 192.0.2.7 198.51.100.1 40000 25 x\r\n"), NULL                 },
    {"v1 a blank more",                      TEXT("PROXY TCP4 192.0.2.7 198.51.100.1 40000 25 \r\n"),  NULL                 },
    {"v1 two blanks",                        TEXT("PROXY TCP4  192.0.2.7 198.51.100.1 40000 25\r\n"),  NULL                 },
    {"v1 a word less",                       TEXT("PROXY TCP4 192.0.2.7 198.51.100.1 40000\r\n"),      NULL                 },
    {"v1 no address",                        TEXT("PROXY TCP4 localhost 198.51.100.1 40000 25\r\n"),   NULL                 },
    {"v1 UDP",                               TEXT("PROXY UDP4 192.0.2.7 198.51.100.1 40000 25\r\n"),   NULL                 },
    {"v1 bare LF",                           TEXT("PROXY UNKNOWN\n"),                                  NULL                 },
    {"v1 of 107 bytes",
     TEXT("PROXY UNKNOWN "
          "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
          "xxx\r\n"),
     ""                                                                                                                     },
    {"attack 152: v1 of 108 bytes",
     TEXT("PROXY UNKNOWN "
          "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
          "xxxx\r\n"),
     NULL                                                                                                                   },
    {"attack 152: none",                     TEXT("EHLO client.example\r\n"),                          NULL                 },
    {"in lower case",                        TEXT("proxy UNKNOWN\r\n"),                                NULL                 },
    {"v2 IPv4",                              TEXT(V2 "\x21\x11\0\x0c" IP4),                            "192.0.2.7:40000"    },
    {"v2 IPv6",                              TEXT(V2 "\x21\x21\0\x24" IP6),                            "[2001:db8::1]:40000"},
    {"v2 mapped IPv4",                       TEXT(V2 "\x21\x21\0\x24" MAPPED),                         "192.0.2.7:40000"    },
    {"v2 with a TLV",                        TEXT(V2 "\x21\x11\0\x10" IP4 "\x04\0\x01x"),              "192.0.2.7:40000"    },
    {"v2 local",                             TEXT(V2 "\x20\x00\0\0"),                                  ""                   },
    {"v2 unspecified",                       TEXT(V2 "\x21\x00\0\0"),                                  ""                   },
    {"attack 152: a TLV too long",           TEXT(V2 "\x21\x11\0\x10" IP4 "\x04\0\x02x"),              NULL                 },
    {"attack 152: half a TLV",               TEXT(V2 "\x21\x11\0\x0e" IP4 "\x04\0"),                   NULL                 },
    {"attack 152: too short for its family", TEXT(V2 "\x21\x11\0\x0b" IP4),                            NULL                 },
    {"attack 152: above the limit",          TEXT(V2 "\x21\x11\x10\x01" IP4),                          NULL                 },
    {"v2 of version 3",                      TEXT(V2 "\x31\x11\0\x0c" IP4),                            NULL                 },
    {"v2 of an unknown command",             TEXT(V2 "\x22\x11\0\x0c" IP4),                            NULL                 },
    {"v2 UDP",                               TEXT(V2 "\x21\x12\0\x0c" IP4),                            NULL                 },
};

TEST(inbound_proxy_parse)
{
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const char *label = cases[i].label;
        for (size_t len = 0; cases[i].client && len < cases[i].input.len; len++) {
            str part = str_slice(cases[i].input, 0, len);
            struct address a;
            bool complete = true, known;
            CHECK_DONE(inbound_proxy_parse(&part, &complete, &known, &a), label);
            CHECK(!complete && part.len == len, label);
        }
        struct address client = {0};
        char text[ADDRESS_CHARS] = "";
        str input = cases[i].input;
        bool complete = false, known = false;
        err e = inbound_proxy_parse(&input, &complete, &known, &client);
        CHECK((e == NULL) == (cases[i].client != NULL), label);
        CHECK(e == NULL || e->kind == ERR_PROTOCOL, label);
        err_forget();
        if (e || cases[i].client == NULL)
            continue;
        CHECK(complete && input.len == 0, label);
        if (known)
            address_format(&client, text);
        CHECK_STR(str_of(text), cases[i].client, label);
    }
}

/* ---- on a connection ---------------------------------------------------------------------- */

struct door {
    struct net_listener *listener;
    const char *trusted;
    bool taken;
    int64_t waited_ms;
    char peer[ADDRESS_CHARS];
    str rest;
    char rest_bytes[64];
};

static void open_door(void *arg)
{
    struct door *d = arg;
    struct net_conn *conn;
    struct network trusted;
    CHECK_DONE(network_parse(str_of(d->trusted), &trusted), d->trusted);
    if (net_accept(d->listener, &conn, DEADLINE_NEVER))
        return;
    int64_t begun_ms = clock_steady_ms();
    d->taken =
        inbound_proxy_accept(conn, &trusted, 1, deadline_after(INBOUND_PROXY_MS_MAX)) == NULL;
    d->waited_ms = clock_steady_ms() - begun_ms;
    struct address peer = net_peer(conn);
    address_format_ip(&peer, d->peer);
    str_to_chars(net_input(conn), d->rest_bytes, sizeof d->rest_bytes);
    net_close(conn);
}

static void knock(struct door *d, const char *trusted, str said)
{
    struct address at = net_listener_address(d->listener);
    struct net_conn *conn;
    struct group group;
    group_init(&group);
    d->trusted = trusted;
    fiber_spawn(&group, "door", open_door, d);
    CHECK_DONE(net_connect(&at, NULL, &conn, deadline_after(1000)), "connect");
    CHECK_DONE(net_write(conn, said, DEADLINE_NEVER), "write");
    CHECK_DONE(net_flush(conn, DEADLINE_NEVER), "flush");
    CHECK_DONE(group_wait(&group, DEADLINE_NEVER), "the door");
    group_close(&group);
    net_close(conn);
}

static void doors(void *arg)
{
    struct door *d = arg;
    struct address at;
    const str header = S("PROXY TCP4 192.0.2.7 198.51.100.1 40000 25\r\nEHLO x\r\n");
    CHECK_DONE(address_parse(S("192.0.2.1:25"), 0, &at), "address");
    CHECK_DONE(net_listen(&at, &d->listener), "listen");
    knock(d, "127.0.0.1", header);
    CHECK(d->taken, "from a trusted network");
    CHECK_STR(str_of(d->peer), "192.0.2.7", "the client's address");
    CHECK_STR(str_of(d->rest_bytes), "EHLO x\r\n", "what follows is SMTP");
    knock(d, "10.0.0.0/8", header);
    CHECK(!d->taken && d->waited_ms == 0, "attack 72: not from a trusted network");
    CHECK_STR(str_of(d->peer), "127.0.0.1", "attack 72: the address stays");
    knock(d, "127.0.0.1", S("EHLO x\r\n"));
    CHECK(!d->taken, "attack 152: none when required");
    knock(d, "127.0.0.1", S("PROXY TCP4 "));
    CHECK(!d->taken && d->waited_ms == INBOUND_PROXY_MS_MAX, "a header that does not come");
    net_listener_close(d->listener);
}

TEST(inbound_proxy_accept)
{
    struct door d = {0};
    sim_run(1, doors, &d);
}
