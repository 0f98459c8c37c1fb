#include "runtime/address.h"
#include "tests/test.h"

TEST(address_parse)
{
    static const struct {
        const char *label, *input, *want; /* want NULL: ERR_CONFIG */
        int default_port;
    } cases[] = {
        {"IPv4",                       "192.0.2.1:25",               "192.0.2.1:25",     0 },
        {"IPv6",                       "[2001:db8::1]:25",           "[2001:db8::1]:25", 0 },
        {"any IPv6",                   "[::]:587",                   "[::]:587",         0 },
        {"long form",                  "[2001:0db8:0:0:0:0:0:1]:25", "[2001:db8::1]:25", 0 },
        {"mapped is IPv4",             "[::ffff:192.0.2.1]:25",      "192.0.2.1:25",     0 },
        {"unix",                       "unix:/run/x.sock",           "unix:/run/x.sock", 0 },
        {"default port",               "192.0.2.1",                  "192.0.2.1:25",     25},
        {"default port, IPv6",         "[::1]",                      "[::1]:25",         25},
        {"given port wins",            "192.0.2.1:26",               "192.0.2.1:26",     25},
        {"any port",                   "127.0.0.1:0",                "127.0.0.1:0",      0 },
        {"largest port",               "127.0.0.1:65535",            "127.0.0.1:65535",  0 },
        {"port missing",               "192.0.2.1",                  NULL,               0 },
        {"port missing, IPv6",         "[::1]",                      NULL,               0 },
        {"colon without a port",       "192.0.2.1:",                 NULL,               25},
        {"colon without a port, IPv6", "[::1]:",                     NULL,               25},
        {"port too large",             "192.0.2.1:65536",            NULL,               0 },
        {"port with a sign",           "192.0.2.1:+25",              NULL,               0 },
        {"port is a name",             "192.0.2.1:smtp",             NULL,               0 },
        {"IPv6 without brackets",      "2001:db8::1:25",             NULL,               0 },
        {"bracket left open",          "[::1:25",                    NULL,               0 },
        {"junk behind the bracket",    "[::1]25",                    NULL,               0 },
        {"empty brackets",             "[]:25",                      NULL,               0 },
        {"a name",                     "localhost:25",               NULL,               0 },
        {"three numbers",              "192.0.2:25",                 NULL,               0 },
        {"octal",                      "192.0.02.1:25",              NULL,               0 },
        {"above 255",                  "192.0.2.256:25",             NULL,               0 },
        {"a blank",                    " 192.0.2.1:25",              NULL,               0 },
        {"empty",                      "",                           NULL,               25},
        {"unix, relative",             "unix:x.sock",                NULL,               0 },
        {"unix, empty",                "unix:",                      NULL,               0 },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct address a = {.port = 7};
        char text[ADDRESS_CHARS] = "";
        err e = address_parse(str_of(cases[i].input), cases[i].default_port, &a);
        CHECK((e == NULL) == (cases[i].want != NULL), cases[i].label);
        CHECK(e == NULL || e->kind == ERR_CONFIG, cases[i].label);
        CHECK(e == NULL || (a.port == 7 && a.family == ADDRESS_NONE), cases[i].label);
        if (e == NULL)
            address_format(&a, text);
        CHECK_STR(str_of(text), cases[i].want ? cases[i].want : "", cases[i].label);
        err_forget();
    }
}

TEST(address_unix_path_length)
{
    struct address a;
    char text[5 + 108 + 1] = "unix:/";
    memset(text + 6, 'x', 106);
    CHECK_DONE(address_parse((str){text, 5 + 107}, 0, &a), "as long as the kernel takes");
    CHECK(address_parse((str){text, 5 + 108}, 0, &a) != NULL, "one more");
    CHECK(address_parse(S("unix:/a\0b"), 0, &a) != NULL, "a NUL inside");
}

TEST(address_parse_ip)
{
    static const struct {
        const char *label, *input, *want;
    } cases[] = {
        {"IPv4",         "192.0.2.1",                                         "192.0.2.1"  },
        {"IPv6",         "2001:DB8::1",                                       "2001:db8::1"},
        {"mapped",       "::ffff:10.0.0.1",                                   "10.0.0.1"   },
        {"with a port",  "192.0.2.1:25",                                      NULL         },
        {"brackets",     "[::1]",                                             NULL         },
        {"with a scope", "fe80::1%eth0",                                      NULL         },
        {"too long",     "1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa", NULL         },
        {"empty",        "",                                                  NULL         },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct address a;
        char text[ADDRESS_CHARS] = "";
        if (address_parse_ip(str_of(cases[i].input), &a) == NULL)
            address_format_ip(&a, text);
        CHECK_STR(str_of(text), cases[i].want ? cases[i].want : "", cases[i].label);
    }
}

TEST(network_holds)
{
    static const struct {
        const char *label, *network, *ip;
        bool holds;
    } cases[] = {
        {"first",                   "192.0.2.0/24",    "192.0.2.0",        true },
        {"last",                    "192.0.2.0/24",    "192.0.2.255",      true },
        {"behind",                  "192.0.2.0/24",    "192.0.3.0",        false},
        {"before",                  "192.0.2.0/24",    "192.0.1.255",      false},
        {"odd length",              "172.16.0.0/12",   "172.31.255.255",   true },
        {"odd length, behind",      "172.16.0.0/12",   "172.32.0.0",       false},
        {"one address",             "192.0.2.1",       "192.0.2.1",        true },
        {"one address, other",      "192.0.2.1/32",    "192.0.2.2",        false},
        {"all",                     "0.0.0.0/0",       "203.0.113.9",      true },
        {"all of IPv4 is not IPv6", "0.0.0.0/0",       "::1",              false},
        {"all of IPv6 is not IPv4", "::/0",            "127.0.0.1",        false},
        {"IPv6",                    "2001:db8::/33",   "2001:db8:7fff::1", true },
        {"IPv6, behind",            "2001:db8::/33",   "2001:db8:8000::1", false},
        {"mapped counts as IPv4",   "127.0.0.0/8",     "::ffff:127.0.0.1", true },
        {"mapped network",          "::ffff:10.1.2.3", "10.1.2.3",         true },
        {"one IPv6",                "::1/128",         "::1",              true },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct network n;
        struct address a;
        CHECK_DONE(network_parse(str_of(cases[i].network), &n), cases[i].label);
        CHECK_DONE(address_parse_ip(str_of(cases[i].ip), &a), cases[i].label);
        CHECK(network_holds(&n, &a) == cases[i].holds, cases[i].label);
    }
}

TEST(network_refused)
{
    static const char *const refused[] = {
        "192.0.2.1/24", /* bits behind the length: a typing error, and a wide one */
        "192.0.2.0/33",
        "2001:db8::/129",
        "192.0.2.0/",
        "192.0.2.0/-1",
        "192.0.2.0/24/1",
        "192.0.2.0/x",
        "example.com/24",
        "10/8",
        "",
        "/8",
        "unix:/x",
    };
    for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
        struct network n;
        err e = network_parse(str_of(refused[i]), &n);
        CHECK(e && e->kind == ERR_CONFIG, refused[i]);
        err_forget();
    }
}

TEST(address_kinds)
{
    static const struct {
        const char *ip;
        bool loopback, private, wildcard;
    } cases[] = {
        {"127.0.0.1",        true,  true,  false},
        {"127.255.255.254",  true,  true,  false},
        {"::1",              true,  true,  false},
        {"::ffff:127.0.0.1", true,  true,  false},
        {"10.0.0.1",         false, true,  false},
        {"172.16.0.1",       false, true,  false},
        {"172.32.0.1",       false, false, false},
        {"192.168.1.1",      false, true,  false},
        {"169.254.1.1",      false, true,  false},
        {"fd00::1",          false, true,  false},
        {"fe80::1",          false, true,  false},
        {"2001:db8::1",      false, false, false},
        {"203.0.113.1",      false, false, false},
        {"0.0.0.0",          false, false, true },
        {"::",               false, false, true },
        {"128.0.0.1",        false, false, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct address a;
        CHECK_DONE(address_parse_ip(str_of(cases[i].ip), &a), cases[i].ip);
        CHECK(address_is_loopback(&a) == cases[i].loopback, cases[i].ip);
        CHECK(address_is_private(&a) == cases[i].private, cases[i].ip);
        CHECK(address_is_wildcard(&a) == cases[i].wildcard, cases[i].ip);
    }
    struct address local;
    CHECK_DONE(address_parse(S("unix:/x"), 0, &local), "unix");
    CHECK(address_is_loopback(&local) && !address_is_wildcard(&local), "unix is local");
}

TEST(address_to_the_kernel_and_back)
{
    static const char *const texts[] = {"192.0.2.1:25", "[2001:db8::1]:65535", "127.0.0.1:0"};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct address a, back;
        struct sockaddr_storage kernel;
        char text[ADDRESS_CHARS];
        CHECK_DONE(address_parse(str_of(texts[i]), 0, &a), texts[i]);
        back = address_from_kernel(&kernel, address_to_kernel(&a, &kernel));
        address_format(&back, text);
        CHECK_STR(str_of(text), texts[i], texts[i]);
        CHECK(address_eq_ip(&a, &back), texts[i]);
    }
    struct sockaddr_in6 mapped = {.sin6_family = AF_INET6, .sin6_port = htons(25)};
    mapped.sin6_addr.s6_addr[10] = mapped.sin6_addr.s6_addr[11] = 0xff;
    mapped.sin6_addr.s6_addr[12] = 10;
    struct sockaddr_storage storage = {0};
    memcpy(&storage, &mapped, sizeof mapped);
    struct address a = address_from_kernel(&storage, sizeof mapped);
    char text[ADDRESS_CHARS];
    address_format(&a, text);
    CHECK_STR(str_of(text), "10.0.0.0:25", "a peer on a dual-stack socket");
}
