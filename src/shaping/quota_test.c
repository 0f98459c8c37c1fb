#include "base/mem.h"
#include "base/rand.h"
#include "shaping/quota.h"
#include "tests/test.h"

#define MINUTE_MS (60 * 1000LL)
#define HOUR_MS (60 * MINUTE_MS)
#define START_MS 1800000000000LL

enum { SENT_MAX = 1 << 16 };

/* What went, and the most of it in any stretch of that length. */
struct ledger {
    int64_t at_ms[SENT_MAX];
    size_t count;
};

static size_t most_in(const struct ledger *l, int64_t length_ms)
{
    size_t most = 0, first = 0;
    for (size_t i = 0; i < l->count; i++) {
        while (l->at_ms[i] - l->at_ms[first] >= length_ms)
            first++;
        most = i - first + 1 > most ? i - first + 1 : most;
    }
    return most;
}

/* Whoever wants to send all the time, or in waves, gets no more than is promised, wherever a
 * stretch begins, and nearly all of it. */
static void send_for(struct shaping_quota *q, struct ledger *l, int64_t for_ms, bool waves)
{
    int64_t now_ms = START_MS;
    enum shaping_quota_kind kind;
    while (now_ms < START_MS + for_ms && l->count < SENT_MAX) {
        int64_t ready_ms = shaping_quota_ready(q, 1, now_ms, &kind);
        if (ready_ms > now_ms) {
            now_ms = ready_ms;
            continue;
        }
        shaping_quota_take(q, 1, now_ms);
        l->at_ms[l->count++] = now_ms;
        now_ms += (int64_t)rand_below(waves ? 20 : 2000);
        if (waves && rand_below(200) == 0)
            now_ms += (int64_t)rand_below((uint64_t)(20 * MINUTE_MS));
    }
}

TEST(shaping_quota_promise)
{
    static const struct {
        const char *label;
        struct config_quota limits;
        int64_t for_ms;
        int64_t length_ms; /* in which there may be … */
        size_t most, quarter;
    } cases[] = {
        {"1000 an hour",        {.per_hour = 1000},               5 * HOUR_MS,    HOUR_MS,      1000, 250},
        {"with a burst of 600", {.per_hour = 1000, .burst = 600}, 5 * HOUR_MS,    HOUR_MS,      1000, 600},
        {"not spread",
         {.per_hour = 1000, .spread = QUOTA_SPREAD_NONE},
         5 * HOUR_MS,
         HOUR_MS,                                                                               1000,
         1000                                                                                            },
        {"500 a day",           {.per_day = 500},                 72 * HOUR_MS,   24 * HOUR_MS, 500,  125},
        {"30 a minute",         {.per_minute = 30},               20 * MINUTE_MS, MINUTE_MS,    30,   30 },
        {"3 an hour",           {.per_hour = 3},                  20 * HOUR_MS,   HOUR_MS,      3,    1  },
    };
    rand_seed(7);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        for (int waves = 0; waves < 2; waves++) {
            struct shaping_quota q = {0};
            struct ledger *l = MEM_NEW(struct ledger);
            shaping_quota_set(&q, &cases[i].limits);
            send_for(&q, l, cases[i].for_ms, waves);
            CHECK(most_in(l, cases[i].length_ms) <= cases[i].most, cases[i].label);
            CHECK(most_in(l, cases[i].length_ms / 4) <= cases[i].quarter, cases[i].label);
            double fair =
                (double)cases[i].most * (double)cases[i].for_ms / (double)cases[i].length_ms;
            CHECK(waves || (double)l->count > fair * 0.95 - 1, cases[i].label);
            shaping_quota_release(&q);
            mem_free(l);
        }
    rand_seed_off();
}

TEST(shaping_quota_gives_back)
{
    struct shaping_quota q = {0};
    struct shaping_quota_use use;
    enum shaping_quota_kind kind;
    shaping_quota_set(&q, &(struct config_quota){.per_hour = 4, .recipients_per_day = 100});
    shaping_quota_take(&q, 20, START_MS);
    CHECK(shaping_quota_ready(&q, 1, START_MS, &kind) > START_MS, "a quarter is used");
    CHECK(kind == SHAPING_QUOTA_HOUR, "of the hour");
    shaping_quota_give(&q, 1, 20, START_MS, START_MS + 1000);
    CHECK(shaping_quota_ready(&q, 1, START_MS + 1000, &kind) <= START_MS + 1000, "given back");
    CHECK(shaping_quota_look(&q, SHAPING_QUOTA_RECIPIENTS, START_MS, &use) && use.used == 0, "all");
    CHECK(shaping_quota_ready(&q, 26, START_MS + 1000, &kind) <= START_MS + 1000,
          "larger than a quarter: goes when nothing is counted");
    shaping_quota_take(&q, 26, START_MS + 1000);
    CHECK(shaping_quota_ready(&q, 1, START_MS + 20 * MINUTE_MS, &kind) > START_MS, "then waits");
    CHECK(kind == SHAPING_QUOTA_RECIPIENTS, "for recipients");
    shaping_quota_release(&q);
}

TEST(shaping_quota_alarms)
{
    struct shaping_quota q = {0};
    int near = 0, full = 0;
    shaping_quota_set(&q, &(struct config_quota){.per_hour = 10, .spread = QUOTA_SPREAD_NONE});
    for (int round = 0; round < 2; round++)
        for (int i = 0; i < 10; i++) {
            int64_t now_ms = START_MS + round * 2 * HOUR_MS + i;
            if (i == 0)
                shaping_quota_alarm(&q, SHAPING_QUOTA_HOUR, now_ms);
            shaping_quota_take(&q, 1, now_ms);
            enum shaping_quota_alarm alarm = shaping_quota_alarm(&q, SHAPING_QUOTA_HOUR, now_ms);
            near += alarm == SHAPING_QUOTA_NEAR;
            full += alarm == SHAPING_QUOTA_FULL;
            CHECK(alarm != SHAPING_QUOTA_NEAR || i == 7, "at 80 %");
            CHECK(alarm != SHAPING_QUOTA_FULL || i == 9, "at 100 %");
        }
    CHECK(near == 2 && full == 2, "once for each window");
    shaping_quota_release(&q);
}

static struct shaping_quota *copy_to;
static void import(void *arg, const struct shaping_quota_entry *e)
{
    (void)arg;
    shaping_quota_import(copy_to, e, START_MS + HOUR_MS / 2);
}

/* A restart forgets nothing, and a clock that is set back frees nothing. */
TEST(shaping_quota_kept)
{
    struct config_quota limits = {.per_hour = 100, .per_day = 300};
    struct shaping_quota a = {0}, b = {0};
    struct shaping_quota_use use;
    enum shaping_quota_kind kind;
    shaping_quota_set(&a, &limits);
    shaping_quota_set(&b, &limits);
    for (int i = 0; i < 20; i++)
        shaping_quota_take(&a, 1, START_MS + i * MINUTE_MS);
    copy_to = &b;
    shaping_quota_export(&a, START_MS + HOUR_MS / 2, import, NULL);
    for (int kind_at = SHAPING_QUOTA_HOUR; kind_at <= SHAPING_QUOTA_DAY; kind_at++) {
        CHECK(shaping_quota_look(&b, (enum shaping_quota_kind)kind_at, START_MS + HOUR_MS / 2,
                                 &use) &&
                  use.used == 20,
              "as before");
    }
    CHECK(shaping_quota_look(&a, SHAPING_QUOTA_HOUR, START_MS - 24 * HOUR_MS, &use) &&
              use.used == 20,
          "a clock set back by a day");
    for (int i = 0; i < 20; i++) /* five of the last quarter of an hour are there */
        shaping_quota_take(&a, 1, START_MS - 24 * HOUR_MS);
    CHECK(shaping_quota_ready(&a, 1, START_MS - 24 * HOUR_MS, &kind) > START_MS - 24 * HOUR_MS,
          "the quarter is full");
    CHECK(shaping_quota_ready(&a, 1, START_MS - 23 * HOUR_MS, &kind) <= START_MS - 23 * HOUR_MS,
          "and is free again within the hour");
    shaping_quota_release(&a);
    shaping_quota_release(&b);
}
