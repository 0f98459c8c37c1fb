#include "account/throttle.h"
#include "tests/test.h"
#include <stdio.h>

static struct address ip(const char *text)
{
    struct address a = {0};
    CHECK_DONE(address_parse_ip(str_of(text), &a), text);
    return a;
}

static struct account_throttle_answer attempt(struct account_throttle *t, const char *from,
                                              const char *user,
                                              enum account_throttle_outcome outcome, int64_t now_ms)
{
    struct address a = ip(from);
    struct account_throttle_answer answer = account_throttle_begin(t, &a, str_of(user), now_ms);
    if (!answer.refused)
        account_throttle_end(t, &a, str_of(user), outcome, now_ms);
    return answer;
}

TEST(account_throttle_attack_76)
{
    const enum account_throttle_outcome wrong = ACCOUNT_THROTTLE_WRONG,
                                        right = ACCOUNT_THROTTLE_RIGHT;
    struct account_throttle *t = account_throttle_open(20, 1000);
    int64_t last = 0;
    for (int i = 0; i < 20; i++) {
        struct account_throttle_answer a = attempt(t, "192.0.2.1", "bob", wrong, 1000);
        CHECK(!a.refused, "the first twenty are checked");
        CHECK(a.delay_ms >= last, "the delay grows");
        CHECK(i > 2 || a.delay_ms == 0, "fingers slip");
        last = a.delay_ms;
    }
    CHECK(last == ACCOUNT_THROTTLE_DELAY_MS_MAX, "the delay has a limit");
    CHECK(attempt(t, "192.0.2.1", "bob", right, 1000).refused, "454 4.7.0");
    CHECK(attempt(t, "192.0.2.1", "amy", right, 1000).refused, "whoever it asks for");

    struct account_throttle_answer clean = attempt(t, "192.0.2.2", "BOB", right, 1000);
    CHECK(!clean.refused, "no lock-out");
    CHECK(clean.delay_ms == 0, "no delay for a clean address");
    CHECK(!attempt(t, "192.0.2.3", "bob", wrong, 1000).refused, "one try from a fresh address");
    CHECK(attempt(t, "192.0.2.3", "bob", wrong, 1000).refused, "and no second one");
    CHECK(!attempt(t, "192.0.2.3", "amy", right, 1000).refused, "but for other accounts");

    CHECK(attempt(t, "192.0.2.1", "bob", right, 2000).refused, "a second later");
    CHECK(!attempt(t, "192.0.2.1", "bob", right, 70000).refused, "a minute later");
    account_throttle_close(t);
}

TEST(account_throttle_ip6_networks)
{
    struct account_throttle *t = account_throttle_open(3, 1000);
    char text[64];
    for (int i = 0; i < 3; i++) {
        snprintf(text, sizeof text, "2001:db8::%d", i + 1);
        CHECK(!attempt(t, text, "bob", ACCOUNT_THROTTLE_WRONG, 0).refused, "one /64");
    }
    CHECK(attempt(t, "2001:db8::ffff", "amy", ACCOUNT_THROTTLE_RIGHT, 0).refused, "the same /64");
    CHECK(!attempt(t, "2001:db8:0:1::1", "amy", ACCOUNT_THROTTLE_RIGHT, 0).refused, "the next /64");
    account_throttle_close(t);
}

TEST(account_throttle_parallel)
{
    struct account_throttle *t = account_throttle_open(5, 1000);
    struct address a = ip("192.0.2.1");
    int begun = 0;
    while (begun < 100 && !account_throttle_begin(t, &a, S("bob"), 0).refused)
        begun++;
    CHECK(begun == 5, "logins under way count");
    for (int i = 0; i < begun; i++)
        account_throttle_end(t, &a, S("bob"), ACCOUNT_THROTTLE_UNKNOWN, 0);
    CHECK(account_throttle_entries(t) == 0, "what nobody could tell leaves nothing behind");
    CHECK(!account_throttle_begin(t, &a, S("bob"), 0).refused, "and is no failure");
    account_throttle_close(t);
}

TEST(account_throttle_memory)
{
    struct account_throttle *t = account_throttle_open(20, 64);
    char from[64], user[32];
    for (int i = 0; i < 10000; i++) {
        snprintf(from, sizeof from, "10.%d.%d.1", i >> 8 & 255, i & 255);
        snprintf(user, sizeof user, "u%d", i);
        attempt(t, from, user, ACCOUNT_THROTTLE_WRONG, i);
        if (account_throttle_entries(t) > 64)
            CHECK(false, "bounded");
    }
    account_throttle_close(t);
}
