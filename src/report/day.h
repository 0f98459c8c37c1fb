/* report/day.h -- the report on a day: when it is due, and what became of it
 *
 * Days are UTC's, as numbers since 1970. A report counts one of them and goes in the course of the
 * next, each domain's at a time of its own: never at midnight, when everybody reports, and the same
 * after each start.
 */
#pragma once
#include "base/str.h"
#include <stdint.h>

enum {
    REPORT_DAY_MS = 24 * 3600 * 1000,
    REPORT_DAY_CHARS = 11,                 /* "2026-11-20" */
    REPORT_DAY_KEEP = 14,                  /* so many days to look at, sent or not */
    REPORT_DAY_LATE_MS = 48 * 3600 * 1000, /* behind its day; then it is not sent */
};

enum report_day_state {                  /* as it is stored */
                        REPORT_DAY_OPEN, /* counted into, or to be sent */
                        REPORT_DAY_DONE, /* everybody who could be told was told */
                        REPORT_DAY_LATE, /* it could not be sent in time */
};

/* In which part of the next day: from so long behind midnight, for so long. */
struct report_day_window {
    int64_t first_ms, spread_ms;
};

int64_t report_day_due_ms(const struct report_day_window *, str hostname, str domain, int64_t day);
void report_day_format(int64_t day, char ret_text[REPORT_DAY_CHARS]);
/* "counting", "waiting", "done", "too late": for people. */
const char *report_day_word(enum report_day_state, int64_t day, int64_t now_ms);

/* No more than so many a day. */
struct report_day_quota {
    int64_t full_until_ms; /* 0, or the end of a day on which it was used up */
};

int64_t report_day_midnight_ms(int64_t now_ms); /* the last one: since when is counted */
/* Is it used up? With *ret_news it is for the first time today. */
bool report_day_is_full(struct report_day_quota *, int64_t sent, int64_t most, int64_t now_ms,
                        bool *ret_news);
