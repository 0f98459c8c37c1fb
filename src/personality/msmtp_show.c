#include "personality/msmtp_show.h"
#include "personality/msmtp_secure.h"
#include "runtime/tls_peer.h"
#include <stdio.h>
#include <string.h>
#include <time.h>

/* ---- settings --------------------------------------------------------------------------- */

static str shown(const struct msmtp *m, enum msmtprc_key key)
{
    static const char *const defaults[MSMTPRC_KEYS] = {
        [MSMTPRC_PROXY_PORT] = "0",
        [MSMTPRC_TIMEOUT] = "off",
        [MSMTPRC_PROTOCOL] = "smtp",
        [MSMTPRC_DOMAIN] = "localhost",
        [MSMTPRC_AUTH] = "none",
        [MSMTPRC_TLS] = "off",
        [MSMTPRC_TLS_STARTTLS] = "on",
        [MSMTPRC_TLS_TRUST_FILE] = "system",
        [MSMTPRC_TLS_CERTCHECK] = "on",
        [MSMTPRC_AUTO_FROM] = "off",
        [MSMTPRC_SET_FROM_HEADER] = "auto",
        [MSMTPRC_SET_DATE_HEADER] = "auto",
        [MSMTPRC_REMOVE_BCC_HEADERS] = "on",
        [MSMTPRC_UNDISCLOSED_RECIPIENTS] = "off",
        [MSMTPRC_ALLOW_FROM_OVERRIDE] = "on",
    };
    str v = personality_msmtp_job_value(m, key);
    if (key == MSMTPRC_PASSWORD && (v.len || m->secret.len))
        return S("*");
    if (key == MSMTPRC_AUTH && v.len)
        return str_eq(v, S("on"))    ? S("choose")
               : str_eq(v, S("off")) ? S("none")
                                     : personality_msmtp_job_upper(m, v);
    if (key == MSMTPRC_PORT && v.len == 0)
        return personality_msmtp_job_is(m, MSMTPRC_TLS, S("on")) &&
                       personality_msmtp_job_is(m, MSMTPRC_TLS_STARTTLS, S("off"))
                   ? S("465")
                   : S("25");
    if (key == MSMTPRC_TIMEOUT && v.len && !str_eq(v, S("off")))
        return arena_printf(m->arena, "%.*s second%s", STR_ARG(v), str_eq(v, S("1")) ? "" : "s");
    if (key == MSMTPRC_TLS_MIN_DH_PRIME_BITS && v.len)
        return arena_printf(m->arena, "%.*s", STR_ARG(v));
    if (key == MSMTPRC_SYSLOG && v.len)
        return str_eq(v, S("on")) ? S("LOG_USER") : str_eq(v, S("off")) ? S("(not set)") : v;
    return v.len ? v : defaults[key] ? str_of(defaults[key]) : S("(not set)");
}

void personality_msmtp_show_account(const struct msmtp *m)
{
    if (m->given.values[MSMTPRC_HOST].ptr)
        puts("using account specified on command line");
    else if (!m->by_env)
        printf("using account %.*s from %.*s\n", STR_ARG(m->used.name), STR_ARG(m->used.origin));
}

static const char *label_of(enum msmtprc_key key)
{
    switch (key) {
    case MSMTPRC_SOURCE_IP:
        return "source ip";
    case MSMTPRC_PROXY_HOST:
        return "proxy host";
    case MSMTPRC_PROXY_PORT:
        return "proxy port";
    default:
        return personality_msmtprc_name(key);
    }
}

void personality_msmtp_show_settings(const struct msmtp *m)
{
    int last = m->mode == MSMTP_SEND ? MSMTPRC_SET_MSGID_HEADER : MSMTPRC_AUTO_FROM;
    for (int key = 0; key < last; key++)
        printf("%s = %.*s\n", label_of((enum msmtprc_key)key),
               STR_ARG(shown(m, (enum msmtprc_key)key)));
    if (m->mode == MSMTP_RMQS)
        printf("RMQS argument = %.*s\n", STR_ARG(m->rmqs));
    if (m->mode == MSMTP_SEND)
        puts(m->from_header ? "reading recipients from the command line and the mail"
                            : "reading recipients from the command line");
}

/* ---- TLS -------------------------------------------------------------------------------- */

static void show_time(const char *what, int64_t ms)
{
    char text[100] = "cannot be read";
    time_t seconds = (time_t)(ms / 1000);
    struct tm local;
    if (ms != INT64_MAX && localtime_r(&seconds, &local))
        (void)strftime(text, sizeof text, "%c", &local);
    printf("        %s time: %s\n", what, text);
}

void personality_msmtp_show_tls(const struct net_conn *conn, struct arena *arena)
{
    struct tls_facts facts;
    struct tls_peer peer;
    if (!tls_get_facts(conn, &facts) || !tls_peer_get(conn, arena, &peer))
        return;
    str sha256 = personality_msmtp_secure_print(peer.sha256, sizeof peer.sha256, arena),
        sha1 = personality_msmtp_secure_print(peer.sha1, sizeof peer.sha1, arena);
    printf("TLS session parameters:\n    %s %s%s%s\n", facts.version, facts.cipher,
           *facts.group ? " " : "", facts.group);
    printf("TLS certificate information:\n    Subject:\n        %.*s\n    Issuer:\n        %.*s\n",
           STR_ARG(peer.subject), STR_ARG(peer.issuer));
    puts("    Validity:");
    show_time("Activation", peer.begins_ms);
    show_time("Expiration", peer.ends_ms);
    printf("    Fingerprints:\n        SHA256: %.*s\n        SHA1 (deprecated): %.*s\n",
           STR_ARG(sha256), STR_ARG(sha1));
}

/* ---- a server --------------------------------------------------------------------------- */

static void show_size(const struct smtp_capabilities *c)
{
    unsigned long long most = c->size_max;
    double kib = (double)most / 1024;
    printf("    SIZE %llu:\n        Maximum message size is ", most);
    if (most == 0)
        puts("unlimited");
    else if (most > 1024 * 1024)
        printf("%llu bytes = %.2f MiB\n", most, kib / 1024);
    else if (most > 1024)
        printf("%llu bytes = %.2f KiB\n", most, kib);
    else
        printf("%llu bytes\n", most);
}

/* The methods that msmtp knows, in its order. */
static void show_methods(str offered)
{
    static const char *const methods[] = {"PLAIN",  "SCRAM-SHA-1", "SCRAM-SHA-256", "EXTERNAL",
                                          "GSSAPI", "CRAM-MD5",    "DIGEST-MD5",    "LOGIN",
                                          "NTLM",   "OAUTHBEARER", "XOAUTH2"};
    fputs("    AUTH:\n        Supported authentication methods:\n        ", stdout);
    for (size_t i = 0; i < ARRAY_LEN(methods); i++) {
        str rest = offered, name;
        while (rest.len) {
            str_split(rest, ' ', &name, &rest);
            if (str_eq_nocase(name, str_of(methods[i]))) {
                printf("%s ", methods[i]);
                break;
            }
        }
    }
    putchar('\n');
}

static void show_capabilities(const struct msmtp_server *server)
{
    const struct smtp_capabilities *c = &server->capabilities;
    bool any =
        c->size || c->pipelining || c->etrn || c->dsn || server->starttls || c->auth_names.len > 0;
    puts(any ? "Capabilities:" : "No special capabilities.");
    if (c->size)
        show_size(c);
    if (c->pipelining)
        puts("    PIPELINING:\n        Support for command grouping for faster transmission");
    if (c->etrn)
        puts("    ETRN:\n        Support for RMQS (Remote Message Queue Starting)");
    if (c->dsn)
        puts("    DSN:\n        Support for Delivery Status Notifications");
    if (server->starttls)
        puts("    STARTTLS:\n        Support for TLS encryption via the STARTTLS command");
    if (c->auth_names.len)
        show_methods(c->auth_names);
}

void personality_msmtp_show_server(const struct msmtp *m, const struct msmtp_server *server,
                                   const struct net_conn *conn)
{
    bool lmtp = personality_msmtp_job_is(m, MSMTPRC_PROTOCOL, S("lmtp"));
    str host = personality_msmtp_job_value(m, MSMTPRC_HOST), line = server->greeting, rest;
    printf("%s server at %.*s", lmtp ? "LMTP" : "SMTP", STR_ARG(host));
    if (server->address.len)
        printf(" ([%.*s])", STR_ARG(server->address));
    str_split(line, '\n', &line, &rest);
    printf(", port %d:\n    %.*s\n", server->port, STR_ARG(line));
    personality_msmtp_show_tls(conn, m->arena);
    show_capabilities(server);
    if (server->starttls && !tls_active(conn))
        puts("This server might advertise more or other capabilities when TLS is active.");
}

/* ---- the conversation ------------------------------------------------------------------- */

static void show_content(const struct msmtp *m)
{
    str rest = buf_str(&m->mended), line;
    while (rest.len) {
        str_split(rest, '\n', &line, &rest);
        if (line.len && line.ptr[line.len - 1] == '\r')
            line.len--;
        printf("--> %s%.*s\n", str_starts(line, S(".")) ? "." : "", STR_ARG(line));
    }
    puts("--> .");
}

void personality_msmtp_show_line(const struct msmtp *m, const char *mark, str line)
{
    bool ours = strcmp(mark, "->") == 0;
    if (ours && str_starts(line, S("(")))
        show_content(m); /* no command begins so */
    else if (ours || strcmp(mark, "<-") == 0)
        printf("%s %.*s\n", ours ? "-->" : "<--", STR_ARG(line));
}
