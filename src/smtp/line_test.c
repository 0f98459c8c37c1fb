#include "smtp/line.h"
#include "tests/test.h"

TEST(smtp_line_take)
{
    static const struct {
        const char *label, *input, *line, *left;
        enum smtp_line_event event;
    } cases[] = {
        {"a line",              "NOOP\r\nQUIT\r\n", "NOOP",         "QUIT\r\n",       SMTP_LINE_READY   },
        {"an empty one",        "\r\n",             "",             "",               SMTP_LINE_READY   },
        {"nothing",             "",                 "",             "",               SMTP_LINE_MORE    },
        {"not ended",           "NOOP",             "",             "NOOP",           SMTP_LINE_MORE    },
        {"half a CRLF",         "NOOP\r",           "",             "NOOP\r",         SMTP_LINE_MORE    },
        {"attack 7: bare LF",   "NOOP\nQUIT\r\n",   "",             "NOOP\nQUIT\r\n", SMTP_LINE_BARE    },
        {"attack 7: bare CR",   "NO\rOP\r\n",       "",             "NO\rOP\r\n",     SMTP_LINE_BARE    },
        {"attack 7: CR CRLF",   "NOOP\r\r\n",       "",             "NOOP\r\r\n",     SMTP_LINE_BARE    },
        {"attack 11: too long", "0123456789\r\nX",  "",             "X",              SMTP_LINE_TOO_LONG},
        {"exactly the limit",   "012345\r\n",       "012345",       "",               SMTP_LINE_READY   },
        {"one more",            "0123456\r\n",      "",             "",               SMTP_LINE_TOO_LONG},
        {"AUTH may be longer",  "auth 0123456\r\n", "auth 0123456", "",               SMTP_LINE_READY   },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct smtp_line_reader r = {0};
        str input = str_of(cases[i].input), line = {0};
        CHECK(smtp_line_take(&r, 8, &input, &line) == cases[i].event, cases[i].label);
        CHECK_STR(line, cases[i].line, cases[i].label);
        CHECK_STR(input, cases[i].left, cases[i].label);
    }
}

TEST(smtp_line_too_long) /* attack 11 */
{
    static char first[SMTP_LINE_BYTES_MAX];
    memset(first, 'x', sizeof first);
    struct smtp_line_reader r = {0};
    str line = {0}, input = {first, sizeof first};
    CHECK(smtp_line_take(&r, sizeof first, &input, &line) == SMTP_LINE_MORE, "is thrown away");
    CHECK(input.len == 0, "at once");
    for (int i = 0; i < 10000; i++) { /* a CR and a LF that end nothing */
        input = S("aaaa\n\raaaa");
        CHECK(smtp_line_take(&r, sizeof first, &input, &line) == SMTP_LINE_MORE, "goes on");
    }
    input = S("NOOP\r");
    CHECK(smtp_line_take(&r, sizeof first, &input, &line) == SMTP_LINE_MORE, "half its end");
    CHECK_STR(input, "\r", "is kept");
    input = S("\r\nQUIT\r\n");
    CHECK(smtp_line_take(&r, sizeof first, &input, &line) == SMTP_LINE_TOO_LONG, "reported once");
    CHECK(smtp_line_take(&r, sizeof first, &input, &line) == SMTP_LINE_READY, "the next line");
    CHECK_STR(line, "QUIT", "is read as ever");
}

TEST(smtp_line_endless)
{
    static char junk[4096];
    memset(junk, 'x', sizeof junk);
    struct smtp_line_reader r = {0};
    str line;
    enum smtp_line_event event = SMTP_LINE_MORE;
    int pieces = 0;
    while (event == SMTP_LINE_MORE && pieces++ < 1000) {
        str input = {junk, sizeof junk};
        event = smtp_line_take(&r, SMTP_LINE_BYTES_MAX, &input, &line);
    }
    CHECK(event == SMTP_LINE_ENDLESS, "a line has an end");
    CHECK(pieces == SMTP_LINE_DISCARD_BYTES_MAX / (int)sizeof junk + 1, "at its limit");
}
