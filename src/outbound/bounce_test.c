#include "outbound/bounce.h"
#include "tests/test.h"

enum { MINUTE = 60 * 1000 };

TEST(outbound_bounce_due)
{
    static const struct {
        const char *label;
        uint32_t attempts;
        int64_t age_minutes, wait_minutes;
    } cases[] = {
        {"after the first",       0,       0,         5  },
        {"after the second",      1,       5,         10 },
        {"after the third",       2,       15,        20 },
        {"after the sixth",       5,       155,       160},
        {"after the seventh",     6,       315,       240},
        {"after very many",       1000000, 315,       240},
        {"a last one at the end", 30,      7200 - 60, 60 },
        {"beyond the end",        31,      7200,      240},
    };
    struct config_retry retry = {.first_ms = 5 * MINUTE,
                                 .longest_ms = 240 * MINUTE,
                                 .give_up_ms = 7200LL * MINUTE,
                                 .factor = 2};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int64_t accepted = 1000000, now = accepted + cases[i].age_minutes * MINUTE;
        int64_t due = outbound_bounce_due_ms(&retry, cases[i].attempts, accepted, now);
        CHECK(due - now == cases[i].wait_minutes * MINUTE, cases[i].label);
    }
}
