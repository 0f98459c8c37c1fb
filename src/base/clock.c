#include "base/clock.h"
#include <stddef.h>
#include <stdio.h>
#include <time.h>

static int64_t system_steady_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static int64_t system_real_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

const struct clock_source clock_system = {system_steady_ns, system_real_ms};
static const struct clock_source *source = &clock_system;

void clock_use(const struct clock_source *s) { source = s ? s : &clock_system; }
int64_t clock_steady_ns(void) { return source->steady_ns(); }
int64_t clock_steady_ms(void) { return source->steady_ns() / 1000000; }
int64_t clock_real_ms(void) { return source->real_ms(); }

deadline deadline_after(int64_t ms)
{
    int64_t at;
    if (__builtin_add_overflow(clock_steady_ms(), ms, &at))
        return DEADLINE_NEVER;
    return (deadline){at};
}

bool deadline_passed(deadline d) { return deadline_left_ms(d) == 0; }

int64_t deadline_left_ms(deadline d)
{
    if (d.at_ms == INT64_MAX)
        return INT64_MAX;
    int64_t left = d.at_ms - clock_steady_ms();
    return left > 0 ? left : 0;
}

/* Rounded down, before 1970 as well. */
static time_t seconds_of(int64_t real_ms)
{
    return (time_t)(real_ms / 1000 - (real_ms % 1000 < 0));
}

void clock_rfc5322(int64_t real_ms, char ret_text[CLOCK_RFC5322_BYTES])
{
    static const char *const days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    time_t seconds = seconds_of(real_ms);
    struct tm t;
    gmtime_r(&seconds, &t);
    snprintf(ret_text, CLOCK_RFC5322_BYTES, "%s, %02u %s %04u %02u:%02u:%02u +0000",
             days[t.tm_wday % 7], (unsigned)t.tm_mday % 100, months[t.tm_mon % 12],
             (unsigned)(t.tm_year + 1900) % 10000, (unsigned)t.tm_hour % 100,
             (unsigned)t.tm_min % 100, (unsigned)t.tm_sec % 100);
}

void clock_rfc3339(int64_t real_ms, char ret_text[CLOCK_RFC3339_BYTES])
{
    time_t seconds = seconds_of(real_ms);
    struct tm t;
    gmtime_r(&seconds, &t);
    snprintf(ret_text, CLOCK_RFC3339_BYTES, "%04u-%02u-%02uT%02u:%02u:%02u.%03uZ",
             (unsigned)(t.tm_year + 1900) % 10000, (unsigned)(t.tm_mon + 1) % 100,
             (unsigned)t.tm_mday % 100, (unsigned)t.tm_hour % 100, (unsigned)t.tm_min % 100,
             (unsigned)t.tm_sec % 100, (unsigned)(real_ms - seconds * 1000) % 1000);
}
