#include "mailauth/authres_scan.h"
#include "mailauth/authres.h"
#include <string.h>

static bool is_blank(char c) { return c == ' ' || c == '\t'; }
static bool is_control(char c) { return (unsigned char)c < ' ' || c == 127; }

static bool at(const str *text, char c) { return text->len > 0 && text->ptr[0] == c; }

/* A line end with a blank behind it; CRLF or LF, as headers are read here. */
static bool skip_fold(str *text)
{
    str rest = *text;
    str_skip(&rest, S("\r"));
    if (!str_skip(&rest, S("\n")) || rest.len == 0 || !is_blank(rest.ptr[0]))
        return false;
    *text = str_from(rest, 1);
    return true;
}

static bool skip_space(str *text)
{
    size_t before = text->len;
    for (;;) {
        if (text->len > 0 && is_blank(text->ptr[0]))
            *text = str_from(*text, 1);
        else if (!skip_fold(text))
            return text->len < before;
    }
}

/* With those inside it: a counter, for a sender chooses the depth. */
static bool skip_comment(str *text)
{
    size_t depth = 0;
    do {
        if (skip_space(text))
            continue;
        if (text->len == 0 || is_control(text->ptr[0]))
            return false;
        char c = text->ptr[0];
        if (c == '\\' && (text->len < 2 || is_control(text->ptr[1])))
            return false;
        depth += c == '(';
        depth -= c == ')';
        *text = str_from(*text, c == '\\' ? 2 : 1);
    } while (depth > 0);
    return true;
}

bool mailauth_authres_scan_blanks(str *text)
{
    for (;;) {
        skip_space(text);
        if (!at(text, '('))
            return true;
        if (!skip_comment(text))
            return false;
    }
}

static bool is_keyword_char(char c) { return char_is_alnum(c) || c == '-' || c == '_'; }

bool mailauth_authres_scan_is_keyword(str s)
{
    for (size_t i = 0; i < s.len; i++)
        if (!is_keyword_char(s.ptr[i]))
            return false;
    return s.len > 0 && s.len <= MAILAUTH_AUTHRES_NAME_BYTES_MAX;
}

bool mailauth_authres_scan_keyword(str *text, str *ret_keyword)
{
    size_t len = 0;
    while (len < text->len && is_keyword_char(text->ptr[len]))
        len++;
    str keyword = str_slice(*text, 0, len);
    if (!mailauth_authres_scan_is_keyword(keyword))
        return false;
    *ret_keyword = keyword;
    *text = str_from(*text, len);
    return true;
}

/* RFC 2045 section 5.1: all but the tspecials; RFC 6532 lets UTF-8 in. */
static bool is_token_char(char c)
{
    return !is_control(c) && c != ' ' && strchr("()<>@,;:\\\"/[]?=", c) == NULL;
}

bool mailauth_authres_scan_is_token(str s)
{
    for (size_t i = 0; i < s.len; i++)
        if (!is_token_char(s.ptr[i]) || (unsigned char)s.ptr[i] > 127)
            return false;
    return s.len > 0;
}

static bool is_loose_char(char c)
{
    return !is_control(c) && c != ' ' && strchr(";()\"\\", c) == NULL;
}

/* What is collected of a value. */
struct value {
    char *chars;
    size_t len;
};

static void take_run(str *text, bool (*belongs)(char), struct value *v)
{
    size_t len = 0;
    while (len < text->len && belongs(text->ptr[len]))
        v->chars[v->len++] = text->ptr[len++];
    *text = str_from(*text, len);
}

static bool take_quoted(str *text, struct value *v)
{
    *text = str_from(*text, 1);
    while (!at(text, '"')) {
        if (skip_space(text)) {
            v->chars[v->len++] = ' ';
            continue;
        }
        if (at(text, '\\'))
            *text = str_from(*text, 1);
        if (text->len == 0 || is_control(text->ptr[0]))
            return false;
        v->chars[v->len++] = text->ptr[0];
        *text = str_from(*text, 1);
    }
    *text = str_from(*text, 1);
    return true;
}

bool mailauth_authres_scan_value(str *text, char **room, str *ret_value)
{
    struct value v = {*room, 0};
    bool quoted = at(text, '"');
    if (quoted && !take_quoted(text, &v))
        return false;
    if (!quoted)
        take_run(text, is_token_char, &v);
    *ret_value = (str){v.chars, v.len};
    *room += v.len;
    return quoted || v.len > 0;
}

bool mailauth_authres_scan_loose(str *text, char **room, str *ret_value)
{
    struct value v = {*room, 0};
    size_t before = text->len;
    if (at(text, '"') && !take_quoted(text, &v))
        return false;
    take_run(text, is_loose_char, &v); /* behind a quoted local part: "@" and a domain */
    *ret_value = (str){v.chars, v.len};
    *room += v.len;
    return text->len < before;
}
