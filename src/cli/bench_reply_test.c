#include "cli/bench_reply.h"
#include "tests/test.h"

TEST(bench_reply_take)
{
    static const struct {
        const char *label, *input, *text, *left;
        enum bench_reply_event event;
        int code;
    } cases[] = {
        {"one line",          "250 ok\r\n",                   "ok", "",                   BENCH_REPLY_READY,  250},
        {"leaves the rest",   "250 a\r\n354 b\r\n",           "a",  "354 b\r\n",          BENCH_REPLY_READY,  250},
        {"several lines",     "250-a\r\n250-b\r\n250 c\r\nx", "c",  "x",                  BENCH_REPLY_READY,  250},
        {"no text",           "250\r\n",                      "",   "",                   BENCH_REPLY_READY,  250},
        {"nothing",           "",                             "",   "",                   BENCH_REPLY_MORE,   0  },
        {"half a line",       "25",                           "",   "25",                 BENCH_REPLY_MORE,   0  },
        {"not the last line", "250-a\r\n",                    "",   "250-a\r\n",          BENCH_REPLY_MORE,   0  },
        {"codes differ",      "250-a\r\n251 b\r\n",           "",   "250-a\r\n251 b\r\n", BENCH_REPLY_BROKEN, 0  },
        {"no code",           "hello\r\n",                    "",   "hello\r\n",          BENCH_REPLY_BROKEN, 0  },
        {"1xx",               "150 a\r\n",                    "",   "150 a\r\n",          BENCH_REPLY_BROKEN, 0  },
        {"an empty line",     "\r\n",                         "",   "\r\n",               BENCH_REPLY_BROKEN, 0  },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct bench_reply reply = {0};
        str input = str_of(cases[i].input);
        CHECK(bench_reply_take(&input, &reply) == cases[i].event, cases[i].label);
        CHECK(reply.code == cases[i].code, cases[i].label);
        CHECK_STR(reply.text, cases[i].text, cases[i].label);
        CHECK_STR(input, cases[i].left, cases[i].label);
    }
}

TEST(bench_reply_offers)
{
    static const struct {
        const char *label, *input, *keyword;
        bool offers;
    } cases[] = {
        {"in the middle",    "250-h\r\n250-PIPELINING\r\n250 X\r\n", "PIPELINING", true },
        {"last, other case", "250-h\r\n250 pipelining\r\n",          "PIPELINING", true },
        {"with parameters",  "250-h\r\n250 AUTH PLAIN\r\n",          "AUTH",       true },
        {"part of a word",   "250-h\r\n250 XPIPELINING\r\n",         "PIPELINING", false},
        {"not there",        "250 h\r\n",                            "STARTTLS",   false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct bench_reply reply;
        str input = str_of(cases[i].input);
        CHECK(bench_reply_take(&input, &reply) == BENCH_REPLY_READY, cases[i].label);
        CHECK(bench_reply_offers(&reply, str_of(cases[i].keyword)) == cases[i].offers,
              cases[i].label);
    }
}
