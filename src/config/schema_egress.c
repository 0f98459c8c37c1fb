#include "config/schema_row.h"

/* Many fields are pointers, and it is their own size that is meant: */
/* NOLINTBEGIN(bugprone-sizeof-expression) */

static const struct config_schema_choice on_listeds[] = {
    {"pause",          ON_LISTED_PAUSE},
    {"alert",                ON_LISTED_ALERT},
    {0},
};
const struct config_schema_choice config_schema_overflows[] = {
    {"wait",         OVERFLOW_WAIT},
    {"next",              OVERFLOW_NEXT},
    {0},
};
static const struct config_schema_key dedicated_keys[] = {
    VALUES(config_egress, tenants, tenant_count, name, "tenants",
           .doc = "Mail of one of these tenants."),
    VALUES(config_egress, streams, stream_count, name, "streams",
           .doc = "Mail of one of these streams."),
    VALUES(config_egress, senders, sender_count, host, "senders",
           .doc = "Mail whose envelope sender is in one of these domains."),
};
static const struct config_schema_group dedicated = {
    .name = "egress.NAME.dedicated_to",
    .keys = dedicated_keys,
    .count = ARRAY_LEN(dedicated_keys),
    .doc = "Whose alone it is: mail that fits every list given here. Such mail leaves by nothing "
           "else on routes via mx and on routes that name an egress, and no other mail leaves by "
           "it. The narrower dedication wins: two lists before one."};

static const struct config_schema_key egress_keys[] = {
    VALUES(config_egress, addresses, address_count, ip, "address",
           .doc = "One IPv4 address, one IPv6 address, or both. With one alone only hosts that "
                  "have an address of its kind are tried. With via: what the world sees."),
    VALUE(config_egress, hello, host, "hello", .normal_told = "hostname",
          .doc = "The name in EHLO; the name in the DNS of each address should be the same."),
    VALUE(config_egress, via, proxy_ref, "via", .normal_told = "no proxy",
          .doc = "A SOCKS5 proxy, or one that takes a PROXY v2 header (proxy://) and connects "
                 "from the address named there."),
    VALUE(config_egress, account, name, "account",
          .doc = "The login at the SOCKS5 proxy, from accounts. It travels in clear, so the proxy "
                 "must have a loopback or private address."),
    GROUP("dedicated_to", dedicated),
    VALUE(config_egress, on_listed, choice, "on_listed", .choices = on_listeds, .normal = "pause",
          .doc = "When an address is on a block list or its name in the DNS no longer agrees. "
                 "pause: it is taken out until two checks in a row are clean. alert: only an "
                 "event tells of it."),
};
const struct config_schema_group config_schema_egress = {
    .name = "egress.NAME",
    .keys = egress_keys,
    .count = ARRAY_LEN(egress_keys),
    .size = sizeof(struct config_egress),
    .name_offset = offsetof(struct config_egress, name),
    .doc = "Addresses of ours that mail leaves by. The one called default is for all mail that "
           "nothing else is said of; without it the system chooses the address."};

static const struct config_schema_key member_keys[] = {
    VALUE(config_egress_member, weight, int, "weight", BETWEEN(0, CONFIG_EGRESS_WEIGHT_MAX),
          .normal = "1", .doc = "Its share of the mail, against the others'; 0: nothing new."),
};
static const struct config_schema_group members = {
    .name = "egress_pools.NAME.members.EGRESS",
    .keys = member_keys,
    .count = ARRAY_LEN(member_keys),
    .size = sizeof(struct config_egress_member),
    .name_offset = offsetof(struct config_egress_member, egress),
    .lone = "weight",
    .doc = "One egress of the pool. `EGRESS: 3` alone is its weight."};

static const struct config_schema_key pool_keys[] = {
    ITEMS(config_egress_pool, SHAPE_MAP, members, member_count, "members", members,
          .doc = "Up to 15 names from egress, each with its weight."),
    VALUE(config_egress_pool, overflow, choice, "overflow", .choices = config_schema_overflows,
          .normal = "wait",
          .doc = "When the egress whose turn it is has reached a limit: wait for it, or take the "
                 "next."),
};
const struct config_schema_group config_schema_egress_pools = {
    .name = "egress_pools.NAME",
    .keys = pool_keys,
    .count = ARRAY_LEN(pool_keys),
    .size = sizeof(struct config_egress_pool),
    .name_offset = offsetof(struct config_egress_pool, name),
    .doc = "Egresses that share mail. A message stays with the one that it left by first, as long "
           "as that one can be used."};

static const struct config_schema_key egress_watch_keys[] = {
    VALUES(config, egress_watch.dnsbl, egress_watch.dnsbl_count, host, "dnsbl",
           .doc = "Block lists in the DNS that are asked for each public address of an egress."),
    VALUE(config, egress_watch.every_ms, duration, "every", BETWEEN(10 * MINUTE, 7 * DAY),
          .normal = "6h",
          .doc = "How often they are asked. The addresses' names in the DNS are looked at with "
                 "them, without lists daily; for an egress that is out, hourly or sooner."),
};
const struct config_schema_group config_schema_egress_watch = {
    .name = "egress_watch",
    .keys = egress_watch_keys,
    .count = ARRAY_LEN(egress_watch_keys),
    .doc = "What is found out about our own addresses while the server runs."};

/* NOLINTEND(bugprone-sizeof-expression) */
