/* The order of ports, and the memory of what worked where. */
#include "client/ports.h"
#include "config/value.h"
#include "runtime/file.h"
#include "runtime/sim.h"
#include "tests/test.h"

static void format(const struct client_port *ports, size_t count, char ret_text[64])
{
    size_t used = 0;
    ret_text[0] = '\0';
    for (size_t i = 0; i < count; i++)
        used += (size_t)snprintf(ret_text + used, 64 - used, "%s%d%s", i ? " " : "",
                                 ports[i].number, ports[i].implicit_tls ? "s" : "");
}

TEST(client_ports_order)
{
    static const struct {
        const char *url;
        bool security_first;
        uint16_t remembered;
        const char *order; /* s: TLS from the first byte */
    } cases[] = {
        {"smtp://mail.example",                   false, 0,    "587 465s 2525"},
        {"smtp://mail.example",                   true,  0,    "465s 587 2525"},
        {"smtp://mail.example",                   false, 2525, "2525 587 465s"},
        {"smtp://mail.example",                   false, 465,  "465s 587 2525"},
        {"smtp://mail.example",                   false, 587,  "587 465s 2525"},
        {"smtp://mail.example",                   false, 25,   "587 465s 2525"},
        {"smtp://mail.example",                   true,  2525, "465s 587 2525"},
        {"smtp://mail.example?tls=none",          false, 0,    "587 2525"     },
        {"smtp://mail.example?tls=none",          true,  465,  "587 2525"     },
        {"smtp://mail.example?tls=opportunistic", false, 0,    "587 465s 2525"},
        {"smtp://mail.example:25",                true,  0,    "25"           },
        {"smtp://mail.example:587",               true,  2525, "587"          },
        {"smtps://mail.example",                  false, 587,  "465s"         },
        {"smtps://mail.example:8465",             false, 0,    "8465s"        },
        {"lmtp://mail.example",                   false, 0,    "24"           },
        {"lmtp+unix:///run/lmtp",                 false, 0,    "0"            },
    };
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(1 << 20);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct config_hop hop;
        struct client_port ports[CLIENT_PORTS_MAX];
        char order[64];
        CHECK_DONE(config_value_hop(str_of(cases[i].url), arena, &hop), cases[i].url);
        size_t count =
            client_ports_order(&hop, cases[i].security_first, cases[i].remembered, ports);
        format(ports, count, order);
        CHECK(str_eq(str_of(order), str_of(cases[i].order)), cases[i].url);
    }
}

static void put(const char *text)
{
    CHECK_DONE(file_put("/ports", FILE_WRITE | FILE_CREATE, str_of(text)), "put");
}

static void run_memory(void *arg)
{
    (void)arg;
    struct client_ports *p = client_ports_open("/ports", S("net1"));
    CHECK(client_ports_of(p, S("mail.example")) == 0, "no file, no memory");
    client_ports_note(p, S("mail.example"), 465);
    client_ports_note(p, S("other.example"), 587);
    client_ports_note(p, S("mail.example"), 2525);
    CHECK_DONE(client_ports_save(p), "save");
    client_ports_close(p);

    p = client_ports_open("/ports", S("net1"));
    CHECK(client_ports_of(p, S("MAIL.example")) == 2525, "the last one counts");
    CHECK(client_ports_of(p, S("other.example")) == 587, "each host has its own");
    client_ports_close(p);
    p = client_ports_open("/ports", S("net2"));
    CHECK(client_ports_of(p, S("mail.example")) == 0, "another network knows nothing of it");
    for (int i = 0; i < 3 * CLIENT_PORTS_MEMORY_MAX; i++) {
        char host[32];
        snprintf(host, sizeof host, "h%d.example", i);
        client_ports_note(p, str_of(host), 587);
    }
    CHECK_DONE(client_ports_save(p), "save");
    client_ports_close(p);
    p = client_ports_open("/ports", S("net2"));
    CHECK(client_ports_of(p, S("h0.example")) == 0, "the oldest go");
    CHECK(client_ports_of(p, S("h599.example")) == 587, "the newest stay");
    client_ports_close(p);
}

static void run_damaged(void *arg)
{
    (void)arg;
    put("net1 old.example 587 1\nnet1 a.example 99999 99999\nnet1 b.example 587\nrubbish\n\n"
        "net1 c.example 465 99999\nnet1 d.example 0 99999\nnet1  587 99999\n");
    struct client_ports *p = client_ports_open("/ports", S("net1"));
    CHECK(client_ports_of(p, S("old.example")) == 0, "what is old is forgotten");
    CHECK(client_ports_of(p, S("a.example")) == 0, "no port");
    CHECK(client_ports_of(p, S("b.example")) == 0, "no day");
    CHECK(client_ports_of(p, S("c.example")) == 465, "a good line between bad ones");
    client_ports_close(p);
}

TEST(client_ports_memory)
{
    sim_run(1, run_memory, NULL);
    sim_run(1, run_damaged, NULL);
}

#define HEADING "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT\n"

TEST(client_ports_network)
{
    char home[CLIENT_PORTS_NETWORK_CHARS], again[CLIENT_PORTS_NETWORK_CHARS],
        office[CLIENT_PORTS_NETWORK_CHARS], none[CLIENT_PORTS_NETWORK_CHARS];
    client_ports_network_of(S(HEADING "wlan0\t00000000\t0101A8C0\t0003\t0\t0\t600\t00000000\t0\n"),
                            home);
    client_ports_network_of(S(HEADING "eth0\t00000000\t0101A8C0\t0003\t7\t9\t100\t00000000\t0\n"),
                            again);
    client_ports_network_of(S(HEADING "wlan0\t00000000\t010010AC\t0003\t0\t0\t600\t00000000\t0\n"),
                            office);
    client_ports_network_of(S(HEADING), none);
    CHECK(str_eq(str_of(home), str_of(again)), "the same network by cable");
    CHECK(!str_eq(str_of(home), str_of(office)), "another one");
    CHECK(str_eq(str_of(none), S("-")), "no network");
}
