#include "interchange/swaks.h"
#include "interchange/quote.h"
#include "personality/swaks_source.h"
#include <stdio.h>

/* ---- reading ---------------------------------------------------------------------------- */

/* Each line by itself, so that it is known which one an option is of; then what stays of all. */
struct reading {
    struct interchange_import *import;
    struct swaks_settings all, one;
    struct taken {
        const struct swaks_option *option;
        size_t line;
    } taken[SWAKS_SETTINGS_MAX];
    size_t count;
};

static err take_line(struct reading *r, str line, size_t number)
{
    char name[24];
    snprintf(name, sizeof name, "line %zu", number);
    r->one.count = 0;
    TRY(personality_swaks_source_lines(&r->one, line, name));
    TRY(personality_swaks_source_lines(&r->all, line, name));
    for (size_t i = 0; i < r->one.count && r->count < SWAKS_SETTINGS_MAX; i++)
        r->taken[r->count++] = (struct taken){r->one.list[i].option, number};
    return NULL;
}

static err take_lines(struct reading *r, str text)
{
    for (size_t number = 1; text.len > 0; number++) {
        str line;
        str_split(text, '\n', &line, &text);
        err e = take_line(r, line, number);
        if (e)
            return err_wrap(e, "line %zu", number);
    }
    return NULL;
}

static size_t line_of(const struct reading *r, enum swaks_key key)
{
    for (size_t i = r->count; i > 0; i--)
        if (r->taken[i - 1].option->key == key)
            return r->taken[i - 1].line;
    return 0;
}

static bool given(const struct reading *r, enum swaks_key key)
{
    return personality_swaks_option_given(&r->all, key);
}

static str value(const struct reading *r, enum swaks_key key)
{
    const struct swaks_setting *s = personality_swaks_option_find(&r->all, key);
    return s ? s->value : (str){0};
}

/* What makes the account; of the others some have an advice of their own. */
static bool is_carried(enum swaks_key key)
{
    switch (key) {
    case SWAKS_SERVER:
    case SWAKS_PORT:
    case SWAKS_TLS:
    case SWAKS_TLS_CONNECT:
    case SWAKS_TLS_VERIFY:
    case SWAKS_TLS_VERIFY_HOST:
    case SWAKS_TLS_VERIFY_TARGET:
    case SWAKS_AUTH:
    case SWAKS_AUTH_USER:
    case SWAKS_AUTH_PASSWORD:
    case SWAKS_FROM:
    case SWAKS_PROTOCOL:
        return true;
    default:
        return false;
    }
}

static const char *advice_of(enum swaks_key key)
{
    switch (key) {
    case SWAKS_TLS_OPTIONAL:
    case SWAKS_TLS_STRICT:
        return "the account has TLS always, and verified";
    case SWAKS_TLS_CA:
        return "the system's roots are trusted: give others to a command, with --ca-file FILE";
    case SWAKS_TLS_CERT:
    case SWAKS_TLS_KEY:
    case SWAKS_TLS_CHAIN:
        return "accounts have no client certificates";
    case SWAKS_TLS_SNI:
        return "the server is asked for by its own name";
    case SWAKS_TLS_CIPHER:
    case SWAKS_TLS_PROTOCOL:
        return "TLS is 1.2 or later with the ciphers that are good today";
    case SWAKS_AUTH_OPTIONAL:
    case SWAKS_AUTH_STRICT:
        return "an account logs in always";
    case SWAKS_HELO:
        return "give it to a command: send --hello NAME";
    case SWAKS_TIMEOUT:
        return "give it to a command: send --connect-timeout, --io-timeout";
    case SWAKS_TO:
    case SWAKS_CC:
    case SWAKS_BCC:
        return "give recipients to the command: send ADDRESS, --cc, --bcc";
    case SWAKS_HEADER:
    case SWAKS_ADD_HEADER:
    case SWAKS_BODY:
    case SWAKS_ATTACH:
    case SWAKS_DATA:
        return "it is of one mail: send --header, --text, --attach, --eml";
    case SWAKS_SOCKET:
    case SWAKS_PIPE:
        return "an account has a host";
    case SWAKS_LOCAL:
    case SWAKS_LOCAL_PORT:
        return "an account has no source address: a server's configuration has, under egress:";
    default:
        return "it is of a test and not of an account: `smtptool swaks` reads the same file";
    }
}

static void note_others(struct reading *r)
{
    for (size_t i = 0; i < r->count; i++) {
        const struct swaks_option *o = r->taken[i].option;
        if (!is_carried(o->key) && given(r, o->key))
            interchange_import_note(r->import, r->taken[i].line, str_of(o->names[0]), "%s",
                                    advice_of(o->key));
    }
}

/* "host", "host:25", "[::1]:25". */
static void split_server(str text, struct interchange_import_server *s)
{
    size_t at = str_find_last(text, ':');
    bool bracket = str_starts(text, S("["));
    if (at != STR_NONE && (str_find(text, ':') == at || bracket) &&
        str_to_u64(str_from(text, at + 1), 65535, &s->port))
        text = str_slice(text, 0, at);
    s->host = bracket && text.len > 1 && text.ptr[text.len - 1] == ']'
                  ? str_slice(text, 1, text.len - 2)
                  : text;
}

/* Its protocols: SMTPS, ESMTPA, ESSMTPA, LMTP… may stand instead of options. */
static void read_protocol(struct reading *r, struct interchange_import_server *s, bool *login)
{
    str word = value(r, SWAKS_PROTOCOL);
    s->lmtp = str_skip_nocase(&word, S("LMTP"));
    bool implicit =
        !s->lmtp && (str_skip_nocase(&word, S("ESSMTP")) || str_skip_nocase(&word, S("SSMTP")));
    if (!s->lmtp && !implicit)
        (void)(str_skip_nocase(&word, S("ESMTP")) || str_skip_nocase(&word, S("SMTP")));
    if (implicit)
        s->tls = INTERCHANGE_TLS_IMPLICIT;
    else if (str_skip_nocase(&word, S("S")))
        s->tls = INTERCHANGE_TLS_STARTTLS;
    *login |= str_starts_nocase(word, S("A"));
}

/* The first of "LOGIN,PLAIN" when there is no other; of several, the best that is offered. */
static void choose_mechanism(struct reading *r, struct interchange_account *a)
{
    str list = value(r, SWAKS_AUTH);
    if (str_find(list, ',') == STR_NONE)
        (void)interchange_import_mechanism(r->import, line_of(r, SWAKS_AUTH), S("auth"), list,
                                           &a->mechanism);
}

static void choose_secret(struct reading *r, str host, struct interchange_account *a)
{
    struct interchange_import *m = r->import;
    a->secret = value(r, SWAKS_AUTH_PASSWORD);
    a->secret_clear = a->secret.len > 0;
    if (!a->secret_clear && m->netrc_has && m->netrc_has(m->arg, host, a->user))
        a->secret = arena_printf(m->arena, "netrc:%.*s/%.*s", STR_ARG(host), STR_ARG(a->user));
}

static void make_account(struct reading *r)
{
    struct interchange_import *m = r->import;
    struct interchange_import_server s = {.line = line_of(r, SWAKS_SERVER), .option = S("server")};
    struct interchange_account a = {.line = s.line, .from = value(r, SWAKS_FROM)};
    bool login = given(r, SWAKS_AUTH) || given(r, SWAKS_AUTH_USER);
    read_protocol(r, &s, &login);
    if (given(r, SWAKS_TLS_CONNECT))
        s.tls = INTERCHANGE_TLS_IMPLICIT;
    else if (given(r, SWAKS_TLS))
        s.tls = INTERCHANGE_TLS_STARTTLS;
    split_server(value(r, SWAKS_SERVER), &s);
    uint64_t port;
    if (str_to_u64(value(r, SWAKS_PORT), 65535, &port))
        s.port = port;
    if (s.port == 0 && s.tls != INTERCHANGE_TLS_IMPLICIT)
        s.port = s.lmtp ? 24 : 25; /* its own default */
    a.name = s.host;
    if (login)
        a.user = value(r, SWAKS_AUTH_USER);
    if (login && a.user.len == 0) {
        interchange_import_note(m, line_of(r, SWAKS_AUTH), S("auth"),
                                "no auth-user is written, and an account has one");
        return;
    }
    if (!interchange_import_url(m, &s, &a.server))
        return;
    choose_mechanism(r, &a);
    choose_secret(r, s.host, &a);
    a.is_default = interchange_import_add(m, &a);
}

err interchange_swaks_read(struct interchange_import *m, str text)
{
    struct reading *r = ARENA_NEW(m->arena, struct reading);
    r->import = m;
    personality_swaks_option_init(&r->all, m->arena);
    personality_swaks_option_init(&r->one, m->arena);
    TRY(take_lines(r, text));
    note_others(r);
    if (given(r, SWAKS_SERVER))
        make_account(r);
    else
        interchange_import_note(m, 0, S("server"), "no server is written in it");
    return NULL;
}

/* ---- writing ---------------------------------------------------------------------------- */

static err add_tls(const struct interchange_way *w, struct buf *out)
{
    if (w->clear)
        return NULL;
    TRY(buf_addf(out, "%s\ntls-verify\n", w->implicit_tls ? "tls-on-connect" : "tls"));
    TRY(buf_addf(out,
                 "# checks the name in the certificate, too: swaks 20240103; older ones cannot, "
                 "and stop here\n"
                 "tls-verify-target %.*s\n",
                 STR_ARG(w->host)));
    return w->ca_file.len ? buf_addf(out, "tls-ca-path %.*s\n", STR_ARG(w->ca_file)) : NULL;
}

static err add_login(const struct interchange_way *w, struct buf *out)
{
    if (w->user.len == 0)
        return NULL;
    TRY(buf_add(out, S("auth ")));
    TRY(buf_add(out, w->mechanism.len ? w->mechanism : S("PLAIN,LOGIN,CRAM-MD5")));
    return buf_addf(out, "\nauth-user %.*s\n", STR_ARG(w->user));
}

static err add_notes(const struct interchange_way *w, struct buf *out)
{
    TRY(buf_addf(out, "# account %.*s, for swaks: ~/.swaksrc\n", STR_ARG(w->label)));
    if (w->user.len == 0)
        return NULL;
    if (str_starts(w->secret, S("netrc:")))
        return buf_add(out, S("# the password is in ~/.netrc, which swaks reads by itself\n"));
    TRY(buf_add(out, S("# swaks asks for the password, or has it from a variable:\n"
                       "#   SWAKS_OPT_auth_password=")));
    TRY(w->command.len > 0 ? buf_addf(out, "\"$(%.*s)\"", STR_ARG(w->command))
                           : buf_addf(out, "\"$%.*s\"", STR_ARG(w->variable)));
    return buf_add(out, S(" swaks --to you@example.com\n"));
}

/* A word that looks like an option would be one. */
static err check_value(const char *what, str text)
{
    if (str_starts(text, S("-")) || str_eq(text, S("<>")) || str_trim(text).len != text.len)
        return err_new(ERR_CONFIG, "%s \"%.*s\" means something else to swaks", what,
                       STR_ARG(text));
    return NULL;
}

err interchange_swaks_write(const struct interchange_way *w, struct buf *out)
{
    TRY(interchange_way_check(w, "swaks", "PLAIN LOGIN CRAM-MD5"));
    TRY(check_value("the user", w->user));
    TRY(check_value("the file", w->ca_file));
    TRY(add_notes(w, out));
    TRY(buf_addf(out, "server %.*s\nport %u\n", STR_ARG(w->host), w->port));
    TRY(add_tls(w, out));
    TRY(add_login(w, out));
    return w->from.len ? buf_addf(out, "from %.*s\n", STR_ARG(w->from)) : NULL;
}
