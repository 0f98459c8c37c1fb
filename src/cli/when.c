#include "cli/when.h"
#include <stdio.h>
#include <time.h>

enum { YEAR_LEAST = 1970, YEAR_MOST = 9999, SECONDS_MAX_DIGITS = 11 };

void cli_when_local(int64_t real_ms, char ret_text[CLI_WHEN_BYTES])
{
    time_t s = (time_t)(real_ms / 1000);
    struct tm tm;
    localtime_r(&s, &tm);
    strftime(ret_text, CLI_WHEN_BYTES, "%Y-%m-%d %H:%M:%S %z", &tm);
}

void cli_when_length(int64_t ms, char ret_text[CLI_LENGTH_BYTES])
{
    long long s = ms < 0 ? 0 : (long long)((ms + 999) / 1000);
    long long days = s / 86400, hours = s / 3600 % 24, minutes = s / 60 % 60;
    if (days > 0 && hours > 0)
        snprintf(ret_text, CLI_LENGTH_BYTES, "%lld day%s %lld h", days, days == 1 ? "" : "s",
                 hours);
    else if (days > 0)
        snprintf(ret_text, CLI_LENGTH_BYTES, "%lld day%s", days, days == 1 ? "" : "s");
    else if (hours > 0 && minutes > 0)
        snprintf(ret_text, CLI_LENGTH_BYTES, "%lld h %lld min", hours, minutes);
    else if (hours > 0)
        snprintf(ret_text, CLI_LENGTH_BYTES, "%lld h", hours);
    else if (minutes > 0 && s % 60 > 0)
        snprintf(ret_text, CLI_LENGTH_BYTES, "%lld min %lld s", minutes, s % 60);
    else if (minutes > 0)
        snprintf(ret_text, CLI_LENGTH_BYTES, "%lld min", minutes);
    else
        snprintf(ret_text, CLI_LENGTH_BYTES, "%lld s", s);
}

/* So many digits off the front; false: they are not there, or the number is out of its range. */
static bool take(str *text, size_t digits, int least, int most, int *ret_number)
{
    uint64_t number;
    if (text->len < digits || !str_to_u64(str_slice(*text, 0, digits), (uint64_t)most, &number) ||
        (int)number < least)
        return false;
    *ret_number = (int)number;
    *text = str_from(*text, digits);
    return true;
}

static bool take_zone(str text, long *ret_offset_s)
{
    int hours, minutes, sign = str_starts(text, S("-")) ? -1 : 1;
    if (str_eq(text, S("Z"))) {
        *ret_offset_s = 0;
        return true;
    }
    if (!str_skip(&text, S("+")) && !str_skip(&text, S("-")))
        return false;
    if (!take(&text, 2, 0, 23, &hours) || !str_skip(&text, S(":")) ||
        !take(&text, 2, 0, 59, &minutes) || text.len > 0)
        return false;
    *ret_offset_s = sign * (hours * 3600L + minutes * 60L);
    return true;
}

static bool take_date(str *text, struct tm *tm)
{
    if (!take(text, 4, YEAR_LEAST, YEAR_MOST, &tm->tm_year) || !str_skip(text, S("-")) ||
        !take(text, 2, 1, 12, &tm->tm_mon) || !str_skip(text, S("-")) ||
        !take(text, 2, 1, 31, &tm->tm_mday))
        return false;
    if (!str_skip(text, S(" ")) && !str_skip(text, S("T")))
        return false;
    if (!take(text, 2, 0, 23, &tm->tm_hour) || !str_skip(text, S(":")) ||
        !take(text, 2, 0, 59, &tm->tm_min))
        return false;
    if (str_skip(text, S(":")) && !take(text, 2, 0, 59, &tm->tm_sec))
        return false;
    tm->tm_year -= 1900;
    tm->tm_mon -= 1;
    return true;
}

bool cli_when_parse(str text, int64_t *ret_real_ms)
{
    struct tm tm = {.tm_isdst = -1};
    uint64_t seconds;
    long offset_s = 0;
    if (str_skip(&text, S("@"))) {
        bool good = text.len <= SECONDS_MAX_DIGITS && str_to_u64(text, INT64_MAX / 1000, &seconds);
        *ret_real_ms = good ? (int64_t)seconds * 1000 : *ret_real_ms;
        return good;
    }
    if (!take_date(&text, &tm) || (text.len > 0 && !take_zone(text, &offset_s)))
        return false;
    int day = tm.tm_mday;
    time_t s = text.len > 0 ? timegm(&tm) - offset_s : mktime(&tm);
    if (tm.tm_mday != day || s < 0) /* the 31st of a month without one */
        return false;
    *ret_real_ms = (int64_t)s * 1000;
    return true;
}
