#include "interchange/import.h"
#include "config/config.h"
#include "config/value.h"
#include "interchange/msmtp.h"
#include "interchange/mutt.h"
#include "interchange/netrc.h"
#include "interchange/quote.h"
#include "interchange/swaks.h"
#include <stdarg.h>
#include <stdio.h>

enum { ADVICE_BYTES_MAX = 400, OPTION_BYTES_MAX = 100, USER_BYTES_MAX = 500 };

static const char *const msmtp_places[] = {"~/.msmtprc", "+/msmtp/config", NULL};
static const char *const swaks_places[] = {"~/.swaksrc", NULL};
static const char *const netrc_places[] = {"~/.netrc", NULL};
static const char *const mutt_places[] = {
    "~/.neomuttrc", "~/.neomutt/neomuttrc", "+/neomutt/neomuttrc",
    "~/.muttrc",    "~/.mutt/muttrc",       "+/mutt/muttrc",
    NULL,
};

const struct interchange_import_reader interchange_import_table[] = {
    {"msmtp", interchange_msmtp_read, msmtp_places},
    {"swaks", interchange_swaks_read, swaks_places},
    {"netrc", interchange_netrc_read, netrc_places},
    {"mutt",  interchange_mutt_read,  mutt_places },
    {NULL,    NULL,                   NULL        },
};

const struct interchange_import_reader *interchange_import_find(str program)
{
    for (const struct interchange_import_reader *at = interchange_import_table; at->program; at++)
        if (str_eq(program, str_of(at->program)))
            return at;
    return NULL;
}

void interchange_import_init(struct interchange_import *m, struct arena *arena)
{
    m->arena = arena;
    m->accounts = ARENA_ARRAY(arena, struct interchange_account, INTERCHANGE_ACCOUNTS_MAX);
    m->notes = ARENA_ARRAY(arena, struct interchange_note, INTERCHANGE_NOTES_MAX);
    m->count = m->note_count = 0;
}

void interchange_import_note(struct interchange_import *m, size_t line, str option, const char *fmt,
                             ...)
{
    char text[ADVICE_BYTES_MAX];
    va_list args;
    option = str_slice(option, 0, OPTION_BYTES_MAX);
    for (size_t i = 0; i < m->note_count; i++)
        if (m->notes[i].line == line && str_eq(m->notes[i].option, option) &&
            str_eq(m->notes[i].file, m->file))
            return;
    if (m->note_count == INTERCHANGE_NOTES_MAX)
        return;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    m->notes[m->note_count++] = (struct interchange_note){
        .file = m->file,
        .line = line,
        .option = arena_str(m->arena, option),
        .advice = arena_str(m->arena, str_of(text)),
    };
}

/* ---- a server --------------------------------------------------------------------------- */

static bool is_local(str host)
{
    struct address address;
    return str_eq_nocase(host, S("localhost")) ||
           (address_parse_ip(host, &address) == NULL && address_is_loopback(&address));
}

/* The host as it stands in a URL. */
static err clean_host(str host, struct arena *arena, str *ret_host)
{
    struct address address;
    if (address_parse_ip(host, &address) == NULL) {
        *ret_host =
            str_find(host, ':') == STR_NONE ? host : arena_printf(arena, "[%.*s]", STR_ARG(host));
        return NULL;
    }
    err_forget();
    return config_value_host(host, arena, ret_host);
}

/* Without TLS a password goes to this machine only. */
static const char *choose_tls(struct interchange_import *m,
                              const struct interchange_import_server *s)
{
    if (s->tls != INTERCHANGE_TLS_NONE)
        return "";
    if (is_local(s->host))
        return "?tls=none";
    interchange_import_note(m, s->line, s->option,
                            "a password would go there in clear: the account has TLS, by STARTTLS. "
                            "A server that knows none takes no login from here");
    return "";
}

static uint64_t choose_port(struct interchange_import *m, const struct interchange_import_server *s)
{
    if (s->port != 25 || s->lmtp || is_local(s->host))
        return s->port;
    interchange_import_note(m, s->line, s->option,
                            "port 25 is for mail between servers and takes no login from here: the "
                            "account has no port, so 587, 465 and 2525 are tried");
    return 0;
}

bool interchange_import_url(struct interchange_import *m, const struct interchange_import_server *s,
                            str *ret_url)
{
    struct config_hop hop;
    str host = {0};
    err e = clean_host(s->host, m->arena, &host);
    if (e) {
        interchange_import_note(m, s->line, s->option, "the server has no name that could be one");
        err_forget();
        return false;
    }
    const char *scheme = s->lmtp ? "lmtp" : s->tls == INTERCHANGE_TLS_IMPLICIT ? "smtps" : "smtp";
    uint64_t port = choose_port(m, s);
    char number[24] = "";
    if (port > 0)
        snprintf(number, sizeof number, ":%u", (unsigned)port);
    str url =
        arena_printf(m->arena, "%s://%.*s%s%s", scheme, STR_ARG(host), number, choose_tls(m, s));
    e = config_value_hop(url, m->arena, &hop);
    if (e) {
        interchange_import_note(m, s->line, s->option, "%.*s is no server", STR_ARG(url));
        err_forget();
        return false;
    }
    *ret_url = url;
    return true;
}

/* ---- an account ------------------------------------------------------------------------- */

/* One that may stand in aliases. */
static bool is_address(str text, struct arena *arena)
{
    str pattern;
    bool good = str_find(text, '@') != STR_NONE && str_find(text, '*') == STR_NONE &&
                interchange_quote_check("from", text) == NULL &&
                config_value_pattern(text, arena, &pattern) == NULL;
    err_forget();
    return good;
}

bool interchange_import_add(struct interchange_import *m, const struct interchange_account *a)
{
    if (a->user.len == 0) {
        interchange_import_note(m, a->line, a->name,
                                "it has no login, and an account is one: `smtptool send --server "
                                "%.*s` goes there",
                                STR_ARG(a->server));
        return false;
    }
    if (a->user.len > USER_BYTES_MAX || interchange_quote_check("user", a->user) != NULL) {
        err_forget();
        interchange_import_note(m, a->line, a->name, "its user is no name that could log in");
        return false;
    }
    if (m->count == INTERCHANGE_ACCOUNTS_MAX) {
        interchange_import_note(m, a->line, a->name, "more than %d accounts",
                                INTERCHANGE_ACCOUNTS_MAX);
        return false;
    }
    struct interchange_account *kept = &m->accounts[m->count++];
    *kept = *a;
    if (a->from.len > 0 && !is_address(a->from, m->arena)) {
        interchange_import_note(m, a->line, S("from"),
                                "it is no address: give one to a command, send --from ADDRESS");
        kept->from = (str){0};
    }
    return true;
}

bool interchange_import_mechanism(struct interchange_import *m, size_t line, str option, str word,
                                  str *ret_mechanism)
{
    static const char *const known[] = {"PLAIN",
                                        "LOGIN",
                                        "CRAM-MD5",
                                        "SCRAM-SHA-1",
                                        "SCRAM-SHA-1-PLUS",
                                        "SCRAM-SHA-256",
                                        "SCRAM-SHA-256-PLUS",
                                        "OAUTHBEARER",
                                        "XOAUTH2"};
    static const char *const any[] = {"", "on", "any", "auto"};
    for (size_t i = 0; i < ARRAY_LEN(any); i++)
        if (str_eq_nocase(word, str_of(any[i]))) {
            *ret_mechanism = (str){0};
            return true;
        }
    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        if (str_eq_nocase(word, str_of(known[i]))) {
            *ret_mechanism = str_of(known[i]);
            return true;
        }
    interchange_import_note(m, line, option,
                            "no account has this way to log in: it was left out, and the best that "
                            "is offered is taken");
    return false;
}
