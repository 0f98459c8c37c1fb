#include "base/clock.h"
#include "base/str.h"
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

/* The last digits of a number. printf would do, but a mail has several dates and it is slow. */
static char *put_digits(char *at, int digits, unsigned number)
{
    for (int i = digits - 1; i >= 0; i--) {
        at[i] = (char)('0' + number % 10);
        number /= 10;
    }
    return at + digits;
}

static char *put_time(char *at, const struct tm *t)
{
    at = str_put(put_digits(at, 2, (unsigned)t->tm_hour), S(":"));
    at = str_put(put_digits(at, 2, (unsigned)t->tm_min), S(":"));
    return put_digits(at, 2, (unsigned)t->tm_sec);
}

void clock_rfc5322(int64_t real_ms, char ret_text[CLOCK_RFC5322_BYTES])
{
    static const str days[] = {S("Sun, "), S("Mon, "), S("Tue, "), S("Wed, "),
                               S("Thu, "), S("Fri, "), S("Sat, ")};
    static const str months[] = {S(" Jan "), S(" Feb "), S(" Mar "), S(" Apr "),
                                 S(" May "), S(" Jun "), S(" Jul "), S(" Aug "),
                                 S(" Sep "), S(" Oct "), S(" Nov "), S(" Dec ")};
    time_t seconds = seconds_of(real_ms);
    struct tm t;
    gmtime_r(&seconds, &t);
    char *at = str_put(ret_text, days[t.tm_wday % 7]);
    at = put_digits(at, 2, (unsigned)t.tm_mday);
    at = str_put(at, months[t.tm_mon % 12]);
    at = str_put(put_digits(at, 4, (unsigned)(t.tm_year + 1900)), S(" "));
    *str_put(put_time(at, &t), S(" +0000")) = '\0';
}

void clock_rfc3339(int64_t real_ms, char ret_text[CLOCK_RFC3339_BYTES])
{
    time_t seconds = seconds_of(real_ms);
    struct tm t;
    gmtime_r(&seconds, &t);
    char *at = str_put(put_digits(ret_text, 4, (unsigned)(t.tm_year + 1900)), S("-"));
    at = str_put(put_digits(at, 2, (unsigned)(t.tm_mon + 1)), S("-"));
    at = str_put(put_digits(at, 2, (unsigned)t.tm_mday), S("T"));
    at = str_put(put_time(at, &t), S("."));
    *str_put(put_digits(at, 3, (unsigned)(real_ms - seconds * 1000)), S("Z")) = '\0';
}
