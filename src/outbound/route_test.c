#include "config/text_test.h"
#include "outbound/pool.h"
#include "outbound/route.h"
#include "tests/test.h"

static const char yaml[] =
    "hostname: mail.example.com\n"
    "domains:\n"
    "  example.com: { deliver: \"lmtp://127.0.0.1:24\" }\n"
    "  sending.example:\n"
    "routes:\n"
    "  - { to: \"boss@partner.example\", via: [\"smtp://boss.example\"], name: boss }\n"
    "  - { to: \"partner.example\", via: mx }\n"
    "  - { to: \"*.partner.example\", via: [\"smtp://a.example\", "
    "\"smtp://b.example\"], account: relay }\n"
    "  - { to: \"*\", via: [\"smtps://relay.example\"], name: all }\n"
    "accounts: { relay: { user: u, secret: \"env:RELAY\" } }\n";

static const struct config *load(const char *text) { return config_text_test(str_of(text)); }

TEST(outbound_route_find)
{
    static const struct {
        const char *address, *destination;
        enum outbound_route_kind kind;
        const char *hop, *account;
    } cases[] = {
        {"bob@example.com",         "example.com",     OUTBOUND_ROUTE_HOPS, "lmtp://127.0.0.1:24",   ""     },
        {"bob@sending.example",     "route:all",       OUTBOUND_ROUTE_HOPS, "smtps://relay.example", ""     },
        {"boss@partner.example",    "route:boss",      OUTBOUND_ROUTE_HOPS, "smtp://boss.example",   ""     },
        {"BOSS@partner.example",    "route:boss",      OUTBOUND_ROUTE_HOPS, "smtp://boss.example",   ""     },
        {"bob@partner.example",     "partner.example", OUTBOUND_ROUTE_MX,   "",                      ""     },
        {"bob@x.partner.example",   "route:3",         OUTBOUND_ROUTE_HOPS, "smtp://a.example",      "relay"},
        {"bob@y.x.partner.example", "route:3",         OUTBOUND_ROUTE_HOPS, "smtp://a.example",      "relay"},
        {"bob@notpartner.example",  "route:all",       OUTBOUND_ROUTE_HOPS, "smtps://relay.example", ""     },
        {"bob@[192.0.2.1]",         "route:all",       OUTBOUND_ROUTE_HOPS, "smtps://relay.example", ""     },
        {"a@b@example.com",         "example.com",     OUTBOUND_ROUTE_HOPS, "lmtp://127.0.0.1:24",   ""     },
        {"postmaster",              "route:all",       OUTBOUND_ROUTE_HOPS, "smtps://relay.example", ""     },
    };
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(1 << 20);
    const struct config *c = load(yaml);
    for (size_t i = 0; c && i < ARRAY_LEN(cases); i++) {
        struct outbound_route r;
        outbound_route_find(c, str_of(cases[i].address), &r);
        CHECK(r.kind == cases[i].kind, cases[i].address);
        CHECK_STR(outbound_route_destination(c, str_of(cases[i].address), NULL, arena),
                  cases[i].destination, cases[i].address);
        CHECK_STR(r.hop_count ? r.hops[0].url : (str){0}, cases[i].hop, cases[i].address);
        const struct config_account *login = r.hop_count ? r.hops[0].login : NULL;
        CHECK_STR(login ? login->name : (str){0}, cases[i].account, cases[i].address);
    }
    config_close(c);
}

/* Two providers of one route, each with its own login: a connection of one is not the other's. */
TEST(outbound_route_of_accounts)
{
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(1 << 20);
    const struct config *c = load("hostname: mail.example.com\n"
                                  "accounts:\n"
                                  "  g: { user: a@gmail.com, secret: \"env:G\", preset: gmail }\n"
                                  "  s: { user: apikey, secret: \"env:S\", preset: sendgrid }\n"
                                  "routes:\n"
                                  "  - { to: \"*\", via: [\"account:g\", \"account:s\"] }\n");
    struct outbound_route r;
    outbound_route_find(c, S("bob@example.net"), &r);
    CHECK(r.hop_count == 5, "two ports and three");
    CHECK_STR(r.hops[1].url, "smtps://smtp.gmail.com:465", "in order");
    CHECK_STR(r.hops[2].login->name, "s", "its own login");
    CHECK(r.hops[1].way == 0 && r.hops[2].way == 1, "ways as written");
    str key = outbound_pool_key(&r, S(""), NULL, arena);
    CHECK(str_contains(key, S("smtp://smtp.gmail.com:587 as a@gmail.com env:G")), "the one");
    CHECK(str_contains(key, S("smtp://smtp.sendgrid.net:587 as apikey env:S")), "the other");
    config_close(c);
}

TEST(outbound_route_without_routes)
{
    struct outbound_route a, b;
    const struct config *none = load("hostname: mail.example.com\n");
    outbound_route_find(none, S("bob@example.net"), &a);
    CHECK(a.kind == OUTBOUND_ROUTE_NONE, "nothing said: it waits");
    config_close(none);
    const struct config *mx = load("hostname: mail.example.com\nroutes: mx\n");
    outbound_route_find(mx, S("bob@example.net"), &a);
    CHECK(a.kind == OUTBOUND_ROUTE_MX, "routes: mx");
    CHECK_STR(a.domain, "example.net", "routes: mx");
    outbound_route_find(mx, S("al@EXAMPLE.net"), &b);
    CHECK(outbound_route_same(&a, &b), "one domain, one way");
    outbound_route_find(mx, S("al@example.org"), &b);
    CHECK(!outbound_route_same(&a, &b), "two domains, two ways");
    config_close(mx);
}
