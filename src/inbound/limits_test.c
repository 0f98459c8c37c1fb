#include "inbound/limits.h"
#include "tests/test.h"

static struct address ip(const char *text)
{
    struct address a = {0};
    CHECK_DONE(address_parse_ip(str_of(text), &a), text);
    return a;
}

TEST(inbound_limits_enter)
{
    static const struct {
        const char *label, *ip;
        int64_t at_ms;
        bool leaves; /* at once */
        enum inbound_limit expected;
        int count; /* afterwards */
    } steps[] = {
        {"the first",                   "192.0.2.1",        1000,  false, INBOUND_OK,            1},
        {"the second",                  "192.0.2.1",        1000,  false, INBOUND_OK,            2},
        {"a third of one address",      "192.0.2.1",        1000,  false, INBOUND_TOO_MANY_HERE, 2},
        {"the same in IPv6 notation",   "::ffff:192.0.2.1", 1000,  false, INBOUND_TOO_MANY_HERE, 2},
        {"its neighbour",               "192.0.2.2",        1000,  false, INBOUND_OK,            3},
        {"loopback is one of all",      "127.0.0.1",        1000,  false, INBOUND_OK,            4},
        {"but has no limit of its own", "127.0.0.1",        1000,  true,  INBOUND_OK,            4},
        {"IPv6",                        "2001:db8::1",      1000,  true,  INBOUND_OK,            4},
        {"the same /64",                "2001:db8::2",      1000,  true,  INBOUND_OK,            4},
        {"the same /64 again",          "2001:db8::3",      1000,  true,  INBOUND_OK,            4},
        {"four a minute",               "2001:db8::4",      2000,  true,  INBOUND_OK,            4},
        {"five are too fast",           "2001:db8::5",      3000,  true,  INBOUND_TOO_FAST,      4},
        {"another /64",                 "2001:db8:0:1::1",  3000,  true,  INBOUND_OK,            4},
        {"the next minute",             "2001:db8::5",      60000, false, INBOUND_OK,            5},
        {"all are too many",            "198.51.100.1",     60000, false, INBOUND_TOO_MANY,      5},
        {"loopback, too",               "127.0.0.1",        60000, false, INBOUND_TOO_MANY,      5},
    };
    struct inbound_limits_rule rule = {.connections = 5, .per_address = 2, .rate_per_minute = 4};
    struct inbound_limits *l = inbound_limits_open();
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        struct address a = ip(steps[i].ip);
        enum inbound_limit verdict = inbound_limits_enter(l, &rule, &a, steps[i].at_ms);
        CHECK(verdict == steps[i].expected, steps[i].label);
        if (verdict == INBOUND_OK && steps[i].leaves)
            inbound_limits_leave(l, &a);
        CHECK(inbound_limits_count(l) == steps[i].count, steps[i].label);
    }
    inbound_limits_close(l);
}

/* However many addresses come, only so many are remembered, and none that is connected goes. */
TEST(inbound_limits_memory)
{
    struct inbound_limits_rule rule = {.per_address = 1, .rate_per_minute = 1};
    struct inbound_limits *l = inbound_limits_open();
    struct address stays = ip("192.0.2.1");
    CHECK(inbound_limits_enter(l, &rule, &stays, 0) == INBOUND_OK, "the one that stays");
    struct address a = ip("10.0.0.0");
    for (uint32_t i = 0; i < INBOUND_LIMITS_ADDRESSES_MAX + 1000; i++) {
        a.ip[1] = (uint8_t)(i >> 16), a.ip[2] = (uint8_t)(i >> 8), a.ip[3] = (uint8_t)i;
        if (inbound_limits_enter(l, &rule, &a, 0) == INBOUND_OK)
            inbound_limits_leave(l, &a);
    }
    CHECK(inbound_limits_enter(l, &rule, &a, 0) == INBOUND_TOO_FAST, "the last is remembered");
    a = ip("10.0.0.0");
    CHECK(inbound_limits_enter(l, &rule, &a, 0) == INBOUND_OK, "the first is forgotten");
    CHECK(inbound_limits_enter(l, &rule, &stays, 0) == INBOUND_TOO_MANY_HERE, "who is connected");
    CHECK(inbound_limits_count(l) == 2, "count");
    inbound_limits_close(l);
}
