#include "tests/test.h"
#include "tlspolicy/target.h"

/* Attacks 167 and 169: addresses that a stranger's DNS must not send us to. Numbers written in
 * other ways (attack 168) are no addresses here: names come from the DNS, and it has bytes. */
TEST(tlspolicy_target_addresses)
{
    static const struct {
        const char *ip;
        bool is_public;
    } cases[] = {
        {"8.8.8.8",              true },
        {"1.1.1.1",              true },
        {"172.15.255.255",       true },
        {"172.32.0.0",           true },
        {"100.63.255.255",       true },
        {"100.128.0.0",          true },
        {"0.0.0.0",              false},
        {"0.1.2.3",              false},
        {"10.0.0.1",             false},
        {"100.64.0.1",           false},
        {"100.127.255.255",      false},
        {"127.0.0.1",            false},
        {"127.255.255.254",      false},
        {"169.254.169.254",      false},
        {"172.16.0.1",           false},
        {"172.31.255.255",       false},
        {"192.0.0.1",            false},
        {"192.0.2.1",            false},
        {"192.88.99.1",          false},
        {"192.168.1.1",          false},
        {"198.18.0.1",           false},
        {"198.51.100.1",         false},
        {"203.0.113.1",          false},
        {"224.0.0.1",            false},
        {"240.0.0.1",            false},
        {"255.255.255.255",      false},
        {"2001:4860:4860::8888", true },
        {"2a00::1",              true },
        {"::",                   false},
        {"::1",                  false},
        {"::127.0.0.1",          false},
        {"::8.8.8.8",            false},
        {"::ffff:127.0.0.1",     false},
        {"::ffff:10.0.0.1",      false},
        {"::ffff:8.8.8.8",       true },
        {"64:ff9b::7f00:1",      false},
        {"64:ff9b::a00:1",       false},
        {"64:ff9b::808:808",     true },
        {"64:ff9b:1::808:808",   false},
        {"100::1",               false},
        {"2001::1",              false},
        {"2001:db8::1",          false},
        {"2002:7f00:1::",        false},
        {"2002:808:808::1",      false},
        {"3fff::1",              false},
        {"fc00::1",              false},
        {"fdff::1",              false},
        {"fe80::1",              false},
        {"fec0::1",              false},
        {"ff02::1",              false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct address a;
        CHECK_DONE(address_parse_ip(str_of(cases[i].ip), &a), cases[i].ip);
        CHECK(tlspolicy_target_is_public(&a) == cases[i].is_public, cases[i].ip);
    }
    struct address local = {.family = ADDRESS_UNIX};
    CHECK(!tlspolicy_target_is_public(&local), "a Unix socket");
}

/* Attack 170: one that is private among public ones. */
TEST(tlspolicy_target_mixed)
{
    struct address both[2];
    CHECK_DONE(address_parse_ip(S("8.8.8.8"), &both[0]), "public");
    CHECK_DONE(address_parse_ip(S("10.0.0.1"), &both[1]), "private");
    CHECK(tlspolicy_target_all_public(both, 1), "the public one");
    CHECK(!tlspolicy_target_all_public(both, 2), "both");
    CHECK(!tlspolicy_target_all_public(both, 0), "none");
}
