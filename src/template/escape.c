#include "template/escape.h"
#include "template/filter.h"
#include <string.h>

static bool is_control(char c) { return (unsigned char)c < ' ' || c == 127; }

static err check_line(str value)
{
    for (size_t i = 0; i < value.len; i++)
        if (is_control(value.ptr[i]) && value.ptr[i] != '\t')
            return err_new(ERR_PROTOCOL, "a line end or control character in a header field");
    return str_is_utf8(value) ? NULL
                              : err_new(ERR_PROTOCOL, "bytes that are no UTF-8 in a header field");
}

static err add_html(str value, struct buf *out)
{
    size_t start = 0;
    for (size_t i = 0; i < value.len; i++) {
        char c = value.ptr[i];
        str as = c == '&'    ? S("&amp;")
                 : c == '<'  ? S("&lt;")
                 : c == '>'  ? S("&gt;")
                 : c == '"'  ? S("&quot;")
                 : c == '\'' ? S("&#39;")
                 : c == '\0' ? S("&#65533;")
                             : (str){0};
        if (as.len == 0)
            continue;
        TRY(buf_add(out, str_slice(value, start, i - start)));
        TRY(buf_add(out, as));
        start = i + 1;
    }
    return buf_add(out, str_from(value, start));
}

/* ---- addresses --------------------------------------------------------------------------- */

static err add_quoted(str value, struct buf *out)
{
    for (size_t i = 0; i < value.len; i++) {
        if (value.ptr[i] == '"' || value.ptr[i] == '\\')
            TRY(buf_add_char(out, '\\'));
        TRY(buf_add_char(out, value.ptr[i]));
    }
    return NULL;
}

static err add_phrase(str value, struct buf *out)
{
    bool plain = value.len > 0;
    for (size_t i = 0; i < value.len; i++)
        plain = plain && (char_is_alnum(value.ptr[i]) || value.ptr[i] == ' ' ||
                          (unsigned char)value.ptr[i] > 127);
    if (plain || value.len == 0)
        return buf_add(out, value);
    TRY(buf_add_char(out, '"'));
    TRY(add_quoted(value, out));
    return buf_add_char(out, '"');
}

static err add_address(str value, struct buf *out)
{
    size_t at = str_find(value, '@');
    bool fine = at != STR_NONE && at > 0 && at + 1 < value.len && at == str_find_last(value, '@');
    for (size_t i = 0; i < value.len; i++)
        fine = fine && value.ptr[i] != ' ' && strchr("<>()[]:;,\\\"\t", value.ptr[i]) == NULL;
    return fine ? buf_add(out, value) : err_new(ERR_PROTOCOL, "no single e-mail address");
}

/* ---- URLs -------------------------------------------------------------------------------- */

/* A scheme is letters, digits, "+-." before the first ":"; without one the URL is relative. */
static bool is_safe_url(str url)
{
    static const char *const schemes[] = {"http", "https", "mailto", "tel", "sms", "cid"};
    size_t colon = str_find(url, ':');
    for (size_t i = 0; i < url.len; i++)
        if ((unsigned char)url.ptr[i] <= ' ' || url.ptr[i] == 127 || url.ptr[i] == '\\')
            return false;
    for (size_t i = 0; i < url.len && i < colon; i++)
        if (strchr("/?#", url.ptr[i]))
            return true;
    if (colon == STR_NONE)
        return true;
    for (size_t i = 0; i < ARRAY_LEN(schemes); i++)
        if (str_eq_nocase(str_slice(url, 0, colon), str_of(schemes[i])))
            return true;
    return false;
}

err template_escape_add(enum template_escape how, str value, struct buf *out)
{
    if (how == ESCAPE_HEADER || how == ESCAPE_PHRASE || how == ESCAPE_QUOTED ||
        how == ESCAPE_ADDRESS)
        TRY(check_line(value));
    switch (how) {
    case ESCAPE_NONE:
    case ESCAPE_HEADER:
        return buf_add(out, value);
    case ESCAPE_PHRASE:
        return add_phrase(value, out);
    case ESCAPE_QUOTED:
        return add_quoted(value, out);
    case ESCAPE_ADDRESS:
        return add_address(value, out);
    case ESCAPE_HTML:
        return add_html(value, out);
    case ESCAPE_URL:
        return buf_add(out, is_safe_url(value) ? value : S("#"));
    case ESCAPE_HTML_URL:
        return add_html(is_safe_url(value) ? value : S("#"), out);
    case ESCAPE_URL_PART:
        return template_filter_add_url(value, out);
    }
    return NULL;
}
