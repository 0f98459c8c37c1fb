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

static bool is_loopback(str authority)
{
    static const str hosts[] = {
        {"127.0.0.1", 9},
        {"localhost", 9},
        {"[::1]",     5}
    };
    for (size_t i = 0; i < ARRAY_LEN(hosts); i++)
        if (str_eq(authority, hosts[i]) ||
            (str_starts(authority, hosts[i]) && authority.ptr[hosts[i].len] == ':'))
            return true;
    return false;
}

err oauth_url_check(str url)
{
    str rest = url, authority, path;
    if (url.len > OAUTH_URL_BYTES_MAX)
        return err_new(ERR_CONFIG, "a URL above %d bytes", OAUTH_URL_BYTES_MAX);
    for (size_t i = 0; i < url.len; i++) {
        char c = url.ptr[i];
        if (c <= 0x20 || c > 0x7e || c == '"' || c == '<' || c == '>' || c == '\\' || c == '#')
            return err_new(ERR_CONFIG, "a URL with a character that has no place in one");
    }
    bool safe = str_skip(&rest, S("https://"));
    if (!safe && !str_skip(&rest, S("http://")))
        return err_new(ERR_CONFIG, "%.*s: https:// is wanted", STR_ARG(url));
    str_split(rest, '/', &authority, &path);
    str_split(authority, '?', &authority, &path);
    if (authority.len == 0 || str_find(authority, '@') != STR_NONE)
        return err_new(ERR_CONFIG, "%.*s: a host alone is wanted behind //", STR_ARG(url));
    if (!safe && !is_loopback(authority))
        return err_new(ERR_CONFIG, "%.*s: https:// is wanted, for secrets are sent there",
                       STR_ARG(url));
    return NULL;
}

err oauth_url_with(str url, str form, struct buf *out)
{
    TRY(buf_add(out, url));
    TRY(buf_add_char(out, str_find(url, '?') == STR_NONE ? '?' : '&'));
    return buf_add(out, form);
}
