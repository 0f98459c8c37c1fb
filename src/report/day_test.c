#include "report/day.h"
#include "tests/test.h"

static const struct report_day_window window = {30 * 60 * 1000, 12 * 3600 * 1000};

TEST(report_day_spreads_reports)
{
    const int64_t end = 101LL * REPORT_DAY_MS;
    int64_t least = INT64_MAX, most = 0;
    char name[40];
    for (int i = 0; i < 1000; i++) {
        snprintf(name, sizeof name, "d%d.example", i);
        int64_t due = report_day_due_ms(&window, S("mx.example.net"), str_of(name), 100);
        CHECK(due == report_day_due_ms(&window, S("mx.example.net"), str_of(name), 100), name);
        least = due < least ? due : least;
        most = due > most ? due : most;
    }
    CHECK(least >= end + window.first_ms, "not at midnight, when everybody reports");
    CHECK(most < end + window.first_ms + window.spread_ms, "in the window");
    CHECK(most - least > window.spread_ms / 2, "and not all at once");
    CHECK(report_day_due_ms(&window, S("mx.example.net"), S("a.example"), 100) !=
              report_day_due_ms(&window, S("mx.example.org"), S("a.example"), 100),
          "nor all servers at once");
}

TEST(report_day_words)
{
    char text[REPORT_DAY_CHARS];
    report_day_format(20777, text);
    CHECK_STR(str_of(text), "2026-11-20", "a day");
    static const struct {
        enum report_day_state state;
        int64_t day;
        const char *word;
    } cases[] = {
        {REPORT_DAY_OPEN, 100, "counting"},
        {REPORT_DAY_OPEN, 99,  "waiting" },
        {REPORT_DAY_DONE, 100, "done"    },
        {REPORT_DAY_LATE, 90,  "too late"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        CHECK_STR(str_of(report_day_word(cases[i].state, cases[i].day, 100LL * REPORT_DAY_MS + 5)),
                  cases[i].word, cases[i].word);
}

TEST(report_day_quota_is_told_once_a_day)
{
    const int64_t noon = 100LL * REPORT_DAY_MS + REPORT_DAY_MS / 2;
    struct report_day_quota q = {0};
    bool news = false;
    CHECK(report_day_midnight_ms(noon) == 100LL * REPORT_DAY_MS, "since midnight");
    CHECK(!report_day_is_full(&q, 4, 5, noon, &news) && !news, "one is left");
    CHECK(report_day_is_full(&q, 5, 5, noon, &news) && news, "used up");
    CHECK(q.full_until_ms == 101LL * REPORT_DAY_MS, "until midnight");
    CHECK(report_day_is_full(&q, 5, 5, noon + 1, &news) && !news, "that is known");
    CHECK(report_day_is_full(&q, 5, 5, noon + REPORT_DAY_MS, &news) && news, "the next day");
}
