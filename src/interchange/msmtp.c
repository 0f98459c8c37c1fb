#include "interchange/msmtp.h"
#include "interchange/quote.h"
#include "interchange/secret.h"
#include "personality/msmtprc.h"
#include <string.h>

enum {
    LINE_BYTES_MAX = 480, /* it reads no longer ones */
    COMMAND_BYTES_MAX = 4096,
};

/* ---- reading ---------------------------------------------------------------------------- */

/* What an account has no place for, and what to do about it. */
static const struct {
    enum msmtprc_key key;
    const char *advice;
} absent[] = {
    {MSMTPRC_SOURCE_IP,              "an account has no source address: a server's configuration has, under "
                        "egress:"                                                   },
    {MSMTPRC_PROXY_HOST,             "an account has no proxy: a server's configuration has, under egress:"},
    {MSMTPRC_PROXY_PORT,             "an account has no proxy: a server's configuration has, under egress:"},
    {MSMTPRC_TIMEOUT,                "give it to a command: send --connect-timeout, --io-timeout"          },
    {MSMTPRC_DOMAIN,                 "give it to a command: send --hello NAME"                             },
    {MSMTPRC_NTLMDOMAIN,             "it is of NTLM, which accounts do not speak"                          },
    {MSMTPRC_TLS_TRUST_FILE,         "the system's roots are trusted: give others to a command, with "
                             "--ca-file FILE"                                  },
    {MSMTPRC_TLS_CRL_FILE,           "there are no lists of revoked certificates"                          },
    {MSMTPRC_TLS_FINGERPRINT,        "no certificate is trusted by its fingerprint: give the server's own "
                              "to a command, with --ca-file FILE"             },
    {MSMTPRC_TLS_KEY_FILE,           "accounts have no client certificates"                                },
    {MSMTPRC_TLS_CERT_FILE,          "accounts have no client certificates"                                },
    {MSMTPRC_TLS_CERTCHECK,          "certificates are always checked: give the server's own to a command, "
                            "with --ca-file FILE"                               },
    {MSMTPRC_TLS_MIN_DH_PRIME_BITS,  "TLS is 1.2 or later with ciphers that need no such bound"            },
    {MSMTPRC_TLS_PRIORITIES,         "TLS is 1.2 or later with the ciphers that are good today"            },
    {MSMTPRC_TLS_HOST_OVERRIDE,      "the certificate must have the server's own name"                     },
    {MSMTPRC_AUTO_FROM,              "From is the account's address: give another to send --from"          },
    {MSMTPRC_MAILDOMAIN,             "From is the account's address: give another to send --from"          },
    {MSMTPRC_SET_FROM_HEADER,        "what `send` composes has a From; a finished mail keeps its own"      },
    {MSMTPRC_SET_DATE_HEADER,        "what `send` composes has a Date; a finished mail keeps its own"      },
    {MSMTPRC_SET_MSGID_HEADER,       "what `send` composes has a Message-ID; a finished mail keeps its "
                               "own"                                         },
    {MSMTPRC_REMOVE_BCC_HEADERS,     "Bcc never leaves with a mail"                                        },
    {MSMTPRC_UNDISCLOSED_RECIPIENTS, "give the command a To of your own: send --header"                    },
    {MSMTPRC_DSN_NOTIFY,             "give it to a command: send --dsn WORDS"                              },
    {MSMTPRC_DSN_RETURN,             "give it to a command: send --dsn-ret full|hdrs"                      },
    {MSMTPRC_LOGFILE,                "what went out is in `smtptool sent ls`"                              },
    {MSMTPRC_LOGFILE_TIME_FORMAT,    "what went out is in `smtptool sent ls`"                              },
    {MSMTPRC_SYSLOG,                 "what went out is in `smtptool sent ls`"                              },
    {MSMTPRC_ALIASES,                "no file of aliases is read: write addresses in full"                 },
};

static str value(const struct msmtprc_account *a, enum msmtprc_key key) { return a->values[key]; }

static bool is(const struct msmtprc_account *a, enum msmtprc_key key, str word)
{
    return str_eq(value(a, key), word);
}

/* As it is when nobody sets it, and as it is with us. */
static bool is_ordinary(const struct msmtprc_account *a, enum msmtprc_key key)
{
    str v = value(a, key);
    if (key == MSMTPRC_TLS_CERTCHECK || key == MSMTPRC_REMOVE_BCC_HEADERS)
        return v.len == 0 || str_eq(v, S("on"));
    return v.len == 0 || str_eq(v, S("off")) || str_eq(v, S("auto")) || str_eq(v, S("system"));
}

static void note_absent(struct interchange_import *m, const struct msmtprc_account *a)
{
    for (size_t i = 0; i < ARRAY_LEN(absent); i++)
        if (!is_ordinary(a, absent[i].key))
            interchange_import_note(m, a->lines[absent[i].key],
                                    str_of(personality_msmtprc_name(absent[i].key)), "%s",
                                    absent[i].advice);
}

static bool find_server(struct interchange_import *m, const struct msmtprc_account *a, str *ret_url)
{
    bool tls = is(a, MSMTPRC_TLS, S("on")), direct = is(a, MSMTPRC_TLS_STARTTLS, S("off"));
    struct interchange_import_server s = {
        .host = value(a, MSMTPRC_HOST),
        .tls = !tls     ? INTERCHANGE_TLS_NONE
               : direct ? INTERCHANGE_TLS_IMPLICIT
                        : INTERCHANGE_TLS_STARTTLS,
        .lmtp = is(a, MSMTPRC_PROTOCOL, S("lmtp")),
        .line = a->lines[tls ? MSMTPRC_HOST : MSMTPRC_TLS],
        .option = tls ? S("host") : S("tls"),
    };
    if (s.line == 0)
        s.line = a->line;
    if (value(a, MSMTPRC_SOCKET).len > 0) {
        interchange_import_note(m, a->lines[MSMTPRC_SOCKET], S("socket"),
                                "an account has a host: `send --server lmtp+unix:///path` goes to "
                                "a socket");
        return false;
    }
    if (!str_to_u64(value(a, MSMTPRC_PORT), 65535, &s.port))
        s.port = 0;
    if (s.port == 25 || (s.port == 0 && !direct))
        s.port = 25; /* its own default */
    if (s.port == 25 && a->lines[MSMTPRC_PORT] > 0 && tls) {
        s.line = a->lines[MSMTPRC_PORT];
        s.option = S("port");
    }
    return interchange_import_url(m, &s, ret_url);
}

/* Where it is not written, msmtp looks into netrc, then asks the keyring under these names. */
static err stored_secret(struct interchange_import *m, str host, str user, str *ret_secret)
{
    CLEANUP(buf_release) struct buf out;
    buf_init(&out, COMMAND_BYTES_MAX);
    if (m->netrc_has == NULL || m->netrc_has(m->arg, host, user)) {
        *ret_secret = arena_printf(m->arena, "netrc:%.*s/%.*s", STR_ARG(host), STR_ARG(user));
        return NULL;
    }
    TRY(buf_add(&out, S("command:secret-tool lookup host ")));
    TRY(interchange_quote_sh(&out, host));
    TRY(buf_add(&out, S(" service smtp user ")));
    TRY(interchange_quote_sh(&out, user));
    *ret_secret = arena_str(m->arena, buf_str(&out));
    return NULL;
}

static void find_secret(struct interchange_import *m, const struct msmtprc_account *a,
                        struct interchange_account *out)
{
    str password = value(a, MSMTPRC_PASSWORD), line = value(a, MSMTPRC_PASSWORDEVAL);
    if (password.len > 0) { /* it goes before the other */
        out->secret = password;
        out->secret_clear = true;
        return;
    }
    err e = line.len == 0 ? stored_secret(m, value(a, MSMTPRC_HOST), out->user, &out->secret)
                          : interchange_secret_of_shell(line, m->arena, &out->secret);
    if (e) {
        interchange_import_note(m, a->lines[MSMTPRC_PASSWORDEVAL], S("passwordeval"),
                                "it is too long for a reference: put it into a script");
        err_forget();
    }
}

static void take_account(struct interchange_import *m, const struct msmtprc_account *a)
{
    struct interchange_account out = {.name = a->name, .line = a->line};
    note_absent(m, a);
    bool login = value(a, MSMTPRC_AUTH).len > 0 && !is(a, MSMTPRC_AUTH, S("off"));
    if (login)
        out.user = value(a, MSMTPRC_USER);
    if (login && out.user.len == 0) {
        interchange_import_note(m, a->lines[MSMTPRC_AUTH], a->name,
                                "it has auth and no user: this account was not taken");
        return;
    }
    if (!find_server(m, a, &out.server))
        return;
    if (login)
        (void)interchange_import_mechanism(m, a->lines[MSMTPRC_AUTH], S("auth"),
                                           value(a, MSMTPRC_AUTH), &out.mechanism);
    out.from = value(a, MSMTPRC_FROM);
    if (login)
        find_secret(m, a, &out);
    (void)interchange_import_add(m, &out);
}

/* "account default : work" is another name for work. */
static bool is_same(const struct msmtprc_account *a, const struct msmtprc_account *b)
{
    bool same = true;
    for (int key = 0; key < MSMTPRC_KEYS && same; key++)
        same = a->values[key].ptr == b->values[key].ptr && a->values[key].len == b->values[key].len;
    return same;
}

static bool is_wanted(const struct interchange_import *m, str name)
{
    return m->only.len == 0 || str_eq(m->only, name);
}

/* True: it was the name of another one, which is the default now. */
static bool take_default(struct interchange_import *m, const struct msmtprc *rc,
                         const struct msmtprc_account *a)
{
    if (!str_eq(a->name, S("default")))
        return false;
    for (const struct msmtprc_account *other = rc->accounts; other < a; other++)
        for (size_t k = 0; is_same(other, a) && k < m->count; k++)
            if (str_eq(m->accounts[k].name, other->name)) {
                m->accounts[k].is_default = true;
                return true;
            }
    return false;
}

static void take_all(struct interchange_import *m, const struct msmtprc *rc)
{
    for (size_t i = 0; i < rc->count; i++) {
        const struct msmtprc_account *a = &rc->accounts[i];
        if (take_default(m, rc, a) || !is_wanted(m, a->name))
            continue;
        size_t before = m->count;
        take_account(m, a);
        if (m->count > before && str_eq(a->name, S("default")))
            m->accounts[before].is_default = true;
    }
}

err interchange_msmtp_read(struct interchange_import *m, str text)
{
    struct msmtprc *rc = ARENA_NEW(m->arena, struct msmtprc);
    TRY(personality_msmtprc_read(rc, text, m->arena));
    take_all(m, rc);
    return NULL;
}

/* ---- writing ---------------------------------------------------------------------------- */

/* Between quotes, which it takes off again; those within mean themselves. */
static err add_text(struct buf *out, const char *key, str text)
{
    if (text.len == 0)
        return NULL;
    if (text.len > LINE_BYTES_MAX)
        return err_new(ERR_CONFIG, "%s: longer than a line that msmtp reads", key);
    return buf_addf(out, "%s \"%.*s\"\n", key, STR_ARG(text));
}

static err add_tls(const struct interchange_way *w, struct buf *out)
{
    if (w->clear)
        return buf_add(out, S("tls off\n"));
    TRY(buf_addf(out, "tls on\ntls_starttls %s\n", w->implicit_tls ? "off" : "on"));
    if (w->ca_file.len > 0)
        return add_text(out, "tls_trust_file", w->ca_file);
    return buf_add(out, S("tls_trust_file system\n"));
}

static err add_auth(const struct interchange_way *w, struct buf *out)
{
    str mechanism = interchange_way_mechanism(w);
    TRY(buf_add(out, S("auth ")));
    for (size_t i = 0; i < mechanism.len; i++)
        TRY(buf_add_char(out, char_lower(mechanism.ptr[i])));
    return buf_add(out, mechanism.len ? S("\n") : S("on\n"));
}

static err add_login(const struct interchange_way *w, struct buf *out)
{
    if (w->user.len == 0)
        return buf_add(out, S("auth off\n"));
    TRY(add_auth(w, out));
    TRY(add_text(out, "user", w->user));
    if (str_starts(w->secret, S("netrc:")))
        return buf_add(out, S("# the password is in ~/.netrc, which msmtp reads by itself\n"));
    if (w->command.len > 0)
        return add_text(out, "passwordeval", w->command);
    return buf_addf(out, "passwordeval printenv %.*s\n", STR_ARG(w->variable));
}

err interchange_msmtp_write(const struct interchange_way *w, struct buf *out)
{
    TRY(interchange_way_check(w, "msmtp",
                              "PLAIN LOGIN CRAM-MD5 SCRAM-SHA-1 SCRAM-SHA-256 "
                              "SCRAM-SHA-256-PLUS OAUTHBEARER XOAUTH2"));
    TRY(buf_addf(out, "# for msmtp: ~/.msmtprc, mode 0600\naccount %.*s\nhost %.*s\nport %u\n",
                 STR_ARG(w->label), STR_ARG(w->host), w->port));
    TRY(add_tls(w, out));
    TRY(add_text(out, "from", w->from));
    return add_login(w, out);
}
