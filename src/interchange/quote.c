#include "interchange/quote.h"

static bool is_separator(str rest)
{
    return str_starts(rest, S("\xe2\x80\xa8")) || str_starts(rest, S("\xe2\x80\xa9"));
}

/* U+0080 to U+009F, in UTF-8. */
static bool is_c1(str rest)
{
    return rest.len > 1 && rest.ptr[0] == '\xc2' && (unsigned char)rest.ptr[1] < 0xa0;
}

err interchange_quote_check(const char *what, str value)
{
    if (!str_is_utf8(value))
        return err_new(ERR_CONFIG, "%s: it is no UTF-8", what);
    for (size_t i = 0; i < value.len; i++) {
        unsigned char c = (unsigned char)value.ptr[i];
        str rest = str_from(value, i);
        if (c < 0x20 || c == 0x7f || is_separator(rest) || is_c1(rest))
            return err_new(ERR_CONFIG, "%s: a line end or another control character", what);
    }
    return NULL;
}

err interchange_quote_label(struct buf *out, str value)
{
    for (size_t i = 0; i < value.len; i++) {
        char c = value.ptr[i];
        bool good = char_is_alnum(c) || c == '.' || c == '_' || c == '-';
        TRY(buf_add_char(out, good ? c : '-'));
    }
    return NULL;
}

static bool is_word(str value)
{
    bool good = value.len > 0;
    for (size_t i = 0; i < value.len && good; i++)
        good = char_is_alnum(value.ptr[i]) || str_find(S("._-/:@%+,="), value.ptr[i]) != STR_NONE;
    return good;
}

/* Another string instead of each of these bytes. */
struct escape {
    char c;
    const char *text;
};

static err add_escaped(struct buf *out, str value, const struct escape *escapes, size_t count)
{
    for (size_t i = 0; i < value.len; i++) {
        size_t k = 0;
        while (k < count && escapes[k].c != value.ptr[i])
            k++;
        TRY(k < count ? buf_add(out, str_of(escapes[k].text)) : buf_add_char(out, value.ptr[i]));
    }
    return NULL;
}

static err add_between(struct buf *out, const char *quote, str value, const struct escape *escapes,
                       size_t count)
{
    TRY(buf_add(out, str_of(quote)));
    TRY(add_escaped(out, value, escapes, count));
    return buf_add(out, str_of(quote));
}

/* A quote in quotes as '"'"', which the words of "command:" understand, too. */
err interchange_quote_sh(struct buf *out, str value)
{
    static const struct escape escapes[] = {
        {'\'', "'\"'\"'"}
    };
    if (is_word(value))
        return buf_add(out, value);
    return add_between(out, "'", value, escapes, ARRAY_LEN(escapes));
}

/* "<" does not begin "</script>" where the file is put into a page. */
err interchange_quote_c(struct buf *out, str value)
{
    static const struct escape escapes[] = {
        {'"',  "\\\""   },
        {'\\', "\\\\"   },
        {'<',  "\\u003c"}
    };
    return add_between(out, "\"", value, escapes, ARRAY_LEN(escapes));
}

err interchange_quote_php(struct buf *out, str value)
{
    static const struct escape escapes[] = {
        {'\'', "\\'" },
        {'\\', "\\\\"}
    };
    return add_between(out, "'", value, escapes, ARRAY_LEN(escapes));
}

err interchange_quote_postfix(struct buf *out, str value)
{
    static const struct escape escapes[] = {
        {'$', "$$"}
    };
    return add_escaped(out, value, escapes, ARRAY_LEN(escapes));
}

err interchange_quote_exim(struct buf *out, str value)
{
    static const struct escape escapes[] = {
        {'\\', "\\\\"},
        {'$',  "\\$" },
        {'{',  "\\{" },
        {'}',  "\\}" },
        {';',  ";;"  },
        {'^',  "^^"  },
    };
    return add_escaped(out, value, escapes, ARRAY_LEN(escapes));
}
