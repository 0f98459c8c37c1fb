#include "oauth/form.h"

static bool is_unreserved(char c)
{
    return char_is_alnum(c) || c == '-' || c == '.' || c == '_' || c == '~';
}

static err add_encoded(struct buf *out, str text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (is_unreserved(c))
            TRY(buf_add_char(out, c));
        else
            TRY(buf_addf(out, "%%%02X", (unsigned)(unsigned char)c));
    }
    return NULL;
}

err oauth_form_add(struct buf *form, str name, str value)
{
    if (form->len > 0)
        TRY(buf_add_char(form, '&'));
    TRY(add_encoded(form, name));
    TRY(buf_add_char(form, '='));
    return add_encoded(form, value);
}

/* "+" is a blank, "%41" a byte; nothing else is special. */
static err decode(str text, struct arena *arena, str *ret_text)
{
    char *room = arena_alloc(arena, text.len + 1);
    size_t len = 0;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (c == '%') {
            bool whole = text.len - i > 2;
            int high = whole ? char_hex_value(text.ptr[i + 1]) : -1;
            int low = whole ? char_hex_value(text.ptr[i + 2]) : -1;
            if (high < 0 || low < 0)
                return err_new(ERR_PROTOCOL, "a %% that two hex digits do not follow");
            c = (char)(high * 16 + low);
            i += 2;
        } else if (c == '+') {
            c = ' ';
        }
        room[len++] = c;
    }
    *ret_text = (str){room, len};
    return NULL;
}

err oauth_form_find(str form, str name, struct arena *arena, str *ret_value)
{
    str value = {0};
    bool found = false;
    size_t count = 0;
    if (form.len > OAUTH_FORM_BYTES_MAX)
        return err_new(ERR_LIMIT, "a form above %d bytes", OAUTH_FORM_BYTES_MAX);
    while (form.len > 0) {
        str field, key, text;
        str_split(form, '&', &field, &form);
        str_split(field, '=', &key, &text);
        if (++count > OAUTH_FORM_FIELDS_MAX)
            return err_new(ERR_LIMIT, "a form of more than %d fields", OAUTH_FORM_FIELDS_MAX);
        TRY(decode(key, arena, &key));
        if (!str_eq(key, name))
            continue;
        if (found)
            return err_new(ERR_PROTOCOL, "%.*s stands there twice", STR_ARG(name));
        found = true;
        TRY(decode(text, arena, &value));
    }
    *ret_value = value;
    return NULL;
}
