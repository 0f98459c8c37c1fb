#include "smtp/times.h"
#include <stdio.h>

bool smtp_times_read_priority(str text, int8_t *ret_priority)
{
    bool negative = str_skip(&text, S("-"));
    uint64_t number;
    if (text.len != 1 || !str_to_u64(text, ENVELOPE_PRIORITY_MAX, &number) ||
        (negative && number == 0))
        return false;
    *ret_priority = (int8_t)(negative ? -(int)number : (int)number);
    return true;
}

/* One to nine digits, with zeros in front or without. */
static bool read_seconds(str digits, int64_t *ret_seconds)
{
    int64_t seconds = 0;
    if (digits.len == 0 || digits.len > 9)
        return false;
    for (size_t i = 0; i < digits.len; i++) {
        if (!char_is_digit(digits.ptr[i]))
            return false;
        seconds = seconds * 10 + (digits.ptr[i] - '0');
    }
    *ret_seconds = seconds;
    return true;
}

bool smtp_times_read_by(str text, struct smtp_times *ret_times)
{
    str time, mode;
    int64_t seconds;
    str_split(text, ';', &time, &mode);
    bool negative = str_skip(&time, S("-"));
    if (!negative)
        (void)str_skip(&time, S("+"));
    bool trace = mode.len == 2 && str_eq_nocase(str_from(mode, 1), S("T"));
    str word = str_slice(mode, 0, 1);
    bool back = str_eq_nocase(word, S("R"));
    if (!read_seconds(time, &seconds) || (mode.len != 1 && !trace) ||
        (!back && !str_eq_nocase(word, S("N"))))
        return false;
    if (back && (negative || seconds == 0)) /* RFC 2852 section 4: it could only come back */
        return false;
    ret_times->by_seconds = negative ? -seconds : seconds;
    ret_times->by_mode = back ? BY_RETURN : BY_NOTIFY;
    ret_times->by_trace = trace;
    return true;
}

bool smtp_times_read_hold(str text, int64_t *ret_seconds)
{
    int64_t seconds;
    if (!read_seconds(text, &seconds) || seconds == 0)
        return false;
    *ret_seconds = seconds;
    return true;
}

int64_t smtp_times_left_seconds(const struct envelope *e, int64_t now_ms)
{
    int64_t left_ms = e->by_ms - now_ms;
    int64_t seconds = left_ms > 0 ? left_ms / 1000 : -((999 - left_ms) / 1000);
    if (seconds > SMTP_TIMES_SECONDS_MAX)
        return SMTP_TIMES_SECONDS_MAX;
    return seconds < -SMTP_TIMES_SECONDS_MAX ? -SMTP_TIMES_SECONDS_MAX : seconds;
}

void smtp_times_write_by(const struct envelope *e, int64_t now_ms,
                         char ret_text[SMTP_TIMES_BY_BYTES])
{
    snprintf(ret_text, SMTP_TIMES_BY_BYTES, "%lld;%c%s",
             (long long)smtp_times_left_seconds(e, now_ms), e->by_mode == BY_RETURN ? 'R' : 'N',
             e->by_trace ? "T" : "");
}
