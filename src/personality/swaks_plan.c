#include "personality/swaks_plan.h"
#include "personality/swaks_client.h"
#include "personality/swaks_data.h"
#include "personality/swaks_secure.h"
#include "runtime/address.h"
#include <netdb.h>
#include <pwd.h>
#include <stdlib.h>
#include <unistd.h>

enum { HOST_BYTES = 256, TIMEOUT_DEFAULT_MS = 30000, SECONDS_MAX = 1000000 };

/* ---- values ----------------------------------------------------------------------------- */

err personality_swaks_plan_get(struct swaks_plan *p, enum swaks_key key, str *ret_value)
{
    return personality_swaks_value_get(p->values, key, ret_value);
}

err personality_swaks_plan_check_line(const char *option, str value)
{
    if (value.len > SWAKS_LINE_BYTES_MAX)
        return err_new(ERR_CONFIG, "the value of --%s is above %d bytes", option,
                       SWAKS_LINE_BYTES_MAX);
    for (size_t i = 0; i < value.len; i++)
        if (value.ptr[i] == '\r' || value.ptr[i] == '\n' || value.ptr[i] == '\0')
            return err_new(ERR_CONFIG, "the value of --%s holds a line end, or NUL", option);
    return NULL;
}

err personality_swaks_plan_line(struct swaks_plan *p, enum swaks_key key, str *ret_value)
{
    const struct swaks_setting *s = personality_swaks_option_find(p->values->settings, key);
    str value;
    if (s == NULL)
        return NULL;
    TRY(personality_swaks_value_of(p->values, s, &value));
    TRY(personality_swaks_plan_check_line(s->option->names[0], value));
    *ret_value = value;
    return NULL;
}

bool personality_swaks_plan_given(const struct swaks_plan *p, enum swaks_key key)
{
    return personality_swaks_option_given(p->values->settings, key);
}

bool personality_swaks_plan_flag(const struct swaks_plan *p, enum swaks_key key)
{
    return personality_swaks_plan_given(p, key);
}

str personality_swaks_plan_lower(struct arena *arena, str s)
{
    char *lower = arena_chars(arena, s);
    for (size_t i = 0; i < s.len; i++)
        lower[i] = char_lower(lower[i]);
    return (str){lower, s.len};
}

str personality_swaks_plan_upper(struct arena *arena, str s)
{
    char *upper = arena_chars(arena, s);
    for (size_t i = 0; i < s.len; i++)
        if (char_is_alpha(upper[i]))
            upper[i] = (char)(upper[i] & ~0x20);
    return (str){upper, s.len};
}

/* ---- the transcript --------------------------------------------------------------------- */

static err set_silence(struct swaks_plan *p)
{
    str value = {0};
    uint64_t level = 1;
    if (!personality_swaks_plan_given(p, SWAKS_SILENT))
        return NULL;
    TRY(personality_swaks_plan_get(p, SWAKS_SILENT, &value));
    if (value.len && !str_to_u64(value, 3, &level))
        return err_new(ERR_CONFIG, "Unknown argument '%.*s' to option silent, exiting",
                       STR_ARG(str_slice(value, 0, 100)));
    p->output->silence = (enum swaks_silence)level;
    return NULL;
}

static err set_lapse(struct swaks_plan *p)
{
    str value = {0};
    if (!personality_swaks_plan_given(p, SWAKS_TIME_LAPSE))
        return NULL;
    TRY(personality_swaks_plan_get(p, SWAKS_TIME_LAPSE, &value));
    bool seconds = str_starts_nocase(value, S("i"));
    if (value.len && !seconds)
        return err_new(ERR_CONFIG, "Unknown argument '%.*s' to option show-time-lapse, exiting",
                       STR_ARG(str_slice(value, 0, 100)));
    p->lapse = seconds ? SWAKS_LAPSE_SECONDS : SWAKS_LAPSE_FINE;
    return NULL;
}

static err set_output(struct swaks_plan *p)
{
    struct swaks_output *o = p->output;
    str both = {0}, to_stdout = {0}, to_stderr = {0};
    TRY(personality_swaks_plan_get(p, SWAKS_OUTPUT, &both));
    TRY(personality_swaks_plan_get(p, SWAKS_OUTPUT_STDOUT, &to_stdout));
    TRY(personality_swaks_plan_get(p, SWAKS_OUTPUT_STDERR, &to_stderr));
    TRY(personality_swaks_output_redirect(o, both, to_stdout, to_stderr));
    bool no_hints = personality_swaks_plan_flag(p, SWAKS_NO_HINTS);
    o->bare_send = no_hints || personality_swaks_plan_flag(p, SWAKS_NO_SEND_HINTS);
    o->bare_receive = no_hints || personality_swaks_plan_flag(p, SWAKS_NO_RECEIVE_HINTS);
    o->bare_says = personality_swaks_plan_flag(p, SWAKS_NO_INFO_HINTS);
    o->hide_send = personality_swaks_plan_flag(p, SWAKS_HIDE_SEND);
    o->hide_receive = personality_swaks_plan_flag(p, SWAKS_HIDE_RECEIVE);
    o->hide_says = personality_swaks_plan_flag(p, SWAKS_HIDE_INFO);
    o->hide_all = personality_swaks_plan_flag(p, SWAKS_HIDE_ALL);
    p->suppress_data = personality_swaks_plan_flag(p, SWAKS_SUPPRESS_DATA);
    p->raw = personality_swaks_plan_flag(p, SWAKS_RAW);
    p->protect_prompt = personality_swaks_plan_flag(p, SWAKS_PROTECT_PROMPT);
    TRY(set_silence(p));
    return set_lapse(p);
}

/* ---- stop points ------------------------------------------------------------------------ */

static const struct {
    const char *name;
    enum swaks_stop stop;
} stops[] = {
    {"proxy",        SWAKS_STOP_PROXY       },
    {"connect",      SWAKS_STOP_CONNECT     },
    {"banner",       SWAKS_STOP_CONNECT     },
    {"first-helo",   SWAKS_STOP_FIRST_HELO  },
    {"first-ehlo",   SWAKS_STOP_FIRST_HELO  },
    {"first-lhlo",   SWAKS_STOP_FIRST_HELO  },
    {"xclient",      SWAKS_STOP_XCLIENT     },
    {"xclient-helo", SWAKS_STOP_XCLIENT_HELO},
    {"xclient-ehlo", SWAKS_STOP_XCLIENT_HELO},
    {"xclient-lhlo", SWAKS_STOP_XCLIENT_HELO},
    {"starttls",     SWAKS_STOP_TLS         },
    {"tls",          SWAKS_STOP_TLS         },
    {"helo",         SWAKS_STOP_HELO        },
    {"ehlo",         SWAKS_STOP_HELO        },
    {"lhlo",         SWAKS_STOP_HELO        },
    {"auth",         SWAKS_STOP_AUTH        },
    {"mail",         SWAKS_STOP_MAIL        },
    {"from",         SWAKS_STOP_MAIL        },
    {"rcpt",         SWAKS_STOP_RCPT        },
    {"to",           SWAKS_STOP_RCPT        },
    {"data",         SWAKS_STOP_DATA        },
    {"dot",          SWAKS_STOP_DOT         },
};

static err set_stop(struct swaks_plan *p, enum swaks_key key, const char *name,
                    enum swaks_stop *ret_stop, str *ret_word)
{
    str word = {0};
    TRY(personality_swaks_plan_get(p, key, &word));
    if (word.len == 0)
        return NULL;
    word = personality_swaks_plan_lower(p->arena, word);
    for (size_t i = 0; i < ARRAY_LEN(stops); i++) {
        bool too_late = key == SWAKS_QUIT && stops[i].stop >= SWAKS_STOP_DATA;
        if (!str_eq(word, str_of(stops[i].name)) || too_late)
            continue;
        *ret_stop = stops[i].stop;
        *ret_word = word;
        p->server_only |= stops[i].stop < SWAKS_STOP_RCPT; /* nobody has to be named */
        return NULL;
    }
    return err_new(ERR_CONFIG, "Unknown %s value %.*s, exiting", name,
                   STR_ARG(str_slice(word, 0, 100)));
}

static err set_stops(struct swaks_plan *p)
{
    TRY(set_stop(p, SWAKS_QUIT, "quit_after", &p->quit, &p->quit_word));
    TRY(set_stop(p, SWAKS_DROP, "drop_after", &p->drop, &p->drop_word));
    return set_stop(p, SWAKS_DROP_SEND, "drop_after_send", &p->drop_send, &p->drop_send_word);
}

/* ---- who we are ------------------------------------------------------------------------- */

/* The machine's name, with its domain when somebody knows it. Blocks. */
static str find_hostname(struct arena *arena)
{
    char name[HOST_BYTES] = "";
    struct addrinfo hints = {.ai_flags = AI_CANONNAME, .ai_socktype = SOCK_STREAM}, *found;
    if (gethostname(name, sizeof name - 1) != 0 || name[0] == '\0')
        return (str){0};
    str host = arena_str(arena, str_of(name));
    if (str_contains(host, S(".")) || getaddrinfo(name, NULL, &hints, &found) != 0)
        return host;
    if (found->ai_canonname && found->ai_canonname[0])
        host = arena_str(arena, str_of(found->ai_canonname));
    freeaddrinfo(found);
    return host;
}

static str find_user(bool ask_system)
{
    const char *name = getenv("LOGNAME");
    if (name && *name && !ask_system)
        return str_of(name);
    const struct passwd *entry = getpwuid(getuid());
    return entry ? str_of(entry->pw_name) : S("nobody");
}

static err set_from(struct swaks_plan *p)
{
    bool needed = !p->server_only || p->quit == SWAKS_STOP_MAIL || p->drop == SWAKS_STOP_MAIL ||
                  p->drop_send == SWAKS_STOP_MAIL;
    TRY(personality_swaks_plan_line(p, SWAKS_FROM, &p->from));
    if (p->from.len == 0 && p->hostname.len == 0 && needed)
        return err_new(ERR_CONFIG, "From string required but couldn't be determined automatically."
                                   "  Please use --from");
    if (p->from.len == 0)
        p->from = arena_printf(p->arena, "%.*s@%.*s", STR_ARG(find_user(p->force_getpwuid)),
                               STR_ARG(p->hostname));
    if (str_eq(p->from, S("<>")))
        p->from = (str){0};
    return personality_swaks_plan_check_line("from", p->from); /* LOGNAME is anybody's word */
}

static err set_hello(struct swaks_plan *p)
{
    bool needed = p->quit != SWAKS_STOP_CONNECT && p->drop != SWAKS_STOP_CONNECT &&
                  p->drop_send != SWAKS_STOP_CONNECT;
    TRY(personality_swaks_plan_line(p, SWAKS_HELO, &p->hello));
    if (p->hello.len)
        return NULL;
    if (p->hostname.len == 0 && needed)
        return err_new(ERR_CONFIG, "Helo string required but couldn't be determined automatically."
                                   "  Please use --helo");
    p->hello = p->hostname;
    return NULL;
}

/* ---- the target ------------------------------------------------------------------------- */

/* "HOST", "HOST:PORT", "[HOST]:PORT", "HOST/PORT". More than one colon: an IPv6 address. */
static void split_server(str text, str *ret_host, str *ret_port)
{
    size_t colon = str_find(text, ':'), slash = str_find(text, '/');
    size_t end = text.len && text.ptr[0] == '[' ? str_find(text, ']') : STR_NONE;
    *ret_host = text;
    *ret_port = (str){0};
    if (end != STR_NONE) {
        *ret_host = str_slice(text, 1, end - 1);
        *ret_port = str_from(text, end + 2);
    } else if (slash != STR_NONE) {
        str_split(text, '/', ret_host, ret_port);
    } else if (colon != STR_NONE && colon == str_find_last(text, ':')) {
        str_split(text, ':', ret_host, ret_port);
    }
}

static err find_port(str text, uint16_t *ret_port)
{
    uint64_t number;
    char name[64];
    if (str_to_u64(text, UINT16_MAX, &number)) {
        *ret_port = (uint16_t)number;
        return NULL;
    }
    const struct servent *entry =
        str_to_chars(text, name, sizeof name) ? getservbyname(name, "tcp") : NULL;
    if (entry == NULL)
        return err_new(ERR_CONFIG, "unable to resolve service name %.*s into a port, exiting",
                       STR_ARG(str_slice(text, 0, 100)));
    *ret_port = ntohs((uint16_t)entry->s_port);
    return NULL;
}

static err set_ports(struct swaks_plan *p, str server, str local)
{
    str port = {0}, named = {0}, local_port = {0};
    split_server(server, &p->server, &port);
    TRY(personality_swaks_plan_get(p, SWAKS_PORT, &named));
    port = named.len ? named : port;
    p->port = p->protocol == SWAKS_LMTP ? 24 : p->tls.on_connect ? 465 : 25;
    if (port.len)
        TRY(find_port(port, &p->port));
    named = (str){0};
    split_server(local, &p->local, &local_port);
    TRY(personality_swaks_plan_get(p, SWAKS_LOCAL_PORT, &named));
    local_port = named.len ? named : local_port;
    return local_port.len ? find_port(local_port, &p->local_port) : NULL;
}

static bool is_ip(str host, enum address_family family)
{
    struct address ip;
    bool yes = address_parse_ip(host, &ip) == NULL && ip.family == family;
    err_forget();
    return yes;
}

static err check_families(struct swaks_plan *p)
{
    bool server4 = is_ip(p->server, ADDRESS_IP4), server6 = str_contains(p->server, S(":"));
    bool local4 = is_ip(p->local, ADDRESS_IP4), local6 = str_contains(p->local, S(":"));
    const char *why = NULL;
    if (p->ip4 && p->ip6)
        why = "Options -4 and -6 are mutually exclusive";
    else if (p->ip4 && server6)
        why = "Option -4 is set but server appears to be ipv6";
    else if (p->ip4 && local6)
        why = "Option -4 is set but local-interface appears to be ipv6";
    else if (p->ip6 && server4)
        why = "Option -6 is set but server appears to be ipv4";
    else if (p->ip6 && local4)
        why = "Option -6 is set but local-interface appears to be ipv4";
    else if (server6 && local4)
        why = "server is ipv6 but local-interface is ipv4";
    else if (server4 && local6)
        why = "server is ipv4 but local-interface is ipv6";
    return why ? err_new(ERR_CONFIG, "%s, cannot proceed", why) : NULL;
}

/* The domain that decides where a mail goes: of the last recipient in --to. */
static str domain_of(str list)
{
    size_t comma = str_find_last(list, ',');
    str last = comma == STR_NONE ? list : str_from(list, comma + 1);
    size_t at = str_find_last(last, '@');
    return at == STR_NONE ? last : str_from(last, at + 1);
}

static err set_target(struct swaks_plan *p)
{
    str server = {0}, local = {0};
    TRY(personality_swaks_plan_line(p, SWAKS_SERVER, &server));
    TRY(personality_swaks_plan_get(p, SWAKS_SOCKET, &p->socket));
    TRY(personality_swaks_plan_get(p, SWAKS_PIPE, &p->pipe));
    TRY(personality_swaks_plan_get(p, SWAKS_LOCAL, &local));
    TRY(personality_swaks_plan_get(p, SWAKS_COPY_ROUTING, &p->copy_routing));
    if ((server.len > 0) + (p->socket.len > 0) + (p->pipe.len > 0) > 1)
        return err_new(ERR_CONFIG, "Multiple transport types specified, exiting");
    p->transport = p->socket.len ? SWAKS_UNIX : p->pipe.len ? SWAKS_CHILD : SWAKS_INET;
    p->ip4 = personality_swaks_plan_flag(p, SWAKS_IP4);
    p->ip6 = personality_swaks_plan_flag(p, SWAKS_IP6);
    TRY(set_ports(p, server, local));
    return p->transport == SWAKS_INET ? check_families(p) : NULL;
}

/* ---- recipients ------------------------------------------------------------------------- */

static err set_rcpts(struct swaks_plan *p)
{
    const str lists[] = {p->to, p->cc, p->bcc};
    str *rcpts = ARENA_ARRAY(p->arena, str, SWAKS_RCPTS_MAX);
    for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
        str rest = lists[i];
        while (rest.len) {
            str one;
            str_split(rest, ',', &one, &rest);
            if (one.len == 0)
                continue;
            if (p->rcpt_count == SWAKS_RCPTS_MAX)
                return err_new(ERR_LIMIT, "more than %d recipients", SWAKS_RCPTS_MAX);
            rcpts[p->rcpt_count++] = one;
        }
    }
    p->rcpts = rcpts;
    return NULL;
}

static err set_to(struct swaks_plan *p)
{
    TRY(personality_swaks_plan_line(p, SWAKS_TO, &p->to));
    TRY(personality_swaks_plan_line(p, SWAKS_CC, &p->cc));
    TRY(personality_swaks_plan_line(p, SWAKS_BCC, &p->bcc));
    bool target_known = p->server.len || p->transport != SWAKS_INET || p->copy_routing.len;
    if (p->to.len == 0 && !(p->server_only && target_known) && p->cc.len + p->bcc.len == 0)
        TRY(personality_swaks_value_ask(p->values, "To: ", false, false, &p->to));
    TRY(personality_swaks_plan_check_line("to", p->to));
    if (p->transport == SWAKS_INET && p->server.len == 0)
        p->route = p->copy_routing.len ? p->copy_routing : domain_of(p->to);
    return set_rcpts(p);
}

/* ---- protocol --------------------------------------------------------------------------- */

static const struct {
    const char *name;
    enum swaks_protocol protocol;
    bool auth;
    char tls; /* 's'tarttls, on 'c'onnect */
} protocols[] = {
    {"smtp",    SWAKS_SMTP,  false, 0  },
    {"smtps",   SWAKS_SMTP,  false, 'c'},
    {"ssmtp",   SWAKS_ESMTP, false, 'c'},
    {"ssmtpa",  SWAKS_ESMTP, true,  'c'},
    {"esmtp",   SWAKS_ESMTP, false, 0  },
    {"esmtpa",  SWAKS_ESMTP, true,  0  },
    {"esmtps",  SWAKS_ESMTP, false, 's'},
    {"esmtpsa", SWAKS_ESMTP, true,  's'},
    {"lmtp",    SWAKS_LMTP,  false, 0  },
    {"lmtpa",   SWAKS_LMTP,  true,  0  },
    {"lmtps",   SWAKS_LMTP,  false, 's'},
    {"lmtpsa",  SWAKS_LMTP,  true,  's'},
};

static err set_protocol(struct swaks_plan *p)
{
    str word = S("esmtp");
    TRY(personality_swaks_plan_get(p, SWAKS_PROTOCOL, &word));
    word = personality_swaks_plan_lower(p->arena, word);
    for (size_t i = 0; i < ARRAY_LEN(protocols); i++) {
        if (!str_eq(word, str_of(protocols[i].name)))
            continue;
        p->protocol = protocols[i].protocol;
        if (protocols[i].auth)
            p->auth.need = SWAKS_REQUIRED;
        if (protocols[i].tls == 's')
            p->tls.need = SWAKS_REQUIRED;
        p->tls.on_connect = protocols[i].tls == 'c';
        return NULL;
    }
    return err_new(ERR_CONFIG, "Unknown protocol %.*s specified, exiting",
                   STR_ARG(str_slice(word, 0, 100)));
}

static err set_timeout(struct swaks_plan *p)
{
    str text = S("30s"), digits;
    uint64_t count;
    TRY(personality_swaks_plan_get(p, SWAKS_TIMEOUT, &text));
    char unit = text.len ? char_lower(text.ptr[text.len - 1]) : 's';
    digits = char_is_digit(unit) ? text : str_slice(text, 0, text.len ? text.len - 1 : 0);
    int64_t scale = unit == 'h' ? 3600 : unit == 'm' ? 60 : 1;
    bool known = char_is_digit(unit) || unit == 's' || unit == 'm' || unit == 'h';
    if (!known || !str_to_u64(digits, SECONDS_MAX, &count))
        return err_new(ERR_CONFIG, "Unknown timeout format '%.*s'",
                       STR_ARG(str_slice(text, 0, 100)));
    p->timeout_ms = (int64_t)count * scale * 1000;
    return NULL;
}

/* ---- all of it -------------------------------------------------------------------------- */

err personality_swaks_plan_make(struct swaks_plan *p)
{
    p->exit = SWAKS_EXIT_OPTIONS;
    p->pipeline = personality_swaks_plan_flag(p, SWAKS_PIPELINE);
    p->prdr = personality_swaks_plan_flag(p, SWAKS_PRDR);
    p->force_getpwuid = personality_swaks_plan_flag(p, SWAKS_FORCE_GETPWUID);
    TRY(set_output(p));
    TRY(set_protocol(p));
    TRY(personality_swaks_secure_tls(p));
    TRY(set_target(p));
    TRY(set_stops(p));
    p->hostname = find_hostname(p->arena);
    TRY(set_from(p));
    TRY(set_hello(p));
    TRY(set_timeout(p));
    TRY(set_to(p));
    TRY(personality_swaks_client_xclient(p));
    TRY(personality_swaks_client_proxy(p));
    TRY(personality_swaks_secure_auth(p));
    return personality_swaks_data_make(p);
}
