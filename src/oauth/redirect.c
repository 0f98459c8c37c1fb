#include "oauth/redirect.h"
#include "oauth/form.h"

/* One line without its end, off the front. */
static err take_line(str *rest, str *ret_line)
{
    size_t end = str_find(*rest, '\n');
    if (end == STR_NONE || end == 0 || rest->ptr[end - 1] != '\r')
        return err_new(ERR_PROTOCOL, "not a request of HTTP");
    *ret_line = str_slice(*rest, 0, end - 1);
    *rest = str_from(*rest, end + 1);
    return NULL;
}

static bool is_visible(str text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] <= 0x20 || text.ptr[i] > 0x7e)
            return false;
    return true;
}

/* "GET /path?query HTTP/1.1" */
static err read_target(str line, str path, str *ret_query)
{
    str target, version, found;
    if (!str_skip(&line, S("GET ")))
        return err_new(ERR_PROTOCOL, "not a GET");
    str_split(line, ' ', &target, &version);
    if (!str_eq(version, S("HTTP/1.1")) && !str_eq(version, S("HTTP/1.0")))
        return err_new(ERR_PROTOCOL, "not a request of HTTP/1");
    if (!is_visible(target))
        return err_new(ERR_PROTOCOL, "a target with a character that has no place in one");
    str_split(target, '?', &found, ret_query);
    if (!str_eq(found, path))
        return err_new(ERR_PROTOCOL, "another path");
    return NULL;
}

/* A name of somebody's that leads here (DNS rebinding) is not our host. */
static err check_fields(str rest, str host)
{
    size_t hosts = 0;
    for (;;) {
        str line, name, value;
        TRY(take_line(&rest, &line));
        if (line.len == 0)
            break;
        str_split(line, ':', &name, &value);
        if (!str_eq_nocase(name, S("Host")))
            continue;
        hosts++;
        if (!str_eq_nocase(str_trim(value), host))
            return err_new(ERR_PROTOCOL, "another host");
    }
    return hosts == 1 ? NULL : err_new(ERR_PROTOCOL, "not one field Host");
}

/* Every byte is looked at, however soon they differ. */
static bool same(str a, str b)
{
    unsigned differ = a.len != b.len;
    for (size_t i = 0; i < a.len && i < b.len; i++)
        differ |= (unsigned char)(a.ptr[i] ^ b.ptr[i]);
    return differ == 0;
}

err oauth_redirect_read(str request, const struct oauth_redirect_wanted *wanted,
                        struct arena *arena, struct oauth_redirect *ret_redirect)
{
    str line, query, state, issuer;
    struct oauth_redirect r = {0};
    ASSERT(wanted->state.len > 0);
    if (request.len > OAUTH_REDIRECT_BYTES_MAX)
        return err_new(ERR_LIMIT, "a request above %d bytes", OAUTH_REDIRECT_BYTES_MAX);
    TRY(take_line(&request, &line));
    TRY(read_target(line, wanted->path, &query));
    TRY(check_fields(request, wanted->host));
    TRY(oauth_form_find(query, S("state"), arena, &state));
    if (!same(state, wanted->state))
        return err_new(ERR_PROTOCOL, "a state that is not ours");
    TRY(oauth_form_find(query, S("iss"), arena, &issuer));
    if (issuer.len > 0 && wanted->issuer.len > 0 && !str_eq(issuer, wanted->issuer))
        return err_new(ERR_PROTOCOL, "an answer of another provider");
    TRY(oauth_form_find(query, S("code"), arena, &r.code));
    TRY(oauth_form_find(query, S("error"), arena, &r.error));
    TRY(oauth_form_find(query, S("error_description"), arena, &r.description));
    if ((r.code.len > 0) == (r.error.len > 0) || !is_visible(r.code))
        return err_new(ERR_PROTOCOL, "neither a code nor an error");
    *ret_redirect = r;
    return NULL;
}
