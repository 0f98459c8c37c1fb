/* client/client.h -- messages to one server, with somebody waiting (config/client_policy.h)
 *
 * Connect (the next address when one fails, and the next port of ports.h when none was named),
 * greet, TLS, log in, offer; and again after 5, 10 and 20 seconds what was refused for now or lost
 * with its connection. A 5xx is final. TLS is had and verified unless the URL relaxes it: a
 * STARTTLS that is not offered ends the matter, for it may have been stripped; and no login goes
 * over anything less, except to this machine. Several messages share the connections of the policy.
 *
 * Or to the MX hosts of a recipients' domain, at port 25 and without a login: as private as DANE
 * and MTA-STS ask, else as can be had.
 *
 *     struct client_options options = {.hop = hop, .hello = S("laptop.example"),
 *                                      .policy = config_client_policy, .resolver = r, .tls = t};
 *     struct client_mail mail = {.envelope = e, .content = c, .arena = a, .verdicts = v};
 *     enum client_outcome outcome = client_run(&options, &mail, 1);
 *
 * Runs on a fiber, speaks to nobody but the watcher, reads no file and knows no command line: what
 * became of each recipient is in the mail's verdicts.
 */
#pragma once
#include "client/outcome.h"
#include "config/client_policy.h"
#include "config/config.h"
#include "dns/host.h"
#include "smtp/client.h"

enum {
    CLIENT_WHY_BYTES = 600,
    CLIENT_RETRIES_MAX = 10,
    CLIENT_TEXT_BYTES_MAX = 2000, /* of a reply's text that is kept */
    CLIENT_ENHANCED_CHARS = 12,   /* "5.123.456" */
};

struct client_ports;
struct tlspolicy_sts;

struct client_mx {
    str domain;                /* whose hosts; empty: it goes to the hop */
    struct tlspolicy_sts *sts; /* NULL: MTA-STS is not asked for */
    uint16_t port;             /* 0: 25; tests need another */
    bool requiretls;           /* the mails demand it: verified, or not at all */
};

struct client_options {
    struct config_hop hop;
    struct client_mx mx;
    str hello;
    struct config_client_policy policy;
    struct dns_resolver *resolver; /* NULL: the host is an IP address or a socket */
    struct tls_client *tls;        /* NULL when the hop is without TLS */
    str user, secret, mechanism;   /* user empty: no login */
    bool token;                    /* the secret is an OAuth token */
    bool passes; /* a 4xx, to a connection or login too, is handed back at once: the caller comes
                  * again later, when it says so */
    bool security_first;        /* of the ports: TLS from the first byte */
    struct client_ports *ports; /* what worked before; NULL: nobody remembers */
    bool places;                /* a why ends with the place in our code */
    /* "->" and "<-": lines of the conversation, without secrets, "~>" and "<~": those inside TLS;
     * "==": what else happens, like a connection; "!!": a failure after which it goes on. NULL:
     * nobody listens. */
    void (*watch)(void *arg, const char *mark, str line);
    void *watch_arg;
};

/* Of the last attempt, milliseconds; -1: not reached. tls is STARTTLS or the handshake. */
struct client_times {
    int64_t resolve, connect, greeting, hello, tls, login, transaction;
    int64_t total; /* all attempts, waits and all */
};

struct client_mail {
    struct envelope *envelope; /* all of its recipients are offered */
    str content;               /* CRLF lines */
    uint8_t found;             /* enum envelope_found */

    str once;        /* names the mail to a server that keeps such keys; empty: no name */
    bool needs_once; /* a server without them is offered nothing: it may have the mail already */
    /* Before the last piece of the content goes out, and so before the server can take the mail:
     * what must be on a disk by then is. NULL: nothing must. */
    err (*before_end)(struct client_mail *, deadline);

    bool in_doubt;                 /* sent whole, and no reply came */
    bool held_back;                /* because of needs_once */
    struct smtp_verdict *verdicts; /* one for each recipient; the caller's array, zeroed */
    struct arena *arena;           /* for the verdicts' texts */
    enum client_outcome outcome;
    char why[CLIENT_WHY_BYTES]; /* what ended it before a verdict; empty: nothing did */
    int refused_code;           /* the reply behind why; 0: it was none */
    char refused_enhanced[CLIENT_ENHANCED_CHARS];
    int attempts;
    struct client_times times;
    char address[ADDRESS_CHARS]; /* of the server; empty: none was reached */
    char host[DNS_NAME_CHARS];   /* its name */
    str greeting;
    bool tls_active;
    struct tls_facts tls;
};

/* On a fiber. Returns the worst outcome of all mails: a final refusal before a passing one. */
enum client_outcome client_run(const struct client_options *, struct client_mail *mails,
                               size_t count);

/* Mails that do not exist all at once: a worker asks for the next one and hands it back when all is
 * known of it, so that no more than policy.connections are held, twice as many with next_now. next
 * and done are called on fibers of the one that runs, and may wait. */
struct client_source {
    /* NULL: there are no more. connected: who asks has a connection already. */
    struct client_mail *(*next)(void *arg, bool connected);
    /* The same at once or not at all (NULL), while a mail is under way: the envelope of this one
     * goes out with the end of that one. May itself be NULL. */
    struct client_mail *(*next_now)(void *arg);
    void (*done)(void *arg, struct client_mail *);
    void *arg;
};
/* A server that cannot be used at all ends it: what is still to come is handed back untried, or
 * with options.passes not asked for. */
enum client_outcome client_run_source(const struct client_options *, const struct client_source *);
