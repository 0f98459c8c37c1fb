#include "outcome/wait.h"
#include "tests/test.h"

TEST(outcome_words)
{
    static const struct {
        const char *label, *text, *pattern;
        bool found;
    } cases[] = {
        {"one after another",       "The mailbox is full",            "mailbox is full",      true },
        {"case and punctuation",    "MAILBOX-FULL!",                  "mailbox full",         true },
        {"a gap",                   "mailbox of bob at home is full", "mailbox ~ full",       true },
        {"no gap wanted",           "mailbox is full",                "mailbox full",         false},
        {"a gap that is too wide",  "mailbox a b c d e f g full",     "mailbox ~ full",       false},
        {"the widest gap",          "mailbox a b c d e f full",       "mailbox ~ full",       true },
        {"choices",                 "account full",                   "mailbox|account full", true },
        {"a beginning",             "it was greylisted",              "grey*",                true },
        {"not a beginning",         "agreylist",                      "grey*",                false},
        {"apostrophes",             "user doesn't exist",             "doesnt exist",         true },
        {"typographic ones",        "user doesn\xE2\x80\x99t exist",  "doesnt exist",         true },
        {"an address says nothing", "<no-such-user@example.net>: ok", "no such user",         false},
        {"an address is a word",    "<bob@example.net> unknown",      "@ unknown",            true },
        {"quoted address",          "'no-user@example.net' there",    "no user",              false},
        {"at the end of all",       "address rejected.",              "address rejected $",   true },
        {"not at the end of all",   "address rejected, sorry",        "address rejected $",   false},
        {"only at the end",         "full",                           "mailbox full",         false},
        {"pattern longer",          "mailbox",                        "mailbox ~ full",       false},
        {"empty text",              "",                               "full",                 false},
        {"other scripts",           "\xE6\xBA\x80\xE6\x9D\xAF full",  "full",                 true },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(arena_cleanup) struct arena *arena = arena_open(1 << 20);
        struct outcome_words words = outcome_words_of(str_of(cases[i].text), arena);
        CHECK(outcome_words_have(&words, cases[i].pattern) == cases[i].found, cases[i].label);
    }
}

TEST(outcome_wait)
{
    static const struct {
        const char *text;
        uint32_t seconds;
    } cases[] = {
        {"Greylisted for 300 seconds",                                  300 },
        {"Greylisting in action, please come back in 00:05:00",         300 },
        {"Greylisting in action, please come back in 01:00:30",         3630},
        {"please come back in 00:05",                                   0   },
        {"try again later, 2026 11 21 00:05:00 is the time here at mx", 0   },
        {"please try again in 5 minutes",                               300 },
        {"Greylisted, please try again after 00 seconds",               0   },
        {"retry in 1 hour",                                             3600},
        {"wait 30s",                                                    30  },
        {"try again later, in 10 min",                                  600 },
        {"come back in 2 days",                                         0   },
        {"too many messages in 60 seconds",                             0   },
        {"could not be delivered for 5 days",                           0   },
        {"try again when you have fewer than 10 connections",           0   },
        {"retry in 99999999999999999999 seconds",                       0   },
        {"try again",                                                   0   },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(arena_cleanup) struct arena *arena = arena_open(1 << 20);
        struct outcome_words words = outcome_words_of(str_of(cases[i].text), arena);
        CHECK(outcome_wait_of(&words) == cases[i].seconds, cases[i].text);
    }
}
