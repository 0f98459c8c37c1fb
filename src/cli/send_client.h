/* cli/send_client.h -- messages to one server, with a person waiting (config/client_policy.h)
 *
 * Connect (the next address when one fails), greet, TLS, log in, offer; and again after 5, 10 and
 * 20 seconds what was refused for now or lost with its connection. A 5xx is final. TLS is had and
 * verified unless the URL relaxes it: a STARTTLS that is not offered ends the matter, for it may
 * have been stripped. Several messages share the connections of the policy.
 *
 * Runs on a fiber and speaks to nobody but the watcher; what became of each recipient is in the
 * mail's verdicts.
 */
#pragma once
#include "config/client_policy.h"
#include "config/config.h"
#include "dns/host.h"
#include "smtp/client.h"

enum {
    CLI_SEND_CLIENT_WHY_BYTES = 600,
    CLI_SEND_CLIENT_RETRIES_MAX = 10,
    CLI_SEND_CLIENT_TEXT_BYTES_MAX = 2000, /* of a reply's text that is kept */
};

struct cli_send_client_options {
    struct config_hop hop;
    str hello;
    struct config_client_policy policy;
    struct dns_resolver *resolver; /* NULL: the host is an IP address or a socket */
    struct tls_client *tls;        /* NULL when the hop is without TLS */
    str user, secret, mechanism;   /* user empty: no login */
    bool token;                    /* the secret is an OAuth token */
    /* "->" and "<-": lines of the conversation, without secrets; "==": what else happens, like a
     * connection; "!!": a failure after which it goes on. */
    void (*watch)(void *arg, const char *mark, str line);
    void *watch_arg;
};

/* Of the last attempt, milliseconds; -1: not reached. tls is STARTTLS or the handshake. */
struct cli_send_client_times {
    int64_t resolve, connect, greeting, hello, tls, login, transaction;
    int64_t total; /* all attempts, waits and all */
};

struct cli_send_client_mail {
    struct envelope *envelope; /* all of its recipients are offered */
    str content;               /* CRLF lines */
    uint8_t found;             /* enum envelope_found */

    struct smtp_verdict *verdicts;       /* one for each recipient; the caller's array, zeroed */
    struct arena *arena;                 /* for the verdicts' texts */
    int exit;                            /* enum cli_exit */
    char why[CLI_SEND_CLIENT_WHY_BYTES]; /* what ended it before a verdict; empty: nothing did */
    int attempts;
    struct cli_send_client_times times;
    char address[ADDRESS_CHARS]; /* of the server; empty: none was reached */
    str greeting;
    bool tls_active;
    struct tls_facts tls;
};

/* On a fiber. Returns the worst exit of all mails: a final refusal before a passing one. */
int cli_send_client_run(const struct cli_send_client_options *, struct cli_send_client_mail *mails,
                        size_t count);
