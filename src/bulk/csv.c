#include "bulk/csv.h"
#include <string.h>

/* How long the first record is, with its line end; STR_NONE: more must come. */
static size_t record_length(char separator, str text, bool end, size_t *ret_lines)
{
    bool quoted = false, begin = true;
    size_t lines = 1;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (c == '"' && quoted && i + 1 < text.len && text.ptr[i + 1] == '"')
            i++; /* doubled: a quote of the text */
        else if (c == '"' && (quoted || begin))
            quoted = !quoted;
        else if (c == '\n' && !quoted) {
            *ret_lines = lines;
            return i + 1;
        }
        lines += c == '\n';
        begin = !quoted && c == separator;
    }
    *ret_lines = lines;
    return end && !quoted ? text.len : STR_NONE;
}

/* The field in quotes at the front of *rest, unquoted in place. */
static void quoted_field(char *copy, str *rest, str *ret_field)
{
    size_t from = 1, len = 0;
    for (; from < rest->len; from++) {
        char c = rest->ptr[from];
        if (c == '"' && from + 1 < rest->len && rest->ptr[from + 1] == '"')
            from++;
        else if (c == '"')
            break;
        copy[len++] = c;
    }
    *ret_field = (str){copy, len};
    from = from < rest->len ? from + 1 : rest->len;
    *rest = (str){rest->ptr + from, rest->len - from};
}

static const char *split(char separator, char *copy, str rest, struct bulk_csv_record *record)
{
    for (bool more = true; more;) {
        if (record->count == BULK_CSV_FIELDS_MAX)
            return "too many fields";
        str *field = &record->fields[record->count++];
        char *place = copy + (rest.ptr - copy);
        size_t len = 0;
        if (rest.len > 0 && rest.ptr[0] == '"') {
            quoted_field(place, &rest, field);
        } else {
            while (len < rest.len && rest.ptr[len] != separator)
                len++;
            *field = (str){rest.ptr, len};
            rest = (str){rest.ptr + len, rest.len - len};
        }
        more = rest.len > 0;
        if (more && rest.ptr[0] != separator)
            return "something stands behind a closing quote";
        if (more)
            rest = (str){rest.ptr + 1, rest.len - 1}; /* keeps its place when nothing is left */
    }
    return NULL;
}

enum bulk_csv_event bulk_csv_take(char separator, str *input, bool end, struct arena *arena,
                                  struct bulk_csv_record *ret_record, const char **ret_why)
{
    size_t lines, len = record_length(separator, *input, end, &lines);
    ret_record->count = 0;
    ret_record->lines = lines;
    if (len == STR_NONE && !end && input->len <= BULK_CSV_RECORD_BYTES_MAX)
        return BULK_CSV_MORE;
    if (len == STR_NONE || len > BULK_CSV_RECORD_BYTES_MAX) {
        size_t line = str_find(*input, '\n');
        *input = str_from(*input, line == STR_NONE ? input->len : line + 1);
        *ret_why = "a quote is not closed, or the record is longer than 1 MiB";
        ret_record->lines = 1;
        return BULK_CSV_BAD;
    }
    str text = str_slice(*input, 0, len);
    *input = str_from(*input, len);
    if (text.len > 0 && text.ptr[text.len - 1] == '\n')
        text.len--;
    if (text.len > 0 && text.ptr[text.len - 1] == '\r')
        text.len--;
    if (text.len == 0)
        return BULK_CSV_RECORD;
    char *copy = arena_chars(arena, text);
    const char *why = split(separator, copy, (str){copy, text.len}, ret_record);
    if (why)
        *ret_why = why;
    return why ? BULK_CSV_BAD : BULK_CSV_RECORD;
}

char bulk_csv_separator(str line)
{
    static const char candidates[] = {',', ';', '\t'};
    size_t counts[ARRAY_LEN(candidates)] = {0}, best = 0;
    bool quoted = false;
    for (size_t i = 0; i < line.len && (quoted || line.ptr[i] != '\n'); i++) {
        quoted = quoted != (line.ptr[i] == '"');
        for (size_t k = 0; k < ARRAY_LEN(candidates); k++)
            counts[k] += !quoted && line.ptr[i] == candidates[k];
    }
    for (size_t k = 1; k < ARRAY_LEN(candidates); k++)
        if (counts[k] > counts[best])
            best = k;
    return candidates[best];
}

err bulk_csv_add(str field, struct buf *out)
{
    bool formula = field.len > 0 && field.ptr[0] && strchr("=+-@\t\r", field.ptr[0]);
    bool quote = formula;
    for (size_t i = 0; i < field.len; i++)
        quote = quote || (field.ptr[i] && strchr(",;\"\r\n\t", field.ptr[i]));
    if (!quote)
        return buf_add(out, field);
    TRY(buf_add(out, formula ? S("\"'") : S("\"")));
    for (size_t i = 0; i < field.len; i++) {
        if (field.ptr[i] == '"')
            TRY(buf_add_char(out, '"'));
        TRY(buf_add_char(out, field.ptr[i]));
    }
    return buf_add_char(out, '"');
}
