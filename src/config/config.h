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
    bool port_given; /* else it is the scheme's */
    bool lmtp, unix_socket, implicit_tls;
    enum config_hop_tls tls;
    str account; /* in a route's via: the name in "account:NAME"; the rest is empty then */
    const struct config_account *login;  /* in a route's hops: what to log in as; NULL: no login */
    const struct config_account *sender; /* …whose rules hold for From, and whose quota */
    int way;                             /* in a route's hops: which item of via it is of, from 0 */
};
enum {
    CONFIG_ACCOUNT_SERVERS_MAX = 8, /* of one account */
    CONFIG_ROUTE_WAYS_MAX = 15,     /* items of one via */
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
    struct config_hop *via; /* as written */
    size_t via_count;
    struct config_hop *hops; /* what to try, in order: of an account, each of its servers */
    size_t hop_count;
    str account; /* name in accounts of the login at the URLs in via, or empty */
    str egress;  /* name of an egress or of a pool, or empty: "default" */
};

/* By which address of ours mail leaves, and under which name. */
enum config_proxy_kind { PROXY_SOCKS5, PROXY_V2 };
struct config_proxy { /* "socks5://192.0.2.1:1080", "proxy://…": an IP address and a port */
    str url;
    enum config_proxy_kind kind;
    struct address address;
};

enum config_on_listed { ON_LISTED_PAUSE, ON_LISTED_ALERT };
struct config_egress {
    str name;
    struct address *addresses; /* at most one of each family, no ports; none: the system's choice */
    size_t address_count;
    str hello;                          /* in EHLO; default: hostname */
    struct config_proxy *via;           /* NULL: nobody between */
    str account;                        /* the login at a SOCKS5 proxy, or empty */
    const struct config_account *login; /* that one; NULL: none */
    str *tenants, *streams, *senders;   /* dedicated_to: all that are given must fit */
    size_t tenant_count, stream_count, sender_count;
    enum config_on_listed on_listed;
};

enum config_overflow { OVERFLOW_WAIT, OVERFLOW_NEXT };
struct config_egress_member {
    str egress;
    int weight; /* 1; 0: nothing new leaves by it */
};
struct config_egress_pool {
    str name;
    struct config_egress_member *members;
    size_t member_count;
    enum config_overflow overflow; /* the one whose turn it is has reached a limit: wait, or next */
};
enum {
    CONFIG_EGRESS_MAX = 1000,
    CONFIG_EGRESS_MEMBERS_MAX = 15, /* of a pool: a way is kept in four bits */
    CONFIG_EGRESS_WEIGHT_MAX = 100,
    CONFIG_EGRESS_DNSBL_MAX = 20,
};

/* Who looks whether our addresses still have a good name. */
struct config_egress_watch {
    str *dnsbl; /* zones: zen.example.org */
    size_t dnsbl_count;
    int64_t every_ms; /* 6h */
};

/* How much a new egress may send a day: share/warmup.yaml has the plans. */
struct config_warmup_rules {
    int blocks, spam, deferrals, fill; /* hundredths of a percent */
    int back;                          /* days of the plan */
};
struct config_warmup_track { /* one site's days, made of all that was said */
    str site;                /* "others": those that are not named */
    struct config_warmup_rules rules;
    int *caps; /* NULL, and no days: that site has no caps */
    int days;
};
struct config_warmup_site {
    str name, plan; /* empty: the egress's; "none": no caps */
    int *volumes;   /* instead of the plan's */
    size_t volume_count;
};
struct config_warmup {
    str egress;
    str plan;         /* default */
    int start_day;    /* since 1970; 0: not given */
    int zone_minutes; /* east of UTC */
    int hours;        /* bit h: it sends from h:00 to h:59 */
    enum config_overflow overflow;
    struct config_warmup_site *sites;
    size_t site_count;
    struct config_warmup_track *tracks; /* of the plan and the sites above */
    size_t track_count;
};
enum {
    CONFIG_WARMUP_DAYS_MAX = 366,
    CONFIG_WARMUP_CAP_MAX = 1000 * 1000 * 1000,
    CONFIG_WARMUP_SITES_MAX = 64, /* of one egress */
    CONFIG_WARMUP_MAX = 64,
};

/* How much may be sent through an account; 0: no limit is known. */
enum config_quota_spread { QUOTA_SPREAD_EVEN, QUOTA_SPREAD_NONE };
struct config_quota {
    int per_minute, per_hour, per_day; /* messages */
    int recipients_per_message, recipients_per_day;
    enum config_quota_spread spread; /* even: a quarter of an hour has a quarter of its quota */
    int burst;                       /* so many may go at once beyond that */
};

/* What a provider does to mail whose From is not the account. */
enum config_from_rule {
    FROM_RULE_UNKNOWN,
    FROM_RULE_REWRITES,
    FROM_RULE_REFUSES,
    FROM_RULE_VERIFIED,
    FROM_RULE_FREE
};
/* What we do about it before it is sent: the order is that of strictness. */
enum config_from_policy {
    FROM_POLICY_OFF,
    FROM_POLICY_WARN,
    FROM_POLICY_REWRITE,
    FROM_POLICY_REFUSE
};

struct config_account { /* our login at somebody else's server */
    str name, user;     /* user empty: its server wants no login */
    str secret;    /* a reference such as "file:/…" (docs/secrets.md); never the secret itself */
    str oauth;     /* the name of a login by token, which secret then refers to; or empty */
    str mechanism; /* empty: the best offered */
    str preset, licence; /* names in share/presets.yaml, or empty */
    str host;            /* for a preset whose servers are the customer's own; may be empty */
    str return_path;     /* the envelope sender of `send`; empty: the author */
    struct config_hop *servers; /* as written; none: the preset's */
    size_t server_count;
    struct config_hop *hops; /* where it is reached, in order; none: only the URLs of routes */
    size_t hop_count;
    str *aliases; /* patterns: what may be in From beside user */
    size_t alias_count;
    enum config_from_policy from_policy; /* default: warn when the preset's rule asks for care */
    enum config_from_rule from_rule;     /* of the preset; unknown without one */
    bool no_login;                       /* the preset's servers want none */
    str provider, from_note;             /* of the preset: "Gmail", and words about its rule */
    struct config_quota quota;           /* own keys, else the preset's licence */
};

/* Its secret is a token, not a password. */
bool config_account_has_token(const struct config_account *);
/* HashiCorp Vault or OpenBao, for "vault:" secrets. */
enum config_vault_auth { VAULT_AUTH_TOKEN, VAULT_AUTH_APPROLE, VAULT_AUTH_KUBERNETES };
struct config_vault {
    str address; /* a URL; empty: $VAULT_ADDR */
    str namespace, ca_file, mount;
    enum config_vault_auth auth;
    str auth_mount;                /* empty: the method's name */
    str token, role_id, secret_id; /* references; an empty token: env:VAULT_TOKEN */
    str role, jwt_file;            /* KUBERNETES */
};
/* AWS Secrets Manager, for "aws-sm:" secrets; who we are is found as by AWS's own tools. */
struct config_aws {
    str region;   /* empty: $AWS_REGION */
    str endpoint; /* a URL; empty: the region's */
    str profile, ca_file;
};
struct config_secrets {
    struct config_vault vault;
    struct config_aws aws;
};

/* One whose mail is told apart from others': by limits, the suppression list and reports. */
struct config_tenant {
    str name;
    str *logins;
    size_t login_count;
    struct network *networks;
    size_t network_count;
    str *senders; /* domains: A-labels, lower case */
    size_t sender_count;
};
enum { CONFIG_TENANT_BYTES_MAX = 48, CONFIG_FEEDBACK_ID_BYTES_MAX = 15 };

/* Addresses that nothing is sent to any more; how long an entry of each reason stays, 0: for ever.
 */
struct config_suppression {
    bool on;
    int64_t hard_bounce_ms, complaint_ms, unsubscribe_ms, manual_ms;
    int again; /* so many refusals that are not quite certain make one: 3 */
};

/* Where bounces and complaints about our mail come back to. */
struct config_bounces {
    str domain; /* of signed return paths; empty: there are none */
    bool verp;
    bool forward;    /* what came back goes on to the sender of the mail */
    str *complaints; /* addresses that feedback loops report to */
    size_t complaint_count;
    int64_t keep_ms;    /* how long a bounce may take */
    int alert_per_hour; /* bounces of mail that we never sent, to one domain */
    str feedback_id;    /* our name in Feedback-ID; default: of hostname */
};

/* Why it was put off, as far as that has waits of its own; the last one is repeated. */
enum config_retry_class {
    RETRY_GREYLIST,
    RETRY_RATE,
    RETRY_MAILBOX_FULL,
    RETRY_NETWORK,
    RETRY_BLOCKED,
    RETRY_CLASSES
};
struct config_waits {
    int64_t *ms;
    size_t count; /* 0: as first, factor and longest say */
};

struct config_retry {
    struct config_waits classes[RETRY_CLASSES];
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
    int priority;                 /* the highest that may be asked for: 9 */
    int64_t hold_ms;              /* hold: 30d; 0: FUTURERELEASE is not offered */
    int64_t once_window_ms;       /* once_window: 3d; 0: XONCE is not offered */
    int once_keys;                /* 2,000,000 */
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
    int64_t transcripts_ms;      /* transcripts: 7d; 0: off */
    int64_t transcript_bytes;    /* 256MiB: of all that are kept */
    bool mta_sts;                /* domains are asked for their MTA-STS policies */
    bool port_25_test;           /* at start: is the way to port 25 blocked? */
};

/* Limits of a site, egress, sending domain, tenant or campaign; 0: not given, -1: none. */
struct config_shaping_rule {
    str name; /* "default": of those without a rule of their own */
    int connections, messages_per_connection;
    int64_t rate; /* messages a day, paced evenly: 20/s is 1,728,000 */
    int burst;    /* so many may go at once before pacing begins */
    struct config_quota quota;
};
/* What is known of a provider: share/shaping.yaml, with the operator's own file over it. */
struct config_shaping_provider {
    struct config_shaping_rule limits; /* its name: "google" */
    str title;                         /* "Gmail and Google Workspace" */
    str *mx;                           /* it runs MX hosts whose names end so */
    size_t mx_count;
    str source, date; /* of the figures: a URL, or "none published"; "2026-11-21" */
    str note;         /* may be empty */
};
struct config_shaping {
    struct config_shaping_rule *sites, *egress, *senders, *tenants, *campaigns;
    size_t site_count, egress_count, sender_count, tenant_count, campaign_count;
    struct config_shaping_provider *providers;
    size_t provider_count;
};
enum { CONFIG_SHAPING_PROVIDERS_MAX = 1000, CONFIG_SHAPING_SUFFIXES_MAX = 64 };

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
    str share;            /* folder of own files read over what ships; default: state/share */
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
    str default_account; /* for `send` and `account`; empty: none */
    struct config_egress *egress;
    size_t egress_count;
    struct config_egress_pool *egress_pools;
    size_t egress_pool_count;
    struct config_egress_watch egress_watch;
    struct config_warmup *warmup;
    size_t warmup_count;
    const struct config_egress *egress_default; /* the one of that name; never NULL */
    const struct config_egress *egress_inside;  /* to domains of ours: the system's choice */
    struct config_tenant *tenants;
    size_t tenant_count;
    struct config_suppression suppression;
    struct config_bounces bounces;
    struct config_retry retry;
    struct config_limits limits;
    struct config_timeouts timeouts;
    struct config_outbound outbound;
    struct config_shaping shaping;
    struct config_dns dns;
    struct config_mailauth mailauth;
    struct config_tls_reports tls_reports;
    struct config_events events;
    str metrics_file; /* empty: none */
    struct config_sasl sasl;
    struct config_secrets secrets;
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

/* The egress of that name; NULL: there is none. "default" is always there. */
const struct config_egress *config_egress_find(const struct config *, str name);
const struct config_egress_pool *config_egress_pool_find(const struct config *, str name);
bool config_egress_is_dedicated(const struct config_egress *);

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
