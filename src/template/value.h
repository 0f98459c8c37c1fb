/* template/value.h -- what a field of a row holds, and how values compare
 *
 * A list of recipients knows texts only; what a text means is decided where it is used: beside a
 * number it is read as a number, beside a date or an age as a date. What cannot be read so is
 * missing, and so is an empty text. Compared with anything, a missing value is different, and
 * neither less nor more.
 */
#pragma once
#include "base/arena.h"

enum template_value_kind {
    VALUE_MISSING,
    VALUE_TEXT,
    VALUE_NUMBER,
    VALUE_BOOL,
    VALUE_DATE,
    VALUE_AGE, /* "90d" */
    VALUE_LIST,
    VALUE_OBJECT,
};

enum {
    TEMPLATE_VALUE_TEXT_BYTES_MAX = 1 << 20, /* of a list as text */
    TEMPLATE_VALUE_NUMBER_BYTES_MAX = 40,
    TEMPLATE_VALUE_DIGITS_MAX = 17,
};

struct template_member;

struct template_value {
    enum template_value_kind kind;
    bool day_only; /* VALUE_DATE without a time */
    short zone;    /* VALUE_DATE: minutes east of UTC */
    union {
        str text;
        double number;
        bool yes;
        int64_t ms; /* VALUE_DATE: since 1970 UTC; VALUE_AGE: how long */
        struct {
            const struct template_value *items;
            size_t count;
        } list;
        struct {
            const struct template_member *members;
            size_t count;
        } object;
    };
};

struct template_member {
    str name;
    struct template_value value;
};

struct template_value template_value_of_text(str); /* borrowed; empty: missing */
struct template_value template_value_of_number(double);
struct template_value template_value_of_bool(bool);

/* "12", "-3.50", "1e6"; no blanks, no "inf". */
bool template_value_to_number(const struct template_value *, double *ret_number);
/* "2026-11-21", "2026-11-21 08:48[:16]", RFC 3339, the date of a header field. */
bool template_value_to_date(const struct template_value *, struct template_value *ret_date);
bool template_value_read_number(str text, double *ret_number);
bool template_value_read_day(str text, int64_t *ret_ms); /* "2026-11-21" at 0:00 UTC */
bool template_value_read_age(str text, int64_t *ret_ms); /* "90d", "12h", "2w", "6mo", "1y" */

/* Missing, empty, false, 0 and a list of nothing are not true; every other value is. */
bool template_value_is_true(const struct template_value *);

/* As people read it; what is not text already lives in the arena. */
str template_value_as_text(const struct template_value *, struct arena *);

/* -1, 0, 1; false: one of them is missing, or they cannot be compared. Ages are of dates. */
bool template_value_compare(const struct template_value *, const struct template_value *,
                            int64_t now_ms, struct arena *, int *ret_order);
