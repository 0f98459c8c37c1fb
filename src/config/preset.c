#include "config/preset.h"
#include "config/share.h"
#include "config/value.h"
#include <stddef.h>
#include <stdio.h>

enum {
    LIMIT_MAX = 2000000000,
    NONE_KEY_CHARS = 64,
    NONE_PART_LEAST = 3, /* shorter is in everything */
    NONE_OFFERS = 4,
};

/* One preset while it is read. What it does not say, the one that it is like says. */
struct reading {
    struct arena *arena;
    struct config_errors *errors;
    const struct config_yaml_node *node, *like;
    struct config_preset *preset;
};

static const struct {
    const char *name;
    size_t offset;
    bool required;
} texts[] = {
    {"name",        offsetof(struct config_preset, name),        true },
    {"unavailable", offsetof(struct config_preset, unavailable), false},
    {"host",        offsetof(struct config_preset, host),        false},
    {"user",        offsetof(struct config_preset, user),        false},
    {"from_note",   offsetof(struct config_preset, from_note),   false},
    {"enable",      offsetof(struct config_preset, enable),      false},
    {"enable_at",   offsetof(struct config_preset, enable_at),   false},
    {"price",       offsetof(struct config_preset, price),       false},
    {"note",        offsetof(struct config_preset, note),        false},
    {"source",      offsetof(struct config_preset, source),      true },
    {"date",        offsetof(struct config_preset, date),        true },
};

static const char *const lists[] = {"domains", "mx", "servers", "login"};
static const char *const others[] = {"like", "from", "quota"};

static const struct {
    const char *name;
    size_t offset;
    const char *words;
} limits[] = {
    {"per_minute",             offsetof(struct config_preset_licence, per_minute),             "a minute"},
    {"per_hour",               offsetof(struct config_preset_licence, per_hour),               "an hour" },
    {"per_day",                offsetof(struct config_preset_licence, per_day),                "a day"   },
    {"recipients_per_message", offsetof(struct config_preset_licence, recipients_per_message),
     "recipients of a message"                                                                           },
    {"recipients_per_day",     offsetof(struct config_preset_licence, recipients_per_day),
     "recipients a day"                                                                                  },
};

static const struct {
    const char *name, *meaning;
} rules[] = {
    [FROM_RULE_UNKNOWN] = {"unknown",  "what becomes of another From is not published"           },
    [FROM_RULE_REWRITES] = {"rewrites", "another From is replaced by the account's address"       },
    [FROM_RULE_REFUSES] = {"refuses",  "mail with another From is refused"                       },
    [FROM_RULE_VERIFIED] = {"verified", "only addresses and domains verified there may be in From"},
    [FROM_RULE_FREE] = {"free",     "any From is passed on as it is"                          },
};

static const char *const mechanisms[] = {"PLAIN",       "LOGIN",   "SCRAM-SHA-256", "CRAM-MD5",
                                         "OAUTHBEARER", "XOAUTH2", "none"};

const char *config_preset_from_name(enum config_from_rule rule) { return rules[rule].name; }
const char *config_preset_from_meaning(enum config_from_rule rule) { return rules[rule].meaning; }

static void complain(struct reading *r, const struct config_yaml_node *at, const char *message)
{
    config_errors_add(r->errors, &(struct config_error){.file = S("presets.yaml"),
                                                        .line = at->line,
                                                        .col = at->col,
                                                        .key = config_yaml_path(at, r->arena),
                                                        .message = str_of(message)});
}

static const struct config_yaml_node *look(const struct reading *r, const char *key)
{
    const struct config_yaml_node *own = config_yaml_find(r->node, str_of(key));
    return own || r->like == NULL ? own : config_yaml_find(r->like, str_of(key));
}

/* ---- single values ------------------------------------------------------------------------- */

static bool read_text(struct reading *r, const struct config_yaml_node *node, str *ret_text)
{
    if (node->kind != YAML_KIND_TEXT || config_yaml_is_null(node) ||
        node->text.len > CONFIG_PRESET_TEXT_BYTES_MAX) {
        complain(r, node, "a text of at most 600 bytes is wanted");
        return false;
    }
    *ret_text = node->text;
    return true;
}

static void read_texts(struct reading *r)
{
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        const struct config_yaml_node *node = look(r, texts[i].name);
        if (node)
            read_text(r, node, (str *)((char *)r->preset + texts[i].offset));
        else if (texts[i].required)
            complain(r, r->node, "name, source, date and from are wanted in every preset");
    }
}

static void read_from(struct reading *r)
{
    const struct config_yaml_node *node = look(r, "from");
    for (size_t i = 0; node && i < ARRAY_LEN(rules); i++)
        if (node->kind == YAML_KIND_TEXT && str_eq(node->text, str_of(rules[i].name))) {
            r->preset->from = (enum config_from_rule)i;
            return;
        }
    complain(r, node ? node : r->node,
             "from: rewrites, refuses, verified, free or unknown is wanted");
}

/* A number above 0, none or unknown. */
static bool read_limit(const struct config_yaml_node *node, int *ret_limit)
{
    uint64_t number;
    if (node->kind != YAML_KIND_TEXT)
        return false;
    if (str_eq(node->text, S("unknown")))
        *ret_limit = CONFIG_PRESET_UNKNOWN;
    else if (str_eq(node->text, S("none")))
        *ret_limit = CONFIG_PRESET_NO_LIMIT;
    else if (str_to_u64(node->text, LIMIT_MAX, &number) && number > 0)
        *ret_limit = (int)number;
    else
        return false;
    return true;
}

static bool is_date(str s)
{
    static const char form[] = "dddd-dd-dd";
    for (size_t i = 0; s.len == sizeof form - 1 && i < s.len; i++)
        if (form[i] == 'd' ? !char_is_digit(s.ptr[i]) : s.ptr[i] != '-')
            return false;
    return s.len == sizeof form - 1;
}

static bool is_url(str s) { return str_starts(s, S("https://")) || str_starts(s, S("http://")); }

/* ---- lists --------------------------------------------------------------------------------- */

static size_t read_list(struct reading *r, const char *key, size_t most, str **ret_items)
{
    const struct config_yaml_node *node = look(r, key);
    if (node == NULL)
        return 0;
    if (node->kind != YAML_KIND_LIST || node->count > most) {
        complain(r, node, "a list is wanted here, and not such a long one");
        return 0;
    }
    str *items = ARENA_ARRAY(r->arena, str, node->count);
    size_t count = 0;
    for (const struct config_yaml_node *each = node->first; each; each = each->next)
        count += read_text(r, each, &items[count]);
    *ret_items = items;
    return count;
}

/* Ports that everybody takes for TLS from the first byte. */
static bool is_implicit_port(int port)
{
    return port == 465 || port == 2465 || port == 8465 || port == 443;
}

static void check_servers(struct reading *r)
{
    struct config_preset *p = r->preset;
    const struct config_yaml_node *node = look(r, "servers");
    struct config_hop hops[CONFIG_ACCOUNT_SERVERS_MAX];
    if (node == NULL) {
        if (p->unavailable.len == 0)
            complain(r, r->node, "servers are wanted, or unavailable: and why");
        return;
    }
    for (size_t i = 0; i < p->server_count; i++)
        p->needs_host |= str_contains(p->servers[i], S("{host}"));
    if (p->needs_host && p->host.len == 0)
        complain(r, node, "host: must say what {host} is");
    err e = config_preset_hops(p, S("host.example"), r->arena, hops);
    if (e) {
        complain(r, node, "a server's URL is wrong");
        err_forget();
        return;
    }
    for (size_t i = 0; i < p->server_count; i++)
        if (hops[i].implicit_tls != is_implicit_port(hops[i].port))
            complain(r, node, "smtps:// is for ports 465, 2465, 8465 and 443, smtp:// for others");
}

static void check_logins(struct reading *r)
{
    const struct config_preset *p = r->preset;
    for (size_t i = 0; i < p->login_count; i++) {
        bool known = false;
        for (size_t j = 0; j < ARRAY_LEN(mechanisms); j++)
            known |= str_eq(p->logins[i], str_of(mechanisms[j]));
        if (!known || (p->login_count > 1 && str_eq(p->logins[i], S("none"))))
            complain(r, look(r, "login"), "known mechanisms are wanted, or only none");
    }
    if (p->login_count == 0 && p->unavailable.len == 0)
        complain(r, r->node, "login: the mechanisms are wanted, or [none]");
}

/* ---- quotas -------------------------------------------------------------------------------- */

static void read_licence(struct reading *r, const struct config_yaml_node *node,
                         struct config_preset_licence *licence)
{
    *licence = (struct config_preset_licence){.name = node->key};
    if (node->kind != YAML_KIND_MAP) {
        complain(r, node, "limits are wanted here, such as per_day: 500");
        return;
    }
    for (const struct config_yaml_node *each = node->first; each; each = each->next) {
        bool known = str_eq(each->key, S("note")) && read_text(r, each, &licence->note);
        for (size_t i = 0; i < ARRAY_LEN(limits); i++)
            if (str_eq(each->key, str_of(limits[i].name)))
                known = read_limit(each, (int *)((char *)licence + limits[i].offset));
        if (!known)
            complain(r, each, "not a limit with a number above 0, none or unknown");
    }
}

static void read_quota(struct reading *r)
{
    struct config_preset *p = r->preset;
    const struct config_yaml_node *node = look(r, "quota");
    if (node == NULL && p->unavailable.len > 0)
        return;
    if (node == NULL || node->kind != YAML_KIND_MAP || node->count == 0 ||
        node->count > CONFIG_PRESET_LICENCES_MAX) {
        complain(r, node ? node : r->node, "quota: one to 16 licences with their limits");
        return;
    }
    p->licences = ARENA_ARRAY(r->arena, struct config_preset_licence, node->count);
    for (const struct config_yaml_node *each = node->first; each; each = each->next)
        read_licence(r, each, &p->licences[p->licence_count++]);
}

/* ---- one preset, all presets --------------------------------------------------------------- */

static bool is_known(str key)
{
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        if (str_eq(key, str_of(texts[i].name)))
            return true;
    for (size_t i = 0; i < ARRAY_LEN(lists); i++)
        if (str_eq(key, str_of(lists[i])) || str_eq(key, str_of(others[i])))
            return true;
    return false;
}

static void check_texts(struct reading *r)
{
    const struct config_preset *p = r->preset;
    if (p->source.len > 0 && !is_url(p->source))
        complain(r, look(r, "source"), "a URL is wanted");
    if (p->enable_at.len > 0 && !is_url(p->enable_at))
        complain(r, look(r, "enable_at"), "a URL is wanted");
    if (p->date.len > 0 && !is_date(p->date))
        complain(r, look(r, "date"), "a date such as 2026-11-21 is wanted");
}

static void read_preset(struct reading *r)
{
    struct config_preset *p = r->preset;
    for (const struct config_yaml_node *each = r->node->first; each; each = each->next)
        if (!is_known(each->key))
            complain(r, each, "no such key in a preset");
    read_texts(r);
    read_from(r);
    check_texts(r);
    p->domain_count = read_list(r, "domains", CONFIG_PRESET_DOMAINS_MAX, &p->domains);
    p->mx_count = read_list(r, "mx", CONFIG_PRESET_DOMAINS_MAX, &p->mx);
    p->server_count = read_list(r, "servers", CONFIG_ACCOUNT_SERVERS_MAX, &p->servers);
    p->login_count = read_list(r, "login", CONFIG_PRESET_LOGINS_MAX, &p->logins);
    check_servers(r);
    check_logins(r);
    read_quota(r);
}

static void find_like(struct reading *r, const struct config_yaml_node *all)
{
    const struct config_yaml_node *name = config_yaml_find(r->node, S("like"));
    r->like = NULL;
    if (name == NULL)
        return;
    const struct config_yaml_node *like = config_yaml_find(all, name->text);
    if (like == NULL || like == r->node || config_yaml_find(like, S("like")))
        complain(r, name, "like: names another preset, which is not like a third one itself");
    else
        r->like = like;
}

static void read_all(struct reading *r, const struct config_yaml_node *all,
                     struct config_presets *presets)
{
    presets->list = ARENA_ARRAY(r->arena, struct config_preset, all->count);
    for (const struct config_yaml_node *each = all->first; each; each = each->next) {
        r->node = each;
        if (each->kind != YAML_KIND_MAP) {
            complain(r, each, "the keys of a preset are wanted here");
            continue;
        }
        r->preset = &presets->list[presets->count++];
        *r->preset = (struct config_preset){.key = each->key};
        find_like(r, all);
        read_preset(r);
    }
}

bool config_presets_read(str folder, struct arena *arena, struct config_errors *errors,
                         struct config_presets *ret_presets)
{
    struct config_yaml_node *root;
    struct config_presets presets = {0};
    struct reading r = {.arena = arena, .errors = errors};
    size_t before = errors->count + errors->left_out;
    if (!config_share_read(S("presets"), folder, arena, errors, &root))
        return false;
    const struct config_yaml_node *all = config_yaml_find(root, S("presets"));
    if (all == NULL || all->kind != YAML_KIND_MAP || all->count > CONFIG_PRESETS_MAX)
        complain(&r, all ? all : root, "presets: by their names, at most 1000");
    else
        read_all(&r, all, &presets);
    if (errors->count + errors->left_out > before)
        return false;
    *ret_presets = presets;
    return true;
}

/* ---- use ----------------------------------------------------------------------------------- */

const struct config_preset *config_presets_find(const struct config_presets *presets, str key)
{
    for (size_t i = 0; i < presets->count; i++)
        if (str_eq(presets->list[i].key, key))
            return &presets->list[i];
    return NULL;
}

const struct config_preset *config_presets_of_domain(const struct config_presets *presets,
                                                     str domain)
{
    for (size_t i = 0; i < presets->count; i++)
        for (size_t j = 0; j < presets->list[i].domain_count; j++)
            if (str_eq_nocase(presets->list[i].domains[j], domain))
                return &presets->list[i];
    return NULL;
}

static bool is_below(str host, str end)
{
    size_t before = host.len - end.len;
    return str_ends_nocase(host, end) && (before == 0 || host.ptr[before - 1] == '.');
}

static bool has_text(str text, str part)
{
    for (; text.len >= part.len; text = str_from(text, 1)) {
        if (str_starts_nocase(text, part))
            return true;
        if (text.len == 0)
            break;
    }
    return false;
}

static bool one_has(const str *list, size_t count, str part)
{
    for (size_t i = 0; i < count; i++)
        if (has_text(list[i], part))
            return true;
    return false;
}

bool config_preset_has(const struct config_preset *p, str text)
{
    return has_text(p->key, text) || has_text(p->name, text) ||
           one_has(p->domains, p->domain_count, text) || one_has(p->servers, p->server_count, text);
}

void config_presets_none(const struct config_presets *presets, str key,
                         char ret_words[CONFIG_PRESETS_NONE_CHARS])
{
    size_t at = 0, count = 0, size = CONFIG_PRESETS_NONE_CHARS;
    at += (size_t)snprintf(ret_words, size, "there is no preset \"%.*s\"",
                           STR_ARG(str_slice(key, 0, NONE_KEY_CHARS)));
    for (size_t i = 0; i < presets->count && count < NONE_OFFERS && key.len >= NONE_PART_LEAST; i++)
        if (config_preset_has(&presets->list[i], key))
            at +=
                (size_t)snprintf(ret_words + at, size - at, "%s%.*s", count++ ? ", " : "; perhaps ",
                                 STR_ARG(str_slice(presets->list[i].key, 0, NONE_KEY_CHARS)));
    snprintf(ret_words + at, size - at, count ? "?" : ": `smtptool preset ls TEXT` looks for one");
}

const struct config_preset *config_presets_of_mx(const struct config_presets *presets, str host)
{
    for (size_t i = 0; i < presets->count; i++)
        for (size_t j = 0; j < presets->list[i].mx_count; j++)
            if (is_below(host, presets->list[i].mx[j]))
                return &presets->list[i];
    return NULL;
}

const struct config_preset_licence *config_preset_licence(const struct config_preset *preset,
                                                          str name)
{
    if (name.len == 0 && preset->licence_count > 0)
        return &preset->licences[0];
    for (size_t i = 0; i < preset->licence_count; i++)
        if (str_eq(preset->licences[i].name, name))
            return &preset->licences[i];
    return NULL;
}

static str with_host(str server, str host, struct arena *arena)
{
    size_t at = str_find(server, '{');
    str rest = at == STR_NONE ? (str){0} : str_from(server, at);
    if (!str_skip(&rest, S("{host}")))
        return server;
    return arena_printf(arena, "%.*s%.*s%.*s", (int)at, server.ptr, STR_ARG(host), STR_ARG(rest));
}

err config_preset_hops(const struct config_preset *preset, str host, struct arena *arena,
                       struct config_hop *ret_hops)
{
    str checked = host;
    if (preset->needs_host)
        TRY(config_value_host(host, arena, &checked));
    for (size_t i = 0; i < preset->server_count; i++)
        TRY(config_value_hop(with_host(preset->servers[i], checked, arena), arena, &ret_hops[i]));
    return NULL;
}

bool config_preset_needs_login(const struct config_preset *preset)
{
    return preset->login_count != 1 || !str_eq(preset->logins[0], S("none"));
}

str config_preset_quota_text(const struct config_preset_licence *licence, struct arena *arena)
{
    str text = {0};
    for (size_t i = 0; i < ARRAY_LEN(limits); i++) {
        int limit = *(const int *)((const char *)licence + limits[i].offset);
        const char *comma = text.len ? ", " : "", *words = limits[i].words;
        bool people = str_starts(str_of(words), S("recipients"));
        if (limit == CONFIG_PRESET_NO_LIMIT)
            text = arena_printf(arena, "%.*s%s%s%s%s", STR_ARG(text), comma,
                                people ? "" : "no limit ", words, people ? " without limit" : "");
        else if (limit != CONFIG_PRESET_UNKNOWN)
            text = arena_printf(arena, "%.*s%s%d %s", STR_ARG(text), comma, limit, words);
    }
    return text.len ? text : S("unknown");
}
