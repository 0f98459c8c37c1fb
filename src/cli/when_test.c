#include "cli/when.h"
#include "tests/test.h"
#include <stdlib.h>
#include <time.h>

TEST(cli_when_length)
{
    static const struct {
        int64_t ms;
        const char *text;
    } cases[] = {
        {-5,                 "0 s"        },
        {0,                  "0 s"        },
        {1,                  "1 s"        },
        {45000,              "45 s"       },
        {60000,              "1 min"      },
        {61000,              "1 min 1 s"  },
        {3600000,            "1 h"        },
        {3660000,            "1 h 1 min"  },
        {86399000,           "23 h 59 min"},
        {86400000,           "1 day"      },
        {90000000,           "1 day 1 h"  },
        {7 * 86400000LL,     "7 days"     },
        {8 * 86400000LL - 1, "8 days"     },
        {36500 * 86400000LL, "36500 days" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char text[CLI_LENGTH_BYTES];
        cli_when_length(cases[i].ms, text);
        CHECK_STR(str_of(text), cases[i].text, cases[i].text);
    }
}

TEST(cli_when_parse)
{
    static const struct {
        const char *text;
        int64_t s; /* -1: refused */
    } cases[] = {
        {"2026-11-21T18:46:00Z",      1795286760},
        {"2026-11-21T18:46Z",         1795286760},
        {"2026-11-21 18:46Z",         1795286760},
        {"2026-11-21T19:46:00+01:00", 1795286760},
        {"2026-11-21T13:16-05:30",    1795286760},
        {"2026-11-21 21:46",          1795286760}, /* three hours ahead: see below */
        {"@1795286760",               1795286760},
        {"1970-01-01T00:00Z",         0         },
        {"2024-02-29T00:00Z",         1709164800},
        {"2026-02-29T00:00Z",         -1        },
        {"2026-11-31T00:00Z",         -1        },
        {"2026-13-01T00:00Z",         -1        },
        {"2026-11-21T24:00Z",         -1        },
        {"2026-11-21T18:60Z",         -1        },
        {"2026-11-21",                -1        },
        {"2026-11-21 18",             -1        },
        {"26-11-21 18:46",            -1        },
        {"2026-11-21 18:46 ",         -1        },
        {"2026-11-21 18:46z",         -1        },
        {"2026-11-21 18:46+1",        -1        },
        {"2026-11-21 18:46+01:00Z",   -1        },
        {"+026-11-21 18:46",          -1        },
        {"tomorrow",                  -1        },
        {"@",                         -1        },
        {"@99999999999999999999",     -1        },
        {"",                          -1        },
    };
    setenv("TZ", "XST-3", 1);
    tzset();
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int64_t ms = -1000;
        bool good = cli_when_parse(str_of(cases[i].text), &ms);
        CHECK(good == (cases[i].s >= 0), cases[i].text);
        CHECK(ms == cases[i].s * 1000, cases[i].text);
    }
    char text[CLI_WHEN_BYTES];
    cli_when_local(1795286760000, text);
    CHECK_STR(str_of(text), "2026-11-21 21:46:00 +0300", "local");
    unsetenv("TZ");
    tzset();
}
