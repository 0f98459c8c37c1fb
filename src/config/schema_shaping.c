#include "config/schema_row.h"

/* Many fields are pointers, and it is their own size that is meant: */
/* NOLINTBEGIN(bugprone-sizeof-expression) */

static const struct config_schema_choice spreads[] = {
    {"even",             QUOTA_SPREAD_EVEN},
    {"none",                  QUOTA_SPREAD_NONE},
    {0}
};

#define CAP(field, key, text) \
    VALUE(config_shaping_rule, field, cap, key, BETWEEN(1, 1000000000), .doc = text)
static const struct config_schema_key shaping_rule_keys[] = {
    CAP(connections, "connections", "At a time."),
    CAP(messages_per_connection, "messages_per_connection",
        "Then a new connection is made. Of sites only."),
    VALUE(config_shaping_rule, rate, rate, "rate",
          .doc = "Messages, paced evenly: 20/s, 300/m, 1000/h, 5000/d."),
    CAP(burst, "burst", "So many may go at once before pacing begins; else one."),
    CAP(quota.per_minute, "per_minute", "Messages in any minute."),
    CAP(quota.per_hour, "per_hour",
        "Messages in any hour; at most a quarter of them in any 15 minutes."),
    CAP(quota.per_day, "per_day", "Messages in any 24 hours; at most a quarter of them in any 6."),
    CAP(quota.recipients_per_message, "recipients_per_message", "In one transaction."),
    CAP(quota.recipients_per_day, "recipients_per_day", "In any 24 hours, spread as per_day."),
    VALUE(config_shaping_rule, quota.spread, choice, "spread", .choices = spreads, .normal = "even",
          .doc =
              "even: a quarter of the time has a quarter of the quota. none: all of it may go at "
              "once."),
    CAP(quota.burst, "quota_burst", "A quarter of the time may have so many, if that is more."),
};
#undef CAP

#define RULES(label, key, hosts, text)                             \
    static const struct config_schema_group label = {              \
        .name = "shaping." key ".NAME",                            \
        .keys = shaping_rule_keys,                                 \
        .count = ARRAY_LEN(shaping_rule_keys),                     \
        .size = sizeof(struct config_shaping_rule),                \
        .name_offset = offsetof(struct config_shaping_rule, name), \
        .name_is_host = hosts,                                     \
        .doc = text}
RULES(shaping_sites, "sites", false,
      "A site by its name or its provider's (docs/shaping.md), from each egress alone; default: "
      "those without a rule of their own.");
RULES(shaping_egress, "egress", false,
      "All that leaves by one egress; default: each without a rule of its own.");
RULES(shaping_senders, "senders", true,
      "All mail from one domain of ours; default: each without a rule of its own.");
RULES(shaping_tenants, "tenants", false,
      "All mail of one tenant; default: each without a rule of its own.");
RULES(shaping_campaigns, "campaigns", false,
      "All mail of the campaign of this name, for each tenant alone; default: each without a rule "
      "of its own.");
#undef RULES

const struct config_schema_group *const config_schema_shaping_rule = &shaping_sites;

static const struct config_schema_key shaping_keys[] = {
    ITEMS(config, SHAPE_MAP, shaping.sites, shaping.site_count, "sites", shaping_sites,
          .doc = "Limits of sites: providers, and servers that are no provider's."),
    ITEMS(config, SHAPE_MAP, shaping.egress, shaping.egress_count, "egress", shaping_egress,
          .doc = "Limits of our own addresses."),
    ITEMS(config, SHAPE_MAP, shaping.senders, shaping.sender_count, "senders", shaping_senders,
          .doc = "Limits of sending domains."),
    ITEMS(config, SHAPE_MAP, shaping.tenants, shaping.tenant_count, "tenants", shaping_tenants,
          .doc = "Limits of tenants."),
    ITEMS(config, SHAPE_MAP, shaping.campaigns, shaping.campaign_count, "campaigns",
          shaping_campaigns, .doc = "Limits of campaigns."),
};
const struct config_schema_group config_schema_shaping = {
    .name = "shaping",
    .keys = shaping_keys,
    .count = ARRAY_LEN(shaping_keys),
    .doc = "How much may go where, and how fast (docs/shaping.md)."};

/* NOLINTEND(bugprone-sizeof-expression) */
