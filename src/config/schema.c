#include "config/schema_row.h"

/* Many fields are pointers, and it is their own size that is meant: */
/* NOLINTBEGIN(bugprone-sizeof-expression) */

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
static const struct config_schema_choice from_policies[] = {
    {"off",             FROM_POLICY_OFF},
    {"warn",                 FROM_POLICY_WARN},
    {"rewrite",FROM_POLICY_REWRITE},
    {"refuse",         FROM_POLICY_REFUSE},
    {0                }
};
static const struct config_schema_choice spreads[] = {
    {"even",             QUOTA_SPREAD_EVEN},
    {"none",                  QUOTA_SPREAD_NONE},
    {0}
};
static const struct config_schema_choice mechanisms[] = {
    {"PLAIN",         0},
    {"LOGIN",               0},
    {"SCRAM-SHA-256",0},
    {"SCRAM-SHA-256-PLUS", 0},
    {"SCRAM-SHA-1",               0},
    {"SCRAM-SHA-1-PLUS",              0},
    {"CRAM-MD5",   0},
    {"OAUTHBEARER",               0},
    {"XOAUTH2", 0},
    {0     }
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

static const struct config_schema_choice switches[] = {
    {"on",   true},
    {"off",      false},
    {0}
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
          .doc = "Where the private key is found, in PEM: file:/path, env:NAME, command:… or what "
                 "else docs/secrets.md names."),
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
    VALUES(config_route, via, via_count, way, "via", .choices = vias, .required = true,
           .word_offset = offsetof(struct config_route, kind), .word_list = ROUTE_VIA,
           .doc = "What is tried, in order: servers' URLs, or account:NAME for the servers of an "
                  "account, each with its own login; or mx: the recipient's own. At most 15."),
    VALUE(config_route, account, name, "account",
          .doc = "The login to use at the URLs in via, from accounts."),
    VALUE(config_route, egress, name, "egress", .normal_told = "default",
          .doc = "By which of our addresses it leaves: a name from egress or from egress_pools."),
};
static const struct config_schema_group routes = {
    .name = "routes[]",
    .keys = route_keys,
    .count = ARRAY_LEN(route_keys),
    .size = sizeof(struct config_route),
    .doc = "Where mail for elsewhere goes: the first match wins; no match: the recipient's MX. "
           "`routes: mx` alone stands for one route to \"*\" via mx."};

#define QUOTA(field, text)                                                                 \
    VALUE(config_account, quota.field, int, #field, BETWEEN(0, 2000000000), .normal = "0", \
          .normal_told = "of the preset", .unit = "0: no limit", .doc = text)
static const struct config_schema_key quota_keys[] = {
    QUOTA(per_minute, "Messages in a minute."),
    QUOTA(per_hour, "Messages in an hour."),
    QUOTA(per_day, "Messages in a day."),
    QUOTA(recipients_per_message, "Recipients of one message."),
    QUOTA(recipients_per_day, "Recipients in a day, all messages together."),
    VALUE(config_account, quota.spread, choice, "spread", .choices = spreads, .normal = "even",
          .doc = "even: a quarter of an hour has no more than a quarter of an hour's quota. none: "
                 "the quota may be used up at once."),
    VALUE(config_account, quota.burst, int, "burst", BETWEEN(0, 2000000000), .normal = "0",
          .doc = "So many messages may go at once before they are spread."),
};
static const struct config_schema_group quota = {
    .name = "accounts.NAME.quota",
    .keys = quota_keys,
    .count = ARRAY_LEN(quota_keys),
    .doc = "How much may be sent through the account, where that differs from its preset."};

static const struct config_schema_key account_keys[] = {
    VALUE(config_account, user, text, "user", .most = 320,
          .normal_told = "needed wherever there is a login", .doc = "The login's name."),
    VALUE(config_account, secret, secret, "secret",
          .normal_told = "needed wherever there is a login",
          .doc = "Where its password or token is found: file:/path, env:NAME, command:… or what "
                 "else docs/secrets.md names."),
    VALUE(config_account, oauth, name, "oauth",
          .doc = "In place of secret: a login by token, made with `smtptool oauth login NAME "
                 "--server`; its tokens are renewed by themselves."),
    VALUE(config_account, mechanism, word, "mechanism", .choices = mechanisms,
          .normal_told = "the best that is offered", .doc = "How to log in."),
    VALUE(config_account, preset, name, "preset",
          .doc = "The provider, for its servers, quotas and rules: `smtptool preset ls` and "
                 "docs/presets.md."),
    VALUE(config_account, licence, name, "licence", .normal_told = "the preset's first",
          .doc = "What was bought there: it decides the quotas."),
    VALUE(config_account, host, host, "host",
          .doc = "The server's name, for presets that leave it to you."),
    VALUES(config_account, servers, server_count, hop, "servers", .normal_told = "the preset's",
           .doc = "Where the account is, in the order to try: URLs as in a route's via."),
    VALUES(config_account, aliases, alias_count, pattern, "aliases",
           .doc = "What else the account may have in From: addresses, domains, \"*.domain\"."),
    VALUE(
        config_account, return_path, text, "return_path", .most = 320, .normal_told = "the author",
        .doc = "Where what `smtptool send --account` sent comes back when it cannot be delivered: "
               "the envelope sender."),
    VALUE(config_account, from_policy, choice, "from_policy", .choices = from_policies,
          .normal_told = "warn where the preset rewrites, refuses or verifies From, else off",
          .doc = "When From is neither user nor in aliases: refuse: the mail comes back with the "
                 "provider's rule. rewrite: From becomes the account and Reply-To the old From, "
                 "before it is signed. warn: it is told once for each sender."),
    GROUP("quota", quota),
};
static const struct config_schema_group accounts = {
    .name = "accounts.NAME",
    .keys = account_keys,
    .count = ARRAY_LEN(account_keys),
    .size = sizeof(struct config_account),
    .name_offset = offsetof(struct config_account, name),
    .doc = "One login of ours at somebody else's server."};

static const struct config_schema_key tenant_keys[] = {
    VALUES(config_tenant, logins, login_count, text, "logins", .most = 320,
           .doc = "Who logs in as one of these is this tenant."),
    VALUES(config_tenant, networks, network_count, network, "networks",
           .doc = "Relay clients in these networks are this tenant; they need relay.trusted as "
                  "well."),
    VALUES(config_tenant, senders, sender_count, host, "senders",
           .doc = "Domains of envelope senders; looked at when neither login nor network decide."),
};
static const struct config_schema_group tenants = {
    .name = "tenants.NAME",
    .keys = tenant_keys,
    .count = ARRAY_LEN(tenant_keys),
    .size = sizeof(struct config_tenant),
    .name_offset = offsetof(struct config_tenant, name),
    .doc = "One whose mail is told apart from that of others."};

static const struct config_schema_key suppression_keys[] = {
    VALUE(config, suppression.on, bool, "on", .normal = "true",
          .doc = "false: nothing is refused for it and nothing is added by itself; the list is "
                 "kept."),
    VALUE(config, suppression.hard_bounce_ms, duration, "hard_bounce", BETWEEN(0, 3650 * DAY),
          .normal = "180d", .unit = "0s: for ever",
          .doc = "How long an address stays that does not exist."),
    VALUE(config, suppression.complaint_ms, duration, "complaint", BETWEEN(0, 3650 * DAY),
          .normal = "0s", .unit = "0s: for ever", .doc = "…that complained of spam."),
    VALUE(config, suppression.unsubscribe_ms, duration, "unsubscribe", BETWEEN(0, 3650 * DAY),
          .normal = "0s", .unit = "0s: for ever", .doc = "…that wants no more mail of a stream."),
    VALUE(config, suppression.manual_ms, duration, "manual", BETWEEN(0, 3650 * DAY), .normal = "0s",
          .unit = "0s: for ever", .doc = "…that the operator named, unless he said for how long."),
    VALUE(config, suppression.again, int, "again", BETWEEN(2, 100), .normal = "3",
          .doc = "Refusals for good that do not prove that the address is gone (a mailbox switched "
                 "off, unknown only behind the content) add it when so many messages met them "
                 "within 30 days and none arrived between."),
};
static const struct config_schema_group suppression = {
    .name = "suppression",
    .keys = suppression_keys,
    .count = ARRAY_LEN(suppression_keys),
    .doc = "Addresses that nothing is sent to any more: `smtptool suppress`."};

static const struct config_schema_key bounces_keys[] = {
    VALUE(config, bounces.domain, host, "domain", .normal_told = "no return path of ours",
          .doc = "What bounces come back to: a domain whose MX is an mx listener of ours. It needs "
                 "no entry in domains."),
    VALUE(config, bounces.verp, choice, "verp", .choices = switches, .normal = "on",
          .doc = "With a domain: mail for elsewhere leaves with a signed return path for each "
                 "recipient, so a bounce names its message and nobody can make one up."),
    VALUE(config, bounces.forward, bool, "forward", .normal = "true",
          .doc = "What came back is also sent to the sender of the message that it is about."),
    VALUES(config, bounces.complaints, bounces.complaint_count, recipient, "complaints",
           .doc = "Addresses that feedback loops send their reports to (ARF, RFC 5965), at any "
                  "domain whose MX we are. A report counts when it holds a return path of ours."),
    VALUE(config, bounces.keep_ms, duration, "keep", BETWEEN(DAY, 90 * DAY), .normal = "10d",
          .doc = "How long after a message its bounces and complaints are believed."),
    VALUE(config, bounces.alert_per_hour, int, "alert", BETWEEN(1, 1000000), .normal = "50",
          .unit = "per hour",
          .doc = "So many bounces, to one domain, of mail that we never sent raise an event."),
    VALUE(config, bounces.feedback_id, name, "feedback_id", .most = 15,
          .normal_told = "letters and digits of hostname, the first 15",
          .doc = "The sender's name at the end of Feedback-ID, which mail with a tenant, stream or "
                 "campaign gets: 5 to 15 characters."),
};
static const struct config_schema_group bounces = {
    .name = "bounces",
    .keys = bounces_keys,
    .count = ARRAY_LEN(bounces_keys),
    .doc = "Bounces and complaints about mail that we sent."};
#define WAITS(class, key, time, text)                                                  \
    VALUES(config, retry.classes[class].ms, retry.classes[class].count, duration, key, \
           BETWEEN(SECOND, 7 * DAY), .normal = time, .doc = text)
static const struct config_schema_key retry_classes_keys[] = {
    WAITS(RETRY_GREYLIST, "greylist", "15m 30m 1h",
          "Who is unknown there has to wait, commonly from 1 to 15 minutes."),
    WAITS(RETRY_RATE, "rate", "10m 20m 40m 1h",
          "Too much or too fast: limits are counted by the minute or the hour, seldom by the day."),
    WAITS(RETRY_MAILBOX_FULL, "mailbox_full", "1h 2h 4h 8h",
          "A person has to make room: asking more often only costs both sides."),
    WAITS(RETRY_NETWORK, "network", "", "No connection, or no answer from the DNS."),
    WAITS(RETRY_BLOCKED, "blocked", "30m 1h 2h 4h",
          "Our address, our domain or the content is not liked for now: who insists is not liked "
          "for longer."),
};
static const struct config_schema_group retry_classes = {
    .name = "retry.classes",
    .keys = retry_classes_keys,
    .count = ARRAY_LEN(retry_classes_keys),
    .doc = "The waits after each attempt, by what the refusal means (docs/outcomes.md); the last "
           "one is repeated. An empty list, and what has none: as `first`, `factor` and `longest` "
           "say. A time that the server names is kept to: 30 s at least, `longest` at most."};

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
    GROUP("classes", retry_classes),
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
    VALUE(config, limits.priority, int, "priority", BETWEEN(0, 9), .normal = "9",
          .doc = "The highest MT-PRIORITY (RFC 6710) for those who log in or are in relay.trusted; "
                 "others get 0 at most. What asks for more is taken with this."),
    VALUE(config, limits.hold_ms, duration, "hold", BETWEEN(0, 366 * DAY), .normal = "30d",
          .unit = "0s: not offered",
          .doc = "The longest that submitted mail may ask to be held (FUTURERELEASE, RFC 4865)."),
    VALUE(config, limits.once_window_ms, duration, "once_window", BETWEEN(0, 30 * DAY),
          .normal = "3d", .unit = "0s: not offered",
          .doc = "How long the keys of accepted mail are kept (XONCE, docs/bulk.md), so that who "
                 "did not hear our answer may send again. Read at start only."),
    VALUE(config, limits.once_keys, int, "once_keys", BETWEEN(1000, 100000000), .normal = "2000000",
          .doc = "With so many keys no new one is taken; each takes up to 36 bytes of memory and "
                 "32 of the disk. Read at start only."),
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
    VALUE(config, outbound.transcripts_ms, duration, "transcripts", BETWEEN(0, 90 * DAY),
          .normal = "7d", .unit = "0s: off",
          .doc = "What was said in an attempt that failed is kept this long, without logins and "
                 "contents, for `smtptool trace ID --transcript`."),
    VALUE(config, outbound.transcript_bytes, size, "transcript_bytes", BETWEEN(MIB, 1024 * GIB),
          .normal = "256MiB", .doc = "All of that together; with more the oldest go."),
    VALUE(config, outbound.mta_sts, bool, "mta_sts", .normal = "false",
          .doc = "Ask domains for their MTA-STS policies and hold to them (RFC 8461). Needs "
                 "libcurl."),
    VALUE(config, outbound.port_25_test, bool, "port_25_test", .normal = "true",
          .doc = "Find out at start whether outbound port 25 is blocked, where mail goes by MX: "
                 "connect to a host of each of five large providers, and say nothing."),
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
    GROUP("reports", config_schema_reports),
};
static const struct config_schema_group mailauth = {
    .name = "mailauth",
    .keys = mailauth_keys,
    .count = ARRAY_LEN(mailauth_keys),
    .doc = "Who wrote it: mail that arrives on mx listeners from hosts that are not in "
           "relay.trusted."};

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

static const struct config_schema_key metrics_keys[] = {
    VALUE(config, metrics_file, path, "file", .most = 4000, .normal_told = "none is written",
          .doc = "Written every 15 seconds, as Prometheus reads it: for the textfile collector of "
                 "node_exporter it ends in .prom. Its folder is there, the server's user may write "
                 "in it, and it is one of its own, as for events.to."),
};
static const struct config_schema_group metrics = {.name = "metrics",
                                                   .keys = metrics_keys,
                                                   .count = ARRAY_LEN(metrics_keys),
                                                   .doc = "Figures of the running server."};

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
    VALUE(config, share, path, "share", .most = 4000, .normal_told = "share in state",
          .doc = "The folder of your own files over the data that ships (`share/*.yaml`): an entry "
                 "of the same name replaces ours, others are added; in lists yours come first. A "
                 "server that runs sees the folder only when it was there at its start."),
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
    VALUE(config, default_account, name, "default_account",
          .doc = "The account that `smtptool send` takes when it is told no other way."),
    ITEMS(config, SHAPE_MAP, egress, egress_count, "egress", config_schema_egress,
          .normal_told = "the system chooses", .doc = "The addresses that mail leaves by."),
    ITEMS(config, SHAPE_MAP, egress_pools, egress_pool_count, "egress_pools",
          config_schema_egress_pools, .doc = "Several of them, by weight."),
    GROUP("egress_watch", config_schema_egress_watch),
    ITEMS(config, SHAPE_MAP, tenants, tenant_count, "tenants", tenants,
          .doc = "Whose mail this is, beside its sender."),
    GROUP("suppression", suppression),
    GROUP("bounces", bounces),
    ITEMS(config, SHAPE_MAP, warmup, warmup_count, "warmup", config_schema_warmup,
          .normal_told = "every egress sends as much as it likes",
          .doc = "Egresses that begin with little mail."),
    GROUP("retry", retry),
    GROUP("limits", limits),
    GROUP("timeouts", timeouts),
    GROUP("outbound", outbound),
    GROUP("shaping", config_schema_shaping),
    GROUP("dns", dns),
    GROUP("mailauth", mailauth),
    GROUP("tls_reports", config_schema_tls_reports),
    GROUP("events", events),
    GROUP("metrics", metrics),
    GROUP("sasl", sasl),
    GROUP("secrets", config_schema_secrets),
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
