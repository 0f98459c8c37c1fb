#include "config/value.h"
#include "config/tls_word.h"
#include <idn2.h>
#include <string.h>
#include <time.h>

/* As much of an input as fits a message. */
static str clip(str s) { return str_slice(s, 0, 60); }

struct unit {
    const char *name;
    int64_t worth;
};

static const struct unit time_units[] = {
    {"d",  86400000},
    {"h",  3600000 },
    {"m",  60000   },
    {"s",  1000    },
    {"ms", 1       },
};

static const struct unit size_units[] = {
    {"GiB", 1 << 30   },
    {"GB",  1000000000},
    {"MiB", 1 << 20   },
    {"MB",  1000000   },
    {"KiB", 1 << 10   },
    {"KB",  1000      },
    {"B",   1         },
};

static const struct unit rate_units[] = {
    {"/s", 86400},
    {"/m", 1440 },
    {"/h", 24   },
    {"/d", 1    },
};

static const char rate_words[] = "/s, /m, /h or /d";
static const char time_words[] = "ms, s, m, h or d";
static const char size_words[] = "B, KiB, MiB, GiB (1024) or KB, MB, GB (1000)";

static const struct unit *find_unit(const struct unit *units, size_t count, str name)
{
    for (size_t i = 0; i < count; i++)
        if (str_eq(name, str_of(units[i].name)))
            return &units[i];
    return NULL;
}

static err check_digits(str text, str digits)
{
    if (digits.len > 1 && digits.ptr[0] == '0')
        return err_new(ERR_CONFIG, "\"%.*s\" starts with 0: write it without", STR_ARG(clip(text)));
    return NULL;
}

/* A number directly followed by one of the units. */
static err read_amount(str text, const struct unit *units, size_t count, const char *words,
                       int64_t *ret_amount)
{
    size_t digits = 0;
    uint64_t number;
    while (digits < text.len && char_is_digit(text.ptr[digits]))
        digits++;
    str unit_text = str_from(text, digits);
    if (digits == 0)
        return err_new(ERR_CONFIG, "\"%.*s\" is not a number with a unit (%s)", STR_ARG(clip(text)),
                       words);
    TRY(check_digits(text, str_slice(text, 0, digits)));
    if (unit_text.len == 0)
        return err_new(ERR_CONFIG, "\"%.*s\" has no unit: add %s", STR_ARG(clip(text)), words);
    if (unit_text.ptr[0] == '.' || unit_text.ptr[0] == ',')
        return err_new(ERR_CONFIG, "\"%.*s\" is not a whole number: use a smaller unit (%s)",
                       STR_ARG(clip(text)), words);
    const struct unit *unit = find_unit(units, count, unit_text);
    if (unit == NULL)
        return err_new(ERR_CONFIG, "\"%.*s\": \"%.*s\" is not a unit: use one number and %s",
                       STR_ARG(clip(text)), STR_ARG(clip(unit_text)), words);
    if (!str_to_u64(str_slice(text, 0, digits), (uint64_t)(INT64_MAX / unit->worth), &number))
        return err_new(ERR_CONFIG, "\"%.*s\" is too large", STR_ARG(clip(text)));
    *ret_amount = (int64_t)number * unit->worth;
    return NULL;
}

err config_value_duration(str text, int64_t *ret_ms)
{
    return read_amount(text, time_units, ARRAY_LEN(time_units), time_words, ret_ms);
}

err config_value_size(str text, int64_t *ret_bytes)
{
    return read_amount(text, size_units, ARRAY_LEN(size_units), size_words, ret_bytes);
}

err config_value_rate(str text, int64_t *ret_per_day)
{
    int64_t per_day;
    TRY(read_amount(text, rate_units, ARRAY_LEN(rate_units), rate_words, &per_day));
    if (per_day == 0 || per_day > CONFIG_VALUE_RATE_MAX * 86400LL)
        return err_new(ERR_CONFIG, "\"%.*s\" is not between 1/d and %d/s", STR_ARG(clip(text)),
                       CONFIG_VALUE_RATE_MAX);
    *ret_per_day = per_day;
    return NULL;
}

err config_value_int(str text, int64_t *ret_value)
{
    uint64_t value;
    if (!str_to_u64(text, INT64_MAX, &value))
        return err_new(ERR_CONFIG, "\"%.*s\" is not a whole number (digits only, no unit)",
                       STR_ARG(clip(text)));
    TRY(check_digits(text, text));
    *ret_value = (int64_t)value;
    return NULL;
}

err config_value_bool(str text, bool *ret_value)
{
    bool value = str_eq(text, S("true"));
    if (!value && !str_eq(text, S("false")))
        return err_new(ERR_CONFIG, "\"%.*s\" is not true or false", STR_ARG(clip(text)));
    *ret_value = value;
    return NULL;
}

static err format_amount(int64_t amount, const struct unit *units, size_t count, struct buf *out)
{
    const struct unit *unit = &units[count - 1];
    for (size_t i = count; i-- > 0;)
        if (amount && amount % units[i].worth == 0)
            unit = &units[i];
    return buf_addf(out, "%lld%s", (long long)(amount / unit->worth), unit->name);
}

err config_value_format_rate(int64_t per_day, struct buf *out)
{
    return format_amount(per_day, rate_units, ARRAY_LEN(rate_units), out);
}

/* So many digits at least and at most, off the front. */
static bool take_digits(str *text, size_t least, size_t most, int *ret_number)
{
    size_t len = 0;
    int number = 0;
    while (len < text->len && len < most && char_is_digit(text->ptr[len]))
        number = 10 * number + (text->ptr[len++] - '0');
    *text = str_from(*text, len);
    *ret_number = number;
    return len >= least;
}

err config_value_percent(str text, int *ret_hundredths)
{
    str rest = text;
    int whole, part = 0;
    bool good = take_digits(&rest, 1, 5, &whole) && whole <= 10000;
    if (good && str_skip(&rest, S("."))) {
        size_t digits = rest.len;
        good = take_digits(&rest, 1, 2, &part);
        if (digits - rest.len == 1)
            part *= 10;
    }
    if (!good || !str_eq(rest, S("%")))
        return err_new(ERR_CONFIG, "\"%.*s\" is not a share such as 0.3%% or 40%%",
                       STR_ARG(str_slice(text, 0, 60)));
    *ret_hundredths = whole * 100 + part;
    return NULL;
}

err config_value_date(str text, int *ret_day)
{
    str rest = text;
    struct tm tm = {0};
    int year, month, day;
    bool good = take_digits(&rest, 4, 4, &year) && str_skip(&rest, S("-")) &&
                take_digits(&rest, 2, 2, &month) && str_skip(&rest, S("-")) &&
                take_digits(&rest, 2, 2, &day) && rest.len == 0 && year > 1970;
    if (good) {
        tm = (struct tm){.tm_year = year - 1900, .tm_mon = month - 1, .tm_mday = day};
        time_t seconds = timegm(&tm);
        good = tm.tm_mon == month - 1 && tm.tm_mday == day; /* there is such a day */
        *ret_day = good ? (int)(seconds / (24 * 60 * 60)) : *ret_day;
    }
    return good ? NULL
                : err_new(ERR_CONFIG, "\"%.*s\" is not a date such as 2026-11-21",
                          STR_ARG(str_slice(text, 0, 60)));
}

err config_value_zone(str text, int *ret_minutes)
{
    str rest = text;
    int hours = 0, minutes = 0;
    bool west = str_starts(text, S("-"));
    bool good = (str_skip(&rest, S("+")) || str_skip(&rest, S("-"))) &&
                take_digits(&rest, 2, 2, &hours) && str_skip(&rest, S(":")) &&
                take_digits(&rest, 2, 2, &minutes) && rest.len == 0;
    if (!good || hours > 14 || minutes > 59)
        return err_new(ERR_CONFIG, "\"%.*s\" is not an offset from UTC such as \"+01:00\"",
                       STR_ARG(str_slice(text, 0, 60)));
    *ret_minutes = (west ? -1 : 1) * (hours * 60 + minutes);
    return NULL;
}

/* From one full hour to another; over midnight when the second is the smaller one. */
err config_value_hours(str text, int *ret_hours)
{
    str rest = text;
    int from = 0, to = 0, bits = 0;
    bool good = take_digits(&rest, 1, 2, &from) && str_skip(&rest, S("-")) &&
                take_digits(&rest, 1, 2, &to) && rest.len == 0;
    if (!good || from > 23 || to > 24 || from == to)
        return err_new(ERR_CONFIG, "\"%.*s\" are not hours of a day such as 8-20 or 22-6",
                       STR_ARG(str_slice(text, 0, 60)));
    for (int hour = from; hour != to % 24 || bits == 0; hour = (hour + 1) % 24)
        bits |= 1 << hour;
    *ret_hours = bits;
    return NULL;
}

err config_value_format_date(int day, struct buf *out)
{
    time_t seconds = (time_t)day * 24 * 60 * 60;
    struct tm tm;
    gmtime_r(&seconds, &tm);
    return buf_addf(out, "%04d-%02d-%02d", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday);
}

err config_value_format_zone(int minutes, struct buf *out)
{
    int size = minutes < 0 ? -minutes : minutes;
    return buf_addf(out, "%c%02d:%02d", minutes < 0 ? '-' : '+', size / 60, size % 60);
}

static bool has_hour(int hours, int hour) { return hours >> (hour + 24) % 24 & 1; }

err config_value_format_hours(int hours, struct buf *out)
{
    int from = 0;
    while (from < 24 && !(has_hour(hours, from) && !has_hour(hours, from - 1)))
        from++;
    if (from == 24) /* none begins: all of them */
        return buf_add(out, S("0-24"));
    int to = from + 1;
    while (has_hour(hours, to % 24))
        to++;
    return buf_addf(out, "%d-%d", from, to > 24 ? to - 24 : to);
}

err config_value_format_duration(int64_t ms, struct buf *out)
{
    return format_amount(ms, time_units, ARRAY_LEN(time_units), out);
}

err config_value_format_size(int64_t bytes, struct buf *out)
{
    return format_amount(bytes, size_units, ARRAY_LEN(size_units), out);
}

static bool is_label(str label)
{
    if (label.len == 0 || label.len > 63 || label.ptr[0] == '-' || label.ptr[label.len - 1] == '-')
        return false;
    for (size_t i = 0; i < label.len; i++)
        if (!char_is_alnum(label.ptr[i]) && label.ptr[i] != '-')
            return false;
    return true;
}

static bool is_ascii_host(str host)
{
    bool more = host.len > 0 && host.len <= CONFIG_VALUE_HOST_BYTES_MAX;
    while (more) {
        str label, rest;
        str_split(host, '.', &label, &rest);
        if (!is_label(label))
            return false;
        more = label.len < host.len;
        if (!more)
            return true;
        host = rest;
    }
    return false;
}

/* U-labels to A-labels (RFC 5891 section 5, non-transitional). */
static err to_ascii(str text, struct arena *arena, str *ret_host)
{
    uint8_t *ascii = NULL;
    char *chars = arena_chars(arena, text);
    int status =
        idn2_lookup_u8((const uint8_t *)chars, &ascii, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL);
    if (status != IDN2_OK)
        return err_new(ERR_CONFIG, "\"%.*s\" is not a host name: %s", STR_ARG(clip(text)),
                       idn2_strerror(status));
    *ret_host = arena_str(arena, str_of((const char *)ascii));
    idn2_free(ascii);
    return NULL;
}

err config_value_host(str text, struct arena *arena, str *ret_host)
{
    str host = text;
    if (text.len > 4 * CONFIG_VALUE_HOST_BYTES_MAX)
        return err_new(ERR_CONFIG, "\"%.*s…\" is too long for a host name", STR_ARG(clip(text)));
    if (!str_is_ascii(text))
        TRY(to_ascii(text, arena, &host));
    if (!is_ascii_host(host))
        return err_new(ERR_CONFIG, "\"%.*s\" is not a host name such as mail.example.com",
                       STR_ARG(clip(text)));
    char lower[CONFIG_VALUE_HOST_BYTES_MAX];
    bool digits_only = true; /* a last label of digits is an address that went wrong */
    for (size_t i = 0; i < host.len; i++) {
        lower[i] = char_lower(host.ptr[i]);
        digits_only =
            (digits_only || lower[i] == '.') && (char_is_digit(lower[i]) || lower[i] == '.');
    }
    if (digits_only)
        return err_new(ERR_CONFIG, "\"%.*s\" is not a host name: its last part is a number",
                       STR_ARG(clip(text)));
    *ret_host = arena_str(arena, (str){lower, host.len});
    return NULL;
}

static const struct scheme {
    const char *prefix;
    uint16_t port;
    bool lmtp, unix_socket, implicit_tls;
} schemes[] = {
    {"smtp://",      587, false, false, false},
    {"smtps://",     465, false, false, true },
    {"lmtp://",      24,  true,  false, false},
    {"lmtp+unix://", 0,   true,  true,  false},
};

static const struct scheme *find_scheme(str *url)
{
    for (size_t i = 0; i < ARRAY_LEN(schemes); i++)
        if (str_skip(url, str_of(schemes[i].prefix)))
            return &schemes[i];
    return NULL;
}

/* "host", "host:port", "[ip6]:port" without what follows */
static err read_host_port(str text, struct arena *arena, struct config_hop *hop)
{
    str host, port, literal = text;
    struct address ip;
    uint64_t number = hop->port;
    bool colon;
    if (str_skip(&literal, S("["))) {
        str_split(literal, ']', &host, &port);
        if (str_find(literal, ']') == STR_NONE || (port.len && port.ptr[0] != ':'))
            return err_new(ERR_CONFIG, "\"%.*s\" is not [address]:port", STR_ARG(clip(text)));
        TRY(address_parse_ip(host, &ip));
        colon = str_skip(&port, S(":"));
        hop->host = arena_str(arena, host);
    } else {
        str_split(text, ':', &host, &port);
        colon = host.len < text.len;
        if (str_find(port, ':') != STR_NONE)
            return err_new(ERR_CONFIG, "\"%.*s\": an IPv6 address needs brackets: [%.*s]",
                           STR_ARG(clip(text)), STR_ARG(clip(text)));
        err e = address_parse_ip(host, &ip);
        if (e == NULL)
            hop->host = arena_str(arena, host);
        else
            TRY(config_value_host(host, arena, &hop->host));
    }
    if (colon && (!str_to_u64(port, 65535, &number) || number == 0))
        return err_new(ERR_CONFIG, "\"%.*s\" is not a port (1 to 65535)", STR_ARG(clip(port)));
    hop->port = (uint16_t)number;
    hop->port_given = colon;
    return NULL;
}

static err read_query(str query, struct config_hop *hop)
{
    str word = query;
    const char *advice = str_skip(&word, S("tls=")) ? config_tls_word_query_advice(word) : NULL;
    if (str_eq(query, S("tls=opportunistic"))) {
        hop->tls = HOP_TLS_OPPORTUNISTIC;
    } else if (str_eq(query, S("tls=none")) && !hop->implicit_tls) {
        hop->tls = HOP_TLS_NONE;
    } else if (str_eq(query, S("tls=none"))) {
        return err_new(ERR_CONFIG,
                       "smtps:// is TLS from the first byte: \"tls=none\" needs smtp://");
    } else if (advice) {
        return err_new(ERR_CONFIG, "\"?%.*s\": %s", STR_ARG(clip(query)), advice);
    } else {
        return err_new(ERR_CONFIG, "\"?%.*s\" is not ?tls=opportunistic or ?tls=none",
                       STR_ARG(clip(query)));
    }
    return NULL;
}

static err read_socket_path(str path, struct arena *arena, struct config_hop *hop)
{
    if (path.len < 2 || path.ptr[0] != '/' || path.len >= sizeof((struct address *)0)->path)
        return err_new(ERR_CONFIG, "\"lmtp+unix://%.*s\" has no absolute path of at most 107 bytes",
                       STR_ARG(clip(path)));
    hop->host = arena_str(arena, path);
    return NULL;
}

bool config_value_hop_is_local(const struct config_hop *hop)
{
    struct address ip;
    if (hop->unix_socket || str_eq(hop->host, S("localhost")))
        return true;
    if (str_find(hop->host, ':') == STR_NONE && !char_is_digit(hop->host.ptr[hop->host.len - 1]))
        return false;
    err e = address_parse_ip(hop->host, &ip);
    return e == NULL && address_is_loopback(&ip);
}

static err no_scheme(str url)
{
    str word, rest;
    str_split(url, ':', &word, &rest);
    const char *advice = str_starts(rest, S("//")) ? config_tls_word_scheme_advice(word) : NULL;
    if (advice)
        return err_new(ERR_CONFIG, "\"%.*s\": %s", STR_ARG(clip(url)), advice);
    return err_new(ERR_CONFIG,
                   "\"%.*s\" does not start with smtp://, smtps://, lmtp:// or lmtp+unix://",
                   STR_ARG(clip(url)));
}

err config_value_hop(str url, struct arena *arena, struct config_hop *ret_hop)
{
    str rest = url, where, query;
    const struct scheme *scheme = find_scheme(&rest);
    if (url.len > CONFIG_VALUE_URL_BYTES_MAX)
        return err_new(ERR_CONFIG, "a URL of more than %d bytes", CONFIG_VALUE_URL_BYTES_MAX);
    if (str_find(url, '@') != STR_NONE) /* never repeat it: a password may stand there */
        return err_new(ERR_CONFIG, "a login does not belong into a URL: name an account instead");
    if (scheme == NULL)
        return no_scheme(url);
    struct config_hop hop = {
        .port = scheme->port,
        .lmtp = scheme->lmtp,
        .unix_socket = scheme->unix_socket,
        .implicit_tls = scheme->implicit_tls,
    };
    str_split(rest, '?', &where, &query);
    if (hop.unix_socket) {
        TRY(read_socket_path(where, arena, &hop));
        hop.tls = HOP_TLS_NONE;
    } else {
        if (where.len > 1 && where.ptr[where.len - 1] == '/')
            where.len--;
        TRY(read_host_port(where, arena, &hop));
        if (hop.lmtp && config_value_hop_is_local(&hop))
            hop.tls = HOP_TLS_OPPORTUNISTIC;
    }
    if (str_find(rest, '?') != STR_NONE)
        TRY(read_query(query, &hop));
    hop.url = arena_str(arena, url);
    *ret_hop = hop;
    return NULL;
}

err config_value_proxy(str url, struct arena *arena, struct config_proxy *ret_proxy)
{
    struct config_proxy proxy = {.kind = PROXY_SOCKS5};
    str rest = url;
    if (url.len > CONFIG_VALUE_URL_BYTES_MAX)
        return err_new(ERR_CONFIG, "a URL of more than %d bytes", CONFIG_VALUE_URL_BYTES_MAX);
    if (str_find(url, '@') != STR_NONE) /* never repeat it: a password may stand there */
        return err_new(ERR_CONFIG, "a login does not belong into a URL: name an account instead");
    if (str_skip(&rest, S("proxy://")))
        proxy.kind = PROXY_V2;
    else if (!str_skip(&rest, S("socks5://")))
        return err_new(ERR_CONFIG, "\"%.*s\" does not start with socks5:// or proxy://",
                       STR_ARG(clip(url)));
    err e = address_parse(rest, 0, &proxy.address);
    if (e || proxy.address.family == ADDRESS_UNIX || proxy.address.port == 0 ||
        address_is_wildcard(&proxy.address))
        return err_new(ERR_CONFIG,
                       "\"%.*s\" is not an IP address with a port, such as 127.0.0.1:1080 or "
                       "[::1]:1080",
                       STR_ARG(clip(rest)));
    proxy.url = arena_str(arena, url);
    *ret_proxy = proxy;
    return NULL;
}

static bool is_variable_name(str s)
{
    for (size_t i = 0; i < s.len; i++)
        if (!char_is_alnum(s.ptr[i]) && s.ptr[i] != '_')
            return false;
    return s.len > 0 && !char_is_digit(s.ptr[0]);
}

static bool is_clean(str s)
{
    for (size_t i = 0; i < s.len; i++)
        if ((unsigned char)s.ptr[i] < ' ' || s.ptr[i] == 0x7f)
            return false;
    return true;
}

/* "A/B", both of them something. */
static bool has_both(str rest, char between)
{
    size_t at = str_find(rest, between);
    return at != STR_NONE && at > 0 && at + 1 < rest.len;
}

static bool is_path(str rest) { return rest.len > 1 && rest.ptr[0] == '/'; }
static bool is_command(str rest) { return str_trim(rest).len > 0; }
static bool is_keyring(str rest) { return has_both(rest, '/') && is_clean(rest); }
static bool is_netrc(str rest) { return rest.len > 0 && rest.ptr[0] != '/' && is_clean(rest); }
static bool is_vault(str rest)
{
    str path, field;
    str_split(rest, '#', &path, &field);
    return has_both(path, '/') && is_clean(rest);
}
static bool is_aws(str rest) { return rest.len > 0 && rest.ptr[0] != '#' && is_clean(rest); }
static bool is_credential(str rest)
{
    return rest.len > 0 && rest.ptr[0] != '.' && str_find(rest, '/') == STR_NONE && is_clean(rest);
}
static bool is_sealed(str rest)
{
    size_t at = str_find_last(rest, '#');
    return at != STR_NONE && is_path(str_slice(rest, 0, at)) && at + 1 < rest.len && is_clean(rest);
}

static const struct secret_kind {
    const char *prefix;
    bool (*fits)(str rest);
    const char *wanted;
} secret_kinds[] = {
    {"file:",       is_path,          "an absolute path, as in file:/etc/smtptool/x"             },
    {"env:",        is_variable_name, "a variable's name, as in env:RELAY_PASSWORD"              },
    {"command:",    is_command,       "a command"                                                },
    {"keyring:",    is_keyring,       "a service and a user, as in keyring:smtp.example.com/me"  },
    {"netrc:",      is_netrc,         "a host, as in netrc:smtp.example.com/me"                  },
    {"vault:",      is_vault,         "a path and a field, as in vault:secret/relay#password"    },
    {"aws-sm:",     is_aws,           "a secret's name, as in aws-sm:mail/relay#password"        },
    {"credential:", is_credential,    "a name, as in credential:relay"                           },
    {"oauth:",      is_credential,    "the name of a login, as in oauth:shop"                    },
    {"encrypted:",  is_sealed,        "a file and a name, as in encrypted:/etc/smtptool/sealed#x"},
};

err config_value_secret(str text)
{
    str rest = text;
    for (size_t i = 0; i < ARRAY_LEN(secret_kinds); i++)
        if (str_skip(&rest, str_of(secret_kinds[i].prefix)))
            return secret_kinds[i].fits(rest)
                       ? NULL
                       : err_new(ERR_CONFIG, "%s needs %s", secret_kinds[i].prefix,
                                 secret_kinds[i].wanted);
    return err_new(ERR_CONFIG, "a secret does not stand here, only where to find it: "
                               "file:/path, env:NAME, command:…, keyring:, netrc:, vault:, "
                               "aws-sm:, credential:, encrypted: or oauth:");
}

static bool is_local_part(str local)
{
    for (size_t i = 0; i < local.len; i++)
        if ((unsigned char)local.ptr[i] <= ' ' || local.ptr[i] == 0x7f ||
            strchr("<>()[],;:\\\"@", local.ptr[i]))
            return false;
    return local.len > 0 && local.len <= CONFIG_VALUE_LOCAL_BYTES_MAX;
}

err config_value_pattern(str text, struct arena *arena, str *ret_pattern)
{
    str local = {0}, host = text, pattern;
    size_t at = str_find_last(text, '@');
    if (str_eq(text, S("*"))) {
        *ret_pattern = S("*");
        return NULL;
    }
    bool below = at == STR_NONE && str_skip(&host, S("*."));
    if (at != STR_NONE) {
        local = str_slice(text, 0, at);
        host = str_from(text, at + 1);
        if (!is_local_part(local))
            return err_new(ERR_CONFIG, "\"%.*s\" is not an address", STR_ARG(clip(text)));
    }
    if (host.len == 0 || str_find(host, '*') != STR_NONE)
        return err_new(ERR_CONFIG, "\"%.*s\" is not \"*\", a domain, \"*.domain\" or an address",
                       STR_ARG(clip(text)));
    TRY(config_value_host(host, arena, &pattern));
    if (below)
        pattern = arena_printf(arena, "*.%.*s", STR_ARG(pattern));
    if (at != STR_NONE)
        pattern = arena_printf(arena, "%.*s@%.*s", STR_ARG(local), STR_ARG(pattern));
    *ret_pattern = pattern;
    return NULL;
}

bool config_value_pattern_fits(str pattern, str address, str domain)
{
    if (str_eq(pattern, S("*")))
        return true;
    if (str_starts(pattern, S("*."))) /* names below it, not itself */
        return str_ends_nocase(domain, str_from(pattern, 1)) && domain.len > pattern.len - 1;
    return str_eq_nocase(pattern, str_find(pattern, '@') == STR_NONE ? domain : address);
}

err config_value_recipient(str text, str domain)
{
    size_t at = str_find_last(text, '@');
    str local = at == STR_NONE ? text : str_slice(text, 0, at);
    if (!is_local_part(local))
        return err_new(ERR_CONFIG, "\"%.*s\" is not an address or a local part",
                       STR_ARG(clip(text)));
    if (at != STR_NONE && !str_eq_nocase(str_from(text, at + 1), domain))
        return err_new(ERR_CONFIG, "\"%.*s\" is not an address in %.*s", STR_ARG(clip(text)),
                       STR_ARG(clip(domain)));
    return NULL;
}
