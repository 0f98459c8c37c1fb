#include "config/schema.h"
#include "config/type.h"

#define KIB (1LL << 10)
#define MIB (1LL << 20)
#define GIB (1LL << 30)
#define SECOND 1000LL
#define MINUTE (60 * SECOND)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)

/* Many fields are pointers, and it is their own size that is meant: */
/* NOLINTBEGIN(bugprone-sizeof-expression) */

/* One row of a table: where in `of` the value stands and how it is read. */
#define VALUE(of, field, kind, key, ...)                                                           \
    {                                                                                              \
        .name = key, .shape = SHAPE_VALUE, .type = &config_type_##kind,                            \
        .offset = offsetof(struct of, field), .size = sizeof(((struct of *)0)->field), __VA_ARGS__ \
    }
#define VALUES(of, field, count, kind, key, ...)                                                   \
    {                                                                                              \
        .name = key, .shape = SHAPE_VALUES, .type = &config_type_##kind,                           \
        .offset = offsetof(struct of, field), .size = sizeof(((struct of *)0)->field),             \
        .count_offset = offsetof(struct of, count), .item_size = sizeof(*((struct of *)0)->field), \
        __VA_ARGS__                                                                                \
    }
#define ITEMS(of, form, field, count, key, items, ...)                                       \
    {                                                                                        \
        .name = key, .shape = form, .group = &items, .offset = offsetof(struct of, field),   \
        .size = sizeof(((struct of *)0)->field), .count_offset = offsetof(struct of, count), \
        __VA_ARGS__                                                                          \
    }
#define GROUP(key, keys)                                  \
    {                                                     \
        .name = key, .shape = SHAPE_GROUP, .group = &keys \
    }
#define BETWEEN(low, high) .least = low, .most = high

static const struct config_schema_choice roles[] = {
    {"mx",             ROLE_MX},
    {"submission",                ROLE_SUBMISSION},
    {"relay",ROLE_RELAY},
    {0         }
};
static const struct config_schema_choice listener_tls[] = {
    {"none",                 LISTENER_TLS_NONE},
    {"starttls",                      LISTENER_TLS_STARTTLS},
    {"required",LISTENER_TLS_REQUIRED},
    {"implicit",             LISTENER_TLS_IMPLICIT},
    {0                     }
};
static const struct config_schema_choice profiles[] = {
    {"modern",                  TLS_PROFILE_MODERN},
    {"intermediate",                         TLS_PROFILE_INTERMEDIATE},
    {"opportunistic",TLS_PROFILE_OPPORTUNISTIC},
    {0          }
};
static const struct config_schema_choice minimums[] = {
    {"TLSv1.2", false},
    {"TLSv1.3",         true},
    {0}
};
static const struct config_schema_choice recipients[] = {
    {"ask", RECIPIENTS_ASK},
    {0    }
};
static const struct config_schema_choice vias[] = {
    {"mx", ROUTE_MX},
    {0   }
};
static const struct config_schema_choice mechanisms[] = {
    {"PLAIN",         0},
    {"LOGIN",               0},
    {"SCRAM-SHA-256",0},
    {"SCRAM-SHA-256-PLUS", 0},
    {"CRAM-MD5",               0},
    {"OAUTHBEARER",              0},
    {"XOAUTH2",      0},
    {0              }
};
static const struct config_schema_choice dns_servers[] = {
    {"system",  DNS_SYSTEM},
    {"root",         DNS_ROOT},
    {0}
};
static const struct config_schema_choice validates[] = {
    {"auto",            DNS_VALIDATE_AUTO},
    {"yes",                 DNS_VALIDATE_YES},
    {"no",DNS_VALIDATE_NO},
    {0             }
};

static const struct config_schema_choice judgings[] = {
    {"none",        JUDGING_NONE},
    {"mark",             JUDGING_MARK},
    {"enforce",JUDGING_ENFORCE},
    {0    }
};
static const struct config_schema_choice dns_troubles[] = {
    {"accept",           DNS_TROUBLE_ACCEPT},
    {"defer",                  DNS_TROUBLE_DEFER},
    {0}
};

static const struct config_schema_choice reportings[] = {
    {"off",              REPORTING_OFF},
    {"dry-run",                  REPORTING_DRY_RUN},
    {"on",REPORTING_ON},
    {0              }
};

static const struct config_schema_key sni_keys[] = {
    VALUE(config_sni, certificate, path, "certificate", .required = true,
          .doc = "PEM file: the certificate and its chain."),
    VALUE(config_sni, key, path, "key", .required = true, .doc = "PEM file: its private key."),
};
static const struct config_schema_group sni = {
    .name = "tls.sni.NAME",
    .keys = sni_keys,
    .count = ARRAY_LEN(sni_keys),
    .size = sizeof(struct config_sni),
    .name_offset = offsetof(struct config_sni, name),
    .name_is_host = true,
    .doc = "The certificate for clients that ask for this server name."};

static const struct config_schema_key tls_keys[] = {
    VALUE(config, certificate, path, "certificate",
          .normal_told = "self-signed, made at the first start",
          .doc = "PEM file: the certificate and its chain."),
    VALUE(config, key, path, "key", .normal_told = "made with the certificate",
          .doc = "PEM file: the certificate's private key."),
    VALUE(config, tls_minimum_13, choice, "minimum", .choices = minimums, .normal = "TLSv1.2",
          .doc = "The oldest TLS version that is spoken."),
    VALUE(config, tls_profile, choice, "profile", .choices = profiles, .normal = "intermediate",
          .doc = "Which ciphers are offered; a listener may choose its own."),
    ITEMS(config, SHAPE_MAP, sni, sni_count, "sni", sni,
          .doc = "Further certificates, by the server name that a client asks for."),
};
static const struct config_schema_group tls = {
    .name = "tls", .keys = tls_keys, .count = ARRAY_LEN(tls_keys), .doc = "TLS of the listeners."};

static const struct config_schema_key listener_keys[] = {
    VALUE(config_listener, address, address, "address", .required = true,
          .doc = "Where to listen: 127.0.0.1:2525, \"[::]:25\" or unix:/path."),
    VALUE(config_listener, role, choice, "role", .choices = roles, .required = true,
          .doc = "mx: mail for our domains from anybody. submission: users who log in. "
                 "relay: hosts in relay.trusted."),
    VALUE(config_listener, tls, choice, "tls", .choices = listener_tls,
          .normal_told = "by role: mx starttls, submission required, relay none",
          .doc = "none; starttls: offered; required: before AUTH and MAIL; implicit: from the "
                 "first byte."),
    VALUE(config_listener, profile, choice, "profile", .choices = profiles,
          .normal_told = "by role: mx opportunistic, else tls.profile",
          .doc = "Which ciphers are offered."),
    VALUE(config_listener, expose, bool, "expose", .normal = "false",
          .doc = "A relay listener on a public or wildcard address is meant."),
    VALUE(config_listener, auth_on_loopback_without_tls, bool, "plain_login_on_loopback",
          .normal = "false", .doc = "Clients on this machine may log in without TLS."),
    VALUE(config_listener, proxy, bool, "proxy", .normal = "false",
          .doc = "A PROXY header is required from the networks in proxy.trusted."),
};
static const struct config_schema_group listeners = {
    .name = "listeners[]",
    .keys = listener_keys,
    .count = ARRAY_LEN(listener_keys),
    .size = sizeof(struct config_listener),
    .doc = "One address where the server listens; an empty list is a mistake."};

static const struct config_schema_key relay_keys[] = {
    VALUES(config, trusted, trusted_count, network, "trusted", .normal = "127.0.0.0/8 ::1/128",
           .doc = "Networks that may relay through relay listeners; public space at most a /16 "
                  "(IPv4) or a /32 (IPv6)."),
};
static const struct config_schema_group relay = {.name = "relay",
                                                 .keys = relay_keys,
                                                 .count = ARRAY_LEN(relay_keys),
                                                 .doc = "Who may relay without a login."};

static const struct config_schema_key proxy_keys[] = {
    VALUES(config, proxy_trusted, proxy_trusted_count, network, "trusted",
           .doc = "Networks whose PROXY header is believed; bounds as for relay.trusted."),
};
static const struct config_schema_group proxy = {.name = "proxy",
                                                 .keys = proxy_keys,
                                                 .count = ARRAY_LEN(proxy_keys),
                                                 .doc =
                                                     "Load balancers in front of the listeners."};

static const struct config_schema_key dkim_keys[] = {
    VALUE(config_dkim, selector, name, "selector", .required = true,
          .doc = "The key's name in the DNS: SELECTOR._domainkey.NAME."),
    VALUE(config_dkim, key, secret, "key", .required = true,
          .doc = "Where the private key is found, in PEM: file:/path, env:NAME or command:…"),
};
static const struct config_schema_group dkim = {
    .name = "domains.NAME.dkim[]",
    .keys = dkim_keys,
    .count = ARRAY_LEN(dkim_keys),
    .size = sizeof(struct config_dkim),
    .doc = "One key (RSA or Ed25519) that signs what is sent from the domain; at most 8, all of "
           "them sign. The keys of `smtptool domain add` need not be named here."};

static const struct config_schema_key domain_keys[] = {
    VALUE(config_domain, deliver, hop_ref, "deliver", .normal_told = "a sending domain only",
          .doc = "Where the domain's inbound mail goes."),
    VALUES(config_domain, recipient_list, recipient_count, recipient, "recipients",
           .choices = recipients, .word_offset = offsetof(struct config_domain, recipients),
           .word_list = RECIPIENTS_LIST, .word_file = RECIPIENTS_FILE,
           .file_offset = offsetof(struct config_domain, recipients_file), .normal = "ask",
           .doc = "Who exists: ask the next hop, a list, or file:/path with one address or local "
                  "part a line."),
    ITEMS(config_domain, SHAPE_LIST, dkim, dkim_count, "dkim", dkim,
          .normal_told = "the keys of `smtptool domain add`, if there are any",
          .doc = "The keys that sign mail from the domain."),
    VALUE(config_domain, judging, choice, "mailauth", .choices = judgings,
          .normal_told = "mailauth.policy",
          .doc = "For mail to this domain, as mailauth.policy. Recipients in domains that want "
                 "something else are told 452 4.5.3: they get the message in a transaction of "
                 "their own."),
};
static const struct config_schema_group domains = {.name = "domains.NAME",
                                                   .keys = domain_keys,
                                                   .count = ARRAY_LEN(domain_keys),
                                                   .size = sizeof(struct config_domain),
                                                   .name_offset =
                                                       offsetof(struct config_domain, name),
                                                   .name_is_host = true,
                                                   .doc = "One domain of ours."};

static const struct config_schema_key route_keys[] = {
    VALUE(config_route, name, name, "name", .normal_told = "its place: 1, 2, …",
          .doc = "What queue listings call it."),
    VALUE(config_route, to, pattern, "to", .required = true,
          .doc = "Which recipients: \"*\", example.com, \"*.example.com\", user@example.com."),
    VALUES(config_route, via, via_count, hop, "via", .choices = vias, .required = true,
           .word_offset = offsetof(struct config_route, kind), .word_list = ROUTE_VIA,
           .doc = "Servers, tried in order; or mx: the recipient's own."),
    VALUE(config_route, account, name, "account", .doc = "The login to use there, from accounts."),
};
static const struct config_schema_group routes = {
    .name = "routes[]",
    .keys = route_keys,
    .count = ARRAY_LEN(route_keys),
    .size = sizeof(struct config_route),
    .doc = "Where mail for elsewhere goes: the first match wins; no match: the recipient's MX. "
           "`routes: mx` alone stands for one route to \"*\" via mx."};

static const struct config_schema_key account_keys[] = {
    VALUE(config_account, user, text, "user", .required = true, .most = 320,
          .doc = "The login's name."),
    VALUE(config_account, secret, secret, "secret", .required = true,
          .doc = "Where its password or token is found: file:/path, env:NAME or command:…"),
    VALUE(config_account, mechanism, word, "mechanism", .choices = mechanisms,
          .normal_told = "the best that is offered", .doc = "How to log in."),
};
static const struct config_schema_group accounts = {
    .name = "accounts.NAME",
    .keys = account_keys,
    .count = ARRAY_LEN(account_keys),
    .size = sizeof(struct config_account),
    .name_offset = offsetof(struct config_account, name),
    .doc = "One login of ours at somebody else's server."};

static const struct config_schema_key retry_keys[] = {
    VALUE(config, retry.first_ms, duration, "first", BETWEEN(SECOND, DAY), .normal = "5m",
          .doc = "The wait after the first attempt."),
    VALUE(config, retry.factor, int, "factor", BETWEEN(1, 10), .normal = "2",
          .doc = "Each wait is this many times the one before."),
    VALUE(config, retry.longest_ms, duration, "longest", BETWEEN(SECOND, 7 * DAY), .normal = "4h",
          .doc = "No wait is longer."),
    VALUE(config, retry.give_up_ms, duration, "give_up", BETWEEN(MINUTE, 30 * DAY), .normal = "5d",
          .doc = "After this the message is returned."),
    VALUE(config, retry.warn_after_ms, duration, "warn_after", BETWEEN(MINUTE, 30 * DAY),
          .normal = "4h", .doc = "After this the sender is told of the delay, once."),
};
static const struct config_schema_group retry = {.name = "retry",
                                                 .keys = retry_keys,
                                                 .count = ARRAY_LEN(retry_keys),
                                                 .doc = "When a delivery is tried again."};

static const struct config_schema_key limits_keys[] = {
    VALUE(config, limits.message_bytes, size, "message", BETWEEN(KIB, 2 * GIB), .normal = "50MiB",
          .doc = "The largest message."),
    VALUE(config, limits.recipients, int, "recipients", BETWEEN(1, 10000), .normal = "1000",
          .doc = "Of one message."),
    VALUE(config, limits.connections, int, "connections", BETWEEN(1, 1000000), .normal = "10000",
          .doc = "At a time, all listeners together."),
    VALUE(config, limits.per_address, int, "per_address", BETWEEN(1, 1000000), .normal = "100",
          .doc = "Connections of one address at a time."),
    VALUE(
        config, limits.draft_memory_bytes, size, "draft_memory", BETWEEN(MIB, 1024 * GIB),
        .normal = "256MiB",
        .doc =
            "Memory for all messages that are being received, with their headers and what the DNS "
            "says of them; beyond it 452 4.3.1."),
    VALUE(config, limits.free_space_bytes, size, "free_space", BETWEEN(0, 1024 * GIB),
          .normal = "64MiB", .doc = "With less on the disk no mail is taken (452 4.3.1)."),
    VALUE(config, limits.messages_per_connection, int, "messages_per_connection",
          BETWEEN(0, 1000000), .normal = "1000", .unit = "0: no limit",
          .doc = "Then the connection is closed."),
    VALUE(config, limits.commands_per_message, int, "commands_per_message", BETWEEN(1, 100000),
          .normal = "100", .doc = "Commands that bring no message on: NOOP, RSET, VRFY, errors."),
    VALUE(config, limits.invalid_recipients, int, "invalid_recipients", BETWEEN(1, 10000),
          .normal = "20", .doc = "Refused recipients of one connection; then it is closed."),
    VALUE(config, limits.logins_failed_per_minute, int, "logins_failed_per_minute",
          BETWEEN(1, 10000), .normal = "20", .unit = "per minute",
          .doc = "Of one address, and of one account."),
    VALUE(config, limits.connect_rate_per_minute, int, "connect_rate_per_minute",
          BETWEEN(1, 1000000), .normal = "600", .unit = "per minute",
          .doc = "New connections of one address."),
    VALUE(config, limits.hops, int, "hops", BETWEEN(1, 1000), .normal = "100",
          .doc = "Received fields; more is a loop."),
    VALUE(config, limits.header_bytes, size, "header", BETWEEN(KIB, 64 * MIB), .normal = "1MiB",
          .doc = "The largest message header."),
    VALUE(config, limits.minimum_bytes_per_second, int, "minimum_bytes_per_second",
          BETWEEN(0, 1000000), .normal = "100", .unit = "bytes a second",
          .doc = "Of a body; a slower client is dropped."),
};
static const struct config_schema_group limits = {.name = "limits",
                                                  .keys = limits_keys,
                                                  .count = ARRAY_LEN(limits_keys),
                                                  .doc = "What clients may ask for."};

#define TIMEOUT(field, key, time, text) \
    VALUE(config, timeouts.field, duration, key, BETWEEN(100, HOUR), .normal = time, .doc = text)
static const struct config_schema_key timeouts_keys[] = {
    TIMEOUT(server_command_ms, "server_command", "5m", "We wait for a client's command."),
    TIMEOUT(server_data_ms, "server_data", "3m", "We wait for the next part of a body."),
    TIMEOUT(connect_ms, "connect", "10s", "We connect to one address."),
    TIMEOUT(greeting_ms, "greeting", "5m", "We wait for a server's greeting."),
    TIMEOUT(mail_ms, "mail", "5m", "…for the reply to MAIL."),
    TIMEOUT(rcpt_ms, "rcpt", "5m", "…for the reply to RCPT."),
    TIMEOUT(data_init_ms, "data_init", "2m", "…for the reply to DATA."),
    TIMEOUT(data_block_ms, "data_block", "3m", "…for a part of the body to be taken."),
    TIMEOUT(data_done_ms, "data_done", "10m", "…for the reply to the whole message."),
};
static const struct config_schema_group timeouts = {
    .name = "timeouts",
    .keys = timeouts_keys,
    .count = ARRAY_LEN(timeouts_keys),
    .doc = "How long the other side may be silent (RFC 5321 section 4.5.3.2)."};

static const struct config_schema_key outbound_keys[] = {
    VALUE(config, outbound.connections, int, "connections", BETWEEN(1, 1000), .normal = "20",
          .doc = "To one destination at a time."),
    VALUE(config, outbound.messages_per_connection, int, "messages_per_connection",
          BETWEEN(1, 100000), .normal = "100", .doc = "Then a new connection is made."),
    VALUE(config, outbound.idle_ms, duration, "idle", BETWEEN(0, 5 * MINUTE), .normal = "10s",
          .doc = "A connection is kept this long for the next message."),
    VALUE(config, outbound.mta_sts, bool, "mta_sts", .normal = "false",
          .doc = "Ask domains for their MTA-STS policies and hold to them (RFC 8461). Needs "
                 "libcurl."),
};
static const struct config_schema_group outbound = {.name = "outbound",
                                                    .keys = outbound_keys,
                                                    .count = ARRAY_LEN(outbound_keys),
                                                    .doc = "Connections to other servers."};

static const struct config_schema_key dns_keys[] = {
    VALUES(config, dns.list, dns.list_count, server, "servers", .choices = dns_servers,
           .word_offset = offsetof(struct config, dns.servers), .word_list = DNS_LIST,
           .normal = "system",
           .doc = "system: as /etc/resolv.conf says; root: ask from the root "
                  "down; or a list of addresses."),
    VALUE(config, dns.validate, choice, "validate", .choices = validates, .normal = "auto",
          .doc = "DNSSEC; auto: when the servers pass signatures on."),
    VALUE(config, dns.queries_per_message, int, "queries_per_message", BETWEEN(10, 10000),
          .normal = "100", .doc = "Then the rest counts as not found out."),
    VALUE(config, dns.timeout_ms, duration, "timeout", BETWEEN(100, 5 * MINUTE), .normal = "20s",
          .doc = "For one question."),
};
static const struct config_schema_group dns = {
    .name = "dns", .keys = dns_keys, .count = ARRAY_LEN(dns_keys), .doc = "The resolver."};

static const struct config_schema_key reports_keys[] = {
    VALUE(config, mailauth.reports.aggregate, choice, "aggregate", .choices = reportings,
          .normal = "off",
          .doc = "A report a day to each domain that asks for it (rua=). off: nothing is counted. "
                 "dry-run: what would be sent is written into reports/dry-run in state, and "
                 "nothing is sent. on: it is sent."),
    VALUE(config, mailauth.reports.failure, choice, "failure", .choices = reportings,
          .normal = "off",
          .doc = "A report at once on a message that fails, to domains that ask for it (ruf=): its "
                 "header, so other people's addresses and subjects. off, dry-run, on: as above."),
    VALUE(config, mailauth.reports.from, text, "from", .most = 320,
          .normal_told = "dmarc-reports@hostname",
          .doc =
              "From whom reports are. Its domain's own DMARC must pass, or nobody believes them; "
              "the envelope sender is always null, so none comes back."),
    VALUE(config, mailauth.reports.org, text, "org", .most = 200, .normal_told = "hostname",
          .doc = "Our name in reports."),
    VALUE(config, mailauth.reports.contact, text, "contact", .most = 500,
          .doc = "Whom else to ask about a report: a text or a URL."),
    VALUES(config, mailauth.reports.exclude, mailauth.reports.exclude_count, host, "exclude",
           .doc = "Domains that get no reports, with all below them."),
    VALUE(config, mailauth.reports.per_day, int, "per_day", BETWEEN(1, 100000), .normal = "1000",
          .doc = "Aggregate reports sent in one day (UTC), at most; the rest waits for the next."),
    VALUE(config, mailauth.reports.failures_per_hour, int, "failures_per_hour", BETWEEN(1, 1000),
          .normal = "10", .doc = "Failure reports to one domain in an hour, at most."),
};
static const struct config_schema_group reports = {
    .name = "mailauth.reports",
    .keys = reports_keys,
    .count = ARRAY_LEN(reports_keys),
    .doc = "What the owners of domains are told about mail in their name (DMARC)."};

static const struct config_schema_key mailauth_keys[] = {
    VALUE(config, mailauth.policy, choice, "policy", .choices = judgings, .normal = "mark",
          .doc = "none: no checks. mark: SPF, DKIM, DMARC and ARC are checked and written into "
                 "Authentication-Results. enforce: what fails DMARC is refused or marked for "
                 "quarantine, as its From domain asks."),
    VALUE(config, mailauth.dns_trouble, choice, "dns_trouble", .choices = dns_troubles,
          .normal = "accept",
          .doc = "With enforce, when the DNS cannot tell: accept, or defer (451 4.7.0)."),
    VALUE(config, mailauth.id, host, "id", .normal_told = "hostname",
          .doc = "The name in Authentication-Results; what comes from outside under it is taken "
                 "out."),
    VALUE(config, mailauth.received_spf, bool, "received_spf", .normal = "false",
          .doc = "Write Received-SPF as well."),
    VALUES(config, mailauth.sealers, mailauth.sealer_count, host, "sealers",
           .doc = "Domains whose ARC seal is believed when DMARC fails here and passed there, as "
                  "with mailing lists."),
    VALUE(config, mailauth.seal, host, "seal", .normal_told = "nothing is sealed",
          .doc = "A domain of ours that has an RSA key (`smtptool domain add`): mail that was "
                 "judged and goes on to another server by SMTP leaves with an ARC seal of that "
                 "domain."),
    GROUP("reports", reports),
};
static const struct config_schema_group mailauth = {
    .name = "mailauth",
    .keys = mailauth_keys,
    .count = ARRAY_LEN(mailauth_keys),
    .doc = "Who wrote it: mail that arrives on mx listeners from hosts that are not in "
           "relay.trusted."};

static const struct config_schema_key tls_reports_keys[] = {
    VALUE(config, tls_reports.send, choice, "send", .choices = reportings, .normal = "off",
          .doc = "A report a day to each domain that asks for it (_smtp._tls). off: nothing is "
                 "counted. dry-run: what would be sent is written into reports/dry-run in state, "
                 "and nothing is sent. on: it is sent."),
    VALUE(config, tls_reports.from, text, "from", .most = 320,
          .normal_told = "tls-reports@hostname",
          .doc = "From whom reports are. Its domain needs a signing key (`smtptool domain add`), "
                 "or nobody believes them; the envelope sender is always null."),
    VALUE(config, tls_reports.org, text, "org", .most = 200, .normal_told = "hostname",
          .doc = "Our name in reports."),
    VALUE(config, tls_reports.contact, text, "contact", .most = 500, .normal_told = "from",
          .doc = "Whom to ask about a report: an address."),
    VALUES(config, tls_reports.exclude, tls_reports.exclude_count, host, "exclude",
           .doc = "Domains that get no reports, with all below them."),
    VALUE(config, tls_reports.per_day, int, "per_day", BETWEEN(1, 100000), .normal = "1000",
          .doc = "Reports sent in one day (UTC), at most; the rest waits for the next."),
    VALUE(config, tls_reports.receive, text, "receive", .most = 320, .normal_told = "none is kept",
          .doc = "Mail to this address, the rua of our own domains, is also kept in reports/tls in "
                 "state, for `smtptool tls-reports read`."),
};
static const struct config_schema_group tls_reports = {
    .name = "tls_reports",
    .keys = tls_reports_keys,
    .count = ARRAY_LEN(tls_reports_keys),
    .doc = "What the owners of domains are told about TLS on the way to them (RFC 8460)."};

static const struct config_schema_key events_keys[] = {
    VALUE(config, events.to, sink, "to", .most = 4000,
          .normal_told = "events/events.jsonl in state",
          .doc = "stderr, none, or a file's path. The server may change all that lies in the "
                 "file's folder, so that may not be the state folder, nor one above it: the "
                 "passwords are there. A folder below state is made; any other must be there and "
                 "belong to user."),
    VALUE(config, events.rotate_bytes, size, "rotate", BETWEEN(0, 1024 * GIB), .normal = "64MiB",
          .unit = "0B: never, else at least 1MiB",
          .doc = "Before the file grows beyond this it becomes FILE.1, FILE.1 becomes FILE.2 and "
                 "so on. A program that rotates it from outside, like logrotate, does as well."),
    VALUE(config, events.keep, int, "keep", BETWEEN(1, 900), .normal = "8",
          .doc = "Old files; with one more the oldest is removed."),
};
static const struct config_schema_group events = {
    .name = "events",
    .keys = events_keys,
    .count = ARRAY_LEN(events_keys),
    .doc = "What happens to each message, as lines of JSON."};

static const struct config_schema_key sasl_keys[] = {
    VALUE(config, sasl.cram_md5, bool, "cram_md5", .normal = "false",
          .doc = "Offer CRAM-MD5; it needs the password itself to be stored."),
};
static const struct config_schema_group sasl = {
    .name = "sasl", .keys = sasl_keys, .count = ARRAY_LEN(sasl_keys), .doc = "How users log in."};

static const struct config_schema_key root_keys[] = {
    VALUE(config, hostname, host, "hostname", .normal_told = "the machine's full name",
          .doc = "Our name in EHLO, greetings and Received."),
    VALUE(config, state, path, "state", .most = 4000,
          .normal_told = "$XDG_STATE_HOME/smtptool, else ~/.local/state/smtptool",
          .doc = "The folder for spool, database and keys."),
    VALUE(config, user, name, "user", .normal_told = "stay who we are",
          .doc = "The user to become after binding, when started as root."),
    VALUE(config, workers, int, "workers", BETWEEN(0, 256), .normal = "0",
          .unit = "0: one for each core", .doc = "Threads that carry connections."),
    VALUE(config, admin_socket, path, "admin_socket", .most = 4000,
          .normal_told = "admin.sock in state", .doc = "Where `smtptool queue` asks the server."),
    GROUP("tls", tls),
    ITEMS(config, SHAPE_LIST, listeners, listener_count, "listeners", listeners,
          .normal_told = "127.0.0.1:2525 submission and 127.0.0.1:2526 relay",
          .doc = "Where the server listens."),
    GROUP("relay", relay),
    GROUP("proxy", proxy),
    ITEMS(config, SHAPE_MAP, domains, domain_count, "domains", domains, .doc = "Our domains."),
    ITEMS(config, SHAPE_LIST, routes, route_count, "routes", routes, .choices = vias,
          .normal_told = "none: mail for elsewhere waits", .doc = "Where mail for elsewhere goes."),
    ITEMS(config, SHAPE_MAP, accounts, account_count, "accounts", accounts,
          .doc = "Our logins at other servers."),
    GROUP("retry", retry),
    GROUP("limits", limits),
    GROUP("timeouts", timeouts),
    GROUP("outbound", outbound),
    GROUP("dns", dns),
    GROUP("mailauth", mailauth),
    GROUP("tls_reports", tls_reports),
    GROUP("events", events),
    GROUP("sasl", sasl),
};
const struct config_schema_group config_schema_root = {
    .name = "", .keys = root_keys, .count = ARRAY_LEN(root_keys), .doc = "The whole file."};

const struct config_schema_key *config_schema_find(const struct config_schema_group *group,
                                                   str name)
{
    for (size_t i = 0; i < group->count; i++)
        if (str_eq(str_of(group->keys[i].name), name))
            return &group->keys[i];
    return NULL;
}

const struct config_schema_choice *config_schema_choose(const struct config_schema_choice *choices,
                                                        str name)
{
    for (; choices->name; choices++)
        if (str_eq(str_of(choices->name), name))
            return choices;
    return NULL;
}

const char *config_schema_choice_name(const struct config_schema_choice *choices, int value)
{
    for (; choices->name; choices++)
        if (choices->value == value)
            return choices->name;
    return "";
}
/* NOLINTEND(bugprone-sizeof-expression) */
