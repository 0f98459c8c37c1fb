#include "interchange/mutt.h"
#include "base/mem.h"
#include "config/tls_word.h"
#include "interchange/mutt_words.h"
#include "interchange/secret.h"

struct setting {
    str name, value, file;
    size_t line;
    enum interchange_mutt_kind kind;
};

struct file {
    str name;
    struct interchange_mutt_words words;
};

struct reading {
    struct interchange_import *import;
    struct setting settings[INTERCHANGE_MUTT_SETTINGS_MAX];
    size_t count, kept_bytes;
    struct file files[INTERCHANGE_MUTT_DEPTH_MAX]; /* the last is read now */
    size_t depth, opened;
    struct buf word;
};

/* ---- settings --------------------------------------------------------------------------- */

static struct setting *find(const struct reading *r, str name)
{
    for (size_t i = 0; i < r->count; i++)
        if (str_eq(r->settings[i].name, name))
            return (struct setting *)&r->settings[i];
    return NULL;
}

static str text_of(const struct reading *r, const char *name)
{
    const struct setting *s = find(r, str_of(name));
    return s && s->kind == INTERCHANGE_MUTT_TEXT ? s->value : (str){0};
}

static bool is_yes(const struct reading *r, const char *name)
{
    str value = text_of(r, name);
    return str_eq(value, S("yes")) || str_eq(value, S("ask-yes"));
}

static bool is_no(const struct reading *r, const char *name)
{
    str value = text_of(r, name);
    return str_eq(value, S("no")) || str_eq(value, S("ask-no"));
}

/* Those of mutt that are set before, and one's own. */
static bool variable(void *arg, str name, str *ret_value, enum interchange_mutt_kind *ret_kind)
{
    const struct setting *s = find(arg, name);
    if (s == NULL)
        return false;
    *ret_value = s->value;
    *ret_kind = s->kind;
    return true;
}

static size_t line_now(const struct reading *r) { return r->files[r->depth - 1].words.line; }

static bool matters(str name)
{
    static const char *const exact[] = {"from",
                                        "realname",
                                        "sendmail",
                                        "tunnel",
                                        "hostname",
                                        "use_envelope_from",
                                        "envelope_from_address",
                                        "dsn_notify",
                                        "dsn_return",
                                        "certificate_file",
                                        "account_command"};
    static const char *const begins[] = {"smtp_", "ssl_", "my_", "imap_", "pop_"};
    bool found = false; /* those of IMAP and POP are what $imap_pass stands for */
    for (size_t i = 0; i < ARRAY_LEN(begins) && !found; i++)
        found = str_starts(name, str_of(begins[i]));
    for (size_t i = 0; i < ARRAY_LEN(exact) && !found; i++)
        found = str_eq(name, str_of(exact[i]));
    return found;
}

static err keep(struct reading *r, str name, enum interchange_mutt_kind kind, str value)
{
    if (!matters(name))
        return NULL;
    struct setting *s = find(r, name);
    if (s == NULL && r->count == INTERCHANGE_MUTT_SETTINGS_MAX)
        return err_new(ERR_LIMIT, "line %zu: more than %d settings", line_now(r),
                       INTERCHANGE_MUTT_SETTINGS_MAX);
    r->kept_bytes += name.len + value.len;
    if (r->kept_bytes > INTERCHANGE_MUTT_VALUES_BYTES_MAX)
        return err_new(ERR_LIMIT, "line %zu: values of more than %d bytes", line_now(r),
                       INTERCHANGE_MUTT_VALUES_BYTES_MAX);
    if (s == NULL)
        s = &r->settings[r->count++];
    *s = (struct setting){
        .name = s->name.ptr ? s->name : arena_str(r->import->arena, name),
        .value = arena_str(r->import->arena, value),
        .file = r->files[r->depth - 1].name,
        .line = line_now(r),
        .kind = kind,
    };
    return NULL;
}

/* ---- commands --------------------------------------------------------------------------- */

static bool next(struct reading *r, bool at_equals, enum interchange_mutt_kind *ret_kind)
{
    return interchange_mutt_words_next(&r->files[r->depth - 1].words, at_equals, &r->word,
                                       ret_kind);
}

/* "set a=b noc d": until the command ends. */
static err take_set(struct reading *r, bool unset)
{
    enum interchange_mutt_kind kind;
    while (next(r, true, &kind)) {
        struct interchange_mutt_words *words = &r->files[r->depth - 1].words;
        str name = arena_str(r->import->arena, str_slice(buf_str(&r->word), 0, 64));
        r->kept_bytes += 64;
        str_skip(&name, S("&"));
        if (interchange_mutt_words_equals(words) && !unset) {
            if (!next(r, false, &kind)) {
                buf_clear(&r->word);
                kind = INTERCHANGE_MUTT_TEXT;
            }
            TRY(keep(r, name, kind, buf_str(&r->word)));
        } else if (unset || str_skip(&name, S("no"))) {
            TRY(keep(r, name, INTERCHANGE_MUTT_TEXT, S("no")));
        } else {
            TRY(keep(r, name, INTERCHANGE_MUTT_TEXT, S("yes")));
        }
    }
    return NULL;
}

static err open_file(struct reading *r, str name, str text)
{
    r->files[r->depth++] = (struct file){
        .name = name,
        .words = {.rest = text, .line = 1, .variable = variable, .arg = r},
    };
    r->opened++;
    r->import->file = name;
    return NULL;
}

static err take_source(struct reading *r)
{
    struct interchange_import *m = r->import;
    enum interchange_mutt_kind kind;
    str text = {0};
    size_t line = line_now(r);
    if (!next(r, false, &kind))
        return NULL;
    if (kind != INTERCHANGE_MUTT_TEXT || (r->word.len > 0 && r->word.ptr[r->word.len - 1] == '|')) {
        interchange_import_note(m, line, S("source"),
                                "what a program prints is not read here: put its settings into a "
                                "file, or make the account by `smtptool account add`");
        return NULL;
    }
    if (m->include == NULL || r->depth == INTERCHANGE_MUTT_DEPTH_MAX ||
        r->opened == INTERCHANGE_MUTT_FILES_MAX) {
        interchange_import_note(m, line, S("source"), "it was not read: name that file itself");
        return NULL;
    }
    str path = arena_str(m->arena, buf_str(&r->word));
    err e = m->include(m->arg, path, m->arena, &text);
    if (e) {
        char why[200];
        err_reason(e, why, sizeof why);
        err_forget();
        interchange_import_note(m, line, S("source"), "it was not read: %s", why);
        return NULL;
    }
    return open_file(r, path, text);
}

static void note_hook(struct reading *r, str name)
{
    static const char *const hooks[] = {"account-hook", "folder-hook", "send-hook", "send2-hook",
                                        "reply-hook"};
    enum interchange_mutt_kind kind;
    size_t line = line_now(r);
    bool hook = false, sends = false;
    for (size_t i = 0; i < ARRAY_LEN(hooks); i++)
        hook |= str_eq(name, str_of(hooks[i]));
    str kept = arena_str(r->import->arena, str_slice(name, 0, 64));
    r->kept_bytes += 64;
    while (hook && next(r, false, &kind))
        sends |= str_contains(buf_str(&r->word), S("smtp_"));
    if (sends)
        interchange_import_note(r->import, line, kept,
                                "what holds for a folder or a reader is no account: put its lines "
                                "into a file and import that");
}

static err take_command(struct reading *r)
{
    enum interchange_mutt_kind kind;
    if (!next(r, false, &kind))
        return NULL;
    str name = buf_str(&r->word);
    size_t depth = r->depth;
    if (str_eq(name, S("set")))
        TRY(take_set(r, false));
    else if (str_eq(name, S("unset")) || str_eq(name, S("reset")))
        TRY(take_set(r, true));
    else if (str_eq(name, S("source")))
        TRY(take_source(r));
    else
        note_hook(r, name);
    if (r->depth > depth)
        return NULL;
    while (next(r, false, &kind) || interchange_mutt_words_equals(&r->files[r->depth - 1].words))
        ; /* what stands behind it */
    return r->kept_bytes > INTERCHANGE_MUTT_VALUES_BYTES_MAX
               ? err_new(ERR_LIMIT, "line %zu: too much is set", line_now(r))
               : NULL;
}

static err read_all(struct reading *r, str text)
{
    TRY(open_file(r, (str){0}, text));
    while (r->depth > 0) {
        if (interchange_mutt_words_command(&r->files[r->depth - 1].words)) {
            TRY(take_command(r));
            continue;
        }
        r->depth--;
        r->import->file = r->depth > 0 ? r->files[r->depth - 1].name : (str){0};
    }
    return NULL;
}

/* ---- what became of them ---------------------------------------------------------------- */

static void note(struct reading *r, const char *name, const char *advice)
{
    const struct setting *s = find(r, str_of(name));
    str file = r->import->file;
    r->import->file = s ? s->file : file;
    interchange_import_note(r->import, s ? s->line : 0, str_of(name), "%s", advice);
    r->import->file = file;
}

static const struct {
    const char *name, *advice;
} absent[] = {
    {"realname",                 "an account has no name of a person: give it to send --from 'NAME <ADDRESS>'"},
    {"sendmail",                 "mutt hands its mail to that program: `smtptool sendmail` takes its place"   },
    {"tunnel",                   "no program is between an account and its server"                            },
    {"hostname",                 "give it to a command: send --hello NAME"                                    },
    {"dsn_notify",               "give it to a command: send --dsn WORDS"                                     },
    {"dsn_return",               "give it to a command: send --dsn-ret full|hdrs"                             },
    {"certificate_file",         "the system's roots are trusted: give others to a command, with --ca-file "
                         "FILE"                                                       },
    {"ssl_ca_certificates_file", "the system's roots are trusted: give others to a command, with "
                                 "--ca-file FILE"                             },
    {"ssl_client_cert",          "accounts have no client certificates"                                       },
    {"ssl_ciphers",              "TLS is 1.2 or later with the ciphers that are good today"                   },
    {"account_command",          "it was not run: make the account by `smtptool account add`"                 },
};

static void note_absent(struct reading *r)
{
    static const char *const checks[] = {"ssl_verify_host", "ssl_verify_dates",
                                         "ssl_verify_partial_chains"};
    for (size_t i = 0; i < ARRAY_LEN(absent); i++) {
        const struct setting *s = find(r, str_of(absent[i].name));
        if (s && (s->value.len > 0 || s->kind != INTERCHANGE_MUTT_TEXT))
            note(r, absent[i].name, absent[i].advice);
    }
    for (size_t i = 0; i < ARRAY_LEN(checks); i++)
        if (is_no(r, checks[i]))
            note(r, checks[i], "certificates are always checked, in full");
}

/* "%40" becomes "@". False: what follows a '%' is no byte, or NUL. */
static bool decode(str text, struct arena *arena, str *ret_text)
{
    char *out = arena_alloc(arena, text.len + 1);
    size_t len = 0;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (c == '%') {
            int high = i + 2 < text.len ? char_hex_value(text.ptr[i + 1]) : -1;
            int low = i + 2 < text.len ? char_hex_value(text.ptr[i + 2]) : -1;
            if (high < 0 || low < 0 || (high == 0 && low == 0))
                return false;
            c = (char)(high * 16 + low);
            i += 2;
        }
        out[len++] = c;
    }
    *ret_text = (str){out, len};
    return true;
}

struct url {
    struct interchange_import_server server;
    str user, password;
};

/* "smtp[s]://[user[:password]@]host[:port]/" */
static bool split_url(struct reading *r, str text, struct url *out)
{
    str scheme, login = {0}, host, rest;
    size_t end = 0;
    while (end < text.len && !str_starts(str_from(text, end), S("://")))
        end++;
    scheme = str_slice(text, 0, end);
    if (!str_eq_nocase(scheme, S("smtp")) && !str_eq_nocase(scheme, S("smtps")))
        return false;
    out->server.tls = scheme.len == 5 ? INTERCHANGE_TLS_IMPLICIT : INTERCHANGE_TLS_STARTTLS;
    text = str_from(text, end + 3);
    size_t at = str_find_last(text, '@');
    if (at != STR_NONE) {
        login = str_slice(text, 0, at);
        text = str_from(text, at + 1);
    }
    str_split(text, '/', &host, &rest);
    size_t colon = str_find_last(host, ':');
    bool bracket = host.len > 0 && host.ptr[host.len - 1] == ']';
    if (colon != STR_NONE && !bracket) {
        if (!str_to_u64(str_from(host, colon + 1), 65535, &out->server.port))
            return false;
        host = str_slice(host, 0, colon);
    }
    if (str_skip(&host, S("[")) && host.len > 0)
        host.len--;
    out->server.host = host;
    str user, password;
    str_split(login, ':', &user, &password);
    return decode(user, r->import->arena, &out->user) &&
           decode(password, r->import->arena, &out->password);
}

static void choose_tls(struct reading *r, struct url *url)
{
    if (url->server.tls == INTERCHANGE_TLS_IMPLICIT)
        return;
    if (is_no(r, "ssl_starttls") && !is_yes(r, "ssl_force_tls")) {
        const struct setting *s = find(r, S("ssl_starttls"));
        url->server.tls = INTERCHANGE_TLS_NONE;
        url->server.line = s->line;
        url->server.option = S("ssl_starttls");
    }
    if (url->server.port == 0)
        url->server.port = 25; /* its own default */
}

/* One name: that; several: the best that is offered, of tokens if they are among them. */
static void choose_mechanism(struct reading *r, bool token, struct interchange_account *a)
{
    const struct setting *s = find(r, S("smtp_authenticators"));
    str list = text_of(r, "smtp_authenticators"), word;
    bool one = str_find(list, ':') == STR_NONE;
    while (token && list.len > 0) {
        str_split(list, ':', &word, &list);
        if (str_eq_nocase(word, S("xoauth2")) || str_eq_nocase(word, S("oauthbearer"))) {
            (void)interchange_import_mechanism(r->import, s->line, s->name, word, &a->mechanism);
            return;
        }
    }
    if (token)
        a->mechanism = S("OAUTHBEARER");
    else if (one && s)
        (void)interchange_import_mechanism(r->import, s->line, s->name, list, &a->mechanism);
}

/* smtp_pass, its backticks, or the command that renews a token. */
static void choose_secret(struct reading *r, const struct url *url, struct interchange_account *a)
{
    const struct setting *pass = find(r, S("smtp_pass"));
    const struct setting *token = find(r, S("smtp_oauth_refresh_command"));
    str line = {0};
    a->secret = url->password;
    if (a->secret.len == 0 && pass && pass->kind == INTERCHANGE_MUTT_TEXT)
        a->secret = pass->value;
    a->secret_clear = a->secret.len > 0;
    if (a->secret_clear)
        return;
    if (pass && pass->kind == INTERCHANGE_MUTT_UNKNOWN)
        note(r, "smtp_pass", "its value is made of parts that are not known here");
    if (pass && pass->kind == INTERCHANGE_MUTT_COMMAND)
        line = pass->value;
    else if (token && token->kind == INTERCHANGE_MUTT_TEXT)
        line = token->value;
    if (line.len > 0 && interchange_secret_of_shell(line, r->import->arena, &a->secret) != NULL) {
        err_forget();
        note(r,
             pass && pass->kind == INTERCHANGE_MUTT_COMMAND ? "smtp_pass"
                                                            : "smtp_oauth_refresh_command",
             "it is too long for a reference: put it into a script");
    }
}

static str choose_from(const struct reading *r)
{
    str from = text_of(r, "envelope_from_address");
    if (from.len == 0)
        from = text_of(r, "from");
    size_t open = str_find_last(from, '<'), close = str_find_last(from, '>');
    if (open != STR_NONE && close != STR_NONE && close > open)
        from = str_slice(from, open + 1, close - open - 1);
    return str_trim(from);
}

static void make_account(struct reading *r)
{
    struct interchange_import *m = r->import;
    const struct setting *s = find(r, S("smtp_url"));
    struct url url = {
        .server = {.option = S("smtp_url"), .line = s ? s->line : 0}
    };
    bool token = find(r, S("smtp_oauth_refresh_command")) != NULL;
    if (s == NULL || s->kind != INTERCHANGE_MUTT_TEXT || s->value.len == 0) {
        note(r, "smtp_url", s ? "its value cannot be known here" : "it is not set in this file");
        return;
    }
    if (!split_url(r, s->value, &url)) {
        str scheme, rest;
        str_split(s->value, ':', &scheme, &rest);
        const char *advice = config_tls_word_scheme_advice(scheme);
        note(r, "smtp_url", advice ? advice : "it is no smtp:// or smtps:// URL");
        return;
    }
    choose_tls(r, &url);
    struct interchange_account a = {.line = s->line, .name = url.server.host, .user = url.user};
    if (a.user.len == 0)
        a.user = text_of(r, "smtp_user");
    if (!interchange_import_url(m, &url.server, &a.server))
        return;
    choose_mechanism(r, token, &a);
    choose_secret(r, &url, &a);
    a.from = choose_from(r);
    a.is_default = interchange_import_add(m, &a);
}

err interchange_mutt_read(struct interchange_import *m, str text)
{
    struct reading *r = ARENA_NEW(m->arena, struct reading);
    r->import = m;
    buf_init(&r->word, INTERCHANGE_MUTT_WORD_BYTES_MAX);
    err e = read_all(r, text);
    m->file = (str){0};
    if (e == NULL) {
        note_absent(r);
        make_account(r);
    }
    mem_wipe(r->word.ptr, r->word.cap);
    buf_release(&r->word);
    return e;
}
