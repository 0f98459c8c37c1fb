#include "personality/swaks_option.h"
#include "base/buf.h"
#include <stdlib.h>
#include <string.h>

/* clang-format off */
static const struct swaks_option options[] = {
    {{"config"}, SWAKS_CONFIG, SWAKS_MAY_TAKE, 0, NULL},

    {{"server", "s"}, SWAKS_SERVER, SWAKS_ASKS, 0, "Server: "},
    {{"port", "p"}, SWAKS_PORT, SWAKS_ASKS, 0, "Port: "},
    {{"local-interface", "li"}, SWAKS_LOCAL, SWAKS_ASKS, 0, "Interface: "},
    {{"local-port", "lport", "lp"}, SWAKS_LOCAL_PORT, SWAKS_ASKS, 0, "Local Port: "},
    {{"copy-routing"}, SWAKS_COPY_ROUTING, SWAKS_ASKS, 0, NULL},
    {{"4"}, SWAKS_IP4, SWAKS_NO_VALUE, 0, NULL},
    {{"6"}, SWAKS_IP6, SWAKS_NO_VALUE, 0, NULL},
    {{"socket"}, SWAKS_SOCKET, SWAKS_ASKS, 0, "Socket File: "},
    {{"pipe"}, SWAKS_PIPE, SWAKS_ASKS, 0, "Pipe: "},

    {{"to", "t"}, SWAKS_TO, SWAKS_ASKS, 0, "To: "},
    {{"cc"}, SWAKS_CC, SWAKS_ASKS, 0, "Cc: "},
    {{"bcc"}, SWAKS_BCC, SWAKS_ASKS, 0, "Bcc: "},
    {{"from", "f"}, SWAKS_FROM, SWAKS_ASKS, 0, "From: "},
    {{"helo", "ehlo", "lhlo", "h"}, SWAKS_HELO, SWAKS_ASKS, 0, "Helo: "},
    {{"quit-after", "quit", "q"}, SWAKS_QUIT, SWAKS_MUST_TAKE, 0, NULL},
    {{"drop-after", "drop", "da"}, SWAKS_DROP, SWAKS_MUST_TAKE, 0, NULL},
    {{"drop-after-send", "das"}, SWAKS_DROP_SEND, SWAKS_MUST_TAKE, 0, NULL},
    {{"timeout"}, SWAKS_TIMEOUT, SWAKS_ASKS, 0, "Timeout: "},
    {{"protocol"}, SWAKS_PROTOCOL, SWAKS_MUST_TAKE, 0, NULL},
    {{"pipeline"}, SWAKS_PIPELINE, SWAKS_NO_VALUE, 0, NULL},
    {{"prdr"}, SWAKS_PRDR, SWAKS_NO_VALUE, 0, NULL},
    {{"force-getpwuid"}, SWAKS_FORCE_GETPWUID, SWAKS_NO_VALUE, 0, NULL},

    {{"tls"}, SWAKS_TLS, SWAKS_NO_VALUE, 0, NULL},
    {{"tls-optional", "tlso"}, SWAKS_TLS_OPTIONAL, SWAKS_NO_VALUE, 0, NULL},
    {{"tls-optional-strict", "tlsos"}, SWAKS_TLS_STRICT, SWAKS_NO_VALUE, 0, NULL},
    {{"tls-on-connect", "tlsc"}, SWAKS_TLS_CONNECT, SWAKS_NO_VALUE, 0, NULL},
    {{"tls-protocol", "tlsp"}, SWAKS_TLS_PROTOCOL, SWAKS_MUST_TAKE, 0, NULL},
    {{"tls-cipher"}, SWAKS_TLS_CIPHER, SWAKS_MUST_TAKE, 0, NULL},
    {{"tls-verify", "tls-verify-ca"}, SWAKS_TLS_VERIFY, SWAKS_NO_VALUE, 0, NULL},
    {{"tls-verify-host"}, SWAKS_TLS_VERIFY_HOST, SWAKS_NO_VALUE, 0, NULL},
    {{"tls-verify-target"}, SWAKS_TLS_VERIFY_TARGET, SWAKS_MUST_TAKE, 0, NULL},
    {{"tls-ca-path"}, SWAKS_TLS_CA, SWAKS_MUST_TAKE, 0, NULL},
    {{"tls-cert"}, SWAKS_TLS_CERT, SWAKS_MUST_TAKE, 0, NULL},
    {{"tls-key"}, SWAKS_TLS_KEY, SWAKS_MUST_TAKE, 0, NULL},
    {{"tls-chain"}, SWAKS_TLS_CHAIN, SWAKS_MUST_TAKE, 0, NULL},
    {{"tls-get-peer-cert"}, SWAKS_TLS_PEER_CERT, SWAKS_MAY_TAKE, 0, NULL},
    {{"tls-get-peer-chain"}, SWAKS_TLS_PEER_CHAIN, SWAKS_MAY_TAKE, 0, NULL},
    {{"tls-sni"}, SWAKS_TLS_SNI, SWAKS_MUST_TAKE, 0, NULL},

    {{"auth", "a"}, SWAKS_AUTH, SWAKS_MAY_TAKE, 0, NULL},
    {{"auth-optional", "ao"}, SWAKS_AUTH_OPTIONAL, SWAKS_MAY_TAKE, 0, NULL},
    {{"auth-optional-strict", "aos"}, SWAKS_AUTH_STRICT, SWAKS_MAY_TAKE, 0, NULL},
    {{"auth-user", "au"}, SWAKS_AUTH_USER, SWAKS_MAY_TAKE, 0, "Username: "},
    {{"auth-password", "ap"}, SWAKS_AUTH_PASSWORD, SWAKS_MAY_TAKE, SWAKS_SECRET, "Password: "},
    {{"auth-extra", "ae"}, SWAKS_AUTH_EXTRA, SWAKS_MUST_TAKE, 0, NULL},
    {{"auth-map", "am"}, SWAKS_AUTH_MAP, SWAKS_MUST_TAKE, 0, NULL},
    {{"auth-plaintext", "apt"}, SWAKS_AUTH_PLAINTEXT, SWAKS_NO_VALUE, 0, NULL},
    {{"auth-hide-password", "ahp"}, SWAKS_AUTH_HIDE, SWAKS_MAY_TAKE, 0, NULL},

    {{"xclient"}, SWAKS_XCLIENT, SWAKS_ASKS, SWAKS_LIST, "XCLIENT string: "},
    {{"xclient-addr"}, SWAKS_XCLIENT_ADDR, SWAKS_ASKS, SWAKS_LIST, "XCLIENT addr: "},
    {{"xclient-name"}, SWAKS_XCLIENT_NAME, SWAKS_ASKS, SWAKS_LIST, "XCLIENT name: "},
    {{"xclient-port"}, SWAKS_XCLIENT_PORT, SWAKS_ASKS, SWAKS_LIST, "XCLIENT port: "},
    {{"xclient-proto"}, SWAKS_XCLIENT_PROTO, SWAKS_ASKS, SWAKS_LIST, "XCLIENT proto: "},
    {{"xclient-destaddr"}, SWAKS_XCLIENT_DESTADDR, SWAKS_ASKS, SWAKS_LIST, "XCLIENT destaddr: "},
    {{"xclient-destport"}, SWAKS_XCLIENT_DESTPORT, SWAKS_ASKS, SWAKS_LIST, "XCLIENT destport: "},
    {{"xclient-helo"}, SWAKS_XCLIENT_HELO, SWAKS_ASKS, SWAKS_LIST, "XCLIENT helo: "},
    {{"xclient-login"}, SWAKS_XCLIENT_LOGIN, SWAKS_ASKS, SWAKS_LIST, "XCLIENT login: "},
    {{"xclient-reverse-name"}, SWAKS_XCLIENT_REVERSE_NAME, SWAKS_ASKS, SWAKS_LIST, "XCLIENT reverse_name: "},
    {{"xclient-delim"}, SWAKS_XCLIENT_DELIM, SWAKS_NO_VALUE, SWAKS_LIST, NULL},
    {{"xclient-no-verify"}, SWAKS_XCLIENT_NO_VERIFY, SWAKS_NO_VALUE, 0, NULL},
    {{"xclient-before-starttls"}, SWAKS_XCLIENT_EARLY, SWAKS_NO_VALUE, 0, NULL},
    {{"xclient-optional"}, SWAKS_XCLIENT_OPTIONAL, SWAKS_NO_VALUE, 0, NULL},
    {{"xclient-optional-strict"}, SWAKS_XCLIENT_STRICT, SWAKS_NO_VALUE, 0, NULL},

    {{"proxy"}, SWAKS_PROXY, SWAKS_ASKS, SWAKS_FROM_FILE, "PROXY string: "},
    {{"proxy-version"}, SWAKS_PROXY_VERSION, SWAKS_ASKS, 0, "PROXY version: "},
    {{"proxy-family"}, SWAKS_PROXY_FAMILY, SWAKS_ASKS, 0, "PROXY family: "},
    {{"proxy-protocol"}, SWAKS_PROXY_PROTOCOL, SWAKS_ASKS, 0, "PROXY protocol: "},
    {{"proxy-command"}, SWAKS_PROXY_COMMAND, SWAKS_ASKS, 0, "PROXY command: "},
    {{"proxy-source"}, SWAKS_PROXY_SOURCE, SWAKS_ASKS, 0, "PROXY source: "},
    {{"proxy-source-port"}, SWAKS_PROXY_SOURCE_PORT, SWAKS_ASKS, 0, "PROXY source_port: "},
    {{"proxy-dest"}, SWAKS_PROXY_DEST, SWAKS_ASKS, 0, "PROXY dest: "},
    {{"proxy-dest-port"}, SWAKS_PROXY_DEST_PORT, SWAKS_ASKS, 0, "PROXY dest_port: "},

    {{"data", "d"}, SWAKS_DATA, SWAKS_ASKS, SWAKS_FROM_FILE, "Data: "},
    {{"dump-as-body", "dab"}, SWAKS_DUMP_AS_BODY, SWAKS_MAY_TAKE, 0, NULL},
    {{"dump-as-body-shows-password", "dabsp"}, SWAKS_DUMP_PASSWORD, SWAKS_NO_VALUE, 0, NULL},
    {{"body"}, SWAKS_BODY, SWAKS_ASKS, SWAKS_FROM_FILE, "Body: "},
    {{"attach"}, SWAKS_ATTACH, SWAKS_ASKS, SWAKS_FROM_FILE | SWAKS_LIST, NULL},
    {{"attach-body"}, SWAKS_ATTACH_BODY, SWAKS_ASKS, SWAKS_FROM_FILE | SWAKS_LIST, NULL},
    {{"attach-type"}, SWAKS_ATTACH_TYPE, SWAKS_ASKS, SWAKS_LIST, NULL},
    {{"attach-name"}, SWAKS_ATTACH_NAME, SWAKS_MAY_TAKE, SWAKS_LIST, NULL},
    {{"add-header", "ah"}, SWAKS_ADD_HEADER, SWAKS_ASKS, SWAKS_LIST, NULL},
    {{"header"}, SWAKS_HEADER, SWAKS_ASKS, SWAKS_LIST, NULL},
    {{"no-data-fixup", "ndf"}, SWAKS_NO_DATA_FIXUP, SWAKS_NO_VALUE, 0, NULL},
    {{"no-strip-from", "nsf"}, SWAKS_NO_STRIP_FROM, SWAKS_NO_VALUE, 0, NULL},

    {{"suppress-data", "n"}, SWAKS_SUPPRESS_DATA, SWAKS_NO_VALUE, 0, NULL},
    {{"show-time-lapse", "stl"}, SWAKS_TIME_LAPSE, SWAKS_MAY_TAKE, 0, NULL},
    {{"no-info-hints", "nih"}, SWAKS_NO_INFO_HINTS, SWAKS_NO_VALUE, 0, NULL},
    {{"no-send-hints", "nsh"}, SWAKS_NO_SEND_HINTS, SWAKS_NO_VALUE, 0, NULL},
    {{"no-receive-hints", "nrh"}, SWAKS_NO_RECEIVE_HINTS, SWAKS_NO_VALUE, 0, NULL},
    {{"no-hints", "nth"}, SWAKS_NO_HINTS, SWAKS_NO_VALUE, 0, NULL},
    {{"show-raw-text", "raw"}, SWAKS_RAW, SWAKS_NO_VALUE, 0, NULL},
    {{"output-file", "output"}, SWAKS_OUTPUT, SWAKS_MUST_TAKE, 0, NULL},
    {{"output-file-stdout"}, SWAKS_OUTPUT_STDOUT, SWAKS_MUST_TAKE, 0, NULL},
    {{"output-file-stderr"}, SWAKS_OUTPUT_STDERR, SWAKS_MUST_TAKE, 0, NULL},
    {{"protect-prompt", "pp"}, SWAKS_PROTECT_PROMPT, SWAKS_NO_VALUE, 0, NULL},
    {{"hide-receive", "hr"}, SWAKS_HIDE_RECEIVE, SWAKS_NO_VALUE, 0, NULL},
    {{"hide-send", "hs"}, SWAKS_HIDE_SEND, SWAKS_NO_VALUE, 0, NULL},
    {{"hide-informational", "hi"}, SWAKS_HIDE_INFO, SWAKS_NO_VALUE, 0, NULL},
    {{"hide-all", "ha"}, SWAKS_HIDE_ALL, SWAKS_NO_VALUE, 0, NULL},
    {{"silent", "S"}, SWAKS_SILENT, SWAKS_MAY_TAKE, 0, NULL},
    {{"support"}, SWAKS_SUPPORT, SWAKS_NO_VALUE, 0, NULL},
    {{"dump-mail"}, SWAKS_DUMP_MAIL, SWAKS_NO_VALUE, 0, NULL},
    {{"dump"}, SWAKS_DUMP, SWAKS_MAY_TAKE, 0, NULL},
    {{"help"}, SWAKS_HELP, SWAKS_NO_VALUE, 0, NULL},
    {{"version"}, SWAKS_VERSION, SWAKS_NO_VALUE, 0, NULL},
};
/* clang-format on */

enum { COMPLAINTS_BYTES_MAX = 600, WORD_SHOWN_MAX = 100 };

struct taking {
    struct swaks_settings *settings;
    const str *words;
    size_t count, at;
    struct buf unknown; /* one line for each name that is nobody's */
    struct buf left;    /* words that belong to no option */
};

/* ---- names ------------------------------------------------------------------------------ */

const struct swaks_option *personality_swaks_option_at(size_t index)
{
    return index < ARRAY_LEN(options) ? &options[index] : NULL;
}

struct search {
    const struct swaks_option *exact, *begins;
    bool negated;          /* the name was "no-" and that of an option */
    const char *names[24]; /* that begin like this: for telling */
    size_t name_count;
    bool ambiguous;
};

static void consider(struct search *s, const struct swaks_option *o, const char *name, str wanted)
{
    if (str_eq(str_of(name), wanted))
        s->exact = o;
    if (!str_starts(str_of(name), wanted))
        return;
    s->ambiguous |= s->begins && s->begins != o;
    s->begins = o;
    if (s->name_count < ARRAY_LEN(s->names))
        s->names[s->name_count++] = name;
}

static const struct swaks_option *search(str wanted, struct search *s)
{
    *s = (struct search){0};
    for (size_t i = 0; i < ARRAY_LEN(options); i++)
        for (size_t k = 0; k < SWAKS_NAMES_MAX && options[i].names[k]; k++)
            consider(s, &options[i], options[i].names[k], wanted);
    if (s->exact)
        return s->exact;
    return s->ambiguous ? NULL : s->begins;
}

const struct swaks_option *personality_swaks_option_of(str name)
{
    struct search s;
    return name.len ? search(name, &s) : NULL;
}

/* ---- settings --------------------------------------------------------------------------- */

void personality_swaks_option_init(struct swaks_settings *s, struct arena *arena)
{
    *s = (struct swaks_settings){arena, NULL, 0, false};
    s->list = ARENA_ARRAY(arena, struct swaks_setting, SWAKS_SETTINGS_MAX);
}

static void forget(struct swaks_settings *s, const struct swaks_option *o)
{
    size_t kept = 0;
    for (size_t i = 0; i < s->count; i++)
        if (s->list[i].option != o)
            s->list[kept++] = s->list[i];
    s->count = kept;
}

static err add(struct taking *t, const struct swaks_option *o, str value)
{
    struct swaks_settings *s = t->settings;
    if (s->count == SWAKS_SETTINGS_MAX)
        return err_new(ERR_LIMIT, "more than %d options", SWAKS_SETTINGS_MAX);
    if (!(o->traits & SWAKS_LIST))
        forget(s, o); /* the last one wins */
    s->list[s->count++] =
        (struct swaks_setting){o, str_of(o->names[0]), arena_str(s->arena, value)};
    return NULL;
}

const struct swaks_setting *personality_swaks_option_find(const struct swaks_settings *s,
                                                          enum swaks_key key)
{
    for (size_t i = s->count; i > 0; i--)
        if (s->list[i - 1].option->key == key)
            return &s->list[i - 1];
    return NULL;
}

bool personality_swaks_option_given(const struct swaks_settings *s, enum swaks_key key)
{
    return personality_swaks_option_find(s, key) != NULL;
}

/* ---- words ------------------------------------------------------------------------------ */

static bool is_option(str word) { return word.len > 1 && word.ptr[0] == '-'; }

static str bare(str word)
{
    if (!str_skip(&word, S("--")))
        (void)str_skip(&word, S("-"));
    return word;
}

/* What cannot be told does not fit: the first complaints are enough. */
static void complain(struct buf *all, const char *before, str word, const char *after)
{
    const char *between = all->len == 0 ? "" : *before == '\'' ? ", " : "\n";
    err e = buf_addf(all, "%s%s%.*s%s", between, before,
                     STR_ARG(str_slice(word, 0, WORD_SHOWN_MAX)), after);
    if (e)
        err_forget();
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void complain_name(struct taking *t, str name, struct search *s)
{
    if (!s->ambiguous) {
        complain(&t->unknown, "Unknown option: ", name, "");
        return;
    }
    complain(&t->unknown, "Option ", name, " is ambiguous (");
    qsort(s->names, s->name_count, sizeof s->names[0], compare_names);
    for (size_t i = 0; i < s->name_count; i++)
        if (buf_addf(&t->unknown, "%s%s", i ? ", " : "", s->names[i]) != NULL)
            err_forget();
    if (buf_add_char(&t->unknown, ')') != NULL)
        err_forget();
}

/* "--h-Subject new", "--header-Subject: new": the same as --header "Subject: new". */
static bool is_header_name(str name, str *ret_field)
{
    if (!str_skip(&name, S("header-")) && !str_skip(&name, S("h-")))
        return false;
    if (name.len && name.ptr[name.len - 1] == ':')
        name.len--;
    *ret_field = name;
    return name.len > 0 && str_find(name, ':') == STR_NONE;
}

static str next_word(struct taking *t) { return ++t->at < t->count ? t->words[t->at] : S(""); }

static err take_header(struct taking *t, str field, str attached, bool has_attached)
{
    const struct swaks_option *header = personality_swaks_option_of(S("header"));
    str value = has_attached ? attached : next_word(t);
    return add(t, header,
               arena_printf(t->settings->arena, "%.*s: %.*s", STR_ARG(field), STR_ARG(value)));
}

/* -g is "--data -", unless --data is given. */
static err take_g(struct taking *t)
{
    t->settings->deprecated_g = true;
    for (size_t i = 0; i < t->count; i++)
        if (is_option(t->words[i]) && str_eq(bare(t->words[i]), S("data")))
            return NULL;
    if (personality_swaks_option_given(t->settings, SWAKS_DATA))
        return NULL;
    return add(t, personality_swaks_option_of(S("data")), S("-"));
}

/* The value of an option whose value is not attached to it. */
static err take_value(struct taking *t, const struct swaks_option *o)
{
    bool more = t->at + 1 < t->count;
    if (o->takes == SWAKS_NO_VALUE)
        return add(t, o, (str){0});
    if (o->takes == SWAKS_MUST_TAKE && !more) {
        complain(&t->unknown, "Option ", str_of(o->names[0]), " requires an argument");
        return NULL;
    }
    if (o->takes == SWAKS_MUST_TAKE || (more && !is_option(t->words[t->at + 1])))
        return add(t, o, next_word(t));
    return add(t, o, (str){0});
}

static err take_option(struct taking *t)
{
    str name = bare(t->words[t->at]), attached, field, rest;
    bool has_attached = str_find(name, '=') != STR_NONE;
    struct search s;
    str_split(name, '=', &name, &attached);
    if (str_eq(name, S("g")))
        return take_g(t);
    if (is_header_name(name, &field))
        return take_header(t, field, attached, has_attached);
    const struct swaks_option *o = search(name, &s);
    if (o && has_attached && o->takes == SWAKS_NO_VALUE) {
        complain(&t->left, "'", attached, "'");
        return add(t, o, (str){0});
    }
    if (o)
        return has_attached ? add(t, o, attached) : take_value(t, o);
    rest = name;
    if (str_skip(&rest, S("no-"))) {
        if (is_header_name(rest, &field))
            rest = S("header");
        o = search(rest, &s);
        if (o) {
            forget(t->settings, o);
            return NULL;
        }
    }
    complain_name(t, name, &s);
    return NULL;
}

static err judge(const struct taking *t, const char *source)
{
    if (t->unknown.len)
        return err_new(ERR_CONFIG, "%.*s", STR_ARG(buf_str(&t->unknown)));
    if (t->left.len == 0)
        return NULL;
    return err_new(ERR_CONFIG, "Data left in option list when processing  %s (%.*s).  Exiting",
                   source, STR_ARG(buf_str(&t->left)));
}

err personality_swaks_option_take(struct swaks_settings *settings, const str *words, size_t count,
                                  const char *source)
{
    struct taking t = {.settings = settings, .words = words, .count = count};
    err e = NULL;
    buf_init(&t.unknown, COMPLAINTS_BYTES_MAX);
    buf_init(&t.left, COMPLAINTS_BYTES_MAX);
    for (; t.at < count && e == NULL; t.at++) {
        if (is_option(words[t.at]))
            e = take_option(&t);
        else
            complain(&t.left, "'", words[t.at], "'");
    }
    if (e == NULL)
        e = judge(&t, source);
    buf_release(&t.unknown);
    buf_release(&t.left);
    return e;
}
