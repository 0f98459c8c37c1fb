#include "report/day.h"
#include "base/clock.h"
#include "base/table.h"
#include <string.h>

int64_t report_day_due_ms(const struct report_day_window *w, str hostname, str domain, int64_t day)
{
    uint64_t mixed = hash_fixed(hostname) * 31 + hash_fixed(domain);
    return (day + 1) * REPORT_DAY_MS + w->first_ms + (int64_t)(mixed % (uint64_t)w->spread_ms);
}

void report_day_format(int64_t day, char ret_text[REPORT_DAY_CHARS])
{
    char text[CLOCK_RFC3339_BYTES];
    clock_rfc3339(day * REPORT_DAY_MS, text);
    memcpy(ret_text, text, REPORT_DAY_CHARS - 1);
    ret_text[REPORT_DAY_CHARS - 1] = '\0';
}

const char *report_day_word(enum report_day_state state, int64_t day, int64_t now_ms)
{
    if (state != REPORT_DAY_OPEN)
        return state == REPORT_DAY_LATE ? "too late" : "done";
    return day >= now_ms / REPORT_DAY_MS ? "counting" : "waiting";
}

int64_t report_day_midnight_ms(int64_t now_ms) { return now_ms / REPORT_DAY_MS * REPORT_DAY_MS; }

bool report_day_is_full(struct report_day_quota *q, int64_t sent, int64_t most, int64_t now_ms,
                        bool *ret_news)
{
    int64_t end = report_day_midnight_ms(now_ms) + REPORT_DAY_MS;
    if (sent < most)
        return false;
    *ret_news = q->full_until_ms != end;
    q->full_until_ms = end;
    return true;
}
