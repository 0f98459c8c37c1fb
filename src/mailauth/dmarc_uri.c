#include "mailauth/dmarc_uri.h"
#include "mailauth/dmarc_domain.h"
#include <string.h>

enum { QUOTED_BYTES_MAX = 80, LOCAL_BYTES_MAX = 64 }; /* RFC 5321 section 4.5.3.1.1 */

static str quoted(str text) { return str_slice(text, 0, QUOTED_BYTES_MAX); }

/* RFC 3986 section 3.1 */
static bool is_scheme(str s)
{
    if (s.len == 0 || !char_is_alpha(s.ptr[0]))
        return false;
    for (size_t i = 0; i < s.len; i++)
        if (!char_is_alnum(s.ptr[i]) && strchr("+-.", s.ptr[i]) == NULL)
            return false;
    return true;
}

/* RFC 3986 section 2: what may stand in a URI at all. "!" and "," are not for DMARC's (4.8). */
static bool is_uri_char(char c)
{
    return char_is_alnum(c) || (c != '\0' && strchr("-._~:/?#[]@$&'()*+;=%", c) != NULL);
}

static bool size_unit(char c, unsigned *ret_shift)
{
    static const char units[] = "kmgt";
    const char *at = c ? strchr(units, char_lower(c)) : NULL;
    if (at == NULL)
        return false;
    *ret_shift = 10 * (unsigned)(at - units + 1);
    return true;
}

static err parse_size(str text, uint64_t *ret_bytes)
{
    unsigned shift = 0;
    uint64_t number;
    str digits = text;
    if (text.len > 0 && size_unit(text.ptr[text.len - 1], &shift))
        digits = str_slice(text, 0, text.len - 1);
    if (!str_to_u64(digits, UINT64_MAX >> shift, &number))
        return err_new(ERR_PROTOCOL, "\"!%.*s\" is not a size such as \"!10m\"",
                       STR_ARG(quoted(text)));
    *ret_bytes = number << shift;
    return NULL;
}

static err undo_percent(str text, struct arena *arena, str *ret_text)
{
    char *out = arena_alloc(arena, text.len + 1);
    size_t len = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] != '%') {
            out[len++] = text.ptr[i];
            continue;
        }
        int high = i + 2 < text.len ? char_hex_value(text.ptr[i + 1]) : -1;
        int low = high >= 0 ? char_hex_value(text.ptr[i + 2]) : -1;
        if (low < 0)
            return err_new(ERR_PROTOCOL, "a \"%%\" without two hex digits in \"%.*s\"",
                           STR_ARG(quoted(text)));
        out[len++] = (char)(high << 4 | low);
        i += 2;
    }
    *ret_text = (str){out, len};
    return NULL;
}

/* RFC 5321's dot-string: an address that needs quotes is not worth the risk of writing it. */
static bool is_plain_local(str local)
{
    bool dot = true;
    for (size_t i = 0; i < local.len; i++) {
        char c = local.ptr[i];
        if (c == '.' ? dot : !char_is_alnum(c) && !strchr("!#$%&'*+-/=?^_`{|}~", c))
            return false;
        if (c == '\0')
            return false;
        dot = c == '.';
    }
    return !dot && local.len <= LOCAL_BYTES_MAX;
}

static err parse_mailto(str text, struct arena *arena, struct mailauth_dmarc_uri *uri)
{
    str path, query, address = {0}, domain = {0};
    str_split(text, '?', &path, &query);
    TRY(undo_percent(path, arena, &address));
    size_t at = str_find_last(address, '@');
    if (at == STR_NONE || !is_plain_local(str_slice(address, 0, at)))
        return err_new(ERR_PROTOCOL, "\"%.*s\" is not an address", STR_ARG(quoted(address)));
    TRY(mailauth_dmarc_domain_read(str_from(address, at + 1), arena, &domain));
    uri->address =
        arena_printf(arena, "%.*s@%.*s", STR_ARG(str_slice(address, 0, at)), STR_ARG(domain));
    uri->domain = domain;
    return NULL;
}

err mailauth_dmarc_uri_parse(str text, struct arena *arena, struct mailauth_dmarc_uri *ret_uri)
{
    struct mailauth_dmarc_uri uri = {.text = str_trim(text)};
    size_t bang = str_find_last(uri.text, '!');
    if (bang != STR_NONE) {
        uri.sized = true;
        TRY(parse_size(str_from(uri.text, bang + 1), &uri.bytes));
        uri.text = str_slice(uri.text, 0, bang);
    }
    for (size_t i = 0; i < uri.text.len; i++)
        if (!is_uri_char(uri.text.ptr[i]))
            return err_new(ERR_PROTOCOL, "a byte %02x that no URI has in \"%.*s\"",
                           (unsigned char)uri.text.ptr[i], STR_ARG(quoted(uri.text)));
    size_t colon = str_find(uri.text, ':');
    uri.scheme = str_slice(uri.text, 0, colon == STR_NONE ? 0 : colon);
    if (!is_scheme(uri.scheme))
        return err_new(ERR_PROTOCOL, "\"%.*s\" is not a URI: no scheme such as \"mailto:\"",
                       STR_ARG(quoted(uri.text)));
    if (str_eq_nocase(uri.scheme, S("mailto")))
        TRY(parse_mailto(str_from(uri.text, colon + 1), arena, &uri));
    *ret_uri = uri;
    return NULL;
}
