/* config/account.c -- what an account has from its preset, and what routes have from accounts */
#include "config/preset.h"
#include "config/source.h"
#include "config/suggest.h"

/* A value was understood and names nothing that there is. */
static void complain_name(struct config_source *source, const void *field,
                          const struct config_suggest *near, str message)
{
    const struct config_yaml_node *node = config_source_find(source, field);
    config_errors_add(source->errors,
                      &(struct config_error){
                          .file = source->name,
                          .line = node ? node->line : 0,
                          .col = node ? node->col : 0,
                          .key = node ? config_yaml_path(node, source->scratch) : (str){0},
                          .message = message,
                          .suggestion = near->best,
                      });
}

/* ---- presets ------------------------------------------------------------------------------- */

static const struct config_preset *find_preset(struct config_source *source,
                                               const struct config_presets *presets,
                                               const struct config_account *account)
{
    struct config_suggest near;
    const struct config_preset *preset = config_presets_find(presets, account->preset);
    config_suggest_init(&near, account->preset);
    for (size_t i = 0; i < presets->count; i++)
        config_suggest_offer(&near, presets->list[i].key);
    if (preset && preset->unavailable.len == 0)
        return preset;
    if (preset)
        config_source_complain(source, config_source_find(source, &account->preset), "%.*s: %.*s",
                               STR_ARG(preset->name), STR_ARG(preset->unavailable));
    else
        complain_name(source, &account->preset, &near,
                      S("there is no such preset: `smtptool preset ls` shows them all"));
    return NULL;
}

static const struct config_preset_licence *find_licence(struct config_source *source,
                                                        const struct config_preset *preset,
                                                        const struct config_account *account)
{
    struct config_suggest near;
    const struct config_preset_licence *licence = config_preset_licence(preset, account->licence);
    config_suggest_init(&near, account->licence);
    for (size_t i = 0; i < preset->licence_count; i++)
        config_suggest_offer(&near, preset->licences[i].name);
    if (licence == NULL)
        complain_name(source, &account->licence, &near,
                      arena_printf(source->scratch,
                                   "%.*s has no such licence: `smtptool preset show %.*s`",
                                   STR_ARG(preset->name), STR_ARG(preset->key)));
    return licence;
}

static void fill_limit(struct config_source *source, int *limit, int normal)
{
    if (!config_source_given(source, limit))
        *limit = normal > 0 ? normal : 0; /* unknown and none: nothing to hold to */
}

static void fill_quota(struct config_source *source, struct config_quota *quota,
                       const struct config_preset_licence *licence)
{
    fill_limit(source, &quota->per_minute, licence->per_minute);
    fill_limit(source, &quota->per_hour, licence->per_hour);
    fill_limit(source, &quota->per_day, licence->per_day);
    fill_limit(source, &quota->recipients_per_message, licence->recipients_per_message);
    fill_limit(source, &quota->recipients_per_day, licence->recipients_per_day);
}

static void fill_servers(struct config_source *source, struct config_account *account,
                         const struct config_preset *preset)
{
    struct arena *arena = source->config->arena;
    if (preset->needs_host && account->host.len == 0) {
        config_source_complain(source, config_source_find(source, &account->preset),
                               "host: is wanted beside it: %.*s", STR_ARG(preset->host));
        return;
    }
    account->hops = ARENA_ARRAY(arena, struct config_hop, preset->server_count);
    err e = config_preset_hops(preset, account->host, arena, account->hops);
    ASSERT(e == NULL); /* both the URLs and the host have been read before */
    account->hop_count = preset->server_count;
}

/* Who asks for care gets it unless the operator says otherwise. */
static enum config_from_policy policy_of(enum config_from_rule rule)
{
    bool careless = rule == FROM_RULE_FREE || rule == FROM_RULE_UNKNOWN;
    return careless ? FROM_POLICY_OFF : FROM_POLICY_WARN;
}

static void fill_from_preset(struct config_source *source, const struct config_presets *presets,
                             struct config_account *account)
{
    struct arena *arena = source->config->arena;
    const struct config_preset *preset = find_preset(source, presets, account);
    if (preset == NULL)
        return;
    const struct config_preset_licence *licence = find_licence(source, preset, account);
    if (licence)
        fill_quota(source, &account->quota, licence);
    if (account->hop_count == 0)
        fill_servers(source, account, preset);
    account->provider = arena_str(arena, preset->name);
    account->from_rule = preset->from;
    account->from_note = arena_str(arena, preset->from_note);
    account->no_login = !config_preset_needs_login(preset);
}

/* `oauth: NAME` is short for `secret: "oauth:NAME"`. */
static void fill_oauth(struct config_source *source, struct config_account *account)
{
    if (account->oauth.len == 0)
        return;
    if (account->secret.len > 0) {
        config_source_complain(source, config_source_find(source, &account->oauth),
                               "oauth: stands in place of secret: one of them");
        return;
    }
    account->secret = arena_printf(source->config->arena, "oauth:%.*s", STR_ARG(account->oauth));
}

bool config_account_has_token(const struct config_account *account)
{
    return str_starts(account->secret, S("oauth:")) ||
           str_eq_nocase(account->mechanism, S("XOAUTH2")) ||
           str_eq_nocase(account->mechanism, S("OAUTHBEARER"));
}

static void fill_account(struct config_source *source, const struct config_presets *presets,
                         struct config_account *account)
{
    if (account->server_count > CONFIG_ACCOUNT_SERVERS_MAX) {
        config_source_complain(source, config_source_find(source, &account->servers),
                               "more than %d servers of one account", CONFIG_ACCOUNT_SERVERS_MAX);
        return;
    }
    account->hops = account->servers;
    account->hop_count = account->server_count;
    fill_oauth(source, account);
    if (account->preset.len > 0)
        fill_from_preset(source, presets, account);
    if (!config_source_given(source, &account->from_policy))
        account->from_policy = policy_of(account->from_rule);
}

static size_t count_presets(const struct config *config)
{
    size_t count = 0;
    for (size_t i = 0; i < config->account_count; i++)
        count += config->accounts[i].preset.len > 0;
    return count;
}

/* ---- routes -------------------------------------------------------------------------------- */

static const struct config_account *find_account(const struct config *config, str name)
{
    for (size_t i = 0; name.len > 0 && i < config->account_count; i++)
        if (str_eq(config->accounts[i].name, name))
            return &config->accounts[i];
    return NULL;
}

/* "account:NAME" in via. The array has room for all of the account's servers. */
static size_t add_account(struct config_source *source, const struct config_hop *via, int way,
                          struct config_hop *hops)
{
    struct config_suggest near;
    const struct config *config = source->config;
    const struct config_account *account = find_account(config, via->account);
    config_suggest_init(&near, via->account);
    for (size_t i = 0; i < config->account_count; i++)
        config_suggest_offer(&near, config->accounts[i].name);
    if (account == NULL) {
        complain_name(source, via, &near, S("there is no such account: add it to accounts"));
        return 0;
    }
    if (account->hop_count == 0)
        config_source_complain(
            source, config_source_find(source, via),
            "account %.*s names no server: give it a preset: or servers:", STR_ARG(account->name));
    for (size_t i = 0; i < account->hop_count; i++) {
        hops[i] = account->hops[i];
        hops[i].way = way;
        hops[i].login = account->user.len > 0 ? account : NULL;
        hops[i].sender = account;
    }
    return account->hop_count;
}

static void fill_hops(struct config_source *source, struct config_route *route)
{
    const struct config_account *account = find_account(source->config, route->account);
    if (route->via_count > CONFIG_ROUTE_WAYS_MAX) {
        config_source_complain(source, config_source_find(source, &route->via),
                               "more than %d ways in one route", CONFIG_ROUTE_WAYS_MAX);
        return;
    }
    route->hops = ARENA_ARRAY(source->config->arena, struct config_hop,
                              route->via_count * CONFIG_ACCOUNT_SERVERS_MAX);
    for (size_t i = 0; i < route->via_count; i++) {
        struct config_hop *hops = &route->hops[route->hop_count];
        if (route->via[i].account.len > 0) {
            route->hop_count += add_account(source, &route->via[i], (int)i, hops);
            continue;
        }
        *hops = route->via[i];
        hops->way = (int)i;
        hops->login = hops->sender = account;
        route->hop_count++;
    }
}

void config_source_fill_accounts(struct config_source *source)
{
    struct config *config = source->config;
    struct config_presets presets = {0};
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(2 * CONFIG_YAML_ARENA_BYTES_MAX);
    size_t count = count_presets(config);
    if (count > 0 && !config_presets_read(config->share, arena, source->errors, &presets))
        return;
    if (count > CONFIG_PRESET_ACCOUNTS_MAX) {
        config_source_complain(source, config_source_find(source, &config->accounts),
                               "more than %d accounts with presets", CONFIG_PRESET_ACCOUNTS_MAX);
        return;
    }
    for (size_t i = 0; i < config->account_count; i++)
        fill_account(source, &presets, &config->accounts[i]);
    for (size_t i = 0; i < config->route_count; i++)
        fill_hops(source, &config->routes[i]);
}
