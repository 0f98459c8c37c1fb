#include "base/clock.h"
#include "tests/test.h"

static int64_t fake_ms;
static int64_t fake_steady_ns(void) { return fake_ms * 1000000; }
static int64_t fake_real_ms(void) { return 1000 + fake_ms; }
static const struct clock_source fake = {fake_steady_ns, fake_real_ms};

TEST(clock_deadlines)
{
    clock_use(&fake);
    fake_ms = 5000;
    deadline until = deadline_after(100), never = DEADLINE_NEVER;
    CHECK(!deadline_passed(until) && deadline_left_ms(until) == 100, "all of it is left");
    fake_ms = 5099;
    CHECK(deadline_left_ms(until) == 1, "one left");
    fake_ms = 5100;
    CHECK(deadline_passed(until) && deadline_left_ms(until) == 0, "at the moment itself");
    fake_ms = 9999;
    CHECK(deadline_left_ms(until) == 0, "never below zero");
    CHECK(!deadline_passed(never) && deadline_left_ms(never) == INT64_MAX, "never");
    CHECK(!deadline_passed(deadline_after(INT64_MAX)), "too far to say is never");
    CHECK(deadline_passed(deadline_after(0)) && deadline_passed(deadline_after(-5)), "no time");
    CHECK(deadline_sooner(until, never).at_ms == until.at_ms, "sooner");
    CHECK(clock_real_ms() == 1000 + 9999, "the source's dates");
    clock_use(NULL);
    CHECK(clock_real_ms() > 1700000000000, "the system's again");
    int64_t before = clock_steady_ns();
    CHECK(clock_steady_ns() >= before, "does not go back");
}

TEST(clock_dates)
{
    static const struct {
        const char *label;
        int64_t real_ms;
        const char *rfc5322, *rfc3339;
    } cases[] = {
        {"epoch",          0,             "Thu, 01 Jan 1970 00:00:00 +0000", "1970-01-01T00:00:00.000Z"},
        {"milliseconds",   1795250896123, "Sat, 21 Nov 2026 08:48:16 +0000",
         "2026-11-21T08:48:16.123Z"                                                                    },
        {"leap day",       1709164800000, "Thu, 29 Feb 2024 00:00:00 +0000", "2024-02-29T00:00:00.000Z"},
        {"last of a year", 1798761599999, "Thu, 31 Dec 2026 23:59:59 +0000",
         "2026-12-31T23:59:59.999Z"                                                                    },
        {"before 1970",    -1,            "Wed, 31 Dec 1969 23:59:59 +0000", "1969-12-31T23:59:59.999Z"},
        {"beyond 2038",    4102444800000, "Fri, 01 Jan 2100 00:00:00 +0000",
         "2100-01-01T00:00:00.000Z"                                                                    },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char mail[CLOCK_RFC5322_BYTES], log[CLOCK_RFC3339_BYTES];
        clock_rfc5322(cases[i].real_ms, mail);
        clock_rfc3339(cases[i].real_ms, log);
        CHECK_STR(str_of(mail), cases[i].rfc5322, cases[i].label);
        CHECK_STR(str_of(log), cases[i].rfc3339, cases[i].label);
    }
}
