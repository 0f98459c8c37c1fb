#include "client/explain.h"
#include "sasl/mechanism.h"
#include <errno.h>

enum { TLS_RECORD_ALERT = 0x15, TLS_RECORD_HANDSHAKE = 0x16, FIRST_SHOWN_BYTES = 40 };

/* ---- who is there ----------------------------------------------------------------------- */

static const struct {
    const char *first, *what;
} protocols[] = {
    {"+OK",   "a POP3 server: it hands out mail and takes none"     },
    {"* OK",  "an IMAP server: it keeps mailboxes and sends no mail"},
    {"* BYE", "an IMAP server: it keeps mailboxes and sends no mail"},
    {"HTTP/", "a web server"                                        },
    {"SSH-",  "an SSH server"                                       },
    {"RFB ",  "a VNC server"                                        },
    {"RTSP/", "a streaming server"                                  },
    {"\x03",  "a server for remote desktops"                        },
    {"@RSYN", "an rsync server"                                     },
    {"AMQP",  "a message broker"                                    },
    {"<!DOC", "a web server"                                        },
    {"<html", "a web server"                                        },
    {"<?xml", "a server that speaks XML, as Jabber does"            },
};

const char *client_explain_protocol(str first)
{
    for (size_t i = 0; i < ARRAY_LEN(protocols); i++)
        if (str_starts_nocase(first, str_of(protocols[i].first)))
            return protocols[i].what;
    return NULL;
}

static bool is_tls_record(str first)
{
    return first.len > 0 &&
           (first.ptr[0] == TLS_RECORD_ALERT || first.ptr[0] == TLS_RECORD_HANDSHAKE);
}

/* "220 mx.example.net", "421-": three digits, and what may follow them. */
static bool is_smtp_reply(str first)
{
    return first.len >= 4 && first.ptr[0] >= '2' && first.ptr[0] <= '5' &&
           char_is_digit(first.ptr[1]) && char_is_digit(first.ptr[2]) &&
           (first.ptr[3] == ' ' || first.ptr[3] == '-');
}

static str shown(str first, struct arena *arena)
{
    str part = str_slice(first, 0, FIRST_SHOWN_BYTES);
    char *text = arena_alloc(arena, part.len + 1);
    size_t len = 0;
    for (; len < part.len && part.ptr[len] != '\r' && part.ptr[len] != '\n'; len++)
        text[len] = part.ptr[len] >= ' ' && part.ptr[len] <= '~' ? part.ptr[len] : '?';
    return (str){text, len};
}

static str explain_stranger(const struct client_explain *x, struct arena *arena)
{
    const char *what = client_explain_protocol(x->first);
    if (what)
        return arena_printf(arena, "port %d of %.*s is %s; mail is handed over at port 587 or 465",
                            x->port, STR_ARG(x->host), what);
    return arena_printf(arena,
                        "what listens at port %d of %.*s does not speak SMTP: it says \"%.*s\"",
                        x->port, STR_ARG(x->host), STR_ARG(shown(x->first, arena)));
}

/* ---- at each step ----------------------------------------------------------------------- */

static str explain_connect(const struct client_explain *x, struct arena *arena)
{
    if (x->port == 0)
        return (str){0};
    if (x->kind == ERR_TIMEOUT || x->number == ETIMEDOUT)
        return arena_printf(arena,
                            "%.*s: no answer in %lld s: the port is blocked on the way, or the "
                            "server is down",
                            STR_ARG(x->address), x->waited_s);
    switch (x->number) {
    case ECONNREFUSED:
        return arena_printf(arena,
                            "%.*s: refused: nothing listens at port %d there, or a firewall "
                            "says so",
                            STR_ARG(x->address), x->port);
    case ECONNRESET:
        return arena_printf(arena, "%.*s: reset: the server or a firewall on the way cut it",
                            STR_ARG(x->address));
    case ENETUNREACH:
    case EHOSTUNREACH:
    case EADDRNOTAVAIL:
        return arena_printf(arena,
                            "%.*s: there is no way to this address from here (no network, "
                            "or none of its kind)",
                            STR_ARG(x->address));
    default:
        return (str){0};
    }
}

static str explain_cut(const struct client_explain *x, const char *where, struct arena *arena)
{
    if (x->number == ECONNRESET || x->number == EPIPE)
        return arena_printf(arena,
                            "%.*s: the connection was reset %s: a firewall or virus scanner on the "
                            "way, or the server wants nobody from here",
                            STR_ARG(x->address), where);
    return arena_printf(arena,
                        "%.*s: the connection was closed %s: the server wants nobody from here, or "
                        "something else listens there",
                        STR_ARG(x->address), where);
}

static str explain_handshake(const struct client_explain *x, struct arena *arena)
{
    if (is_smtp_reply(x->first))
        return arena_printf(arena,
                            "port %d of %.*s is for STARTTLS, not for TLS from the first byte: "
                            "write smtp://%.*s:%d",
                            x->port, STR_ARG(x->host), STR_ARG(x->host), x->port);
    if (x->first.len > 0 && !is_tls_record(x->first))
        return explain_stranger(x, arena);
    if (x->kind == ERR_TIMEOUT)
        return arena_printf(arena,
                            "%.*s: no TLS was spoken in %lld s: something that waits for clear "
                            "text listens there, or the way swallows it",
                            STR_ARG(x->address), x->waited_s);
    if (x->first.len == 0)
        return explain_cut(x, "in the TLS handshake", arena);
    return (str){0};
}

static str explain_greeting(const struct client_explain *x, struct arena *arena)
{
    if (is_tls_record(x->first) || x->speaks_tls)
        return arena_printf(arena,
                            "port %d of %.*s wants TLS from the first byte: write smtps://%.*s:%d",
                            x->port, STR_ARG(x->host), STR_ARG(x->host), x->port);
    if (x->kind == ERR_TIMEOUT)
        return arena_printf(arena,
                            "%.*s: not a word in %lld s: a port for TLS from the first byte is "
                            "silent like that (then write smtps://), and so is one that is blocked "
                            "half-way",
                            STR_ARG(x->address), x->waited_s);
    if (x->first.len > 0 && !is_smtp_reply(x->first))
        return explain_stranger(x, arena);
    if (x->kind == ERR_CLOSED || x->number == ECONNRESET || x->number == EPIPE)
        return explain_cut(x, "before a word was said", arena);
    return (str){0};
}

str client_explain(const struct client_explain *x, struct arena *arena)
{
    switch (x->at) {
    case CLIENT_AT_CONNECT:
        return explain_connect(x, arena);
    case CLIENT_AT_HANDSHAKE:
        return explain_handshake(x, arena);
    default:
        return explain_greeting(x, arena);
    }
}

/* ---- a login that cannot be ------------------------------------------------------------- */

str client_explain_login(const struct client_explain_login *x, struct arena *arena)
{
    const unsigned tokens = sasl_mechanism_bit(SASL_OAUTHBEARER) | sasl_mechanism_bit(SASL_XOAUTH2);
    unsigned offered = sasl_mechanism_offered(x->offered);
    str list = str_slice(x->offered, 0, 120);
    if (x->offered.len == 0)
        return arena_printf(arena, "the server offers no login here%s",
                            x->private ? ": it may want none from this network, so leave the user "
                                         "out, or it is the wrong port"
                                       : ": many do so only after STARTTLS");
    if (x->wanted.len)
        return arena_printf(arena,
                            "the server offers %.*s, and the account wants %.*s: write a mechanism "
                            "that is offered, or leave it out for the best",
                            STR_ARG(list), STR_ARG(str_slice(x->wanted, 0, 40)));
    if (x->token)
        return arena_printf(arena,
                            "the server offers %.*s, and the account has an OAuth token: write its "
                            "password (an app password, where there are such) without the token",
                            STR_ARG(list));
    if (offered & tokens)
        return arena_printf(arena,
                            "the server offers %.*s, and the account has a password: it wants an "
                            "OAuth token, so say that the secret is one",
                            STR_ARG(list));
    return arena_printf(arena, "the server offers %.*s, none of which is known here",
                        STR_ARG(list));
}
