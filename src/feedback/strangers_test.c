#include "feedback/strangers.h"
#include "tests/test.h"

#define HOUR_MS (3600LL * 1000)
#define NOW (1780000000000LL / HOUR_MS * HOUR_MS)

TEST(feedback_strangers_hour)
{
    struct feedback_strangers *s = feedback_strangers_open();
    int64_t count = 0;
    for (int i = 1; i < 5; i++)
        CHECK(!feedback_strangers_bounce(s, S("our.example"), 5, NOW, &count), "few");
    CHECK(!feedback_strangers_bounce(s, S("other.example"), 5, NOW, &count), "another domain's");
    CHECK(feedback_strangers_bounce(s, S("our.example"), 5, NOW, &count) && count == 5,
          "the fifth");
    CHECK(!feedback_strangers_bounce(s, S("our.example"), 5, NOW, &count), "told once");
    for (int i = 1; i < 5; i++)
        CHECK(!feedback_strangers_bounce(s, S("our.example"), 5, NOW + HOUR_MS, &count),
              "next hour");
    CHECK(feedback_strangers_bounce(s, S("our.example"), 5, NOW + HOUR_MS, &count), "told again");
    feedback_strangers_close(s);
}

TEST(feedback_strangers_logins)
{
    struct feedback_strangers *s = feedback_strangers_open();
    struct arena *arena = arena_open(1 << 20);
    for (int64_t h = 0; h < 24; h++) {
        feedback_strangers_sent(s, S("busy@our.example"), 1000, NOW + h * HOUR_MS);
        feedback_strangers_sent(s, S("calm@our.example"), 3, NOW + h * HOUR_MS);
    }
    int64_t now = NOW + 24 * HOUR_MS;
    feedback_strangers_sent(s, S("busy@our.example"), 1500, now);
    feedback_strangers_sent(s, S("new@our.example"), 99, now);
    str words = feedback_strangers_words(s, S("our.example"), now, arena);
    CHECK(str_contains(words, S("somebody forges our.example")), "nobody's volume is unusual");
    CHECK(str_contains(words, S("DMARC")), "what to do");
    feedback_strangers_sent(s, S("calm@our.example"), 400, now);
    words = feedback_strangers_words(s, S("our.example"), now, arena);
    CHECK(str_contains(words, S("calm@our.example (400 recipients in an hour)")), "named");
    CHECK(!str_contains(words, S("busy@")), "who always sends much is not");
    words = feedback_strangers_words(s, S("our.example"), now + 3 * HOUR_MS, arena);
    CHECK(str_contains(words, S("forges")), "it was hours ago");
    arena_close(arena);
    feedback_strangers_close(s);
}
