#include "message/date.h"
#include "message/lex.h"

enum { MINUTES_A_DAY = 24 * 60, MS_A_SECOND = 1000 };

struct reader {
    str rest;
    uint8_t flags;
};

struct fields {
    int weekday;          /* 0: Monday; -1: not given */
    int day, month, year; /* month from 1 */
    int hour, minute, second;
    int zone_minutes;
};

static const char months[] = "janfebmaraprmayjunjulaugsepoctnovdec";
static const char weekdays[] = "montuewedthufrisatsun";

/* The place of the three letters in the list, or -1; letters behind them are tolerated. */
static int find_name(str word, const char *list)
{
    if (word.len < 3)
        return -1;
    str names = str_of(list);
    for (size_t i = 0; i + 3 <= names.len; i += 3)
        if (str_eq_nocase(str_slice(word, 0, 3), str_slice(names, i, 3)))
            return (int)(i / 3);
    return -1;
}

static bool at(const struct reader *r, char c) { return r->rest.len > 0 && r->rest.ptr[0] == c; }

/* Blanks and comments; a comment is obsolete but behind the zone. */
static bool skip(struct reader *r)
{
    str before = r->rest;
    bool ended = message_lex_skip(&r->rest);
    str skipped = str_slice(before, 0, before.len - r->rest.len);
    if (r->rest.len > 0 && str_find(skipped, '(') != STR_NONE)
        r->flags |= DATE_OBSOLETE;
    if (!ended)
        r->flags |= DATE_ODD;
    return skipped.len > 0;
}

static bool take(struct reader *r, char c)
{
    skip(r);
    if (!at(r, c))
        return false;
    r->rest = str_from(r->rest, 1);
    skip(r);
    return true;
}

/* Digits, at most max of them; *ret_count how many. */
static bool take_number(struct reader *r, size_t max, int *ret_number, size_t *ret_count)
{
    size_t count = 0;
    while (count < r->rest.len && char_is_digit(r->rest.ptr[count]))
        count++;
    uint64_t number;
    if (count == 0 || count > max || !str_to_u64(str_slice(r->rest, 0, count), 99999, &number))
        return false;
    r->rest = str_from(r->rest, count);
    *ret_number = (int)number;
    *ret_count = count;
    return true;
}

static str take_word(struct reader *r)
{
    size_t len = 0;
    while (len < r->rest.len && char_is_alpha(r->rest.ptr[len]))
        len++;
    str word = str_slice(r->rest, 0, len);
    r->rest = str_from(r->rest, len);
    return word;
}

/* "Mon," in front. A comma is missing at times, the whole name stands there at others. */
static void read_weekday(struct reader *r, struct fields *f)
{
    f->weekday = -1;
    skip(r);
    struct reader saved = *r;
    str word = take_word(r);
    if (word.len == 0)
        return;
    f->weekday = find_name(word, weekdays);
    if (f->weekday < 0) { /* perhaps the month of a date written "Nov 21 2026" */
        *r = saved;
        return;
    }
    if (word.len != 3)
        r->flags |= DATE_ODD;
    if (!take(r, ','))
        r->flags |= DATE_ODD;
    skip(r);
}

static bool read_month(struct reader *r, struct fields *f)
{
    str word = take_word(r);
    f->month = find_name(word, months) + 1;
    if (word.len != 3)
        r->flags |= DATE_ODD;
    return f->month > 0;
}

/* Between day, month and year: blanks, or "-" as some write. */
static void skip_dash(struct reader *r)
{
    if (!skip(r))
        r->flags |= DATE_ODD;
    if (take(r, '-'))
        r->flags |= DATE_ODD;
}

/* RFC 5322 section 4.3: two digits up to 49 are this century's, three count from 1900. */
static bool read_year(struct reader *r, struct fields *f)
{
    size_t count;
    if (!take_number(r, 5, &f->year, &count))
        return false;
    if (count < 4) {
        f->year += count == 2 && f->year < 50 ? 2000 : 1900;
        r->flags |= count == 1 ? DATE_ODD : DATE_OBSOLETE;
    }
    return f->year >= MESSAGE_DATE_YEAR_MIN && f->year <= MESSAGE_DATE_YEAR_MAX;
}

/* "21 Nov 2026", or "Nov 21 2026" with or without commas. */
static bool read_day(struct reader *r, struct fields *f)
{
    size_t count;
    if (!char_is_digit(r->rest.len ? r->rest.ptr[0] : ' ')) {
        r->flags |= DATE_ODD;
        if (!read_month(r, f))
            return false;
        skip_dash(r);
        if (!take_number(r, 2, &f->day, &count))
            return false;
        take(r, ',');
        return true;
    }
    if (!take_number(r, 2, &f->day, &count))
        return false;
    skip_dash(r);
    return read_month(r, f);
}

static bool read_time(struct reader *r, struct fields *f)
{
    size_t count;
    if (!take_number(r, 2, &f->hour, &count))
        return false;
    if (count != 2)
        r->flags |= DATE_ODD;
    if (!take(r, ':') || !take_number(r, 2, &f->minute, &count))
        return false;
    if (count != 2)
        r->flags |= DATE_ODD;
    if (!take(r, ':'))
        return true; /* seconds may be left out */
    if (!take_number(r, 2, &f->second, &count))
        return false;
    if (count != 2)
        r->flags |= DATE_ODD;
    return true;
}

static const struct {
    const char *name;
    int minutes;
} zones[] = {
    {"UT",  0      },
    {"GMT", 0      },
    {"EST", -5 * 60},
    {"EDT", -4 * 60},
    {"CST", -6 * 60},
    {"CDT", -5 * 60},
    {"MST", -7 * 60},
    {"MDT", -6 * 60},
    {"PST", -8 * 60},
    {"PDT", -7 * 60},
};

/* Section 4.3: names of North America; every other is as good as "-0000". */
static void read_zone_name(struct reader *r, struct fields *f)
{
    str name = take_word(r);
    for (size_t i = 0; i < ARRAY_LEN(zones); i++)
        if (str_eq_nocase(name, str_of(zones[i].name))) {
            f->zone_minutes = zones[i].minutes;
            r->flags |= DATE_OBSOLETE;
            return;
        }
    if (str_eq_nocase(name, S("UTC")) || str_eq_nocase(name, S("Z"))) {
        r->flags |= str_eq_nocase(name, S("Z")) ? DATE_OBSOLETE : DATE_ODD;
        return;
    }
    r->flags |= name.len == 1 ? DATE_OBSOLETE | DATE_ZONE_UNKNOWN : DATE_ODD | DATE_ZONE_UNKNOWN;
}

/* "+hhmm"; "+hh:mm" and "GMT+hhmm" are meant so too. */
static bool read_offset(struct reader *r, struct fields *f)
{
    int sign = at(r, '-') ? -1 : 1, number, minutes = 0;
    size_t count;
    r->rest = str_from(r->rest, 1);
    if (!take_number(r, 4, &number, &count))
        return false;
    if (count == 4) {
        minutes = number % 100;
        number /= 100;
    } else {
        r->flags |= DATE_ODD;
        if (count == 3) {
            minutes = number % 100;
            number /= 100;
        } else if (take(r, ':') && !take_number(r, 2, &minutes, &count)) {
            return false;
        }
    }
    if (minutes > 59)
        return false;
    f->zone_minutes = sign * (number * 60 + minutes);
    if (f->zone_minutes == 0 && sign < 0)
        r->flags |= DATE_ZONE_UNKNOWN;
    return f->zone_minutes > -MINUTES_A_DAY && f->zone_minutes < MINUTES_A_DAY;
}

static bool read_zone(struct reader *r, struct fields *f)
{
    skip(r);
    if (r->rest.len == 0) {
        r->flags |= DATE_ODD | DATE_ZONE_UNKNOWN;
        return true;
    }
    if (char_is_alpha(r->rest.ptr[0])) {
        read_zone_name(r, f);
        if (!at(r, '+') && !at(r, '-'))
            return true;
        r->flags |= DATE_ODD;
        r->flags &= (uint8_t)~DATE_ZONE_UNKNOWN;
    }
    return (at(r, '+') || at(r, '-')) && read_offset(r, f);
}

static bool read_all(struct reader *r, struct fields *f)
{
    read_weekday(r, f);
    if (!read_day(r, f))
        return false;
    bool asctime = r->flags & DATE_ODD && f->day > 0 && f->month > 0;
    skip_dash(r);
    struct reader before_year = *r;
    if (read_year(r, f) && !at(r, ':')) {
        skip(r);
        if (!read_time(r, f))
            return false;
        return read_zone(r, f);
    }
    /* "Sat Nov 21 08:48:16 2026": the year stands behind the time */
    *r = before_year;
    if (!asctime || !read_time(r, f))
        return false;
    skip(r);
    if (r->rest.len > 0 && !char_is_digit(r->rest.ptr[0])) {
        if (!read_zone(r, f))
            return false;
        skip(r);
    } else {
        r->flags |= DATE_ZONE_UNKNOWN;
    }
    return read_year(r, f);
}

/* Days since 1970-01-01 of the Gregorian calendar; years count from March, so a leap day is last.
 */
static int64_t days_of(const struct fields *f)
{
    int64_t year = f->month > 2 ? f->year : f->year - 1;
    int64_t month = (f->month + 9) % 12;
    int64_t days =
        365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + f->day - 1;
    return days - 719468;
}

static int month_days(int month, int year)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return days[month - 1] + (month == 2 && leap);
}

static bool exists(const struct fields *f)
{
    return f->day >= 1 && f->day <= month_days(f->month, f->year) && f->hour <= 23 &&
           f->minute <= 59 && f->second <= 60;
}

bool message_date_parse(str value, struct message_date *ret_date)
{
    struct reader r = {.rest = str_slice(value, 0, MESSAGE_DATE_BYTES_MAX)};
    struct fields f = {0};
    if (value.len > MESSAGE_DATE_BYTES_MAX || !read_all(&r, &f) || !exists(&f))
        return false;
    skip(&r);
    if (r.rest.len > 0)
        r.flags |= DATE_ODD;
    int64_t days = days_of(&f);
    int64_t weekday = (days % 7 + 7 + 3) % 7; /* 1970-01-01 was a Thursday */
    if (f.weekday >= 0 && f.weekday != weekday)
        r.flags |= DATE_WRONG_WEEKDAY;
    if (f.second == 60)
        r.flags |= DATE_LEAP_SECOND;
    int64_t minutes = days * MINUTES_A_DAY + f.hour * 60 + f.minute - f.zone_minutes;
    *ret_date = (struct message_date){
        .real_ms = (minutes * 60 + f.second) * MS_A_SECOND,
        .zone_minutes = f.zone_minutes,
        .flags = r.flags,
    };
    return true;
}

/* ---- RFC 3339 ------------------------------------------------------------------------------ */

/* So many digits and what stands behind them (NUL: nothing that is looked at). */
static bool take_fixed(str *text, size_t digits, char behind, int *ret_number)
{
    int number = 0;
    if (text->len < digits + (behind != '\0'))
        return false;
    for (size_t i = 0; i < digits; i++) {
        if (!char_is_digit(text->ptr[i]))
            return false;
        number = number * 10 + (text->ptr[i] - '0');
    }
    if (behind != '\0' && (text->ptr[digits] | 32) != (behind | 32))
        return false;
    *text = str_from(*text, digits + (behind != '\0'));
    *ret_number = number;
    return true;
}

/* ".5": thousandths are kept, what is finer is passed over. */
static bool take_fraction(str *text, int *ret_ms)
{
    int ms = 0, weight = 100;
    *ret_ms = 0;
    if (!str_skip(text, S(".")))
        return true;
    size_t digits = 0;
    for (; digits < text->len && char_is_digit(text->ptr[digits]); digits++, weight /= 10)
        ms += (text->ptr[digits] - '0') * weight;
    *text = str_from(*text, digits);
    *ret_ms = ms;
    return digits > 0;
}

static bool take_rfc3339_zone(str text, int *ret_minutes)
{
    int hours, minutes;
    if (str_eq_nocase(text, S("Z"))) {
        *ret_minutes = 0;
        return true;
    }
    bool west = str_skip(&text, S("-"));
    if (!west && !str_skip(&text, S("+")))
        return false;
    if (!take_fixed(&text, 2, ':', &hours) || !take_fixed(&text, 2, '\0', &minutes) || text.len > 0)
        return false;
    *ret_minutes = (west ? -1 : 1) * (hours * 60 + minutes);
    return hours <= 23 && minutes <= 59;
}

bool message_date_parse_rfc3339(str text, int64_t *ret_real_ms)
{
    struct fields f = {0};
    int ms;
    if (!take_fixed(&text, 4, '-', &f.year) || !take_fixed(&text, 2, '-', &f.month) ||
        !take_fixed(&text, 2, 'T', &f.day) || !take_fixed(&text, 2, ':', &f.hour) ||
        !take_fixed(&text, 2, ':', &f.minute) || !take_fixed(&text, 2, '\0', &f.second) ||
        !take_fraction(&text, &ms) || !take_rfc3339_zone(text, &f.zone_minutes))
        return false;
    if (f.year < MESSAGE_DATE_YEAR_MIN || f.month < 1 || f.month > 12 || !exists(&f))
        return false;
    int64_t minutes = days_of(&f) * MINUTES_A_DAY + f.hour * 60 + f.minute - f.zone_minutes;
    *ret_real_ms = (minutes * 60 + f.second) * MS_A_SECOND + ms;
    return true;
}
