#include "base/arena.h"
#include "provider/meter.h"
#include "tests/test.h"

/* As fast as it is let, a try every step. */
static int64_t count_taken(const struct provider_measure *m, int64_t from_ms, int64_t until_ms,
                           int64_t step_ms, struct provider_meter *meter)
{
    int64_t taken = 0;
    for (int64_t now = from_ms; now < until_ms; now += step_ms) {
        if (!provider_meter_has_room(meter, m, now))
            continue;
        provider_meter_add(meter, m, now);
        taken++;
    }
    return taken;
}

TEST(provider_meter)
{
    static const struct {
        const char *label;
        struct provider_measure measure;
        int64_t until_ms, step_ms, least, most;
    } cases[] = {
        {"sliding: a second at once, no more",
         {PROVIDER_METER_SLIDING, 10, 1000, 0},
         1000,                                                                                 1,
         10,                                                                                              10   },
        {"sliding: never above it",              {PROVIDER_METER_SLIDING, 10, 1000, 0}, 60000, 1,    585, 600  },
        {"sliding: 1000 an hour",
         {PROVIDER_METER_SLIDING, 1000, 3600000, 0},
         3600000,                                                                              1000,
         1000,                                                                                            1000 },
        {"sliding: evenly nearly all are taken",
         {PROVIDER_METER_SLIDING, 1000, 3600000, 0},
         36000000,                                                                             3600,
         9900,                                                                                            10000},
        {"sliding: a window of 50 ms",           {PROVIDER_METER_SLIDING, 5, 50, 0},    5000,  1,    480, 500  },
        {"sliding: nothing is allowed",          {PROVIDER_METER_SLIDING, 0, 1000, 0},  5000,  1,    0,   0    },
        {"fixed: a window is whole at once",     {PROVIDER_METER_FIXED, 10, 1000, 0},   999,   1,    10,  10   },
        {"fixed: twice as much around its end",
         {PROVIDER_METER_FIXED, 10, 1000, 0},
         1010,                                                                                 1,
         20,                                                                                              20   },
        {"bucket: the burst comes first",        {PROVIDER_METER_BUCKET, 10, 1000, 5},  5,     1,    5,   5    },
        {"bucket: then evenly",                  {PROVIDER_METER_BUCKET, 10, 1000, 5},  60000, 1,    604, 605  },
        {"bucket: nothing is allowed",           {PROVIDER_METER_BUCKET, 0, 1000, 5},   5000,  1,    0,   0    },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct provider_meter meter = {0};
        int64_t taken =
            count_taken(&cases[i].measure, 0, cases[i].until_ms, cases[i].step_ms, &meter);
        CHECK(taken >= cases[i].least, cases[i].label);
        CHECK(taken <= cases[i].most, cases[i].label);
    }
}

/* In no stretch of the window's length is there more than the limit. */
TEST(provider_meter_every_stretch)
{
    static int64_t taken_at[4000];
    struct provider_measure m = {PROVIDER_METER_SLIDING, 7, 1000, 0};
    struct provider_meter meter = {0};
    size_t count = 0;
    for (int64_t now = 0; now < 100 * 1000; now += 13) {
        if (!provider_meter_has_room(&meter, &m, now))
            continue;
        provider_meter_add(&meter, &m, now);
        taken_at[count++] = now;
    }
    CHECK(count > 600, "most of 700 were taken");
    for (size_t i = 7; i < count; i++)
        CHECK(taken_at[i] - taken_at[i - 7] >= 1000, "the eighth is a second behind the first");
}

TEST(provider_meter_limit_changes)
{
    struct provider_measure m = {PROVIDER_METER_SLIDING, 10, 1000, 0};
    struct provider_meter meter = {0};
    CHECK(count_taken(&m, 0, 500, 1, &meter) == 10, "ten");
    m.count = 40;
    CHECK(count_taken(&m, 500, 1000, 1, &meter) == 30, "thirty more, at once");
    m.count = 5;
    CHECK(count_taken(&m, 1000, 1400, 1, &meter) == 0, "less than are counted: nothing");
}
