#include "personality/msmtprc.h"
#include <fnmatch.h>
#include <string.h>

enum kind {
    TEXT,
    SWITCH,
    NUMBER,
    PROTOCOL,
    AUTH,
    SET_FROM,
    SET,
    TIMEOUT,
    NOTIFY,
    RETURN,
    PRINT,
    FACILITY,
    BITS
};

enum { ADDRESS_BYTES = 400 };

static const struct {
    const char *name;
    enum kind kind;
} keys[MSMTPRC_KEYS] = {
    [MSMTPRC_HOST] = {"host",                   TEXT    },
    [MSMTPRC_PORT] = {"port",                   NUMBER  },
    [MSMTPRC_SOURCE_IP] = {"source_ip",              TEXT    },
    [MSMTPRC_PROXY_HOST] = {"proxy_host",             TEXT    },
    [MSMTPRC_PROXY_PORT] = {"proxy_port",             NUMBER  },
    [MSMTPRC_SOCKET] = {"socket",                 TEXT    },
    [MSMTPRC_TIMEOUT] = {"timeout",                TIMEOUT },
    [MSMTPRC_PROTOCOL] = {"protocol",               PROTOCOL},
    [MSMTPRC_DOMAIN] = {"domain",                 TEXT    },
    [MSMTPRC_AUTH] = {"auth",                   AUTH    },
    [MSMTPRC_USER] = {"user",                   TEXT    },
    [MSMTPRC_PASSWORD] = {"password",               TEXT    },
    [MSMTPRC_PASSWORDEVAL] = {"passwordeval",           TEXT    },
    [MSMTPRC_NTLMDOMAIN] = {"ntlmdomain",             TEXT    },
    [MSMTPRC_TLS] = {"tls",                    SWITCH  },
    [MSMTPRC_TLS_STARTTLS] = {"tls_starttls",           SWITCH  },
    [MSMTPRC_TLS_TRUST_FILE] = {"tls_trust_file",         TEXT    },
    [MSMTPRC_TLS_CRL_FILE] = {"tls_crl_file",           TEXT    },
    [MSMTPRC_TLS_FINGERPRINT] = {"tls_fingerprint",        PRINT   },
    [MSMTPRC_TLS_KEY_FILE] = {"tls_key_file",           TEXT    },
    [MSMTPRC_TLS_CERT_FILE] = {"tls_cert_file",          TEXT    },
    [MSMTPRC_TLS_CERTCHECK] = {"tls_certcheck",          SWITCH  },
    [MSMTPRC_TLS_MIN_DH_PRIME_BITS] = {"tls_min_dh_prime_bits",  BITS    },
    [MSMTPRC_TLS_PRIORITIES] = {"tls_priorities",         TEXT    },
    [MSMTPRC_TLS_HOST_OVERRIDE] = {"tls_host_override",      TEXT    },
    [MSMTPRC_AUTO_FROM] = {"auto_from",              SWITCH  },
    [MSMTPRC_MAILDOMAIN] = {"maildomain",             TEXT    },
    [MSMTPRC_FROM] = {"from",                   TEXT    },
    [MSMTPRC_ALLOW_FROM_OVERRIDE] = {"allow_from_override",    SWITCH  },
    [MSMTPRC_SET_FROM_HEADER] = {"set_from_header",        SET_FROM},
    [MSMTPRC_SET_DATE_HEADER] = {"set_date_header",        SET     },
    [MSMTPRC_REMOVE_BCC_HEADERS] = {"remove_bcc_headers",     SWITCH  },
    [MSMTPRC_UNDISCLOSED_RECIPIENTS] = {"undisclosed_recipients", SWITCH  },
    [MSMTPRC_DSN_NOTIFY] = {"dsn_notify",             NOTIFY  },
    [MSMTPRC_DSN_RETURN] = {"dsn_return",             RETURN  },
    [MSMTPRC_LOGFILE] = {"logfile",                TEXT    },
    [MSMTPRC_LOGFILE_TIME_FORMAT] = {"logfile_time_format",    TEXT    },
    [MSMTPRC_SYSLOG] = {"syslog",                 FACILITY},
    [MSMTPRC_ALIASES] = {"aliases",                TEXT    },
    [MSMTPRC_SET_MSGID_HEADER] = {"set_msgid_header",       SET     },
};

const char *personality_msmtprc_name(enum msmtprc_key key) { return keys[key].name; }

bool personality_msmtprc_is_switch(enum msmtprc_key key)
{
    enum kind kind = keys[key].kind;
    return kind == SWITCH || kind == AUTH || kind == SET_FROM || kind == FACILITY;
}

size_t personality_msmtprc_print(str value, uint8_t ret_print[MSMTPRC_PRINT_BYTES_MAX])
{
    uint8_t print[MSMTPRC_PRINT_BYTES_MAX];
    size_t count = 0;
    while (value.len >= 2 && count < sizeof print) {
        int high = char_hex_value(value.ptr[0]), low = char_hex_value(value.ptr[1]);
        bool colon = value.len > 2;
        if (high < 0 || low < 0 || (colon && value.ptr[2] != ':'))
            return 0;
        print[count++] = (uint8_t)(high << 4 | low);
        value = str_from(value, colon ? 3 : 2);
        if (colon && value.len == 0)
            return 0;
    }
    if (value.len > 0 || (count != 16 && count != 20 && count != 32))
        return 0;
    memcpy(ret_print, print, count);
    return count;
}

/* The local part without its detail, in small letters. */
static bool plain(str address, bool cut, char ret_chars[ADDRESS_BYTES])
{
    size_t at = str_find_last(address, '@'), plus = str_find(address, '+'), len = 0;
    bool skips = cut && at != STR_NONE && plus != STR_NONE && plus > 0 && plus < at;
    if (address.len >= ADDRESS_BYTES)
        return false;
    for (size_t i = 0; i < address.len; i++)
        if (!(skips && i >= plus && i < at))
            ret_chars[len++] = char_lower(address.ptr[i]);
    ret_chars[len] = '\0';
    return true;
}

bool personality_msmtprc_stands_for(str from, str address)
{
    char ours[ADDRESS_BYTES], whole[ADDRESS_BYTES], bare[ADDRESS_BYTES];
    if (!plain(from, false, ours) || !plain(address, false, whole) || !plain(address, true, bare))
        return false;
    if (from.len == 0)
        return false;
    if (strpbrk(ours, "*?[") == NULL)
        return strcmp(ours, whole) == 0 || strcmp(ours, bare) == 0;
    return fnmatch(ours, whole, 0) == 0 || fnmatch(ours, bare, 0) == 0;
}

bool personality_msmtprc_key(str name, enum msmtprc_key *ret_key)
{
    for (int key = 0; key < MSMTPRC_KEYS; key++)
        if (str_eq(name, str_of(keys[key].name))) {
            *ret_key = (enum msmtprc_key)key;
            return true;
        }
    return false;
}

static bool is_one_of(str value, str words)
{
    str word;
    do {
        str_split(words, ' ', &word, &words);
        if (str_eq(value, word))
            return true;
    } while (words.len);
    return false;
}

static bool is_notify(str value)
{
    str word;
    bool whole = is_one_of(value, S("off never"));
    do {
        str_split(value, ',', &word, &value);
        if (!whole && !is_one_of(word, S("failure delay success")))
            return false;
    } while (value.len);
    return true;
}

bool personality_msmtprc_good(enum msmtprc_key key, str value)
{
    uint8_t print[MSMTPRC_PRINT_BYTES_MAX];
    uint64_t number;
    switch (keys[key].kind) {
    case TEXT:
        return key != MSMTPRC_HOST || value.len > 0;
    case SWITCH:
        return value.len == 0 || is_one_of(value, S("on off"));
    case NUMBER:
        if (value.len == 0)
            return key != MSMTPRC_PORT;
        return str_to_u64(value, 65535, &number) && number > 0;
    case TIMEOUT:
        return is_one_of(value, S("off")) || (str_to_u64(value, INT32_MAX, &number) && number > 0);
    case PROTOCOL:
        return is_one_of(value, S("smtp lmtp"));
    case AUTH:
        return value.len == 0 ||
               is_one_of(value, S("on off plain scram-sha-1 scram-sha-1-plus scram-sha-256 "
                                  "scram-sha-256-plus cram-md5 digest-md5 login ntlm external "
                                  "gssapi oauthbearer xoauth2"));
    case SET_FROM:
        return value.len == 0 || is_one_of(value, S("auto on off"));
    case SET:
        return value.len == 0 || is_one_of(value, S("auto off"));
    case NOTIFY:
        return is_notify(value);
    case RETURN:
        return is_one_of(value, S("off headers full"));
    case PRINT:
        return value.len == 0 || personality_msmtprc_print(value, print) > 0;
    case FACILITY:
        return value.len == 0 ||
               is_one_of(value, S("on off LOG_USER LOG_MAIL LOG_LOCAL0 LOG_LOCAL1 "
                                  "LOG_LOCAL2 LOG_LOCAL3 LOG_LOCAL4 LOG_LOCAL5 "
                                  "LOG_LOCAL6 LOG_LOCAL7"));
    case BITS:
        return value.len == 0 || (str_to_u64(value, INT32_MAX, &number) && number > 0);
    }
    return false;
}

/* ---- reading ---------------------------------------------------------------------------- */

struct reading {
    struct msmtprc *rc;
    struct arena *arena;
    struct msmtprc_account defaults;
    struct msmtprc_account *now; /* whose settings follow */
    size_t first;                /* account of this file */
    size_t line;
};

const struct msmtprc_account *personality_msmtprc_find(const struct msmtprc *rc, str name)
{
    for (size_t i = rc->count; i > 0; i--)
        if (str_eq(rc->accounts[i - 1].name, name))
            return &rc->accounts[i - 1];
    return NULL;
}

static void inherit(struct msmtprc_account *to, const struct msmtprc_account *from)
{
    for (int key = 0; key < MSMTPRC_KEYS; key++)
        if (from->values[key].ptr)
            to->values[key] = from->values[key];
}

static err begin_account(struct reading *r, str argument)
{
    str name, parents, parent;
    str_split(argument, ':', &name, &parents);
    name = str_trim(name);
    if (name.len == 0)
        return err_new(ERR_CONFIG, "line %zu: missing account name", r->line);
    if (str_find(name, ',') != STR_NONE)
        return err_new(ERR_CONFIG, "line %zu: an account name must not contain colons or commas",
                       r->line);
    for (size_t i = r->first; i < r->rc->count; i++)
        if (str_eq(r->rc->accounts[i].name, name))
            return err_new(ERR_CONFIG, "line %zu: account %.*s was already defined", r->line,
                           STR_ARG(name));
    if (r->rc->count == MSMTPRC_ACCOUNTS_MAX)
        return err_new(ERR_LIMIT, "line %zu: more than %d accounts", r->line, MSMTPRC_ACCOUNTS_MAX);
    struct msmtprc_account *account = &r->rc->accounts[r->rc->count];
    *account = r->defaults;
    account->name = name;
    account->origin = r->rc->origin;
    while (parents.len) {
        str_split(parents, ',', &parent, &parents);
        parent = str_trim(parent);
        const struct msmtprc_account *of = personality_msmtprc_find(r->rc, parent);
        if (of == NULL)
            return err_new(ERR_CONFIG, "line %zu: account %.*s not (yet) defined", r->line,
                           STR_ARG(parent));
        inherit(account, of);
        account->name = name;
    }
    r->rc->count++;
    r->now = account;
    return NULL;
}

static str unquote(str argument)
{
    if (argument.len >= 2 && argument.ptr[0] == '"' && argument.ptr[argument.len - 1] == '"')
        return str_slice(argument, 1, argument.len - 2);
    return argument;
}

/* Older names of settings; those without a value of their own stand for one. */
static bool find_key(str name, str *argument, enum msmtprc_key *ret_key)
{
    static const struct {
        const char *name, *value;
        enum msmtprc_key key;
    } older[] = {
        {"connect_timeout",         NULL,  MSMTPRC_TIMEOUT        },
        {"tls_nocertcheck",         "off", MSMTPRC_TLS_CERTCHECK  },
        {"tls_nostarttls",          "off", MSMTPRC_TLS_STARTTLS   },
        {"add_missing_date_header", NULL,  MSMTPRC_SET_DATE_HEADER},
        {"add_missing_from_header", NULL,  MSMTPRC_SET_FROM_HEADER},
    };
    for (size_t i = 0; i < ARRAY_LEN(older); i++) {
        if (!str_eq(name, str_of(older[i].name)))
            continue;
        *ret_key = older[i].key;
        if (older[i].value)
            *argument = str_of(older[i].value);
        else if (older[i].key != MSMTPRC_TIMEOUT &&
                 (argument->len == 0 || str_eq(*argument, S("on"))))
            *argument = S("auto");
        return true;
    }
    return personality_msmtprc_key(name, ret_key);
}

static err set_value(struct reading *r, str name, str argument)
{
    enum msmtprc_key key = MSMTPRC_HOST;
    if (str_eq(name, S("tls_force_sslv3")))
        return NULL; /* and it never is */
    if (!find_key(name, &argument, &key))
        return err_new(ERR_CONFIG, "line %zu: unknown command %.*s", r->line,
                       STR_ARG(str_slice(name, 0, 100)));
    if (!personality_msmtprc_good(key, argument))
        return err_new(ERR_CONFIG, "line %zu: invalid argument %.*s for command %s", r->line,
                       STR_ARG(str_slice(argument, 0, 100)), keys[key].name);
    if (argument.len == 0 && personality_msmtprc_is_switch(key))
        argument = S("on");
    r->now->values[key] = argument.len ? argument : S("");
    return NULL;
}

static size_t find_blank(str line)
{
    size_t at = 0;
    while (at < line.len && line.ptr[at] != ' ' && line.ptr[at] != '\t')
        at++;
    return at;
}

static err take_line(struct reading *r, str line)
{
    line = str_trim(line);
    if (line.len == 0 || line.ptr[0] == '#')
        return NULL;
    size_t end = find_blank(line);
    str name = str_slice(line, 0, end), argument = unquote(str_trim(str_from(line, end)));
    if (str_eq(name, S("defaults")))
        r->now = &r->defaults;
    else if (str_eq(name, S("account")))
        return begin_account(r, argument);
    else
        return set_value(r, name, argument);
    return NULL;
}

static err take_eval(struct reading *r, str line)
{
    str rest = str_trim(line), made = {0};
    if (!str_skip(&rest, S("eval ")) && !str_skip(&rest, S("eval\t")))
        return take_line(r, line);
    if (r->rc->eval == NULL)
        return err_new(ERR_CONFIG, "line %zu: eval is not allowed here", r->line);
    err e = r->rc->eval(r->rc->arg, unquote(str_trim(rest)), r->arena, &made);
    return e ? err_wrap(e, "line %zu", r->line) : take_line(r, made);
}

err personality_msmtprc_read(struct msmtprc *rc, str text, struct arena *arena)
{
    struct reading *r = ARENA_NEW(arena, struct reading);
    *r = (struct reading){.rc = rc, .arena = arena, .first = rc->count};
    r->now = &r->defaults;
    if (text.len > MSMTPRC_BYTES_MAX)
        return err_new(ERR_LIMIT, "above %d bytes", MSMTPRC_BYTES_MAX);
    text = arena_str(arena, text);
    while (text.len) {
        str line;
        str_split(text, '\n', &line, &text);
        r->line++;
        TRY(take_eval(r, line));
    }
    return NULL;
}
