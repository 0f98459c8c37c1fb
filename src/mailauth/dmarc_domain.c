#include "mailauth/dmarc_domain.h"
#include "dns/name.h"
#include <idn2.h>

enum { QUOTED_BYTES_MAX = 80 };

/* U-labels and the names of a hundred characters that they stand for. */
enum { UNICODE_BYTES_MAX = 1020 };

static err to_ascii(str text, struct arena *arena, str *ret_ascii)
{
    uint8_t *ascii = NULL;
    const char *chars = arena_chars(arena, text);
    int status =
        idn2_lookup_u8((const uint8_t *)chars, &ascii, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL);
    if (status != IDN2_OK)
        return err_new(ERR_PROTOCOL, "\"%.*s\" has no A-labels: %s",
                       STR_ARG(str_slice(text, 0, QUOTED_BYTES_MAX)), idn2_strerror(status));
    *ret_ascii = arena_str(arena, str_of((const char *)ascii));
    idn2_free(ascii);
    return NULL;
}

/* A backslash escapes bytes in zone files; in mail there is no such spelling of a name. */
static bool has_odd_bytes(str text)
{
    return str_find(text, '\0') != STR_NONE || str_find(text, '\\') != STR_NONE;
}

err mailauth_dmarc_domain_read(str text, struct arena *arena, str *ret_domain)
{
    char canonical[DNS_NAME_CHARS];
    str ascii = text;
    if (text.len > UNICODE_BYTES_MAX || has_odd_bytes(text))
        return err_new(ERR_PROTOCOL, "not the name of a domain: too long, or with odd bytes");
    if (!str_is_ascii(text))
        TRY(to_ascii(text, arena, &ascii));
    if (!dns_name_canonical(ascii, canonical) || !dns_name_is_host(str_of(canonical)))
        return err_new(ERR_PROTOCOL, "\"%.*s\" is not the name of a domain",
                       STR_ARG(str_slice(text, 0, QUOTED_BYTES_MAX)));
    *ret_domain = arena_str(arena, str_of(canonical));
    return NULL;
}

size_t mailauth_dmarc_domain_labels(str domain)
{
    size_t labels = domain.len > 0;
    for (size_t i = 0; i < domain.len; i++)
        labels += domain.ptr[i] == '.';
    return labels;
}

str mailauth_dmarc_domain_last(str domain, size_t labels)
{
    size_t at = domain.len;
    for (size_t dots = 0; at > 0; at--) {
        dots += domain.ptr[at - 1] == '.';
        if (dots == labels)
            break;
    }
    return str_from(domain, at);
}

bool mailauth_dmarc_domain_is_below(str domain, str above)
{
    if (domain.len <= above.len)
        return str_eq(domain, above);
    size_t dot = domain.len - above.len - 1;
    return domain.ptr[dot] == '.' && str_eq(str_from(domain, dot + 1), above);
}
