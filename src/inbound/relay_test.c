#include "config/text_test.h"
#include "inbound/relay.h"
#include "tests/test.h"

static const char yaml[] = "hostname: mail.our.example\n"
                           "relay: { trusted: [127.0.0.0/8, 192.0.2.0/24] }\n"
                           "domains:\n"
                           "  our.example:\n"
                           "    deliver: \"lmtp://127.0.0.1:24\"\n"
                           "    recipients: [bob, alice@our.example]\n"
                           "  asked.example:\n"
                           "    deliver: \"lmtp://127.0.0.1:24\"\n"
                           "  sends.example: {}\n";

static struct config *load(void) { return config_text_test(str_of(yaml)); }

enum { UNPARSED = 100 };

static int judge(const struct config *c, const struct inbound_relay_peer *peer, const char *path)
{
    struct arena *arena = arena_open(1 << 20);
    struct smtp_path to;
    str input = str_of(path);
    int verdict = UNPARSED;
    if (smtp_path_parse(&input, SMTP_PATH_FORWARD, false, arena, &to) == NULL && input.len == 0)
        verdict = (int)inbound_relay_judge(c, peer, &to);
    arena_close(arena);
    return verdict;
}

static const struct {
    const char *label, *path;
    int stranger; /* what all but the logged-in and the trusted hear */
    int friend;
} cases[] = {
    {"ours",                        "<bob@our.example>",                       INBOUND_RELAY_OWN,     INBOUND_RELAY_OWN    },
    {"ours, in capitals",           "<BOB@OUR.EXAMPLE>",                       INBOUND_RELAY_OWN,     INBOUND_RELAY_OWN    },
    {"attack 59",                   "<bob@our.example.>",                      INBOUND_RELAY_OWN,     INBOUND_RELAY_OWN    },
    {"attack 60",                   "<\"b\\ob\"@our.example>",                 INBOUND_RELAY_OWN,     INBOUND_RELAY_OWN    },
    {"a whole address is listed",   "<alice@our.example>",                     INBOUND_RELAY_OWN,     INBOUND_RELAY_OWN    },
    {"unknown",                     "<eve@our.example>",                       INBOUND_RELAY_UNKNOWN, INBOUND_RELAY_UNKNOWN},
    {"postmaster is there",         "<Postmaster@our.example>",                INBOUND_RELAY_OWN,     INBOUND_RELAY_OWN    },
    {"abuse is there",              "<abuse@asked.example>",                   INBOUND_RELAY_OWN,     INBOUND_RELAY_OWN    },
    {"asked",                       "<eve@asked.example>",                     INBOUND_RELAY_ASK,     INBOUND_RELAY_ASK    },
    {"a sending domain takes none", "<bob@sends.example>",                     INBOUND_RELAY_DENIED,
     INBOUND_RELAY_AWAY                                                                                                    },
    {"attack 42",                   "<${run{/bin/sh}}@our.example>",           INBOUND_RELAY_UNKNOWN, INBOUND_RELAY_UNKNOWN},
    {"attack 54",                   "<\"victim@evil.example x\"@our.example>", INBOUND_RELAY_UNKNOWN,
     INBOUND_RELAY_UNKNOWN                                                                                                 },
    {"attack 56",                   "<=?utf-8?q?a=40evil?=@our.example>",      INBOUND_RELAY_UNKNOWN,
     INBOUND_RELAY_UNKNOWN                                                                                                 },
    {"attack 61",                   "<v@remote.example>",                      INBOUND_RELAY_DENIED,  INBOUND_RELAY_AWAY   },
    {"attack 62",                   "<v%remote.example@our.example>",          INBOUND_RELAY_UNKNOWN, INBOUND_RELAY_UNKNOWN},
    {"attack 63",                   "<@our.example:v@remote.example>",         INBOUND_RELAY_DENIED,  INBOUND_RELAY_AWAY   },
    {"attack 64",                   "<remote.example!v@our.example>",          INBOUND_RELAY_UNKNOWN, INBOUND_RELAY_UNKNOWN},
    {"attack 65",                   "<remote.example!v>",                      UNPARSED,              UNPARSED             },
    {"attack 66",                   "<\"v@remote.example\">",                  UNPARSED,              UNPARSED             },
    {"attack 67",                   "<\"v@remote.example\"@our.example>",      INBOUND_RELAY_UNKNOWN,
     INBOUND_RELAY_UNKNOWN                                                                                                 },
    {"attack 68",                   "<v@remote.example@our.example>",          UNPARSED,              UNPARSED             },
    {"attack 69: loopback",         "<v@[127.0.0.1]>",                         INBOUND_RELAY_DENIED,  INBOUND_RELAY_AWAY   },
    {"attack 69: our address",      "<v@[192.0.2.1]>",                         INBOUND_RELAY_DENIED,  INBOUND_RELAY_AWAY   },
    {"attack 69: localhost",        "<v@localhost>",                           INBOUND_RELAY_DENIED,  INBOUND_RELAY_AWAY   },
    {"attack 69: IPv6",             "<v@[IPv6:::1]>",                          INBOUND_RELAY_DENIED,  INBOUND_RELAY_AWAY   },
};

/* Attacks 70 and 71 follow: neither the sender nor ORCPT is asked for. */
TEST(inbound_relay_judge)
{
    static const struct {
        struct inbound_relay_peer peer;
        bool friend;
    } peers[] = {
        {{ROLE_MX, false, false},         false},
        {{ROLE_MX, false, true},          false}, /* a trusted network widens no MX */
        {{ROLE_MX, true, false},          false},
        {{ROLE_SUBMISSION, false, false}, false},
        {{ROLE_SUBMISSION, false, true},  false}, /* submission is for logins only */
        {{ROLE_SUBMISSION, true, false},  true },
        {{ROLE_RELAY, false, false},      false},
        {{ROLE_RELAY, true, false},       false},
        {{ROLE_RELAY, false, true},       true },
    };
    struct config *c = load();
    for (size_t p = 0; c && p < ARRAY_LEN(peers); p++) {
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
            char label[120];
            snprintf(label, sizeof label, "peer %zu: %s", p, cases[i].label);
            int expected = peers[p].friend ? cases[i].friend : cases[i].stranger;
            CHECK(judge(c, &peers[p].peer, cases[i].path) == expected, label);
        }
    }
    config_close(c);
}

TEST(inbound_relay_trusted)
{
    static const struct {
        const char *ip;
        bool trusted;
    } addresses[] = {
        {"127.0.0.1",        true },
        {"192.0.2.255",      true },
        {"::ffff:192.0.2.7", true },
        {"192.0.3.0",        false},
        {"::1",              false},
        {"2001:db8::1",      false},
    };
    struct config *c = load();
    for (size_t i = 0; c && i < ARRAY_LEN(addresses); i++) {
        struct address a;
        CHECK_DONE(address_parse_ip(str_of(addresses[i].ip), &a), addresses[i].ip);
        CHECK(inbound_relay_trusted(c, &a) == addresses[i].trusted, addresses[i].ip);
    }
    config_close(c);
}
