#include "personality/swaks_client.h"
#include "base/codec.h"
#include <arpa/inet.h>

/* ---- XCLIENT ---------------------------------------------------------------------------- */

static const struct {
    enum swaks_key key;
    const char *name;
} attributes[] = {
    {SWAKS_XCLIENT_ADDR,         "ADDR"        },
    {SWAKS_XCLIENT_NAME,         "NAME"        },
    {SWAKS_XCLIENT_PORT,         "PORT"        },
    {SWAKS_XCLIENT_PROTO,        "PROTO"       },
    {SWAKS_XCLIENT_DESTADDR,     "DESTADDR"    },
    {SWAKS_XCLIENT_DESTPORT,     "DESTPORT"    },
    {SWAKS_XCLIENT_HELO,         "HELO"        },
    {SWAKS_XCLIENT_LOGIN,        "LOGIN"       },
    {SWAKS_XCLIENT_REVERSE_NAME, "REVERSE_NAME"},
};

static const char *attribute_of(enum swaks_key key)
{
    for (size_t i = 0; i < ARRAY_LEN(attributes); i++)
        if (attributes[i].key == key)
            return attributes[i].name;
    return NULL;
}

struct strings { /* the commands while they are put together */
    struct swaks_xclient *x;
    struct arena *arena;
    str pieces;
};

static err add_string(struct strings *s, str text)
{
    if (s->x->string_count == SWAKS_XCLIENTS_MAX)
        return err_new(ERR_LIMIT, "more than %d XCLIENT commands", SWAKS_XCLIENTS_MAX);
    s->x->strings[s->x->string_count++] = text;
    return NULL;
}

static err end_string(struct strings *s)
{
    str pieces = s->pieces;
    s->pieces = (str){0};
    return pieces.len ? add_string(s, pieces) : NULL;
}

/* As xtext (RFC 1891 section 5) has it, blanks and all. */
static str encode(struct arena *arena, str value)
{
    char *text = arena_alloc(arena, value.len * 3 + 1), *at = text;
    for (size_t i = 0; i < value.len; i++) {
        unsigned char c = (unsigned char)value.ptr[i];
        if (c > 0x20 && c != '+' && c != '=' && c != 0x7f && c != 0xff)
            *at++ = (char)c;
        else
            at = str_put(
                at, (str){
                        (char[]){'+', "0123456789ABCDEF"[c >> 4], "0123456789ABCDEF"[c & 15]},
                        3
            });
    }
    return (str){text, (size_t)(at - text)};
}

static err add_attribute(struct strings *s, const char *name, str value)
{
    struct swaks_xclient *x = s->x;
    if (x->name_count == SWAKS_XCLIENTS_MAX)
        return err_new(ERR_LIMIT, "more than %d XCLIENT attributes", SWAKS_XCLIENTS_MAX);
    x->names[x->name_count++] = str_of(name);
    s->pieces = arena_printf(s->arena, "%.*s%s%s=%.*s", STR_ARG(s->pieces),
                             s->pieces.len ? " " : "", name, STR_ARG(encode(s->arena, value)));
    return NULL;
}

static err take_setting(struct swaks_plan *p, struct strings *s, const struct swaks_setting *set)
{
    enum swaks_key key = set->option->key;
    const char *name = attribute_of(key);
    str value = {0};
    if (key == SWAKS_XCLIENT_DELIM)
        return end_string(s);
    if (key != SWAKS_XCLIENT && name == NULL)
        return NULL;
    TRY(personality_swaks_value_of(p->values, set, &value));
    TRY(personality_swaks_plan_check_line(set->option->names[0], value));
    if (name)
        return add_attribute(s, name, value);
    TRY(end_string(s));
    return add_string(s, value);
}

err personality_swaks_client_xclient(struct swaks_plan *p)
{
    struct strings s = {&p->xclient, p->arena, {0}};
    for (size_t i = 0; i < p->values->settings->count; i++)
        TRY(take_setting(p, &s, &p->values->settings->list[i]));
    TRY(end_string(&s));
    p->xclient.no_verify = personality_swaks_plan_flag(p, SWAKS_XCLIENT_NO_VERIFY);
    p->xclient.early = personality_swaks_plan_flag(p, SWAKS_XCLIENT_EARLY);
    if (p->xclient.string_count == 0)
        return NULL;
    p->xclient.need = personality_swaks_plan_flag(p, SWAKS_XCLIENT_STRICT)     ? SWAKS_STRICT
                      : personality_swaks_plan_flag(p, SWAKS_XCLIENT_OPTIONAL) ? SWAKS_OPTIONAL
                                                                               : SWAKS_REQUIRED;
    return NULL;
}

/* ---- PROXY ------------------------------------------------------------------------------ */

static const uint8_t signature[] = {0x0D, 0x0A, 0x0D, 0x0A, 0x00, 0x0D,
                                    0x0A, 0x51, 0x55, 0x49, 0x54, 0x0A};

struct word { /* what stands in a byte of version 2 */
    const char *name;
    uint8_t bits;
};
static const struct word families[] = {
    {"AF_UNSPEC", 0x00},
    {"AF_INET",   0x10},
    {"AF_INET6",  0x20},
    {"AF_UNIX",   0x30},
    {NULL,        0   },
};
static const struct word transports[] = {
    {"UNSPEC", 0x00},
    {"STREAM", 0x01},
    {"DGRAM",  0x02},
    {NULL,     0   },
};
static const struct word commands[] = {
    {"LOCAL", 0x20},
    {"PROXY", 0x21},
    {NULL,    0   },
};

static const struct word *find_word(const struct word *list, str name)
{
    for (; list->name; list++)
        if (str_eq(str_of(list->name), name))
            return list;
    return NULL;
}

static err check_word(const struct word *list, const char *option, str value, const char *behind)
{
    if (find_word(list, value))
        return NULL;
    return err_new(ERR_CONFIG, "unknown --proxy-%s argument %.*s%s", option,
                   STR_ARG(str_slice(value, 0, 100)), behind);
}

/* An address of either family goes in as it is: whether they fit is for the server to judge. */
static err add_ip(struct buf *out, str text)
{
    struct address ip;
    TRY(address_parse_ip(text, &ip));
    return buf_add(out, (str){(char *)ip.ip, ip.family == ADDRESS_IP4 ? 4 : 16});
}

static err add_port(struct buf *out, str text)
{
    uint64_t port;
    if (!str_to_u64(text, UINT16_MAX, &port))
        return err_new(ERR_CONFIG, "\"%.*s\" is no port", STR_ARG(str_slice(text, 0, 60)));
    TRY(buf_add_char(out, (char)(port >> 8)));
    return buf_add_char(out, (char)(port & 0xff));
}

static err add_addresses(struct buf *out, const struct swaks_proxy *x)
{
    TRY(add_ip(out, x->source));
    TRY(add_ip(out, x->dest));
    TRY(add_port(out, x->source_port));
    return add_port(out, x->dest_port);
}

static err build_second(const struct swaks_proxy *x, struct buf *out)
{
    struct buf net;
    bool local = str_eq(x->command, S("LOCAL"));
    TRY(buf_add(out, (str){(const char *)signature, sizeof signature}));
    if (x->raw.len)
        return buf_add(out, x->raw);
    TRY(buf_add_char(out, (char)find_word(commands, x->command)->bits));
    if (local) /* the family is unspecified, and there are no addresses */
        return buf_add(out, (str){
                                (const char[]){0, 0, 0},
                                 3
        });
    TRY(buf_add_char(out, (char)(find_word(families, x->family)->bits |
                                 find_word(transports, x->protocol)->bits)));
    buf_init(&net, 64);
    err e = add_addresses(&net, x);
    if (e == NULL)
        e = buf_add_char(out, 0);
    if (e == NULL)
        e = buf_add_char(out, (char)net.len);
    if (e == NULL)
        e = buf_add(out, buf_str(&net));
    buf_release(&net);
    return e;
}

static err build(struct swaks_plan *p)
{
    struct swaks_proxy *x = &p->proxy;
    struct buf out;
    if (x->version == 1) {
        x->bytes = x->raw.len
                       ? arena_printf(p->arena, "PROXY %.*s", STR_ARG(x->raw))
                       : arena_printf(p->arena, "PROXY %.*s %.*s %.*s %.*s %.*s",
                                      STR_ARG(x->family), STR_ARG(x->source), STR_ARG(x->dest),
                                      STR_ARG(x->source_port), STR_ARG(x->dest_port));
        return NULL;
    }
    buf_init(&out, SWAKS_LINE_BYTES_MAX);
    err e = build_second(x, &out);
    if (e == NULL)
        x->bytes = arena_str(p->arena, buf_str(&out));
    buf_release(&out);
    return e;
}

static err check_attributes(const struct swaks_proxy *x)
{
    const struct {
        const char *name;
        str value;
    } needed[] = {
        {"family",      x->family     },
        {"source",      x->source     },
        {"source_port", x->source_port},
        {"dest",        x->dest       },
        {"dest_port",   x->dest_port  },
    };
    for (size_t i = 0; i < ARRAY_LEN(needed); i++)
        if (needed[i].value.len == 0)
            return err_new(ERR_CONFIG, "Incomplete set of --proxy-* options (missing %s)",
                           needed[i].name);
    TRY(check_word(transports, "protocol", x->protocol, ""));
    TRY(check_word(commands, "command", x->command, ""));
    if (x->version == 2)
        return check_word(families, "family", x->family, " for version 2");
    if (str_eq(x->family, S("TCP4")) || str_eq(x->family, S("TCP6")))
        return NULL;
    return err_new(ERR_CONFIG, "unknown --proxy-family argument %.*s for version 1",
                   STR_ARG(str_slice(x->family, 0, 100)));
}

/* "base64:…": binary that a command line cannot hold. */
static err decode_raw(struct swaks_plan *p, str *raw)
{
    struct buf bytes;
    if (!str_skip(raw, S("base64:")))
        return NULL;
    buf_init(&bytes, SWAKS_LINE_BYTES_MAX);
    err e = codec_base64_decode(str_trim(*raw), &bytes);
    if (e == NULL)
        *raw = arena_str(p->arena, buf_str(&bytes));
    buf_release(&bytes);
    return e ? err_wrap(e, "--proxy") : NULL;
}

static err read_attributes(struct swaks_plan *p, bool *ret_any)
{
    struct swaks_proxy *x = &p->proxy;
    const struct {
        enum swaks_key key;
        str *value;
    } all[] = {
        {SWAKS_PROXY_FAMILY,      &x->family     },
        {SWAKS_PROXY_SOURCE,      &x->source     },
        {SWAKS_PROXY_SOURCE_PORT, &x->source_port},
        {SWAKS_PROXY_DEST,        &x->dest       },
        {SWAKS_PROXY_DEST_PORT,   &x->dest_port  },
        {SWAKS_PROXY_PROTOCOL,    &x->protocol   },
        {SWAKS_PROXY_COMMAND,     &x->command    },
    };
    bool any = false;
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        TRY(personality_swaks_plan_line(p, all[i].key, all[i].value));
        *all[i].value = personality_swaks_plan_upper(p->arena, *all[i].value);
        any |= all[i].value->len > 0;
    }
    *ret_any = any;
    return NULL;
}

static err make_proxy(struct swaks_plan *p)
{
    struct swaks_proxy *x = &p->proxy;
    str version = {0};
    bool any;
    TRY(personality_swaks_plan_get(p, SWAKS_PROXY_VERSION, &version));
    TRY(personality_swaks_plan_get(p, SWAKS_PROXY, &x->raw));
    TRY(decode_raw(p, &x->raw));
    TRY(read_attributes(p, &any));
    if (x->raw.len && any)
        return err_new(ERR_CONFIG, "Can't mix --proxy option with other --proxy-* options");
    if (version.len && !str_eq(version, S("1")) && !str_eq(version, S("2")))
        return err_new(ERR_CONFIG, "Invalid argument to --proxy: %.*s is not a legal proxy version",
                       STR_ARG(str_slice(version, 0, 60)));
    x->version = str_eq(version, S("2")) ? 2 : 1;
    if (x->raw.len == 0 && !any)
        return NULL;
    if (x->protocol.len == 0)
        x->protocol = S("STREAM");
    if (x->command.len == 0)
        x->command = S("PROXY");
    if (x->raw.len == 0)
        TRY(check_attributes(x));
    x->wanted = true;
    return build(p);
}

err personality_swaks_client_proxy(struct swaks_plan *p)
{
    err e = make_proxy(p);
    if (e)
        p->exit = SWAKS_EXIT_PROXY_OPTIONS;
    return e;
}
