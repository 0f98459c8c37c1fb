#include "oauth/url.h"

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
