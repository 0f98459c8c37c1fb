#include "config/config.h"
#include "tests/test.h"

enum { TEXT_BYTES_MAX = 1 << 20 };

static struct config *load(const char *text, struct buf *lines)
{
    struct config_errors errors;
    struct config *config = NULL;
    config_errors_init(&errors);
    err e = config_from_text(str_of(text), S("t"), &config, &errors);
    CHECK((e == NULL) == (errors.count == 0), text);
    CHECK_DONE(config_errors_print(&errors, lines), text);
    config_errors_release(&errors);
    err_forget();
    return config;
}

#define OUT1 "egress: { out1: { address: 192.0.2.10 } }\n"
#define LOGIN "accounts: { p: { user: u, secret: \"env:P\" } }\n"

TEST(config_egress_mistakes)
{
    static const struct {
        const char *text, *told; /* NULL: none */
    } cases[] = {
        {OUT1,                                                                                    NULL                              },
        {"egress: { a: { address: [192.0.2.1, \"2001:db8::1\"] } }",                              NULL                              },
        {"egress: { a: { address: [192.0.2.1, 192.0.2.2] } }",                                    "more than one IPv4 address"      },
        {"egress: { a: { address: [\"2001:db8::1\", \"2001:db8::2\"] } }",                        "more than one IPv6"              },
        {"egress: { a: { address: 0.0.0.0 } }",                                                   "is not an IP address such as"    },
        {"egress: { a: { address: 192.0.2.1:25 } }",                                              "is not an IP address such as"    },
        {"egress: { a: { address: 224.0.0.1 } }",                                                 "multicast"                       },
        {"egress: { a: { address: 192.0.2.1 }, b: { address: 192.0.2.1 } }",
         "egress \"a\" has the same address"                                                                                        },
        {"egress: { a: { address: 10.0.0.1, via: \"socks5://127.0.0.1:1080\" },"
         " b: { address: 10.0.0.1, via: \"socks5://127.0.0.1:1081\" } }",                NULL                              },
        {"egress: { a: { via: \"socks5://127.0.0.1:1080\" } }",                                   NULL                              },
        {"egress: { a: { via: \"socks5://proxy.example:1080\" } }",
         "is not an IP address with a port"                                                                                         },
        {"egress: { a: { via: \"socks5://127.0.0.1\" } }",                                        "is not an IP address with a port"},
        {"egress: { a: { via: \"socks5://me:hunter2@127.0.0.1:1\" } }",                           "name an account instead"         },
        {"egress: { a: { via: \"http://127.0.0.1:1\" } }",                                        "does not start with socks5:// or"},
        {"egress: { a: { via: \"proxy://127.0.0.1:1\" } }",                                       "give address"                    },
        {"egress: { a: { via: \"proxy://127.0.0.1:1\", address: 192.0.2.1 } }",                   NULL                              },
        {LOGIN "egress: { a: { account: p, via: \"socks5://127.0.0.1:1\" } }",                    NULL                              },
        {LOGIN "egress: { a: { account: q, via: \"socks5://127.0.0.1:1\" } }",                    "no account \"q\""                },
        {LOGIN "egress: { a: { account: p, via: \"socks5://192.0.2.7:1\" } }",                    "in clear"                        },
        {LOGIN "egress: { a: { account: p } }",                                                   "a login is for a SOCKS5 proxy"   },
        {LOGIN "egress: { a: { account: p, address: 192.0.2.1, via: \"proxy://127.0.0.1:1\" } }",
         "a login is for a SOCKS5 proxy"                                                                                            },
        {"egress: { default: { address: 192.0.2.1 } }",                                           NULL                              },
        {"egress: { default: { dedicated_to: { tenants: acme } } }",                              "is everybody's"                  },
        {"egress: { default: { dedicated_to: { senders: example.com } } }",                       "is everybody's"                  },
        {"egress: { a: { dedicated_to: { streams: "
         "[aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa] } } }",                    "longer than 48 bytes"            },
        {"egress: { a: { on_listed: stop } }",                                                    "is not pause or alert"           },
        {OUT1 "egress_pools: { p: { members: { out1: 3, default: 1 } } }",                        NULL                              },
        {OUT1 "egress_pools: { p: { members: { out1: { weight: 3 } } } }",                        NULL                              },
        {OUT1 "egress_pools: { p: { members: { out1: 101 } } }",                                  "101 is not between 0 and 100"    },
        {OUT1 "egress_pools: { p: { members: { out1: many } } }",                                 "members.out1"                    },
        {OUT1 "egress_pools: { p: { members: { out1: 0 } } }",                                    "no member with a weight"         },
        {OUT1 "egress_pools: { p: }",                                                             "no member with a weight"         },
        {OUT1 "egress_pools: { p: { members: { out2: 1 } } }",                                    "there is no egress \"out2\""     },
        {OUT1 "egress_pools: { out1: { members: { out1: 1 } } }",                                 "is an egress already"            },
        {OUT1 "egress_pools: { default: { members: { out1: 1 } } }",                              "is an egress already"            },
        {"egress_pools: { p: { members: { a: 1, b: 1, c: 1, d: 1, e: 1, f: 1, g: 1, h: 1, i: 1,"
         " j: 1, k: 1, l: 1, m: 1, n: 1, o: 1, q: 1 } } }",                              "more than 15 members"            },
        {"egress: { a: { dedicated_to: { tenants: acme } } }\n"
         "egress_pools: { p: { members: { a: 1 } } }",                                   "all members are dedicated"       },
        {OUT1 "routes: [{ to: \"*\", via: mx, egress: out1 }]",                                   NULL                              },
        {"routes: [{ to: \"*\", via: mx, egress: default }]",                                     NULL                              },
        {OUT1 "routes: [{ to: \"*\", via: mx, egress: out2 }]",                                   "no egress and no pool \"out2\""  },
        {"egress: { a: { dedicated_to: { tenants: acme } } }\n"
         "routes: [{ to: \"*\", via: mx, egress: a }]",                                  "is dedicated"                    },
        {OUT1 "routes: [{ to: \"*\", via: \"lmtp+unix:///run/l\", egress: out1 }]",               "Unix socket"                     },
        {"egress_watch: { dnsbl: [zen.example.org], every: 6h }",                                 NULL                              },
        {"egress_watch: { every: 1m }",                                                           "is not between"                  },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(buf_release) struct buf lines;
        buf_init(&lines, TEXT_BYTES_MAX);
        struct config *config = load(cases[i].text, &lines);
        CHECK((config != NULL) == (cases[i].told == NULL), cases[i].text);
        if (cases[i].told)
            CHECK(str_contains(buf_str(&lines), str_of(cases[i].told)), cases[i].text);
        CHECK(!str_contains(buf_str(&lines), S("hunter2")), "a secret is never repeated");
        config_close(config);
    }
}

static const char whole[] =
    "hostname: mail.example.com\n"
    "accounts: { proxy: { user: u, secret: \"env:PROXY\" } }\n"
    "egress:\n"
    "  out1: { address: [192.0.2.10, \"2001:db8::10\"], hello: out1.example.com,\n"
    "          dedicated_to: { tenants: [acme], streams: [news, receipts], senders: [Example.COM] "
    "},\n"
    "          on_listed: alert }\n"
    "  out2: { address: 192.0.2.11, via: \"socks5://127.0.0.1:1080\", account: proxy }\n"
    "  out3: { address: 192.0.2.12, via: \"proxy://[::1]:2626\" }\n"
    "egress_pools:\n"
    "  bulk: { members: { out2: 3, out3: }, overflow: next }\n"
    "egress_watch: { dnsbl: [zen.example.org, bl.example.net], every: 2h }\n"
    "routes: [{ to: \"*\", via: mx, egress: bulk }]\n";

static void check_whole(const struct config *c)
{
    const struct config_egress *out1 = config_egress_find(c, S("out1"));
    const struct config_egress_pool *bulk = config_egress_pool_find(c, S("bulk"));
    CHECK(c->egress_count == 3 && out1 && bulk, "all are there");
    CHECK(config_egress_find(c, S("out9")) == NULL, "no such egress");
    CHECK(out1->address_count == 2, "both families");
    CHECK_STR(out1->hello, "out1.example.com", "hello");
    CHECK_STR(c->egress[1].hello, "mail.example.com", "hello by default");
    CHECK(out1->stream_count == 2 && config_egress_is_dedicated(out1), "dedicated");
    CHECK_STR(out1->senders[0], "example.com", "a domain in lower case");
    CHECK(out1->on_listed == ON_LISTED_ALERT, "on_listed");
    CHECK(c->egress[1].on_listed == ON_LISTED_PAUSE, "on_listed by default");
    CHECK(c->egress[1].via->kind == PROXY_SOCKS5 && c->egress[1].via->address.port == 1080, "via");
    CHECK(c->egress[2].via->kind == PROXY_V2, "PROXY");
    CHECK(bulk->member_count == 2 && bulk->overflow == OVERFLOW_NEXT, "pool");
    CHECK(bulk->members[0].weight == 3 && bulk->members[1].weight == 1, "weights");
    CHECK(c->egress_watch.dnsbl_count == 2 && c->egress_watch.every_ms == 7200000, "watch");
    CHECK_STR(c->egress_default->name, "default", "it is always there");
    CHECK_STR(c->egress_default->hello, "mail.example.com", "with our name");
    CHECK(config_egress_find(c, S("default")) == c->egress_default, "and found");
}

TEST(config_egress_whole)
{
    CLEANUP(buf_release) struct buf lines, shown;
    buf_init(&lines, TEXT_BYTES_MAX);
    buf_init(&shown, TEXT_BYTES_MAX);
    struct config *first = load(whole, &lines);
    CHECK_STR(buf_str(&lines), "", "no mistake");
    if (first == NULL)
        return;
    check_whole(first);
    CHECK_DONE(config_show(first, false, &shown), "show");
    struct config *again = load(buf_chars(&shown), &lines);
    CHECK_STR(buf_str(&lines), "", "what is shown loads back");
    if (again)
        check_whole(again);
    config_close(first);
    config_close(again);
}
