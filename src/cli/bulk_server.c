#include "cli/bulk_server.h"
#include "cli/oauth_logins.h"
#include "cli/profiles.h"
#include "cli/send_from.h"
#include "cli/use.h"
#include "config/preset.h"
#include "config/value.h"
#include "sasl/mechanism.h"
#include <string.h>

enum { PASSES = 4, PASS_WAIT_MS = 60 * 1000 };

/* ---- accounts ----------------------------------------------------------------------------- */

static err find_account(struct cli_bulk_plan *p, const char *option, str name, size_t way)
{
    if (p->own == NULL)
        TRY(cli_profiles_read(p->config, &p->own));
    p->accounts[way] = cli_profiles_find(p->config, p->own, name);
    if (p->accounts[way] == NULL)
        return err_new(ERR_CONFIG,
                       "--%s: there is no account \"%.*s\" in the configuration or among your own "
                       "(`smtptool account ls`)",
                       option, STR_ARG(name));
    return NULL;
}

/* The default account, for who says nothing of where to. */
static err find_first(struct cli_bulk_plan *p)
{
    const struct cli_bulk_args *a = &p->args;
    bool named = a->server || a->queue || a->user;
    if (a->account && a->user)
        return err_new(ERR_CONFIG, "--account: the user is the account's, so without --user");
    if (a->account)
        return find_account(p, "account", str_of(a->account), 0);
    if (named)
        return NULL;
    TRY(cli_profiles_read(p->config, &p->own));
    str name = cli_profiles_default(p->config, p->own);
    return name.len ? find_account(p, "account", name, 0) : NULL;
}

static err find_accounts(struct cli_bulk_plan *p)
{
    const struct cli_bulk_list *more = &p->args.fallbacks;
    TRY(find_first(p));
    p->options.ways.count = 1;
    if (p->accounts[0]) {
        p->first = *p->accounts[0];
        p->accounts[0] = &p->first;
        TRY(cli_send_from_policy(p->args.from_policy, &p->first));
    } else if (p->args.from_policy) {
        return err_new(ERR_CONFIG, "--from-policy: whose From? It goes with --account");
    }
    for (size_t i = 0; i < more->count; i++) {
        if (p->options.ways.count == BULK_WAYS_MAX)
            return err_new(ERR_CONFIG, "--fallback: at most %d", BULK_WAYS_MAX - 1);
        TRY(find_account(p, "fallback", str_of(more->items[i]), p->options.ways.count++));
    }
    return NULL;
}

/* ---- one way ------------------------------------------------------------------------------ */

static err read_hop(struct cli_bulk_plan *p, size_t way, struct config_hop *hop)
{
    const struct cli_bulk_args *a = &p->args;
    const struct config_account *account = p->accounts[way];
    const char *server = way == 0 ? a->server : NULL;
    if (a->queue && server)
        return err_new(ERR_CONFIG, "--queue is the server of this machine: without --server");
    if (a->queue && way == 0)
        server = "smtp://127.0.0.1:2526?tls=none";
    if (server == NULL && account && account->hop_count > 0) {
        *hop = account->hops[0];
        return NULL;
    }
    if (server == NULL)
        return err_new(ERR_CONFIG, "--server, --account or --queue is needed");
    err e = config_value_hop(str_of(server), p->arena, hop);
    return e ? err_wrap(e, "--server") : NULL;
}

static err read_login(struct cli_bulk_plan *p, size_t way, struct client_options *c)
{
    const struct cli_bulk_args *a = &p->args;
    const struct config_account *account = p->accounts[way];
    str reference = account ? account->secret : cli_bulk_plan_reference(p, str_of(a->secret));
    c->user = account ? account->user : str_of(a->user);
    c->mechanism = a->mechanism ? str_of(a->mechanism) : account ? account->mechanism : (str){0};
    c->token = a->token || str_starts(reference, S("oauth:")) ||
               (account && config_account_has_token(account));
    if (c->user.len == 0)
        return NULL;
    if (reference.len == 0)
        return err_new(ERR_CONFIG, "--user goes with --secret: file:PATH, env:NAME, command:CMD");
    if (c->hop.tls != HOP_TLS_VERIFIED && !config_value_hop_is_local(&c->hop))
        return err_new(ERR_CONFIG, "--server: a login goes over verified TLS only");
    if (c->mechanism.len && sasl_mechanism_of(c->mechanism) == SASL_NONE)
        return err_new(ERR_CONFIG, "--mechanism: there is no such mechanism");
    TRY(config_value_secret(reference));
    TRY(cli_oauth_logins_read(p->config, reference, &p->passwords[way]));
    c->secret = buf_str(&p->passwords[way]);
    return NULL;
}

static err read_policy(struct cli_bulk_plan *p, struct client_options *c)
{
    const struct cli_bulk_args *a = &p->args;
    struct config_client_policy *policy = &c->policy;
    uint64_t connections = 20, per_connection = 1000;
    *policy = config_client_policy;
    TRY(cli_bulk_plan_count("connections", a->connections, 1000, &connections));
    TRY(cli_bulk_plan_count("messages-per-connection", a->per_connection, INT32_MAX,
                            &per_connection));
    TRY(cli_bulk_plan_time("connect-timeout", a->connect_timeout, &policy->connect_ms));
    TRY(cli_bulk_plan_time("io-timeout", a->io_timeout, &policy->reply_ms));
    policy->connections = (int)connections;
    policy->messages_per_connection = (int)per_connection;
    c->passes = true;
    return NULL;
}

/* ---- how much it may ---------------------------------------------------------------------- */

static bool is_server_of(const struct config_preset *preset, str host, struct arena *arena)
{
    str part = arena_printf(arena, "//%.*s", STR_ARG(host));
    for (size_t i = 0; i < preset->server_count; i++)
        if (host.len > 0 && str_contains(preset->servers[i], part))
            return true;
    return false;
}

/* Without an account: what the provider of that server allows whoever names no licence. */
static void guess_quota(struct cli_bulk_plan *p, struct bulk_way_options *way)
{
    struct config_errors errors;
    struct config_presets presets;
    config_errors_init(&errors);
    bool good = config_presets_read(p->config->share, p->arena, &errors, &presets);
    config_errors_release(&errors);
    for (size_t i = 0; good && i < presets.count; i++) {
        const struct config_preset *preset = &presets.list[i];
        if (preset->licence_count == 0 || !is_server_of(preset, way->client.hop.host, p->arena))
            continue;
        const struct config_preset_licence *l = &preset->licences[0];
        way->name = arena_str(p->arena, preset->name);
        way->quota = (struct config_quota){.per_minute = l->per_minute,
                                           .per_hour = l->per_hour,
                                           .per_day = l->per_day,
                                           .recipients_per_day = l->recipients_per_day};
        return;
    }
}

static err read_quota(struct cli_bulk_plan *p, size_t number)
{
    struct bulk_way_options *way = &p->options.ways.list[number];
    const char *burst = p->args.burst;
    uint64_t count = 0;
    if (p->accounts[number]) {
        way->quota = p->accounts[number]->quota;
        way->name = p->accounts[number]->name;
    } else if (!config_value_hop_is_local(&way->client.hop)) {
        guess_quota(p, way);
    }
    if (burst && strcmp(burst, "all") == 0) {
        way->quota.spread = QUOTA_SPREAD_NONE;
        return NULL;
    }
    TRY(cli_bulk_plan_count("burst", burst, INT32_MAX, &count));
    way->quota.burst = count ? (int)count : way->quota.burst;
    return NULL;
}

static err read_warmup(struct cli_bulk_plan *p)
{
    struct bulk_ways_options *w = &p->options.ways;
    struct config_errors errors;
    if (p->args.warmup == NULL)
        return NULL;
    str plan = str_of(p->args.warmup);
    for (size_t i = 0; i < plan.len; i++)
        if (!char_is_alpha(plan.ptr[i]) && !char_is_digit(plan.ptr[i]) && plan.ptr[i] != '-')
            return err_new(ERR_CONFIG, "--warmup: there is no plan \"%.*s\"", STR_ARG(plan));
    str text =
        arena_printf(p->arena, "share: %.*s\nwarmup: { default: { plan: %.*s } }\n",
                     STR_ARG(p->config->share.len ? p->config->share : S("\"\"")), STR_ARG(plan));
    config_errors_init(&errors);
    err e = config_from_text(text, S("--warmup"), &p->warmup, &errors);
    if (e && errors.count > 0)
        e = err_new(ERR_CONFIG, "--warmup: %.*s", STR_ARG(errors.list[0].message));
    config_errors_release(&errors);
    TRY(e);
    const struct config_warmup *made = &p->warmup->warmup[0];
    for (size_t i = 0; i < made->track_count; i++) {
        const struct config_warmup_track *t = &made->tracks[i];
        if (!str_eq(t->site, WARMUP_OTHERS))
            continue;
        w->caps = t->caps;
        w->days = t->days;
        w->rules = (struct warmup_rules){.waits = true,
                                         .blocks = t->rules.blocks,
                                         .spam = t->rules.spam,
                                         .deferrals = t->rules.deferrals,
                                         .fill = t->rules.fill,
                                         .back = t->rules.back};
    }
    return w->days > 0 ? NULL : err_new(ERR_CONFIG, "--warmup: the plan has no days for others");
}

static bool is_counted(const struct cli_bulk_plan *p)
{
    for (size_t i = 0; i < p->options.ways.count; i++) {
        const struct config_quota *q = &p->options.ways.list[i].quota;
        if (q->per_minute > 0 || q->per_hour > 0 || q->per_day > 0 || q->recipients_per_day > 0)
            return true;
    }
    return p->options.ways.days > 0;
}

static err find_use(struct cli_bulk_plan *p)
{
    err e = cli_use_path(p->use);
    if (e == NULL)
        p->options.ways.use = p->use;
    else if (is_counted(p))
        return e;
    err_forget(); /* then nothing is learned for the next time */
    return NULL;
}

/* ---- the pace ----------------------------------------------------------------------------- */

static err read_rate(struct cli_bulk_plan *p)
{
    int64_t per_day;
    if (p->args.rate == NULL)
        return NULL;
    err e = config_value_rate(str_of(p->args.rate), &per_day);
    if (e)
        return err_wrap(e, "--rate");
    p->options.rate = (double)per_day / 86400;
    return NULL;
}

static err read_wave(struct cli_bulk_plan *p)
{
    str count, every;
    if (p->args.wave == NULL)
        return NULL;
    str_split(str_of(p->args.wave), ' ', &count, &every);
    every = str_trim(every);
    if (!str_skip(&every, S("every ")) || !str_to_u64(count, UINT32_MAX, &p->options.wave) ||
        p->options.wave == 0)
        return err_new(ERR_CONFIG, "--wave: such as '5000 every 1h', not \"%s\"", p->args.wave);
    err e = config_value_duration(str_trim(every), &p->options.wave_every_ms);
    return e ? err_wrap(e, "--wave") : NULL;
}

static err read_pace(struct cli_bulk_plan *p)
{
    const struct cli_bulk_args *a = &p->args;
    struct bulk_run_options *o = &p->options;
    uint64_t passes = PASSES;
    TRY(cli_bulk_plan_count("limit", a->limit, UINT32_MAX, &o->limit));
    TRY(cli_bulk_plan_count("passes", a->passes, BULK_RUN_PASSES_MAX, &passes));
    o->passes = (int)passes;
    o->pass_wait_ms = PASS_WAIT_MS;
    TRY(cli_bulk_plan_time("pass-wait", a->pass_wait, &o->pass_wait_ms));
    o->pause_on = str_of(a->pause_on);
    if (a->in_doubt && strcmp(a->in_doubt, "send") != 0 && strcmp(a->in_doubt, "skip") != 0)
        return err_new(ERR_CONFIG, "--in-doubt: skip or send");
    o->in_doubt_send = a->in_doubt && strcmp(a->in_doubt, "send") == 0;
    TRY(read_rate(p));
    return read_wave(p);
}

/* ---- all of it ---------------------------------------------------------------------------- */

static err open_way(struct cli_bulk_plan *p, size_t number)
{
    struct bulk_way_options *way = &p->options.ways.list[number];
    struct client_options *c = &way->client;
    struct address ip;
    TRY(read_hop(p, number, &c->hop));
    TRY(read_login(p, number, c));
    TRY(read_quota(p, number));
    TRY(read_policy(p, c));
    way->counted = cli_use_name(c, p->arena);
    c->hello = p->args.hello ? str_of(p->args.hello) : p->config->hostname;
    if (c->hop.tls != HOP_TLS_NONE && p->tls == NULL)
        TRY(tls_client_open(str_of(p->args.ca_file), &p->tls));
    c->tls = c->hop.tls != HOP_TLS_NONE ? p->tls : NULL;
    if (c->hop.unix_socket || address_parse_ip(c->hop.host, &ip) == NULL)
        return NULL;
    err_forget();
    return cli_bulk_plan_dns(p);
}

err cli_bulk_server_open(struct cli_bulk_plan *p)
{
    TRY(find_accounts(p));
    for (size_t i = 0; i < p->options.ways.count; i++)
        TRY(open_way(p, i));
    TRY(read_warmup(p));
    TRY(read_pace(p));
    return find_use(p);
}
