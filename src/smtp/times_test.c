#include "smtp/times.h"
#include "tests/test.h"

TEST(smtp_times_priority)
{
    static const struct {
        const char *input;
        int want; /* 99: refused */
    } cases[] = {
        {"0",   0 },
        {"9",   9 },
        {"-9",  -9},
        {"4",   4 },
        {"10",  99},
        {"-0",  99},
        {"+1",  99},
        {"01",  99},
        {"",    99},
        {"-",   99},
        {"x",   99},
        {"1.5", 99},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int8_t got = 99;
        bool done = smtp_times_read_priority(str_of(cases[i].input), &got);
        CHECK(done == (cases[i].want != 99), cases[i].input);
        CHECK(got == cases[i].want, cases[i].input);
    }
}

TEST(smtp_times_by)
{
    static const struct {
        const char *input;
        bool good;
        int64_t seconds;
        enum envelope_by mode;
        bool trace;
    } cases[] = {
        {"120;R",        true,  120,       BY_RETURN, false},
        {"120;nt",       true,  120,       BY_NOTIFY, true },
        {"+60;RT",       true,  60,        BY_RETURN, true },
        {"-60;N",        true,  -60,       BY_NOTIFY, false},
        {"0;N",          true,  0,         BY_NOTIFY, false},
        {"999999999;R",  true,  999999999, BY_RETURN, false},
        {"0;R",          false, 0,         BY_NOTIFY, false},
        {"-1;R",         false, 0,         BY_NOTIFY, false},
        {"1000000000;R", false, 0,         BY_NOTIFY, false},
        {"120",          false, 0,         BY_NOTIFY, false},
        {"120;",         false, 0,         BY_NOTIFY, false},
        {"120;T",        false, 0,         BY_NOTIFY, false},
        {"120;RTT",      false, 0,         BY_NOTIFY, false},
        {"120;RX",       false, 0,         BY_NOTIFY, false},
        {";R",           false, 0,         BY_NOTIFY, false},
        {"--1;N",        false, 0,         BY_NOTIFY, false},
        {"1 2;N",        false, 0,         BY_NOTIFY, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct smtp_times t = {0};
        bool done = smtp_times_read_by(str_of(cases[i].input), &t);
        CHECK(done == cases[i].good, cases[i].input);
        CHECK(t.by_seconds == cases[i].seconds, cases[i].input);
        CHECK(t.by_mode == cases[i].mode, cases[i].input);
        CHECK(t.by_trace == cases[i].trace, cases[i].input);
    }
}

TEST(smtp_times_hold)
{
    int64_t s = 0;
    CHECK(smtp_times_read_hold(S("3600"), &s) && s == 3600, "an hour");
    CHECK(!smtp_times_read_hold(S("0"), &s), "nothing");
    CHECK(!smtp_times_read_hold(S("-5"), &s), "negative");
    CHECK(!smtp_times_read_hold(S("1000000000"), &s), "ten digits");
    CHECK(!smtp_times_read_hold(S("1h"), &s), "a unit");
}

/* RFC 2852 section 4.1: what is passed on is what is left, and it never grows. */
TEST(smtp_times_write_by)
{
    static const struct {
        int64_t by_ms, now_ms;
        enum envelope_by mode;
        bool trace;
        const char *want;
    } cases[] = {
        {120000, 20000,                  BY_RETURN, false, "100;R"       },
        {120000, 20001,                  BY_RETURN, false, "99;R"        },
        {120000, 20000,                  BY_NOTIFY, true,  "100;NT"      },
        {20000,  20000,                  BY_NOTIFY, false, "0;N"         },
        {20000,  20001,                  BY_NOTIFY, false, "-1;N"        },
        {20000,  22000,                  BY_NOTIFY, false, "-2;N"        },
        {1,      INT64_C(2000000000000), BY_NOTIFY, false, "-999999999;N"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct envelope e = {
            .by_ms = cases[i].by_ms, .by_mode = cases[i].mode, .by_trace = cases[i].trace};
        char text[SMTP_TIMES_BY_BYTES];
        smtp_times_write_by(&e, cases[i].now_ms, text);
        CHECK_STR(str_of(text), cases[i].want, cases[i].want);
    }
}
