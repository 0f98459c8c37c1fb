#include "outbound/egress_connect.h"
#include "outbound/town_test.h"

#define SERVER TOWN_GREET "S: 250 mx.example\nagain\n" TOWN_TAKE
#define NAMES                            \
    "both.example MX 10 six.example.\n"  \
    "both.example MX 20 four.example.\n" \
    "six.example AAAA 2001:db8::25\n"    \
    "four.example A 192.0.2.4\n"

#define ROUTE(egress) "routes: [{ to: \"*\", via: mx, egress: " egress " }]\n"
#define HEAD "hostname: mail.example.com\n"

/* ---- addresses and names ------------------------------------------------------------------ */

static void send_one(struct town *t, const char *from, const char *to)
{
    town_send(t, &(struct town_mail){.from = from, .to = to});
    town_wait(t, 1000);
}

static void check_from(struct town *t, int server, const char *from)
{
    CHECK_STR(buf_str(&t->servers[server].from), from, t->label);
}

static void check_heard(struct town *t, int server, const char *line)
{
    CHECK(str_contains(buf_str(&t->servers[server].heard), str_of(line)), t->label);
}

static void leave_by_name(struct town *t)
{
    send_one(t, "a@x.example", "b@example.net");
    check_from(t, 0, "192.0.2.10\n");
    check_heard(t, 0, "EHLO out1.example.com\n");
    CHECK_STR(buf_str(&t->egresses), "out1 192.0.2.10\n", t->label);
    CHECK(town_messages(t) == 0, t->label);
}

/* The better MX has only an address of the other family: it is passed over, and nobody is blamed.
 */
static void leave_by_its_family(struct town *t)
{
    send_one(t, "a@x.example", "b@both.example");
    check_from(t, 1, "192.0.2.10\n");
    CHECK(t->servers[0].connections == 0, t->label);
    CHECK(town_messages(t) == 0, t->label);
}

static void leave_by_no_family(struct town *t)
{
    send_one(t, "a@x.example", "b@both.example");
    town_check_event(t, "four.example has no address of a kind that egress out1 can reach");
    CHECK(town_messages(t) == 1, t->label);
    CHECK(t->servers[0].connections == 0, t->label);
}

TEST(outbound_egress_source)
{
    struct town towns[] = {
        {.label = "its address and its name",
         .yaml = HEAD "egress: { out1: { address: [192.0.2.10, \"2001:db8::10\"], "
                      "hello: out1.example.com } }\n" ROUTE("out1"),
         .servers = {{.at = "192.0.2.1:25", .every = SERVER}},
         .body = leave_by_name      },
        { .label = "IPv4 alone",
         .yaml = HEAD "egress: { out1: { address: 192.0.2.10 } }\n" ROUTE("out1"),
         .names = NAMES,
         .servers = {{.at = "[2001:db8::25]:25", .every = SERVER},
                     {.at = "192.0.2.4:25", .every = SERVER}},
         .body = leave_by_its_family},
        { .label = "no host of its family",
         .yaml = HEAD "egress: { out1: { address: \"2001:db8::10\" } }\n" ROUTE("out1"),
         .names = "both.example MX 10 four.example.\nfour.example A 192.0.2.4\n",
         .servers = {{.at = "192.0.2.4:25", .every = SERVER}},
         .body = leave_by_no_family},
    };
    for (size_t i = 0; i < ARRAY_LEN(towns); i++)
        town_run(&towns[i]);
}

/* Two senders with an egress each to one domain: neither's mail goes over the other's connection,
 * and each one's second mail over its own first. */
static void keep_apart(struct town *t)
{
    send_one(t, "a@one.example.com", "b@example.net");
    send_one(t, "a@two.example.com", "b@example.net");
    send_one(t, "a@one.example.com", "b@example.net");
    send_one(t, "a@two.example.com", "b@example.net");
    check_from(t, 0, "192.0.2.11\n192.0.2.12\n");
    CHECK_STR(buf_str(&t->egresses),
              "one 192.0.2.11\ntwo 192.0.2.12\none 192.0.2.11\ntwo 192.0.2.12\n", t->label);
}

TEST(outbound_egress_connections)
{
    struct town t = {.label = "a connection is one egress's",
                     .yaml = HEAD
                     "egress:\n"
                     "  one: { address: 192.0.2.11, dedicated_to: { senders: one.example.com } }\n"
                     "  two: { address: 192.0.2.12, dedicated_to: { senders: two.example.com } }\n"
                     "routes: mx\n",
                     .servers = {{.at = "192.0.2.1:25", .every = SERVER}},
                     .body = keep_apart};
    town_run(&t);
}

/* ---- health ------------------------------------------------------------------------------- */

static void set_out(struct town *t, const char *name, bool out)
{
    struct outbound_egress_state state = {
        .standing = out ? EGRESS_OUT : EGRESS_CLEAN, .out = out, .reason = "listed by bl.example"};
    outbound_egress_health_set(t->egress_health, str_of(name), &state);
}

static void move_or_wait(struct town *t)
{
    set_out(t, "out1", true);
    send_one(t, "a@x.example", "b@example.net");
    CHECK_STR(buf_str(&t->egresses), "out2 192.0.2.12\n", t->label);
    set_out(t, "out2", true);
    send_one(t, "a@x.example", "b@example.net");
    town_check_event(t, "every egress is out: out1 (listed by bl.example), out2");
    CHECK(town_messages(t) == 1, t->label);
    town_wait(t, 6LL * 24 * 3600 * 1000); /* it was not tried, so it is not given up */
    CHECK(town_messages(t) == 1, t->label);
    CHECK(town_count(t, "expired") == 0, t->label);
    set_out(t, "out1", false);
    town_wait(t, 3600 * 1000);
    CHECK_STR(buf_str(&t->egresses), "out2 192.0.2.12\nout1 192.0.2.11\n", t->label);
}

TEST(outbound_egress_out)
{
    struct town t = {.label = "one is out, then both, then one is back",
                     .yaml = HEAD
                     "egress: { out1: { address: 192.0.2.11 }, out2: { address: 192.0.2.12 } }\n"
                     "egress_pools: { both: { members: { out1: 1, out2: 1 } } }\n" ROUTE("both"),
                     .servers = {{.at = "192.0.2.1:25", .every = SERVER}},
                     .body = move_or_wait};
    town_run(&t);
}

/* Each event tells by which address that attempt went, whatever became of the address since. */
static void each_tells_its_own(struct town *t)
{
    set_out(t, "out2", true);
    send_one(t, "a@x.example", "b@example.net");
    town_wait(t, 60 * 1000);
    set_out(t, "out2", false);
    set_out(t, "out1", true);
    town_wait(t, 3600 * 1000);
    CHECK_STR(buf_str(&t->egresses), "out1 192.0.2.11\nout2 192.0.2.12\n", t->label);
    CHECK(town_messages(t) == 0, t->label);
}

/* So does one whose host never answered. */
static void silent_tells_too(struct town *t)
{
    struct address silent;
    CHECK_DONE(address_parse(S("192.0.2.3"), 25, &silent), t->label);
    sim_net_silence(&silent);
    set_out(t, "out2", true);
    send_one(t, "a@x.example", "b@x.example");
    town_wait(t, 60 * 1000);
    CHECK_STR(buf_str(&t->egresses), "out1 192.0.2.11\n", t->label);
}

TEST(outbound_egress_out_after_an_attempt)
{
    static const char *const greylists[] = {TOWN_GREET "S: 250 mx.example\n" TOWN_MAIL_OK
                                                       "C: RCPT TO:\nS: 451 4.7.1 Greylisted\n",
                                            SERVER, NULL};
    struct town t = {.label = "it goes out behind an attempt",
                     .yaml = HEAD
                     "egress: { out1: { address: 192.0.2.11 }, out2: { address: 192.0.2.12 } }\n"
                     "egress_pools: { both: { members: { out1: 1, out2: 1 } } }\n" ROUTE("both"),
                     .servers = {{.at = "192.0.2.1:25", .scripts = greylists}},
                     .body = each_tells_its_own};
    struct town silent = t;
    silent.body = silent_tells_too;
    town_run(&t);
    town_run(&silent);
}

/* ---- proxies ------------------------------------------------------------------------------ */

enum { HEADER_IP4_BYTES = 28 };

/* A proxy of either kind, that connects from an address of its own. */
struct proxy {
    struct town *town;
    struct net_listener *listener;
    struct group fibers;
    bool v2;
    int code; /* SOCKS5: answered instead of connecting */
    int asked;
    char header[HEADER_IP4_BYTES];
};

struct relay {
    struct net_conn *from, *to;
};

static err copy(struct relay *r)
{
    for (;;) {
        while (net_input(r->from).len == 0)
            TRY(net_fill(r->from, DEADLINE_NEVER));
        str input = net_input(r->from);
        TRY(net_write(r->to, input, DEADLINE_NEVER));
        net_consume(r->from, input.len);
        TRY(net_flush(r->to, DEADLINE_NEVER));
    }
}

static void copy_run(void *arg)
{
    err e = copy(arg);
    (void)e; /* the end of either side is the end of both */
}

static err await_bytes(struct net_conn *c, size_t count)
{
    while (net_input(c).len < count)
        TRY(net_fill(c, DEADLINE_NEVER));
    return NULL;
}

static err say_bytes(struct net_conn *c, str bytes)
{
    TRY(net_write(c, bytes, DEADLINE_NEVER));
    return net_flush(c, DEADLINE_NEVER);
}

/* The address that is asked for; family NONE: it was answered already. */
static err hear_target(struct proxy *p, struct net_conn *c, struct address *ret_to)
{
    size_t at = 4, len = 10;
    struct address to = {.family = ADDRESS_IP4};
    if (p->v2) {
        len = HEADER_IP4_BYTES;
        TRY(await_bytes(c, len));
        memcpy(p->header, net_input(c).ptr, len);
        at = 20;
    } else {
        TRY(await_bytes(c, 3));
        net_consume(c, 3);
        TRY(say_bytes(c, (str){"\5\0", 2}));
        TRY(await_bytes(c, len));
    }
    memcpy(to.ip, net_input(c).ptr + at, 4);
    to.port = 25;
    net_consume(c, len);
    if (!p->v2) {
        char reply[] = "\5\0\0\1\313\0\161\7\1\1"; /* from 203.0.113.7 */
        reply[1] = (char)p->code;
        TRY(say_bytes(c, (str){reply, 10}));
    }
    *ret_to = p->code ? (struct address){0} : to;
    return NULL;
}

static err serve_one(struct proxy *p, struct net_conn *c)
{
    struct address to, from;
    struct net_conn *there;
    struct group both;
    p->asked++;
    TRY(hear_target(p, c, &to));
    if (to.family == ADDRESS_NONE)
        return NULL;
    TRY(address_parse_ip(S("203.0.113.7"), &from));
    TRY(net_connect(&to, &from, &there, DEADLINE_NEVER));
    struct relay up = {c, there}, down = {there, c};
    group_init(&both);
    fiber_spawn(&both, "up", copy_run, &up);
    copy_run(&down);
    group_close(&both);
    net_close(there);
    return NULL;
}

static void proxy_run(void *arg)
{
    struct proxy *p = arg;
    struct net_conn *c;
    while (net_accept(p->listener, &c, DEADLINE_NEVER) == NULL) {
        err e = serve_one(p, c);
        (void)e;
        net_close(c);
        err_forget();
    }
}

static void open_proxy(struct town *t, struct proxy *p)
{
    struct address at;
    p->town = t;
    group_init(&p->fibers);
    CHECK_DONE(address_parse(S("127.0.0.1:1080"), 0, &at), t->label);
    CHECK_DONE(net_listen(&at, &p->listener), t->label);
    fiber_spawn(&p->fibers, "proxy", proxy_run, p);
}

static void close_proxy(struct proxy *p)
{
    town_stop(p->town, 0);
    group_close(&p->fibers);
    net_listener_close(p->listener);
}

static void go_by_socks(struct town *t)
{
    struct proxy p = {0};
    open_proxy(t, &p);
    send_one(t, "a@x.example", "b@example.net");
    check_from(t, 0, "203.0.113.7\n");
    check_heard(t, 0, "EHLO out1.example.com\n");
    CHECK_STR(buf_str(&t->egresses), "out1 203.0.113.7\n", t->label);
    close_proxy(&p);
}

static void go_by_header(struct town *t)
{
    static const char want[] = "\r\n\r\n\0\r\nQUIT\n\x21\x11\0\14\300\0\2\12\300\0\2\1\0\0\0\31";
    struct proxy p = {.v2 = true};
    open_proxy(t, &p);
    send_one(t, "a@x.example", "b@example.net");
    CHECK(memcmp(p.header, want, sizeof want - 1) == 0, t->label);
    CHECK_STR(buf_str(&t->egresses), "out1 192.0.2.10\n", t->label);
    close_proxy(&p);
}

/* The proxy is away: that is our trouble. No host is named, no attempt counted, the second MX is
 * not asked for. */
static void find_no_proxy(struct town *t)
{
    send_one(t, "a@x.example", "b@example.net");
    town_check_event(t, "deferred b@example.net 0 4.4.1   egress out1: the proxy "
                        "socks5://127.0.0.1:1080: connect: Connection refused|");
    CHECK(town_count(t, "deferred") == 1, t->label);
    town_wait(t, 6LL * 24 * 3600 * 1000);
    CHECK(town_messages(t) == 1, t->label);
}

/* The host is away, says the proxy: then it is the next host's turn, as without a proxy. */
static void find_no_host(struct town *t)
{
    struct proxy p = {.code = SOCKS_REFUSED};
    open_proxy(t, &p);
    send_one(t, "a@x.example", "b@example.net");
    town_check_event(t, "deferred b@example.net 0 4.4.1 mx2.example.net  connection refused, says "
                        "our proxy|");
    CHECK(p.asked == 2, "both hosts");
    close_proxy(&p);
}

static void be_forbidden(struct town *t)
{
    struct proxy p = {.code = SOCKS_NOT_ALLOWED};
    open_proxy(t, &p);
    send_one(t, "a@x.example", "b@example.net");
    town_check_event(t, "deferred b@example.net 0 4.4.1   egress out1: the proxy "
                        "socks5://127.0.0.1:1080 could not connect: not allowed by its rules|");
    CHECK(p.asked == 1, "the next host would fare no better");
    close_proxy(&p);
}

#define SOCKS                                                                                      \
    HEAD                                                                                           \
        "egress: { out1: { hello: out1.example.com, via: \"socks5://127.0.0.1:1080\" } }\n" ROUTE( \
            "out1")

TEST(outbound_egress_proxy)
{
    struct town towns[] = {
        {.label = "SOCKS5",
         .yaml = SOCKS,
         .servers = {{.at = "192.0.2.1:25", .every = SERVER}},
         .body = go_by_socks},
        {.label = "PROXY v2",
         .yaml = HEAD
         "egress: { out1: { address: 192.0.2.10, via: \"proxy://127.0.0.1:1080\" } }\n" ROUTE(
             "out1"),
         .servers = {{.at = "192.0.2.1:25", .every = SERVER}},
         .body = go_by_header},
        {.label = "the proxy is away",   .yaml = SOCKS,   .body = find_no_proxy   },
        {.label = "the host is away", .yaml = SOCKS,.body = find_no_host},
        {.label = "the proxy forbids it",  .yaml = SOCKS,    .body = be_forbidden    },
    };
    for (size_t i = 0; i < ARRAY_LEN(towns); i++)
        town_run(&towns[i]);
}

TEST(outbound_egress_connect_header)
{
    static const struct {
        const char *from, *to, *want;
        size_t len;
    } cases[] = {
        {"192.0.2.10",   "198.51.100.1", "\x21\x11\0\14\300\0\2\12\306\63\144\1\0\0\0\31", 28},
        {"2001:db8::10", "2001:db8::1",
         "\x21\x21\0\44\x20\1\xd\xb8\0\0\0\0\0\0\0\0\0\0\0\x10\x20\1\xd\xb8\0\0\0\0\0\0\0\0\0\0\0"
         "\1\0\0\0\31",                                                                    52},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct address from, to;
        uint8_t header[OUTBOUND_EGRESS_CONNECT_HEADER_BYTES];
        CHECK_DONE(address_parse_ip(str_of(cases[i].from), &from), cases[i].from);
        CHECK_DONE(address_parse_ip(str_of(cases[i].to), &to), cases[i].to);
        to.port = 25;
        size_t len = outbound_egress_connect_header(&from, &to, header);
        CHECK(len == cases[i].len, cases[i].from);
        CHECK(memcmp(header, "\r\n\r\n\0\r\nQUIT\n", 12) == 0, cases[i].from);
        CHECK(memcmp(header + 12, cases[i].want, len - 12) == 0, cases[i].from);
    }
}
