/* config/config.h -- what the operator wants, as one value
 *
 * Read from YAML by a schema table; every error has file:line:col, all of them are told at once.
 * A struct config never changes after it was made: a reload makes another. It lives in its arena
 * until config_close(); who keeps a pointer across a wait holds a reference.
 *
 * Loading reads files and so may block: it is done at start, or in a job.
 */
#pragma once
#include "base/arena.h"
#include "base/buf.h"
#include "config/errors.h"
#include "runtime/address.h"
#include <stdatomic.h>

enum config_role { ROLE_MX, ROLE_SUBMISSION, ROLE_RELAY };
enum config_listener_tls {
    LISTENER_TLS_NONE,
    LISTENER_TLS_STARTTLS,
    LISTENER_TLS_REQUIRED,
    LISTENER_TLS_IMPLICIT
};
enum config_tls_profile { TLS_PROFILE_MODERN, TLS_PROFILE_INTERMEDIATE, TLS_PROFILE_OPPORTUNISTIC };

struct config_listener {
    struct address address;
    enum config_role role;
    enum config_listener_tls
        tls; /* default by role: mx starttls, submission required, relay none */
    enum config_tls_profile profile;   /* default by role: mx opportunistic, else tls.profile */
    bool expose;                       /* relay on a public or wildcard address: must be said */
    bool auth_on_loopback_without_tls; /* key "plain_login_on_loopback" */
    bool proxy; /* a PROXY v1/v2 header is required from networks in proxy_trusted */
};

/* "smtp://host:port", "smtps://", "lmtp://", "lmtp+unix:///path"; ?tls=opportunistic|none */
enum config_hop_tls { HOP_TLS_VERIFIED, HOP_TLS_OPPORTUNISTIC, HOP_TLS_NONE };
struct config_hop {
    str url;  /* as written */
    str host; /* name or IP; the socket path for lmtp+unix */
    uint16_t port;
    bool lmtp, unix_socket, implicit_tls;
    enum config_hop_tls tls;
};

/* What becomes of mail from outside when it is known who wrote it: the order is that of strictness.
 */
enum config_judging { JUDGING_NONE, JUDGING_MARK, JUDGING_ENFORCE };
enum config_dns_trouble { DNS_TROUBLE_ACCEPT, DNS_TROUBLE_DEFER };

/* A key that signs for a domain. Several sign side by side. */
struct config_dkim {
    str selector;
    str key; /* a reference as for config_account.secret; never the key itself */
};
enum { CONFIG_DKIM_KEYS_MAX = 8 }; /* of one domain */

enum config_recipients { RECIPIENTS_ASK, RECIPIENTS_LIST, RECIPIENTS_FILE };
struct config_domain {
    str name;                   /* A-labels, lower case */
    struct config_hop *deliver; /* NULL: a sending domain only */
    enum config_recipients recipients;
    str *recipient_list; /* local parts or whole addresses; LIST and FILE (read at load) */
    size_t recipient_count;
    str recipients_file; /* its path, for FILE */
    struct config_dkim *dkim;
    size_t dkim_count;
    enum config_judging judging; /* key "mailauth"; default: mailauth.policy */
};

enum config_route_kind { ROUTE_VIA, ROUTE_MX };
struct config_route {
    str name; /* given, or "1", "2", … by place; unique */
    str to;   /* "*", "example.com", "*.example.com", "user@example.com" */
    enum config_route_kind kind;
    struct config_hop *via; /* tried in order */
    size_t via_count;
    str account; /* name in accounts, or empty */
};

struct config_account { /* our login at somebody else's server */
    str name, user;
    str secret; /* a reference: "file:/…", "env:NAME", "command:…"; never the secret itself */
    str mechanism; /* empty: the best offered */
};

struct config_retry {
    int64_t first_ms, longest_ms, give_up_ms, warn_after_ms; /* 5m, 4h, 5d, 4h */
    int factor;                                              /* 2 */
};

struct config_limits {
    int64_t message_bytes;        /* message: 50MiB */
    int recipients;               /* 1000 */
    int connections;              /* 10000, all listeners */
    int per_address;              /* 100 connections of one address */
    int64_t draft_memory_bytes;   /* 256MiB */
    int64_t free_space_bytes;     /* free_space: 64MiB: below it MAIL gets 452 4.3.1 */
    int messages_per_connection;  /* 1000; 0: no limit */
    int commands_per_message;     /* junk commands (NOOP, RSET, VRFY, errors): 100 */
    int invalid_recipients;       /* per connection: 20 */
    int logins_failed_per_minute; /* 20, per address and per account */
    int connect_rate_per_minute;  /* per address: 600 */
    int hops;                     /* 100 Received fields */
    int64_t header_bytes;         /* 1MiB */
    int minimum_bytes_per_second; /* of a body: 100 */
};

struct config_timeouts {                               /* RFC 5321 section 4.5.3.2, milliseconds */
    int64_t server_command_ms, server_data_ms;         /* 5m, 3m */
    int64_t connect_ms;                                /* 10s for each address */
    int64_t greeting_ms, mail_ms, rcpt_ms;             /* 5m, 5m, 5m */
    int64_t data_init_ms, data_block_ms, data_done_ms; /* 2m, 3m, 10m */
};

struct config_outbound {
    int connections;             /* 20 for each destination */
    int messages_per_connection; /* 100 */
    int64_t idle_ms;             /* 10s: a connection is kept for the next message */
    bool mta_sts;                /* domains are asked for their MTA-STS policies */
};

enum config_dns_servers { DNS_SYSTEM, DNS_ROOT, DNS_LIST };
enum config_dns_validate { DNS_VALIDATE_AUTO, DNS_VALIDATE_YES, DNS_VALIDATE_NO };
struct config_dns {
    enum config_dns_servers servers;
    str *list;
    size_t list_count;
    enum config_dns_validate validate;
    int queries_per_message; /* 100 */
    int64_t timeout_ms;      /* 20s */
};

/* What the owners of domains are told about mail in their name. */
enum config_reporting { REPORTING_OFF, REPORTING_DRY_RUN, REPORTING_ON };
struct config_reports {
    enum config_reporting aggregate, failure; /* off */
    str from;                                 /* default: dmarc-reports@hostname */
    str org;                                  /* default: hostname */
    str contact;                              /* may be empty */
    str *exclude; /* domains that get none, nor those below: A-labels, lower case */
    size_t exclude_count;
    int per_day;           /* aggregate reports: 1000 */
    int failures_per_hour; /* of one domain: 10 */
};

struct config_mailauth {
    enum config_judging policy;          /* mark; a domain may have its own */
    enum config_dns_trouble dns_trouble; /* accept */
    str id;                              /* authserv-id; default: hostname */
    bool received_spf;
    str *sealers; /* whose ARC is believed: A-labels, lower case */
    size_t sealer_count;
    str seal; /* the domain whose key seals what is passed on; empty: nothing is sealed */
    struct config_reports reports;
};

/* What the owners of domains are told about TLS on the way to them (RFC 8460). */
struct config_tls_reports {
    enum config_reporting send; /* off */
    str from;                   /* default: tls-reports@hostname */
    str org;                    /* default: hostname */
    str contact;                /* default: from */
    str *exclude;               /* domains that get none, nor those below: A-labels, lower case */
    size_t exclude_count;
    int per_day; /* 1000 */
    str receive; /* mail to this address is also kept in state; empty: none is */
};

struct config_events {
    str to; /* "stderr", "none", or a file's path; default: state/events/events.jsonl */
    int64_t rotate_bytes; /* 0: never */
    int keep;             /* old files */
};

/* The certificate for one server name (TLS SNI). */
struct config_sni {
    str name, certificate, key;
};

struct config_sasl {
    bool cram_md5; /* off: needs the password itself to be stored */
};

struct config {
    str hostname;
    str state;            /* folder */
    str user;             /* to become after binding; empty: stay */
    str certificate, key; /* paths; empty: self-signed, made at first start in state */
    struct config_sni *sni;
    size_t sni_count;
    enum config_tls_profile tls_profile; /* intermediate */
    bool tls_minimum_13;                 /* minimum: TLSv1.3 */
    struct config_listener *listeners;
    size_t listener_count;
    struct network *trusted; /* relay.trusted */
    size_t trusted_count;
    struct network *proxy_trusted;
    size_t proxy_trusted_count;
    struct config_domain *domains;
    size_t domain_count;
    struct config_route *routes;
    size_t route_count;
    bool no_route_holds; /* no routes key at all: mail for elsewhere waits, "no route" */
    struct config_account *accounts;
    size_t account_count;
    struct config_retry retry;
    struct config_limits limits;
    struct config_timeouts timeouts;
    struct config_outbound outbound;
    struct config_dns dns;
    struct config_mailauth mailauth;
    struct config_tls_reports tls_reports;
    struct config_events events;
    struct config_sasl sasl;
    str admin_socket; /* default: state/admin.sock */
    int workers;      /* 0: one for each core */
    str file;         /* what it was read from; empty: nothing, these are the defaults */
    struct arena *arena;
    struct config_origins *origins; /* where each value came from, for `config show --origin` */
    atomic_int holders;
};

/* What a listener really offers: tls.minimum may leave no more than modern. */
static inline enum config_tls_profile
config_listener_profile(const struct config *config, const struct config_listener *listener)
{
    return config->tls_minimum_13 ? TLS_PROFILE_MODERN : listener->profile;
}

/* Read a file. An empty path: the first of $SMTPTOOL_CONFIG, $XDG_CONFIG_HOME/smtptool/
 * smtptool.yaml and /etc/smtptool/smtptool.yaml that there is, else the defaults.
 * ERR_CONFIG, ERR_SYSTEM: *errors tells every mistake; there is no configuration then. */
must_use err config_load(str path, struct config **ret_config, struct config_errors *);

/* The same from text; name stands for the file's name in errors and origins. */
must_use err config_from_text(str text, str name, struct config **ret_config,
                              struct config_errors *);

/* What an empty file means: loopback listeners, mail for elsewhere waits. */
struct config *config_default(void);

/* Both may be called on any thread. The last config_close() frees it; NULL is accepted. */
const struct config *config_hold(const struct config *);
void config_close(const struct config *);

/* Has another listener the same port, on an address that includes this one or is included? The
 * kernel allows that, and gives the connection to the narrower one. */
bool config_overlaps(const struct config *, const struct address *);

/* Every value as YAML that loads back to the same configuration. With origin, a comment behind
 * each says where it comes from. Secrets are references, so none is shown. */
must_use err config_show(const struct config *, bool origin, struct buf *out);

/* All keys: as a JSON Schema (draft 2020-12), and as the Markdown of docs/config.md. */
must_use err config_schema(struct buf *out);
must_use err config_reference(struct buf *out);
