#include "outbound/retry.h"
#include "tests/test.h"

enum { MINUTE = 60 * 1000, HOUR = 60 * MINUTE };

static int64_t greylist[] = {15 * MINUTE, 30 * MINUTE, HOUR};
static int64_t full[] = {HOUR, 2 * HOUR};
static const struct config_retry retry = {
    .first_ms = 5 * MINUTE,
    .longest_ms = 240 * MINUTE,
    .give_up_ms = 7200LL * MINUTE,
    .factor = 2,
    .classes = {[RETRY_GREYLIST] = {greylist, 3}, [RETRY_MAILBOX_FULL] = {full, 2}},
};

TEST(outbound_retry_due)
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
    struct envelope env = {.accepted_at_ms = 1000000};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int64_t now = env.accepted_at_ms + cases[i].age_minutes * MINUTE;
        int64_t wait = outbound_retry_wait_ms(&retry, NULL, cases[i].attempts);
        int64_t due = outbound_retry_due_ms(&retry, &env, wait, now);
        CHECK(due - now == cases[i].wait_minutes * MINUTE, cases[i].label);
    }
}

TEST(outbound_retry_by_class)
{
    static const struct {
        const char *label;
        enum outcome_class class;
        uint32_t named_s, attempts;
        int64_t want_ms;
    } cases[] = {
        {"greylisted",             OUTCOME_GREYLIST,     0,     0,  15 * MINUTE },
        {"greylisted again",       OUTCOME_GREYLIST,     0,     1,  30 * MINUTE },
        {"the last wait stays",    OUTCOME_GREYLIST,     0,     50, HOUR        },
        {"a full mailbox",         OUTCOME_MAILBOX_FULL, 0,     0,  HOUR        },
        {"no schedule of its own", OUTCOME_NETWORK,      0,     1,  10 * MINUTE },
        {"a class without one",    OUTCOME_SYSTEM,       0,     0,  5 * MINUTE  },
        {"greylisted for 300 s",   OUTCOME_GREYLIST,     300,   0,  301 * 1000  },
        {"named by anybody",       OUTCOME_RATE,         3600,  5,  3601 * 1000 },
        {"a second is too soon",   OUTCOME_GREYLIST,     1,     0,  30 * 1000   },
        {"a day is too long",      OUTCOME_GREYLIST,     86400, 0,  240 * MINUTE},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct outcome o = {.class = cases[i].class, .wait_seconds = cases[i].named_s};
        CHECK(outbound_retry_wait_ms(&retry, &o, cases[i].attempts) == cases[i].want_ms,
              cases[i].label);
    }
}

TEST(outbound_retry_end)
{
    struct envelope env = {.accepted_at_ms = 1000000};
    CHECK(outbound_retry_end_ms(&retry, &env) == 1000000 + retry.give_up_ms, "as configured");
    env.not_before_ms = 9000000;
    CHECK(outbound_retry_born_ms(&env) == 9000000, "what was held is young");
    CHECK(outbound_retry_end_ms(&retry, &env) == 9000000 + retry.give_up_ms, "and kept as long");
    env.not_before_ms = 0;
    env.by_ms = 1000000 + 2 * HOUR;
    env.by_mode = BY_NOTIFY;
    CHECK(outbound_retry_end_ms(&retry, &env) == 1000000 + retry.give_up_ms, "N ends nothing");
    CHECK(outbound_retry_late(&env, env.by_ms + HOUR) == OUTBOUND_RETRY_IN_TIME, "N is never late");
    env.by_mode = BY_RETURN;
    CHECK(outbound_retry_end_ms(&retry, &env) == env.by_ms, "R does");
    CHECK(outbound_retry_late(&env, env.by_ms - 1) == OUTBOUND_RETRY_IN_TIME, "not yet");
    CHECK(outbound_retry_late(&env, env.by_ms) == OUTBOUND_RETRY_BY, "now");
    env.expires_ms = 1000000 + HOUR;
    CHECK(outbound_retry_end_ms(&retry, &env) == env.expires_ms, "what comes first");
    CHECK(outbound_retry_late(&env, env.expires_ms) == OUTBOUND_RETRY_EXPIRED, "expired");
    env.expires_ms = 1000000 + 2 * retry.give_up_ms;
    env.by_ms = 0;
    CHECK(outbound_retry_end_ms(&retry, &env) == 1000000 + retry.give_up_ms, "no longer than that");
}

/* RFC 2852 section 4.1: the sender is told when the time has come, not at the next try behind it.
 */
TEST(outbound_retry_due_by)
{
    struct envelope env = {.accepted_at_ms = 1000000, .by_ms = 1000000 + 7 * MINUTE};
    int64_t now = 1000000 + 5 * MINUTE;
    CHECK(outbound_retry_due_ms(&retry, &env, 10 * MINUTE, now) == env.by_ms, "at that moment");
    now = env.by_ms;
    CHECK(outbound_retry_due_ms(&retry, &env, 10 * MINUTE, now) == now + 10 * MINUTE, "then on");
    env = (struct envelope){.accepted_at_ms = 1000000, .expires_ms = 1000000 + 7 * MINUTE};
    now = 1000000 + 5 * MINUTE;
    CHECK(outbound_retry_due_ms(&retry, &env, 10 * MINUTE, now) == env.expires_ms, "the end");
}
