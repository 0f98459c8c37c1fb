#include "feedback/csv.h"
#include "base/clock.h"
#include "events/event.h"
#include <jansson.h>

#define DAY_MS (24LL * 3600 * 1000)

enum column { ADDRESS, TENANT, STREAM, REASON, SINCE, EXPIRES, COUNT, SOURCE, COLUMNS };

static const struct {
    const char *name;
    enum column column;
} names[] = {
    {"address",   ADDRESS},
    {"email",     ADDRESS},
    {"recipient", ADDRESS},
    {"tenant",    TENANT },
    {"stream",    STREAM },
    {"reason",    REASON },
    {"since",     SINCE  },
    {"created",   SINCE  },
    {"expires",   EXPIRES},
    {"count",     COUNT  },
    {"source",    SOURCE },
};

const char feedback_csv_head[] = "address,tenant,stream,reason,since,expires,count,source\r\n";

/* ---- values ----------------------------------------------------------------------------- */

static bool take_number(str *text, size_t digits, uint64_t most, uint64_t *ret)
{
    str head = str_slice(*text, 0, digits);
    bool good = head.len == digits && str_to_u64(head, most, ret);
    *text = str_from(*text, digits);
    return good;
}

/* Days since 1970 in the Gregorian calendar. */
static int64_t days_of(int64_t year, int64_t month, int64_t day)
{
    year -= month <= 2;
    int64_t era = year / 400, of_era = year - era * 400;
    int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

/* "2026-11-21", or "2026-11-21T08:48:16.123Z" with or without what is below the minute. */
static bool parse_time(str text, int64_t *ret_ms)
{
    uint64_t year, month, day, hour = 0, minute = 0, second = 0, ms = 0;
    if (!take_number(&text, 4, 9999, &year) || !str_skip(&text, S("-")) ||
        !take_number(&text, 2, 12, &month) || !str_skip(&text, S("-")) ||
        !take_number(&text, 2, 31, &day) || month == 0 || day == 0 || year < 1970)
        return false;
    if (text.len > 0 && !((str_skip(&text, S("T")) || str_skip(&text, S(" "))) &&
                          take_number(&text, 2, 23, &hour) && str_skip(&text, S(":")) &&
                          take_number(&text, 2, 59, &minute)))
        return false;
    if (str_skip(&text, S(":")) && !take_number(&text, 2, 60, &second))
        return false;
    if (str_skip(&text, S(".")) && !take_number(&text, 3, 999, &ms))
        return false;
    (void)str_skip(&text, S("Z"));
    int64_t days = days_of((int64_t)year, (int64_t)month, (int64_t)day);
    *ret_ms = days * DAY_MS + (int64_t)(((hour * 60 + minute) * 60 + second) * 1000 + ms);
    return text.len == 0;
}

static bool is_flow_name(str s)
{
    bool good = s.len <= ENVELOPE_FLOW_BYTES_MAX;
    for (size_t i = 0; i < s.len; i++)
        good &= char_is_alnum(s.ptr[i]) || str_find(S("-_."), s.ptr[i]) != STR_NONE;
    return good;
}

static bool take_count(str value, int64_t *ret_count)
{
    uint64_t count;
    if (!str_to_u64(value, 1000000000, &count) || count == 0)
        return false;
    *ret_count = (int64_t)count;
    return true;
}

/* An empty cell says nothing. */
static err take_value(enum column column, str value, struct arena *arena, struct feedback_entry *e)
{
    static const char *const wanted[COLUMNS] = {
        [ADDRESS] = "an address",
        [TENANT] = "a tenant's name",
        [STREAM] = "a stream's name",
        [REASON] = "hard_bounce, repeated, complaint, unsubscribe or manual",
        [SINCE] = "a date such as 2026-11-21T08:48:16Z",
        [EXPIRES] = "a date such as 2026-11-21T08:48:16Z",
        [COUNT] = "a number from 1",
        [SOURCE] = "a text",
    };
    char chars[FEEDBACK_LIST_ADDRESS_CHARS];
    str folded;
    bool good = true;
    if (value.len == 0)
        return NULL;
    switch (column) {
    case ADDRESS:
        good = feedback_list_fold(value, chars, &folded);
        e->address = arena_str(arena, value);
        break;
    case TENANT:
        good = is_flow_name(value);
        e->tenant = arena_str(arena, value);
        break;
    case STREAM:
        good = is_flow_name(value);
        e->stream = arena_str(arena, value);
        break;
    case REASON:
        good = feedback_list_reason_find(value, &e->reason);
        break;
    case SINCE:
        good = parse_time(value, &e->since_ms);
        break;
    case EXPIRES:
        good = parse_time(value, &e->expires_ms);
        break;
    case COUNT:
        good = take_count(value, &e->count);
        break;
    default:
        e->source = arena_str(arena, str_slice(value, 0, FEEDBACK_LIST_SOURCE_BYTES_MAX));
    }
    return good ? NULL
                : err_new(ERR_PROTOCOL, "\"%.*s\" is not %s", STR_ARG(str_slice(value, 0, 80)),
                          wanted[column]);
}

/* ---- CSV -------------------------------------------------------------------------------- */

static bool is_formula(str cell)
{
    return cell.len > 0 && (str_find(S("=+-@\t\r'"), cell.ptr[0]) != STR_NONE);
}

static err write_cell(str cell, struct buf *out)
{
    TRY(buf_add_char(out, '"'));
    if (is_formula(cell))
        TRY(buf_add_char(out, '\''));
    for (size_t i = 0; i < cell.len; i++) {
        char c = (unsigned char)cell.ptr[i] < ' ' ? ' ' : cell.ptr[i];
        if (c == '"')
            TRY(buf_add_char(out, '"'));
        TRY(buf_add_char(out, c));
    }
    return buf_add_char(out, '"');
}

static str time_text(int64_t ms, char chars[CLOCK_RFC3339_BYTES])
{
    if (ms == 0)
        return (str){0};
    clock_rfc3339(ms, chars);
    return str_of(chars);
}

err feedback_csv_write(const struct feedback_entry *e, struct buf *out)
{
    char since[CLOCK_RFC3339_BYTES], expires[CLOCK_RFC3339_BYTES];
    const str cells[] = {e->address,
                         e->tenant,
                         e->stream,
                         str_of(feedback_list_reason_name(e->reason)),
                         time_text(e->since_ms, since),
                         time_text(e->expires_ms, expires)};
    for (size_t i = 0; i < ARRAY_LEN(cells); i++) {
        TRY(write_cell(cells[i], out));
        TRY(buf_add_char(out, ','));
    }
    TRY(buf_addf(out, "%lld,", (long long)e->count));
    TRY(write_cell(e->source, out));
    return buf_add(out, S("\r\n"));
}

/* The next cell off the front; false: its quotes are not right. */
static bool take_cell(str *line, struct arena *arena, str *ret_cell)
{
    if (!str_skip(line, S("\""))) {
        str_split(*line, ',', ret_cell, line);
        *ret_cell = str_trim(*ret_cell);
        return str_find(*ret_cell, '"') == STR_NONE;
    }
    char *chars = arena_alloc(arena, line->len + 1);
    size_t len = 0;
    for (;;) {
        size_t quote = str_find(*line, '"');
        if (quote == STR_NONE)
            return false;
        str_put(chars + len, str_slice(*line, 0, quote));
        len += quote;
        *line = str_from(*line, quote + 1);
        if (!str_skip(line, S("\"")))
            break;
        chars[len++] = '"';
    }
    *ret_cell = (str){chars, len};
    return line->len == 0 || str_skip(line, S(","));
}

static int8_t column_of(str name)
{
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (str_eq_nocase(name, str_of(names[i].name)))
            return (int8_t)names[i].column;
    return -1;
}

static err split(str line, struct arena *arena, str cells[FEEDBACK_CSV_COLUMNS_MAX],
                 size_t *ret_count)
{
    size_t count = 0;
    bool more = true;
    while (more) {
        bool ends_in_comma = line.len > 0 && line.ptr[line.len - 1] == ',';
        if (count == FEEDBACK_CSV_COLUMNS_MAX)
            return err_new(ERR_PROTOCOL, "more than %d columns", FEEDBACK_CSV_COLUMNS_MAX);
        if (!take_cell(&line, arena, &cells[count++]))
            return err_new(ERR_PROTOCOL, "a quotation mark is not closed, or stands inside");
        more = line.len > 0;
        if (!more && ends_in_comma && count < FEEDBACK_CSV_COLUMNS_MAX)
            cells[count++] = (str){0};
    }
    *ret_count = count;
    return NULL;
}

/* True: the line names columns. Else there is one, the address. */
static bool take_head(struct feedback_csv *c, const str *cells, size_t count)
{
    bool head = false;
    c->begun = true;
    c->column_count = count;
    for (size_t i = 0; i < count; i++) {
        c->columns[i] = column_of(cells[i]);
        head |= c->columns[i] == ADDRESS;
    }
    if (head)
        return true;
    for (size_t i = 0; i < count; i++)
        c->columns[i] = i == 0 ? ADDRESS : -1;
    return false;
}

static err read_csv(struct feedback_csv *c, str line, struct arena *arena, struct feedback_entry *e,
                    bool *ret_found)
{
    str cells[FEEDBACK_CSV_COLUMNS_MAX];
    size_t count = 0;
    TRY(split(line, arena, cells, &count));
    *ret_found = c->begun || !take_head(c, cells, count);
    for (size_t i = 0; *ret_found && i < count && i < c->column_count; i++) {
        str cell = cells[i];
        if (cell.len > 1 && cell.ptr[0] == '\'' && is_formula(str_from(cell, 1)))
            cell = str_from(cell, 1);
        if (c->columns[i] >= 0)
            TRY(take_value((enum column)c->columns[i], cell, arena, e));
    }
    return NULL;
}

/* ---- JSON ------------------------------------------------------------------------------- */

err feedback_csv_write_json(const struct feedback_entry *e, struct buf *out)
{
    char since[CLOCK_RFC3339_BYTES], expires[CLOCK_RFC3339_BYTES];
    const struct {
        const char *name;
        str value;
    } members[] = {
        {"address", e->address                                  },
        {"tenant",  e->tenant                                   },
        {"stream",  e->stream                                   },
        {"reason",  str_of(feedback_list_reason_name(e->reason))},
        {"since",   time_text(e->since_ms,                        since)},
        {"expires",         time_text(e->expires_ms,                                             expires)},
        {"source", e->source},
    };
    TRY(buf_addf(out, "{\"count\":%lld", (long long)e->count));
    for (size_t i = 0; i < ARRAY_LEN(members); i++) {
        if (members[i].value.len == 0)
            continue;
        TRY(buf_addf(out, ",\"%s\":", members[i].name));
        TRY(event_json_text(members[i].value, out));
    }
    return buf_add(out, S("}\n"));
}

static err take_member(const char *name, const json_t *value, struct arena *arena,
                       struct feedback_entry *e)
{
    int8_t column = column_of(str_of(name));
    char number[24];
    if (column < 0 || json_is_null(value))
        return NULL;
    if (json_is_integer(value)) {
        snprintf(number, sizeof number, "%lld", (long long)json_integer_value(value));
        return take_value((enum column)column, str_of(number), arena, e);
    }
    if (!json_is_string(value))
        return err_new(ERR_PROTOCOL, "\"%s\" is no text", name);
    return take_value((enum column)column,
                      (str){json_string_value(value), json_string_length(value)}, arena, e);
}

static err take_object(json_t *object, struct arena *arena, struct feedback_entry *e)
{
    const char *name;
    json_t *value;
    if (!json_is_object(object))
        return err_new(ERR_PROTOCOL, "no JSON object");
    json_object_foreach(object, name, value) TRY(take_member(name, value, arena, e));
    return NULL;
}

/* jansson calls itself for each level; ours has one. */
static err read_json(str line, struct arena *arena, struct feedback_entry *e)
{
    size_t deep = 0;
    for (size_t i = 0; i < line.len; i++)
        deep += line.ptr[i] == '{' || line.ptr[i] == '[';
    if (deep > FEEDBACK_CSV_COLUMNS_MAX)
        return err_new(ERR_PROTOCOL, "no JSON object of one level");
    json_t *object = json_loadb(line.ptr, line.len, JSON_REJECT_DUPLICATES, NULL);
    err trouble = take_object(object, arena, e);
    json_decref(object);
    return trouble;
}

/* ---- both ------------------------------------------------------------------------------- */

err feedback_csv_read(struct feedback_csv *c, str line, const struct feedback_entry *defaults,
                      struct arena *arena, struct feedback_entry *ret_entry, bool *ret_found)
{
    struct feedback_entry e = *defaults;
    bool found = true;
    if (!c->begun)
        (void)str_skip(&line, S("\xef\xbb\xbf")); /* a spreadsheet's mark of UTF-8 */
    line = str_trim(line);
    *ret_found = false;
    if (line.len == 0)
        return NULL;
    if (line.len > FEEDBACK_CSV_LINE_BYTES_MAX)
        return err_new(ERR_PROTOCOL, "a line of more than %d bytes", FEEDBACK_CSV_LINE_BYTES_MAX);
    if (line.ptr[0] == '{')
        TRY(read_json(line, arena, &e));
    else
        TRY(read_csv(c, line, arena, &e, &found));
    if (found && e.address.len == 0)
        return err_new(ERR_PROTOCOL, "there is no address in it");
    *ret_entry = e;
    *ret_found = found;
    return NULL;
}
