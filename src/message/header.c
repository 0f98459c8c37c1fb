#include "message/header.h"
#include <string.h>

static bool is_blank(char c) { return c == ' ' || c == '\t'; }

/* The first line with its end; all of s when there is no end. */
static str first_line(str s)
{
    size_t lf = str_find(s, '\n');
    return lf == STR_NONE ? s : str_slice(s, 0, lf + 1);
}

static bool line_is_empty(str line) { return str_eq(line, S("\r\n")) || str_eq(line, S("\n")); }

/* A line and its continuations: what begins with a blank belongs to the line above. */
static str first_field(str s)
{
    str line = first_line(s);
    size_t len = line.len;
    while (len < s.len && is_blank(s.ptr[len]))
        len += first_line(str_from(s, len)).len;
    return str_slice(s, 0, len);
}

static str without_line_end(str s)
{
    if (s.len > 0 && s.ptr[s.len - 1] == '\n')
        s.len--;
    if (s.len > 0 && s.ptr[s.len - 1] == '\r')
        s.len--;
    return s;
}

static size_t count_of(str s, char c)
{
    size_t count = 0;
    for (size_t at; (at = str_find(s, c)) != STR_NONE; s = str_from(s, at + 1))
        count++;
    return count;
}

/* NUL, a CR without LF, or a LF without CR. */
static bool has_bare_bytes(str raw)
{
    size_t pairs = 0;
    str left = raw;
    for (size_t at; (at = str_find(left, '\r')) != STR_NONE; pairs++) {
        left = str_from(left, at + 1);
        if (left.len == 0 || left.ptr[0] != '\n')
            return true;
    }
    return count_of(raw, '\n') != pairs || str_find(raw, '\0') != STR_NONE;
}

static uint8_t judge_name(str written, str name)
{
    uint8_t flags = 0;
    if (name.len == 0)
        flags |= FIELD_EMPTY_NAME;
    bool spaced =
        name.len == 0 ? written.len > 0 : written.ptr + written.len != name.ptr + name.len;
    if (spaced)
        flags |= FIELD_SPACE_BEFORE_COLON;
    if (name.len > MESSAGE_FIELD_NAME_BYTES_MAX)
        flags |= FIELD_BAD_NAME;
    for (size_t i = 0; i < name.len; i++)
        if (name.ptr[i] < 33 || name.ptr[i] > 126)
            flags |= FIELD_BAD_NAME; /* 8-bit bytes too, whatever char's sign */
    return flags;
}

bool message_header_next(str *header, struct message_field *ret_field)
{
    if (header->len == 0 || line_is_empty(first_line(*header)))
        return false;
    struct message_field f = {.raw = first_field(*header)};
    if (is_blank(f.raw.ptr[0]))
        f.flags |= FIELD_LEADING_SPACE;
    if (f.raw.ptr[f.raw.len - 1] != '\n')
        f.flags |= FIELD_UNENDED;
    if (has_bare_bytes(f.raw))
        f.flags |= FIELD_BARE_BYTES;
    size_t colon = str_find(f.raw, ':');
    if (colon == STR_NONE) {
        f.flags |= FIELD_NO_COLON;
        f.value = without_line_end(f.raw);
    } else {
        str written = str_slice(f.raw, 0, colon);
        f.name = str_trim(written);
        f.value = without_line_end(str_from(f.raw, colon + 1));
        f.flags |= judge_name(written, f.name);
    }
    *header = str_from(*header, f.raw.len);
    *ret_field = f;
    return true;
}

/* Of the name, as far as there is one: what str_trim() takes away may stand in front. */
static char initial_of(str field)
{
    str name = str_trim(field);
    return name.len > 0 ? char_lower(name.ptr[0]) : '\0';
}

bool message_header_next_of(str *header, const char *initials, struct message_field *ret_field)
{
    while (header->len > 0 && !line_is_empty(first_line(*header))) {
        str field = first_field(*header);
        char initial = initial_of(field);
        if (initial != '\0' && strchr(initials, initial))
            return message_header_next(header, ret_field);
        *header = str_from(*header, field.len);
    }
    return false;
}

bool message_header_find(str header, str name, struct message_field *ret_field)
{
    struct message_field f;
    char initial[2] = {name.len > 0 ? char_lower(name.ptr[0]) : '\0', '\0'};
    while (message_header_next_of(&header, initial, &f))
        if (f.name.len > 0 && str_eq_nocase(f.name, name)) {
            *ret_field = f;
            return true;
        }
    return false;
}

size_t message_header_count(str header, str name)
{
    size_t count = 0;
    struct message_field f;
    while (message_header_next(&header, &f))
        count += f.name.len > 0 && str_eq_nocase(f.name, name);
    return count;
}

size_t message_header_length(str s, size_t from)
{
    if (str_starts(s, S("\r\n")))
        return 2;
    size_t start = from > 3 ? from - 3 : 0;
    const char *at = memmem(s.ptr + start, s.len - start, "\r\n\r\n", 4);
    return at ? (size_t)(at - s.ptr) + 4 : STR_NONE;
}

bool message_header_end(str *rest)
{
    str line = first_line(*rest);
    if (!line_is_empty(line))
        return false;
    *rest = str_from(*rest, line.len);
    return true;
}
