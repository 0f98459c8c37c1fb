#include "config/type.h"
#include "config/schema.h"
#include "config/value.h"
#include <stdio.h>
#include <string.h>

enum { NAME_BYTES_MAX = 64, TEXT_BYTES_MAX = 1000 };

static str clip(str s) { return str_slice(s, 0, 60); }

static bool str_is_empty(const void *field) { return ((const str *)field)->len == 0; }

static bool hop_is_empty(const void *field)
{
    return *(const struct config_hop *const *)field == NULL;
}

/* Numbers. */

static err read_bool(const struct config_schema_key *key, str text, struct arena *arena,
                     void *ret_field)
{
    (void)key, (void)arena;
    return config_value_bool(text, ret_field);
}

static err write_bool(const struct config_schema_key *key, const void *field, struct buf *out)
{
    (void)key;
    return buf_add(out, *(const bool *)field ? S("true") : S("false"));
}

static err read_int(const struct config_schema_key *key, str text, struct arena *arena,
                    void *ret_field)
{
    int64_t value;
    (void)arena;
    TRY(config_value_int(text, &value));
    if (value < key->least || value > key->most)
        return err_new(ERR_CONFIG, "%.*s is not between %lld and %lld", STR_ARG(clip(text)),
                       (long long)key->least, (long long)key->most);
    *(int *)ret_field = (int)value;
    return NULL;
}

static err write_int(const struct config_schema_key *key, const void *field, struct buf *out)
{
    (void)key;
    return buf_addf(out, "%d", *(const int *)field);
}

/* "above the most, 2GiB" needs the bound as it would be written. */
static err out_of_range(const struct config_schema_key *key, str text,
                        err (*format)(int64_t, struct buf *))
{
    CLEANUP(buf_release) struct buf range;
    buf_init(&range, 100);
    TRY(format(key->least, &range));
    TRY(buf_add(&range, S(" and ")));
    TRY(format(key->most, &range));
    return err_new(ERR_CONFIG, "%.*s is not between %.*s", STR_ARG(clip(text)),
                   STR_ARG(buf_str(&range)));
}

static err read_size(const struct config_schema_key *key, str text, struct arena *arena,
                     void *ret_field)
{
    int64_t value;
    (void)arena;
    TRY(config_value_size(text, &value));
    if (value < key->least || value > key->most)
        return out_of_range(key, text, config_value_format_size);
    *(int64_t *)ret_field = value;
    return NULL;
}

static err write_size(const struct config_schema_key *key, const void *field, struct buf *out)
{
    (void)key;
    return config_value_format_size(*(const int64_t *)field, out);
}

static err read_duration(const struct config_schema_key *key, str text, struct arena *arena,
                         void *ret_field)
{
    int64_t value;
    (void)arena;
    TRY(config_value_duration(text, &value));
    if (value < key->least || value > key->most)
        return out_of_range(key, text, config_value_format_duration);
    *(int64_t *)ret_field = value;
    return NULL;
}

static err write_duration(const struct config_schema_key *key, const void *field, struct buf *out)
{
    (void)key;
    return config_value_format_duration(*(const int64_t *)field, out);
}

static bool int_is_empty(const void *field) { return *(const int *)field == 0; }

static bool rate_is_empty(const void *field) { return *(const int64_t *)field == 0; }

/* A limit: none is -1. */
static err read_cap(const struct config_schema_key *key, str text, struct arena *arena,
                    void *ret_field)
{
    if (!str_eq(text, S("none")))
        return read_int(key, text, arena, ret_field);
    *(int *)ret_field = -1;
    return NULL;
}

static err write_cap(const struct config_schema_key *key, const void *field, struct buf *out)
{
    return *(const int *)field < 0 ? buf_add(out, S("none")) : write_int(key, field, out);
}

static err read_rate(const struct config_schema_key *key, str text, struct arena *arena,
                     void *ret_field)
{
    (void)key, (void)arena;
    if (!str_eq(text, S("none")))
        return config_value_rate(text, ret_field);
    *(int64_t *)ret_field = -1;
    return NULL;
}

static err write_rate(const struct config_schema_key *key, const void *field, struct buf *out)
{
    (void)key;
    int64_t per_day = *(const int64_t *)field;
    return per_day < 0 ? buf_add(out, S("none")) : config_value_format_rate(per_day, out);
}

static err read_date(const struct config_schema_key *key, str text, struct arena *arena,
                     void *ret_field)
{
    (void)key, (void)arena;
    return config_value_date(text, ret_field);
}

static err write_date(const struct config_schema_key *key, const void *field, struct buf *out)
{
    (void)key;
    return config_value_format_date(*(const int *)field, out);
}

static bool date_is_empty(const void *field) { return *(const int *)field == 0; }

static err read_zone(const struct config_schema_key *key, str text, struct arena *arena,
                     void *ret_field)
{
    (void)key, (void)arena;
    return config_value_zone(text, ret_field);
}

static err write_zone(const struct config_schema_key *key, const void *field, struct buf *out)
{
    (void)key;
    TRY(buf_add_char(out, '"'));
    TRY(config_value_format_zone(*(const int *)field, out));
    return buf_add_char(out, '"');
}

static err read_hours(const struct config_schema_key *key, str text, struct arena *arena,
                      void *ret_field)
{
    (void)key, (void)arena;
    return config_value_hours(text, ret_field);
}

static err write_hours(const struct config_schema_key *key, const void *field, struct buf *out)
{
    (void)key;
    return config_value_format_hours(*(const int *)field, out);
}

/* Words. */

static err not_a_choice(const struct config_schema_key *key, str text)
{
    CLEANUP(buf_release) struct buf words;
    buf_init(&words, 200);
    for (const struct config_schema_choice *c = key->choices; c->name; c++)
        TRY(buf_addf(&words, "%s%s", words.len == 0 ? "" : c[1].name ? ", " : " or ", c->name));
    return err_new(ERR_CONFIG, "\"%.*s\" is not %.*s", STR_ARG(clip(text)),
                   STR_ARG(buf_str(&words)));
}

static err read_choice(const struct config_schema_key *key, str text, struct arena *arena,
                       void *ret_field)
{
    const struct config_schema_choice *choice = config_schema_choose(key->choices, text);
    (void)arena;
    if (choice == NULL)
        return not_a_choice(key, text);
    if (key->size == sizeof(bool))
        *(bool *)ret_field = choice->value != 0;
    else
        *(int *)ret_field = choice->value;
    return NULL;
}

static err write_choice(const struct config_schema_key *key, const void *field, struct buf *out)
{
    int value = key->size == sizeof(bool) ? *(const bool *)field : *(const int *)field;
    return buf_add(out, str_of(config_schema_choice_name(key->choices, value)));
}

static err read_word(const struct config_schema_key *key, str text, struct arena *arena,
                     void *ret_field)
{
    (void)arena;
    const struct config_schema_choice *choice = config_schema_choose(key->choices, text);
    if (choice == NULL)
        return not_a_choice(key, text);
    *(str *)ret_field = str_of(choice->name);
    return NULL;
}

/* Texts. */

static bool is_harmless(str text)
{
    static const char *const meant[] = {"true", "false", "null", "yes", "no", "on", "off"};
    if (text.len == 0 || !(char_is_alpha(text.ptr[0]) || text.ptr[0] == '/'))
        return false;
    for (size_t i = 0; i < text.len; i++)
        if (!char_is_alnum(text.ptr[i]) && (text.ptr[i] == '\0' || !strchr("/._-", text.ptr[i])))
            return false;
    for (size_t i = 0; i < ARRAY_LEN(meant); i++)
        if (str_eq_nocase(text, str_of(meant[i])))
            return false;
    return true;
}

err config_type_write_text(str text, struct buf *out)
{
    if (is_harmless(text))
        return buf_add(out, text);
    TRY(buf_add_char(out, '"'));
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '"' || text.ptr[i] == '\\')
            TRY(buf_add_char(out, '\\'));
        TRY(buf_add_char(out, text.ptr[i]));
    }
    return buf_add_char(out, '"');
}

static err write_text(const struct config_schema_key *key, const void *field, struct buf *out)
{
    (void)key;
    return config_type_write_text(*(const str *)field, out);
}

static err read_text(const struct config_schema_key *key, str text, struct arena *arena,
                     void *ret_field)
{
    size_t most = key->most ? (size_t)key->most : TEXT_BYTES_MAX;
    if (text.len == 0)
        return err_new(ERR_CONFIG, "the text is empty: leave the key out, or give a value");
    if (text.len > most)
        return err_new(ERR_CONFIG, "\"%.*s…\" is longer than %zu bytes", STR_ARG(clip(text)), most);
    *(str *)ret_field = arena_str(arena, text);
    return NULL;
}

bool config_type_is_name(str text)
{
    for (size_t i = 0; i < text.len; i++)
        if (!char_is_alnum(text.ptr[i]) && (text.ptr[i] == '\0' || !strchr("._-", text.ptr[i])))
            return false;
    return text.len > 0 && text.len <= NAME_BYTES_MAX;
}

static err read_name(const struct config_schema_key *key, str text, struct arena *arena,
                     void *ret_field)
{
    (void)key;
    if (!config_type_is_name(text))
        return err_new(ERR_CONFIG,
                       "\"%.*s\" is not a name of letters, digits, \".\", \"_\" and "
                       "\"-\" (at most %d)",
                       STR_ARG(clip(text)), NAME_BYTES_MAX);
    *(str *)ret_field = arena_str(arena, text);
    return NULL;
}

static err read_path(const struct config_schema_key *key, str text, struct arena *arena,
                     void *ret_field)
{
    if (text.len && text.ptr[0] != '/')
        return err_new(ERR_CONFIG, "\"%.*s\" is not an absolute path: start it with /",
                       STR_ARG(clip(text)));
    return read_text(key, text, arena, ret_field);
}

static err read_sink(const struct config_schema_key *key, str text, struct arena *arena,
                     void *ret_field)
{
    if (!str_eq(text, S("stderr")) && !str_eq(text, S("none")) && !str_starts(text, S("/")))
        return err_new(ERR_CONFIG, "\"%.*s\" is not stderr, none or an absolute path",
                       STR_ARG(clip(text)));
    return read_text(key, text, arena, ret_field);
}

static err read_host(const struct config_schema_key *key, str text, struct arena *arena,
                     void *ret_field)
{
    (void)key;
    return config_value_host(text, arena, ret_field);
}

static err read_pattern(const struct config_schema_key *key, str text, struct arena *arena,
                        void *ret_field)
{
    (void)key;
    return config_value_pattern(text, arena, ret_field);
}

static err read_secret(const struct config_schema_key *key, str text, struct arena *arena,
                       void *ret_field)
{
    TRY(config_value_secret(text));
    if (text.len > TEXT_BYTES_MAX)
        return err_new(ERR_CONFIG, "longer than %d bytes", TEXT_BYTES_MAX);
    return read_text(key, text, arena, ret_field);
}

/* Hosts on the network. */

static err read_server(const struct config_schema_key *key, str text, struct arena *arena,
                       void *ret_field)
{
    struct address address;
    err e = address_parse_ip(text, &address);
    if (e)
        e = address_parse(text, 53, &address);
    if (e || address.family == ADDRESS_UNIX)
        return err_new(ERR_CONFIG,
                       "\"%.*s\" is not an IP address such as 192.0.2.53, "
                       "192.0.2.53:5353 or [2001:db8::53]:53",
                       STR_ARG(clip(text)));
    return read_text(key, text, arena, ret_field);
}

static err read_hop(const struct config_schema_key *key, str text, struct arena *arena,
                    void *ret_field)
{
    (void)key;
    return config_value_hop(text, arena, ret_field);
}

static err write_hop(const struct config_schema_key *key, const void *field, struct buf *out)
{
    (void)key;
    return config_type_write_text(((const struct config_hop *)field)->url, out);
}

/* In a route: a URL, or an account that knows its own servers. */
static err read_way(const struct config_schema_key *key, str text, struct arena *arena,
                    void *ret_field)
{
    str name = text;
    if (!str_skip(&name, S("account:")))
        return read_hop(key, text, arena, ret_field);
    struct config_hop hop = {.url = arena_str(arena, text)};
    TRY(read_name(key, name, arena, &hop.account));
    *(struct config_hop *)ret_field = hop;
    return NULL;
}

static err read_hop_ref(const struct config_schema_key *key, str text, struct arena *arena,
                        void *ret_field)
{
    struct config_hop *hop = ARENA_NEW(arena, struct config_hop);
    TRY(read_hop(key, text, arena, hop));
    *(struct config_hop **)ret_field = hop;
    return NULL;
}

static err write_hop_ref(const struct config_schema_key *key, const void *field, struct buf *out)
{
    return write_hop(key, *(const struct config_hop *const *)field, out);
}

static err read_address(const struct config_schema_key *key, str text, struct arena *arena,
                        void *ret_field)
{
    struct address address;
    (void)key, (void)arena;
    err e = address_parse(text, 0, &address);
    if (e)
        return err_new(ERR_CONFIG,
                       "\"%.*s\": %.*s; write 127.0.0.1:2525, \"[::]:25\" or "
                       "unix:/path",
                       STR_ARG(clip(text)), STR_ARG(e->text));
    if (address.family != ADDRESS_UNIX && address.port == 0)
        return err_new(ERR_CONFIG, "\"%.*s\": 0 is not a port", STR_ARG(clip(text)));
    *(struct address *)ret_field = address;
    return NULL;
}

static err write_address(const struct config_schema_key *key, const void *field, struct buf *out)
{
    char text[ADDRESS_CHARS];
    (void)key;
    address_format(field, text);
    return config_type_write_text(str_of(text), out);
}

/* One that a socket can be bound to. */
static err read_ip(const struct config_schema_key *key, str text, struct arena *arena,
                   void *ret_field)
{
    (void)key, (void)arena;
    struct address address;
    err e = address_parse_ip(text, &address);
    if (e || address_is_wildcard(&address))
        return err_new(ERR_CONFIG, "\"%.*s\" is not an IP address such as 192.0.2.10",
                       STR_ARG(clip(text)));
    *(struct address *)ret_field = address;
    return NULL;
}

static err write_ip(const struct config_schema_key *key, const void *field, struct buf *out)
{
    char text[ADDRESS_CHARS];
    (void)key;
    address_format_ip(field, text);
    return config_type_write_text(str_of(text), out);
}

static bool proxy_is_empty(const void *field)
{
    return *(const struct config_proxy *const *)field == NULL;
}

static err read_proxy_ref(const struct config_schema_key *key, str text, struct arena *arena,
                          void *ret_field)
{
    (void)key;
    struct config_proxy *proxy = ARENA_NEW(arena, struct config_proxy);
    TRY(config_value_proxy(text, arena, proxy));
    *(struct config_proxy **)ret_field = proxy;
    return NULL;
}

static err write_proxy_ref(const struct config_schema_key *key, const void *field, struct buf *out)
{
    (void)key;
    return config_type_write_text((*(const struct config_proxy *const *)field)->url, out);
}

static err read_network(const struct config_schema_key *key, str text, struct arena *arena,
                        void *ret_field)
{
    (void)key, (void)arena;
    struct network network;
    err e = network_parse(text, &network);
    if (e)
        return err_new(ERR_CONFIG, "%.*s; write 192.0.2.0/24 or \"2001:db8::/48\"",
                       STR_ARG(e->text));
    *(struct network *)ret_field = network;
    return NULL;
}

static err write_network(const struct config_schema_key *key, const void *field, struct buf *out)
{
    const struct network *network = field;
    char ip[ADDRESS_CHARS], text[ADDRESS_CHARS + 8];
    (void)key;
    address_format_ip(&network->base, ip);
    snprintf(text, sizeof text, "%s/%d", ip, network->bits);
    return config_type_write_text(str_of(text), out);
}

/* One row each: what stands behind a key's type in the schema. */

#define JSON_TEXT "{\"type\":\"string\",\"minLength\":1}"

const struct config_type config_type_bool = {.noun = "true or false",
                                             .json = "{\"type\":\"boolean\"}",
                                             .literal = true,
                                             .read = read_bool,
                                             .write = write_bool};
const struct config_type config_type_int = {
    .noun = "a whole number", .literal = true, .read = read_int, .write = write_int};
const struct config_type config_type_cap = {
    .noun = "a whole number or none",
    .json = "{\"oneOf\":[{\"type\":\"integer\",\"minimum\":1},{\"const\":\"none\"}]}",
    .literal = true,
    .empty = int_is_empty,
    .read = read_cap,
    .write = write_cap};
const struct config_type config_type_rate = {
    .noun = "a rate such as 20/s or 1000/h, or none",
    .json = "{\"type\":\"string\",\"pattern\":\"^(none|[1-9][0-9]*/[smhd])$\"}",
    .literal = true,
    .empty = rate_is_empty,
    .read = read_rate,
    .write = write_rate};
const struct config_type config_type_size = {
    .noun = "a size such as 50MiB",
    .json = "{\"type\":\"string\",\"pattern\":\"^(0|[1-9][0-9]*)(B|[KMG]i?B)$\"}",
    .read = read_size,
    .write = write_size};
const struct config_type config_type_duration = {
    .noun = "a duration such as 30s",
    .json = "{\"type\":\"string\",\"pattern\":\"^(0|[1-9][0-9]*)(ms|s|m|h|d)$\"}",
    .read = read_duration,
    .write = write_duration};
const struct config_type config_type_choice = {
    .noun = "one word", .read = read_choice, .write = write_choice};
const struct config_type config_type_word = {
    .noun = "one word", .empty = str_is_empty, .read = read_word, .write = write_text};
const struct config_type config_type_text = {.noun = "a text",
                                             .json = JSON_TEXT,
                                             .empty = str_is_empty,
                                             .read = read_text,
                                             .write = write_text};
const struct config_type config_type_name = {
    .noun = "a name",
    .json = "{\"type\":\"string\",\"pattern\":\"^[A-Za-z0-9._-]{1,64}$\"}",
    .empty = str_is_empty,
    .read = read_name,
    .write = write_text};
const struct config_type config_type_path = {.noun = "an absolute path",
                                             .json = "{\"type\":\"string\",\"pattern\":\"^/\"}",
                                             .empty = str_is_empty,
                                             .read = read_path,
                                             .write = write_text};
const struct config_type config_type_sink = {
    .noun = "stderr, none or an absolute path",
    .json = "{\"type\":\"string\",\"pattern\":\"^(stderr|none|/.*)$\"}",
    .empty = str_is_empty,
    .read = read_sink,
    .write = write_text};
const struct config_type config_type_host = {.noun = "a host name",
                                             .json = JSON_TEXT,
                                             .empty = str_is_empty,
                                             .read = read_host,
                                             .write = write_text};
const struct config_type config_type_pattern = {.noun =
                                                    "\"*\", a domain, \"*.domain\" or an address",
                                                .json = JSON_TEXT,
                                                .empty = str_is_empty,
                                                .read = read_pattern,
                                                .write = write_text};
const struct config_type config_type_recipient = {.noun = "an address or a local part",
                                                  .json = JSON_TEXT,
                                                  .empty = str_is_empty,
                                                  .read = read_text,
                                                  .write = write_text};
const struct config_type config_type_secret = {
    .noun = "file:/path, env:NAME or command:…",
    .json =
        "{\"type\":\"string\",\"pattern\":\"^(file:/|env:|command:|keyring:|netrc:|vault:|aws-sm:|"
        "credential:|encrypted:|oauth:)\"}",
    .empty = str_is_empty,
    .read = read_secret,
    .write = write_text};
const struct config_type config_type_server = {.noun = "an IP address",
                                               .json = JSON_TEXT,
                                               .empty = str_is_empty,
                                               .read = read_server,
                                               .write = write_text};
const struct config_type config_type_hop = {
    .noun = "a URL such as smtp://mail.example.net:587",
    .json = "{\"type\":\"string\",\"pattern\":\"^(smtps?|lmtp|lmtp\\\\+unix)://\"}",
    .read = read_hop,
    .write = write_hop};
const struct config_type config_type_way = {
    .noun = "a URL such as smtp://mail.example.net:587, or account:NAME",
    .json = "{\"type\":\"string\",\"pattern\":\"^((smtps?|lmtp|lmtp\\\\+unix)://|account:)\"}",
    .read = read_way,
    .write = write_hop};
const struct config_type config_type_hop_ref = {
    .noun = "a URL such as lmtp://127.0.0.1:24",
    .json = "{\"type\":\"string\",\"pattern\":\"^(smtps?|lmtp|lmtp\\\\+unix)://\"}",
    .empty = hop_is_empty,
    .read = read_hop_ref,
    .write = write_hop_ref};
const struct config_type config_type_address = {.noun =
                                                    "an address with a port such as 127.0.0.1:2525",
                                                .json = JSON_TEXT,
                                                .read = read_address,
                                                .write = write_address};
const struct config_type config_type_network = {.noun = "a network such as 192.0.2.0/24",
                                                .json = JSON_TEXT,
                                                .read = read_network,
                                                .write = write_network};
const struct config_type config_type_ip = {
    .noun = "an IP address", .json = JSON_TEXT, .read = read_ip, .write = write_ip};
const struct config_type config_type_proxy_ref = {
    .noun = "a URL such as socks5://127.0.0.1:1080",
    .json = "{\"type\":\"string\",\"pattern\":\"^(socks5|proxy)://\"}",
    .empty = proxy_is_empty,
    .read = read_proxy_ref,
    .write = write_proxy_ref};
const struct config_type config_type_date = {
    .noun = "a date such as 2026-11-21",
    .json = "{\"type\":\"string\",\"pattern\":\"^[0-9]{4}-[0-9]{2}-[0-9]{2}$\"}",
    .empty = date_is_empty,
    .read = read_date,
    .write = write_date};
const struct config_type config_type_zone = {
    .noun = "an offset from UTC such as \"+01:00\"",
    .json = "{\"type\":\"string\",\"pattern\":\"^[+-][0-9]{2}:[0-9]{2}$\"}",
    .read = read_zone,
    .write = write_zone};
const struct config_type config_type_hours = {
    .noun = "hours such as 8-20",
    .json = "{\"type\":\"string\",\"pattern\":\"^[0-9]{1,2}-[0-9]{1,2}$\"}",
    .read = read_hours,
    .write = write_hours};
