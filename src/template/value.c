#include "template/value.h"
#include "base/clock.h"
#include "message/date.h"
#include <math.h>
#include <stdio.h>

enum { DAY_MS = 86400 * 1000 };

struct template_value template_value_of_text(str text)
{
    return (struct template_value){.kind = text.len ? VALUE_TEXT : VALUE_MISSING, .text = text};
}

struct template_value template_value_of_number(double number)
{
    return (struct template_value){.kind = VALUE_NUMBER, .number = number};
}

struct template_value template_value_of_bool(bool yes)
{
    return (struct template_value){.kind = VALUE_BOOL, .yes = yes};
}

/* ---- reading ---------------------------------------------------------------------------- */

/* Digits with at most one point; *scale counts those behind it. */
static bool read_digits(str *rest, double *ret_number, int *ret_scale)
{
    double number = 0;
    int digits = 0, scale = 0;
    bool point = false;
    for (; rest->len > 0; *rest = str_from(*rest, 1)) {
        char c = rest->ptr[0];
        if (c == '.' && !point && digits > 0 && rest->len > 1 && char_is_digit(rest->ptr[1])) {
            point = true;
            continue;
        }
        if (!char_is_digit(c))
            break;
        if (++digits > TEMPLATE_VALUE_DIGITS_MAX)
            return false;
        number = number * 10 + (c - '0');
        scale += point;
    }
    *ret_number = number;
    *ret_scale = scale;
    return digits > 0;
}

static bool read_exponent(str *rest, int *ret_exponent)
{
    uint64_t value;
    *ret_exponent = 0;
    if (rest->len == 0 || char_lower(rest->ptr[0]) != 'e')
        return true;
    str digits = str_from(*rest, 1);
    bool minus = str_skip(&digits, S("-"));
    if (!minus)
        (void)str_skip(&digits, S("+"));
    if (!str_to_u64(digits, 300, &value))
        return false;
    *ret_exponent = minus ? -(int)value : (int)value;
    *rest = (str){0};
    return true;
}

static double power_of_ten(int exponent)
{
    double power = 1;
    for (int i = 0; i < exponent; i++)
        power *= 10;
    return power;
}

bool template_value_read_number(str text, double *ret_number)
{
    double number;
    int scale, exponent;
    if (text.len > TEMPLATE_VALUE_NUMBER_BYTES_MAX)
        return false;
    bool minus = str_skip(&text, S("-"));
    if (!read_digits(&text, &number, &scale) || !read_exponent(&text, &exponent) || text.len > 0)
        return false;
    int shift = exponent - scale; /* dividing keeps 0.1 the nearest to 0.1 */
    number = shift < 0 ? number / power_of_ten(-shift) : number * power_of_ten(shift);
    *ret_number = minus ? -number : number;
    return isfinite(number);
}

static str with_time(str text, char buffer[32])
{
    size_t len = text.len;
    if (len == 16 && text.ptr[13] == ':') /* no seconds */
        snprintf(buffer, 32, "%.10sT%.5s:00Z", text.ptr, text.ptr + 11);
    else
        snprintf(buffer, 32, "%.10sT%.8sZ", text.ptr, text.ptr + 11);
    return str_of(buffer);
}

bool template_value_read_day(str text, int64_t *ret_ms)
{
    char whole[32];
    if (text.len != 10)
        return false;
    snprintf(whole, sizeof whole, "%.10sT00:00:00Z", text.ptr);
    return message_date_parse_rfc3339(str_of(whole), ret_ms);
}

/* The zone of a whole date-time, which is known to be right. */
static short zone_of(str text)
{
    const char *end = text.ptr + text.len;
    if (char_lower(end[-1]) == 'z')
        return 0;
    int minutes =
        ((end[-5] - '0') * 10 + end[-4] - '0') * 60 + (end[-2] - '0') * 10 + end[-1] - '0';
    return (short)(end[-6] == '-' ? -minutes : minutes);
}

static bool looks_iso(str text)
{
    return text.len >= 10 && text.len <= 40 && char_is_digit(text.ptr[0]) &&
           char_is_digit(text.ptr[3]) && text.ptr[4] == '-' && text.ptr[7] == '-';
}

static bool read_iso(str text, struct template_value *ret_date)
{
    struct template_value date = {.kind = VALUE_DATE};
    char whole[40];
    if (template_value_read_day(text, &date.ms)) {
        date.day_only = true;
        *ret_date = date;
        return true;
    }
    if ((text.len == 16 || text.len == 19) && (text.ptr[10] == ' ' || text.ptr[10] == 'T'))
        text = with_time(text, whole);
    if (!message_date_parse_rfc3339(text, &date.ms))
        return false;
    date.zone = zone_of(text);
    *ret_date = date;
    return true;
}

bool template_value_to_date(const struct template_value *v, struct template_value *ret_date)
{
    struct message_date date;
    if (v->kind == VALUE_DATE) {
        *ret_date = *v;
        return true;
    }
    if (v->kind != VALUE_TEXT)
        return false;
    str text = str_trim(v->text);
    if (looks_iso(text))
        return read_iso(text, ret_date);
    if (text.len < 10 || str_find(text, ':') == STR_NONE || !message_date_parse(text, &date))
        return false;
    *ret_date = (struct template_value){
        .kind = VALUE_DATE, .ms = date.real_ms, .zone = (short)date.zone_minutes};
    return true;
}

bool template_value_to_number(const struct template_value *v, double *ret_number)
{
    if (v->kind == VALUE_NUMBER)
        *ret_number = v->number;
    return v->kind == VALUE_NUMBER ||
           (v->kind == VALUE_TEXT && template_value_read_number(str_trim(v->text), ret_number));
}

bool template_value_read_age(str text, int64_t *ret_ms)
{
    static const struct {
        const char *unit;
        int64_t ms;
    } units[] = {
        {"s",   1000          },
        {"min", 60 * 1000     },
        {"h",   3600 * 1000   },
        {"d",   DAY_MS        },
        {"w",   7 * DAY_MS    },
        {"mo",  30LL * DAY_MS },
        {"y",   365LL * DAY_MS},
    };
    size_t digits = 0;
    uint64_t count;
    while (digits < text.len && char_is_digit(text.ptr[digits]))
        digits++;
    if (!str_to_u64(str_slice(text, 0, digits), 1000000, &count))
        return false;
    for (size_t i = 0; i < ARRAY_LEN(units); i++)
        if (str_eq(str_from(text, digits), str_of(units[i].unit))) {
            *ret_ms = (int64_t)count * units[i].ms;
            return true;
        }
    return false;
}

/* ---- meaning ---------------------------------------------------------------------------- */

bool template_value_is_true(const struct template_value *v)
{
    switch (v->kind) {
    case VALUE_MISSING:
        return false;
    case VALUE_TEXT:
        return v->text.len > 0 && !str_eq(v->text, S("0")) && !str_eq_nocase(v->text, S("false"));
    case VALUE_NUMBER:
        return v->number != 0;
    case VALUE_BOOL:
        return v->yes;
    case VALUE_LIST:
        return v->list.count > 0;
    default:
        return true;
    }
}

static str join(const struct template_value *v, struct arena *arena)
{
    str all = {0};
    for (size_t i = 0; i < v->list.count && all.len < TEMPLATE_VALUE_TEXT_BYTES_MAX; i++) {
        const struct template_value *item = &v->list.items[i];
        if (item->kind == VALUE_LIST || item->kind == VALUE_OBJECT)
            continue;
        str one = template_value_as_text(item, arena);
        all = all.len ? arena_printf(arena, "%.*s, %.*s", STR_ARG(all), STR_ARG(one)) : one;
    }
    return all;
}

static str date_text(const struct template_value *v, struct arena *arena)
{
    char text[CLOCK_RFC3339_BYTES];
    clock_rfc3339(v->ms, text);
    str all = arena_str(arena, str_of(text));
    return v->day_only ? str_slice(all, 0, 10) : all;
}

str template_value_as_text(const struct template_value *v, struct arena *arena)
{
    switch (v->kind) {
    case VALUE_TEXT:
        return v->text;
    case VALUE_NUMBER:
        return fabs(v->number) < 1e15 && v->number == (double)(int64_t)v->number
                   ? arena_printf(arena, "%.0f", v->number)
                   : arena_printf(arena, "%.15g", v->number);
    case VALUE_BOOL:
        return v->yes ? S("true") : S("false");
    case VALUE_DATE:
        return date_text(v, arena);
    case VALUE_AGE:
        return arena_printf(arena, "%lldd", (long long)(v->ms / DAY_MS));
    case VALUE_LIST:
        return join(v, arena);
    default:
        return (str){0};
    }
}

/* ---- comparing -------------------------------------------------------------------------- */

static int order_of(double a, double b) { return (a > b) - (a < b); }

static bool compare_age(const struct template_value *date, const struct template_value *age,
                        int64_t now_ms, int *ret_order)
{
    struct template_value read;
    if (!template_value_to_date(date, &read))
        return false;
    *ret_order = order_of((double)(now_ms - read.ms), (double)age->ms);
    return true;
}

bool template_value_compare(const struct template_value *a, const struct template_value *b,
                            int64_t now_ms, struct arena *arena, int *ret_order)
{
    struct template_value x, y;
    double m, n;
    if (a->kind == VALUE_MISSING || b->kind == VALUE_MISSING || a->kind == VALUE_OBJECT ||
        b->kind == VALUE_OBJECT)
        return false;
    if (b->kind == VALUE_AGE && a->kind != VALUE_AGE)
        return compare_age(a, b, now_ms, ret_order);
    if (a->kind == VALUE_DATE || b->kind == VALUE_DATE) {
        if (!template_value_to_date(a, &x) || !template_value_to_date(b, &y))
            return false;
        *ret_order = order_of((double)x.ms, (double)y.ms);
        return true;
    }
    if (a->kind == VALUE_NUMBER || b->kind == VALUE_NUMBER) {
        if (!template_value_to_number(a, &m) || !template_value_to_number(b, &n))
            return false;
        *ret_order = order_of(m, n);
        return true;
    }
    int order = str_compare(template_value_as_text(a, arena), template_value_as_text(b, arena));
    *ret_order = (order > 0) - (order < 0);
    return true;
}
