#include "template/filter.h"
#include "config/suggest.h"
#include "message/text.h"
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static const char months[][10] = {"January",   "February", "March",    "April",
                                  "May",       "June",     "July",     "August",
                                  "September", "October",  "November", "December"};
static const char days[][10] = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                "Thursday", "Friday", "Saturday"};

static str text_of(const struct template_value *v, struct arena *arena)
{
    return str_slice(template_value_as_text(v, arena), 0, TEMPLATE_FILTER_TEXT_BYTES_MAX);
}

/* ---- letters ----------------------------------------------------------------------------- */

/* Latin, Greek and Cyrillic, where capital and small letters stand at a fixed distance. */
static uint32_t lower(uint32_t c)
{
    if ((c >= 'A' && c <= 'Z') || (c >= 0xC0 && c <= 0xDE && c != 0xD7) ||
        (c >= 0x391 && c <= 0x3A9) || (c >= 0x410 && c <= 0x42F))
        return c + 32;
    if (c >= 0x400 && c <= 0x40F)
        return c + 80;
    bool even =
        (c >= 0x100 && c <= 0x137 && c != 0x130 && c != 0x131) || (c >= 0x14A && c <= 0x177);
    bool odd = (c >= 0x139 && c <= 0x148) || (c >= 0x179 && c <= 0x17E);
    return (even && c % 2 == 0) || (odd && c % 2 == 1) ? c + 1 : c;
}

static uint32_t upper(uint32_t c)
{
    if ((c >= 'a' && c <= 'z') || (c >= 0xE0 && c <= 0xFE && c != 0xF7) ||
        (c >= 0x3B1 && c <= 0x3C9 && c != 0x3C2) || (c >= 0x430 && c <= 0x44F))
        return c - 32;
    if (c >= 0x450 && c <= 0x45F)
        return c - 80;
    bool even =
        (c >= 0x100 && c <= 0x137 && c != 0x130 && c != 0x131) || (c >= 0x14A && c <= 0x177);
    bool odd = (c >= 0x139 && c <= 0x148) || (c >= 0x179 && c <= 0x17E);
    return (even && c % 2 == 1) || (odd && c % 2 == 0) ? c - 1 : c;
}

static size_t put_code(uint32_t c, char *at)
{
    if (c < 0x80) {
        at[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        at[0] = (char)(0xC0 | c >> 6);
        at[1] = (char)(0x80 | (c & 0x3F));
        return 2;
    }
    return 0;
}

enum { CASE_UPPER, CASE_LOWER, CASE_TITLE };

/* Every pair of letters above is as long in UTF-8, so the copy has the length of the text. */
static struct template_value change_case(const struct template_value *input, int how,
                                         struct arena *arena)
{
    str text = text_of(input, arena);
    if (text.len == 0)
        return *input;
    char *copy = arena_chars(arena, text);
    bool begin = true;
    for (str rest = text; rest.len > 0;) {
        char *at = copy + (rest.ptr - text.ptr);
        uint32_t code;
        if (!message_text_next(&rest, &code))
            continue;
        if (code < 0x800)
            put_code(how == CASE_UPPER || (how == CASE_TITLE && begin) ? upper(code) : lower(code),
                     at);
        begin = code == ' ' || code == '-' || code == '\t';
    }
    return template_value_of_text((str){copy, text.len});
}

static struct template_value run_upper(const struct template_value *v,
                                       const struct template_value *args, int count,
                                       struct arena *arena)
{
    (void)args, (void)count;
    return change_case(v, CASE_UPPER, arena);
}

static struct template_value run_lower(const struct template_value *v,
                                       const struct template_value *args, int count,
                                       struct arena *arena)
{
    (void)args, (void)count;
    return change_case(v, CASE_LOWER, arena);
}

static struct template_value run_title(const struct template_value *v,
                                       const struct template_value *args, int count,
                                       struct arena *arena)
{
    (void)args, (void)count;
    return change_case(v, CASE_TITLE, arena);
}

static struct template_value run_trim(const struct template_value *v,
                                      const struct template_value *args, int count,
                                      struct arena *arena)
{
    (void)args, (void)count;
    return template_value_of_text(str_trim(text_of(v, arena)));
}

/* At most so many characters; what was cut ends in "...", or in the second argument. */
static struct template_value run_truncate(const struct template_value *v,
                                          const struct template_value *args, int count,
                                          struct arena *arena)
{
    double most;
    str text = text_of(v, arena), rest = text;
    if (!template_value_to_number(&args[0], &most) || most < 0)
        return *v;
    for (double n = 0; rest.len > 0 && n < most; n++) {
        uint32_t code;
        (void)message_text_next(&rest, &code);
    }
    if (rest.len == 0)
        return *v;
    str tail = count > 1 ? text_of(&args[1], arena) : S("...");
    return template_value_of_text(
        arena_printf(arena, "%.*s%.*s", (int)(text.len - rest.len), text.ptr, STR_ARG(tail)));
}

static struct template_value run_default(const struct template_value *v,
                                         const struct template_value *args, int count,
                                         struct arena *arena)
{
    (void)count;
    str text = v->kind == VALUE_TEXT ? str_trim(v->text) : S("x");
    (void)arena;
    return v->kind == VALUE_MISSING || text.len == 0 ? args[0] : *v;
}

/* ---- dates and numbers ------------------------------------------------------------------- */

static void add_part(char letter, const struct tm *t, char *out, size_t size)
{
    int hour = t->tm_hour % 12 ? t->tm_hour % 12 : 12;
    switch (letter) {
    case 'Y':
        snprintf(out, size, "%04d", t->tm_year + 1900);
        break;
    case 'y':
        snprintf(out, size, "%02d", t->tm_year % 100);
        break;
    case 'm':
        snprintf(out, size, "%02d", t->tm_mon + 1);
        break;
    case 'd':
        snprintf(out, size, "%02d", t->tm_mday);
        break;
    case 'e':
        snprintf(out, size, "%d", t->tm_mday);
        break;
    case 'H':
        snprintf(out, size, "%02d", t->tm_hour);
        break;
    case 'I':
        snprintf(out, size, "%d", hour);
        break;
    case 'M':
        snprintf(out, size, "%02d", t->tm_min);
        break;
    case 'S':
        snprintf(out, size, "%02d", t->tm_sec);
        break;
    case 'p':
        snprintf(out, size, "%s", t->tm_hour < 12 ? "am" : "pm");
        break;
    case 'B':
        snprintf(out, size, "%s", months[t->tm_mon]);
        break;
    case 'b':
        snprintf(out, size, "%.3s", months[t->tm_mon]);
        break;
    case 'A':
        snprintf(out, size, "%s", days[t->tm_wday]);
        break;
    case 'a':
        snprintf(out, size, "%.3s", days[t->tm_wday]);
        break;
    case 'j':
        snprintf(out, size, "%03d", t->tm_yday + 1);
        break;
    default:
        snprintf(out, size, "%c", letter);
    }
}

static struct template_value run_date(const struct template_value *v,
                                      const struct template_value *args, int count,
                                      struct arena *arena)
{
    struct template_value date;
    struct tm t;
    char text[200], part[16];
    size_t len = 0;
    if (!template_value_to_date(v, &date))
        return *v;
    str form = count ? text_of(&args[0], arena) : S("%Y-%m-%d");
    time_t seconds = (time_t)((date.ms >= 0 ? date.ms : date.ms - 999) / 1000 + date.zone * 60);
    if (gmtime_r(&seconds, &t) == NULL)
        return *v;
    for (size_t i = 0; i < form.len && len + sizeof part < sizeof text; i++) {
        if (form.ptr[i] != '%' || i + 1 == form.len) {
            text[len++] = form.ptr[i];
            continue;
        }
        add_part(form.ptr[++i], &t, part, sizeof part);
        len += (size_t)(str_put(text + len, str_of(part)) - (text + len));
    }
    return template_value_of_text(arena_str(arena, (str){text, len}));
}

/* "1,234.50": how many decimals, and the two marks ("." alone: no mark between thousands). */
static struct template_value run_number(const struct template_value *v,
                                        const struct template_value *args, int count,
                                        struct arena *arena)
{
    double number, decimals = 0;
    if (!template_value_to_number(v, &number) || fabs(number) >= 1e15)
        return *v;
    if (count > 0 &&
        (!template_value_to_number(&args[0], &decimals) || decimals < 0 || decimals > 9))
        decimals = 0;
    str marks = count > 1 ? text_of(&args[1], arena) : S(",.");
    char plain[64], out[128];
    int plain_len = snprintf(plain, sizeof plain, "%.*f", (int)decimals, fabs(number));
    int whole = plain_len - (decimals > 0 ? (int)decimals + 1 : 0);
    size_t len = 0;
    if (number < 0)
        out[len++] = '-';
    for (int i = 0; i < whole; i++) {
        if (i > 0 && (whole - i) % 3 == 0 && marks.len > 1)
            out[len++] = marks.ptr[0];
        out[len++] = plain[i];
    }
    if (decimals > 0) {
        out[len++] = marks.len ? marks.ptr[marks.len - 1] : '.';
        for (int i = whole + 1; i < plain_len; i++)
            out[len++] = plain[i];
    }
    return template_value_of_text(arena_str(arena, (str){out, len}));
}

/* ---- lists and URLs ---------------------------------------------------------------------- */

static struct template_value run_split(const struct template_value *v,
                                       const struct template_value *args, int count,
                                       struct arena *arena)
{
    if (v->kind != VALUE_TEXT)
        return *v;
    str rest = text_of(v, arena), mark = count ? text_of(&args[0], arena) : S(",");
    char sep = mark.len ? mark.ptr[0] : ',';
    size_t items = 1;
    for (size_t i = 0; i < rest.len; i++)
        items += rest.ptr[i] == sep;
    if (items > TEMPLATE_FILTER_ITEMS_MAX)
        items = TEMPLATE_FILTER_ITEMS_MAX;
    struct template_value *list = ARENA_ARRAY(arena, struct template_value, items);
    for (size_t i = 0; i < items; i++) {
        str one;
        str_split(rest, sep, &one, &rest);
        list[i] = template_value_of_text(str_trim(one));
    }
    return (struct template_value){
        .kind = VALUE_LIST, .list = {list, items}
    };
}

static struct template_value run_join(const struct template_value *v,
                                      const struct template_value *args, int count,
                                      struct arena *arena)
{
    str all = {0}, mark = count ? text_of(&args[0], arena) : S(", ");
    if (v->kind != VALUE_LIST)
        return *v;
    for (size_t i = 0; i < v->list.count && all.len < TEMPLATE_FILTER_TEXT_BYTES_MAX; i++) {
        str one = text_of(&v->list.items[i], arena);
        all = i ? arena_printf(arena, "%.*s%.*s%.*s", STR_ARG(all), STR_ARG(mark), STR_ARG(one))
                : one;
    }
    return template_value_of_text(all);
}

static bool is_unreserved(char c) { return char_is_alnum(c) || (c && strchr("-._~", c)); }

static size_t put_url(str text, char *out)
{
    static const char hex[] = "0123456789ABCDEF";
    size_t len = 0;
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        if (is_unreserved((char)c)) {
            out[len++] = (char)c;
            continue;
        }
        out[len++] = '%';
        out[len++] = hex[c >> 4];
        out[len++] = hex[c & 15];
    }
    return len;
}

err template_filter_add_url(str text, struct buf *out)
{
    char *room;
    TRY(buf_reserve(out, text.len * 3, &room));
    out->len += put_url(text, room);
    return NULL;
}

static struct template_value run_url(const struct template_value *v,
                                     const struct template_value *args, int count,
                                     struct arena *arena)
{
    (void)args, (void)count;
    str text = text_of(v, arena);
    char *out = arena_alloc(arena, text.len * 3 + 1);
    return template_value_of_text((str){out, put_url(text, out)});
}

/* ---- all of them ------------------------------------------------------------------------- */

static const struct template_filter filters[] = {
    {"upper",    0, 0, run_upper   },
    {"lower",    0, 0, run_lower   },
    {"title",    0, 0, run_title   },
    {"trim",     0, 0, run_trim    },
    {"truncate", 1, 2, run_truncate},
    {"default",  1, 1, run_default },
    {"date",     0, 1, run_date    },
    {"number",   0, 2, run_number  },
    {"url",      0, 0, run_url     },
    {"split",    0, 1, run_split   },
    {"join",     0, 1, run_join    },
};

const struct template_filter *template_filter_find(str name)
{
    for (size_t i = 0; i < ARRAY_LEN(filters); i++)
        if (str_eq(name, str_of(filters[i].name)))
            return &filters[i];
    return NULL;
}

str template_filter_nearest(str wrong)
{
    struct config_suggest suggest;
    config_suggest_init(&suggest, wrong);
    for (size_t i = 0; i < ARRAY_LEN(filters); i++)
        config_suggest_offer(&suggest, str_of(filters[i].name));
    return suggest.best;
}

bool template_filter_is_url(const struct template_filter *f) { return f && f->run == run_url; }
