/* One account's quota and warm-up, shared by programs that know nothing of each other. */
#include "base/clock.h"
#include "shaping/ledger.h"
#include "tests/test.h"
#include <stdlib.h>
#include <unistd.h>

#define HOUR_MS (60 * 60 * 1000LL)
#define DAY_MS (24 * HOUR_MS)

enum { SENT_MAX = 20000, LEDGERS = 2 };

static const int64_t start_ms = 1795219200000; /* Sat, 21 Nov 2026 00:00 UTC */
static int64_t now_ms;
static int64_t fake_steady(void) { return now_ms * 1000000; }
static int64_t fake_real(void) { return now_ms; }
static const struct clock_source fake_clock = {fake_steady, fake_real};

struct scene {
    char folder[64], path[100];
    struct shaping_ledger_options options;
    struct shaping_ledger *ledgers[LEDGERS];
    int64_t at_ms[SENT_MAX];
    size_t count, by[LEDGERS];
};

static void scene_open(struct scene *s, const struct config_quota *quota, const int *caps, int days)
{
    *s = (struct scene){
        .options = {.path = s->path,
                    .account = S("ann@smtp.example.net"),
                    .quota = *quota,
                    .rules = {.waits = true, .fill = 2500, .back = 2},
                    .caps = caps,
                    .days = days}
    };
    snprintf(s->folder, sizeof s->folder, "/tmp/smtptool-ledger-XXXXXX");
    CHECK(mkdtemp(s->folder) != NULL, "a folder");
    snprintf(s->path, sizeof s->path, "%s/use.db", s->folder);
    now_ms = start_ms;
    clock_use(&fake_clock);
    for (size_t i = 0; i < LEDGERS; i++)
        CHECK_DONE(shaping_ledger_open(&s->options, &s->ledgers[i]), "open");
}

static void close_all(struct scene *s)
{
    for (size_t i = 0; i < LEDGERS; i++) {
        shaping_ledger_close(s->ledgers[i]);
        s->ledgers[i] = NULL;
    }
}

static void scene_close(struct scene *s)
{
    close_all(s);
    clock_use(NULL);
    unlink(s->path);
    CHECK(rmdir(s->folder) == 0, "nothing is left");
}

/* All ledgers want to send all the time. */
static void send_until(struct scene *s, int64_t until_ms)
{
    while (now_ms < until_ms) {
        int64_t next_ms = until_ms;
        bool went = false;
        for (size_t i = 0; i < LEDGERS; i++) {
            struct shaping_ledger_wait wait;
            CHECK_DONE(shaping_ledger_take(s->ledgers[i], &wait), "take");
            if (wait.until_ms == 0 && s->count < SENT_MAX) {
                s->at_ms[s->count++] = now_ms;
                s->by[i]++;
                went = true;
            } else if (wait.until_ms < next_ms) {
                next_ms = wait.until_ms;
            }
        }
        now_ms = went || next_ms <= now_ms ? now_ms + 7 : next_ms;
    }
}

static size_t most_in(const struct scene *s, int64_t length_ms)
{
    size_t most = 0, first = 0;
    for (size_t i = 0; i < s->count; i++) {
        while (s->at_ms[i] - s->at_ms[first] >= length_ms)
            first++;
        most = i - first + 1 > most ? i - first + 1 : most;
    }
    return most;
}

TEST(shaping_ledger_shares)
{
    static const struct {
        const char *label;
        struct config_quota quota;
        int64_t for_ms, length_ms;
        size_t most, least;
    } cases[] = {
        {"500 a day",         {.per_day = 500},                     DAY_MS * 3 / 2, DAY_MS,      500,  740 },
        {"all of it at once",
         {.per_day = 500, .spread = QUOTA_SPREAD_NONE},
         DAY_MS * 3 / 2,
         DAY_MS,                                                                                 500,
         990                                                                                               },
        {"in 6 hours",        {.per_day = 500},                     DAY_MS,         6 * HOUR_MS, 125,  495 },
        {"30 a minute",       {.per_minute = 30, .per_day = 10000}, HOUR_MS / 4,    60 * 1000,   30,   440 },
        {"5000 an hour",      {.per_hour = 5000},                   HOUR_MS / 2,    HOUR_MS / 4, 1250, 2450},
    };
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(1 << 20);
    struct scene *s = ARENA_NEW(arena, struct scene);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        scene_open(s, &cases[i].quota, NULL, 0);
        send_until(s, start_ms + cases[i].for_ms);
        CHECK(most_in(s, cases[i].length_ms) <= cases[i].most, cases[i].label);
        CHECK(s->count >= cases[i].least, cases[i].label);
        CHECK(s->by[0] > 0 && s->by[1] > 0, "both of them");
        scene_close(s);
    }
}

TEST(shaping_ledger_warms_up)
{
    static const int caps[] = {96, 192};
    struct config_quota none = {0};
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(1 << 20);
    struct scene *s = ARENA_NEW(arena, struct scene);
    scene_open(s, &none, caps, ARRAY_LEN(caps));
    send_until(s, start_ms + DAY_MS / 2);
    CHECK(s->count >= 44 && s->count <= 52, "half of a day's cap in half of a day");
    close_all(s);
    for (size_t i = 0; i < LEDGERS; i++)
        CHECK_DONE(shaping_ledger_open(&s->options, &s->ledgers[i]), "another program");
    struct warmup_facts facts;
    CHECK(shaping_ledger_warmup(s->ledgers[0], &facts) && facts.day == 1 &&
              facts.sent == (int64_t)s->count,
          "it knows what went");
    send_until(s, start_ms + DAY_MS);
    CHECK(s->count == 96, "the first day's cap");
    send_until(s, start_ms + 2 * DAY_MS);
    CHECK(s->count == 96 + 192, "the second one's, by itself");
    scene_close(s);
}

TEST(shaping_ledger_keeps)
{
    struct config_quota quota = {.per_day = 100000, .spread = QUOTA_SPREAD_NONE};
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(1 << 20);
    struct scene *s = ARENA_NEW(arena, struct scene);
    struct shaping_ledger_wait wait;
    struct shaping_quota_use use;
    scene_open(s, &quota, NULL, 0);
    CHECK_DONE(shaping_ledger_take(s->ledgers[0], &wait), "one");
    CHECK(shaping_ledger_look(s->ledgers[1], SHAPING_QUOTA_DAY, &use) && use.used == 50,
          "some are counted at once");
    shaping_ledger_return(s->ledgers[0]);
    close_all(s);
    CHECK_DONE(shaping_ledger_open(&s->options, &s->ledgers[0]), "later");
    CHECK(shaping_ledger_look(s->ledgers[0], SHAPING_QUOTA_DAY, &use) && use.used == 0 &&
              use.limit == 100000,
          "what was not used is given back");
    CHECK_DONE(shaping_ledger_count(s->ledgers[0], 3, 7), "mails that went by other ways");
    CHECK(shaping_ledger_look(s->ledgers[0], SHAPING_QUOTA_DAY, &use) && use.used == 3, "counted");
    scene_close(s);
}

TEST(shaping_ledger_finish)
{
    static const int caps[] = {96, 192, 10000};
    static const struct {
        const char *label;
        struct config_quota quota;
        int days;
        uint64_t count;
        int64_t least_ms, most_ms;
    } cases[] = {
        {"no limit",          {0},               0, 1000000, 0,           0                       },
        {"one evening",       {.per_day = 500},  0, 125,     0,           0                       },
        {"6000 by 500 a day", {.per_day = 500},  0, 6000,    11 * DAY_MS, 12 * DAY_MS             },
        {"a million",         {.per_hour = 900}, 0, 1000000, 46 * DAY_MS, 47 * DAY_MS             },
        {"warming up",        {0},               3, 300,     2 * DAY_MS,  2 * DAY_MS + 2 * HOUR_MS},
    };
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(1 << 20);
    struct scene *s = ARENA_NEW(arena, struct scene);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        scene_open(s, &cases[i].quota, caps, cases[i].days);
        int64_t end_ms = shaping_ledger_finish_ms(s->ledgers[0], cases[i].count);
        int64_t takes_ms = end_ms ? end_ms - start_ms : 0;
        CHECK(takes_ms >= cases[i].least_ms && takes_ms <= cases[i].most_ms, cases[i].label);
        scene_close(s);
    }
}
