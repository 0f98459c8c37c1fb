#include "shaping/limits.h"
#include "base/mem.h"
#include "base/table.h"
#include <stdio.h>
#include <string.h>

#define DAY_NS (86400LL * 1000000000LL)

enum { ORIGINS_ARENA_BYTES_MAX = 8 << 20 };

const char *const shaping_limits_scope_names[SHAPING_SCOPES] = {"site",   "egress",   "sender",
                                                                "tenant", "campaign", "account"};
const char *const shaping_limits_key_names[SHAPING_KEYS] = {
    [SHAPING_CONNECTIONS] = "connections",
    [SHAPING_MESSAGES_PER_CONNECTION] = "messages_per_connection",
    [SHAPING_RECIPIENTS_PER_MESSAGE] = "recipients_per_message",
    [SHAPING_RATE] = "rate",
    [SHAPING_BURST] = "burst",
    [SHAPING_PER_MINUTE] = "per_minute",
    [SHAPING_PER_HOUR] = "per_hour",
    [SHAPING_PER_DAY] = "per_day",
    [SHAPING_RECIPIENTS_PER_DAY] = "recipients_per_day",
    [SHAPING_SPREAD] = "spread",
    [SHAPING_QUOTA_BURST] = "quota_burst",
};

struct rule {
    str key; /* "site google": scope and name */
    const char *origin;
    int64_t value[SHAPING_KEYS]; /* 0: not given, -1: none */
};

struct shaping_limits {
    const struct config *config;
    struct arena *arena;
    struct table rules;
    atomic_int holders;
};

static str rule_key(const void *object) { return ((const struct rule *)object)->key; }

static str make_key(const char *scope, str name, char *ret_chars, size_t size)
{
    int len = snprintf(ret_chars, size, "%s %.*s", scope, STR_ARG(name));
    return (str){ret_chars, len < 0 ? 0 : (size_t)len < size ? (size_t)len : size - 1};
}

enum { KEY_BYTES_MAX = 300 };

static const struct rule *find(const struct shaping_limits *limits, const char *scope, str name)
{
    char chars[KEY_BYTES_MAX];
    return name.len == 0 ? NULL
                         : table_find(&limits->rules, make_key(scope, name, chars, sizeof chars));
}

static void fill(struct rule *rule, const struct config_shaping_rule *from)
{
    const struct config_quota *quota = &from->quota;
    rule->value[SHAPING_CONNECTIONS] = from->connections;
    rule->value[SHAPING_MESSAGES_PER_CONNECTION] = from->messages_per_connection;
    rule->value[SHAPING_RECIPIENTS_PER_MESSAGE] = quota->recipients_per_message;
    rule->value[SHAPING_RATE] = from->rate;
    rule->value[SHAPING_BURST] = from->burst;
    rule->value[SHAPING_PER_MINUTE] = quota->per_minute;
    rule->value[SHAPING_PER_HOUR] = quota->per_hour;
    rule->value[SHAPING_PER_DAY] = quota->per_day;
    rule->value[SHAPING_RECIPIENTS_PER_DAY] = quota->recipients_per_day;
    rule->value[SHAPING_SPREAD] = quota->spread == QUOTA_SPREAD_NONE ? 1 + QUOTA_SPREAD_NONE : 0;
    rule->value[SHAPING_QUOTA_BURST] = quota->burst;
}

static struct rule *add_rule(struct shaping_limits *limits, const char *scope, str name,
                             const char *origin)
{
    char chars[KEY_BYTES_MAX];
    str key = make_key(scope, name, chars, sizeof chars);
    struct rule *rule = table_find(&limits->rules, key);
    if (rule)
        return rule;
    rule = ARENA_NEW(limits->arena, struct rule);
    rule->key = arena_str(limits->arena, key);
    rule->origin = origin;
    table_add(&limits->rules, rule);
    return rule;
}

static void add_rules(struct shaping_limits *limits, const char *scope, const char *where,
                      const struct config_shaping_rule *rules, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        str origin = arena_printf(limits->arena, "%s.%.*s", where, STR_ARG(rules[i].name));
        fill(add_rule(limits, scope, rules[i].name, arena_chars(limits->arena, origin)), &rules[i]);
    }
}

void shaping_limits_open(const struct config *config, struct shaping_limits **ret_limits)
{
    const struct config_shaping *s = &config->shaping;
    struct shaping_limits *limits = MEM_NEW(struct shaping_limits);
    limits->config = config_hold(config);
    limits->arena = arena_open(ORIGINS_ARENA_BYTES_MAX);
    limits->holders = 1;
    table_init(&limits->rules, rule_key);
    add_rules(limits, "site", "shaping.sites", s->sites, s->site_count);
    add_rules(limits, "egress", "shaping.egress", s->egress, s->egress_count);
    add_rules(limits, "sender", "shaping.senders", s->senders, s->sender_count);
    add_rules(limits, "tenant", "shaping.tenants", s->tenants, s->tenant_count);
    add_rules(limits, "campaign", "shaping.campaigns", s->campaigns, s->campaign_count);
    for (size_t i = 0; i < s->provider_count; i++) {
        str origin = arena_printf(limits->arena, "share/shaping.yaml: %.*s",
                                  STR_ARG(s->providers[i].limits.name));
        fill(add_rule(limits, "provider", s->providers[i].limits.name,
                      arena_chars(limits->arena, origin)),
             &s->providers[i].limits);
    }
    struct rule *last = add_rule(limits, "outbound", S("outbound"), "outbound");
    last->value[SHAPING_CONNECTIONS] = config->outbound.connections;
    last->value[SHAPING_MESSAGES_PER_CONNECTION] = config->outbound.messages_per_connection;
    *ret_limits = limits;
}

struct shaping_limits *shaping_limits_hold(const struct shaping_limits *limits)
{
    struct shaping_limits *held = (struct shaping_limits *)(uintptr_t)limits;
    if (held)
        atomic_fetch_add(&held->holders, 1);
    return held;
}

void shaping_limits_close(const struct shaping_limits *limits)
{
    struct shaping_limits *held = (struct shaping_limits *)(uintptr_t)limits;
    if (held == NULL || atomic_fetch_sub(&held->holders, 1) > 1)
        return;
    table_release(&held->rules);
    arena_close(held->arena);
    config_close(held->config);
    mem_free(held);
}

/* Key by key: the first rule that says something. */
static void resolve(const struct rule *const *rules, size_t count,
                    struct shaping_resolved *ret_resolved)
{
    *ret_resolved = (struct shaping_resolved){0};
    for (int key = 0; key < SHAPING_KEYS; key++)
        for (size_t i = 0; i < count; i++)
            if (rules[i] && rules[i]->value[key] != 0) {
                ret_resolved->value[key] = rules[i]->value[key] > 0 ? rules[i]->value[key] : 0;
                ret_resolved->origin[key] = rules[i]->origin;
                break;
            }
}

/* "via smtp://relay.example.net:587" is a hop of a route, and ruled by its host's name. */
static str host_of_hop(str site)
{
    str host, rest;
    size_t at = str_find(site, '/');
    if (!str_starts(site, S("via ")) || at == STR_NONE)
        return (str){0};
    str_split(str_from(site, at + 2), '/', &host, &rest);
    size_t port = str_find_last(host, ':');
    return port != STR_NONE && str_find(host, ']') == STR_NONE ? str_slice(host, 0, port) : host;
}

void shaping_limits_site(const struct shaping_limits *limits, str site, str provider,
                         struct shaping_resolved *ret_resolved)
{
    *ret_resolved = (struct shaping_resolved){0};
    if (limits == NULL)
        return;
    const struct rule *rules[] = {
        find(limits, "site", site),         find(limits, "site", host_of_hop(site)),
        find(limits, "site", provider),     find(limits, "provider", provider),
        find(limits, "site", S("default")), find(limits, "outbound", S("outbound")),
    };
    resolve(rules, ARRAY_LEN(rules), ret_resolved);
}

void shaping_limits_of(const struct shaping_limits *limits, enum shaping_scope scope, str name,
                       struct shaping_resolved *ret_resolved)
{
    *ret_resolved = (struct shaping_resolved){0};
    if (limits == NULL)
        return;
    const struct rule *rules[] = {
        find(limits, shaping_limits_scope_names[scope], name),
        find(limits, shaping_limits_scope_names[scope], S("default")),
    };
    resolve(rules, ARRAY_LEN(rules), ret_resolved);
}

struct config_quota shaping_limits_quota(const struct shaping_resolved *r)
{
    return (struct config_quota){
        .per_minute = (int)r->value[SHAPING_PER_MINUTE],
        .per_hour = (int)r->value[SHAPING_PER_HOUR],
        .per_day = (int)r->value[SHAPING_PER_DAY],
        .recipients_per_message = (int)r->value[SHAPING_RECIPIENTS_PER_MESSAGE],
        .recipients_per_day = (int)r->value[SHAPING_RECIPIENTS_PER_DAY],
        .spread = r->value[SHAPING_SPREAD] == 1 + QUOTA_SPREAD_NONE ? QUOTA_SPREAD_NONE
                                                                    : QUOTA_SPREAD_EVEN,
        .burst = (int)r->value[SHAPING_QUOTA_BURST],
    };
}

int64_t shaping_limits_interval_ns(const struct shaping_resolved *resolved)
{
    int64_t rate = resolved->value[SHAPING_RATE];
    return rate > 0 ? (DAY_NS + rate - 1) / rate : 0;
}
