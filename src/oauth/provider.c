#include "oauth/provider.h"
#include "config/share.h"
#include "http/client.h"
#include "oauth/url.h"
#include <stddef.h>

enum { TENANT_BYTES_MAX = 128 };

struct reading {
    struct arena *arena;
    struct config_errors *errors;
    const struct config_yaml_node *node; /* the provider that is read */
};

static const struct {
    const char *name;
    size_t offset;
    bool url;
} texts[] = {
    {"name",        offsetof(struct oauth_provider, name),        false},
    {"unavailable", offsetof(struct oauth_provider, unavailable), false},
    {"issuer",      offsetof(struct oauth_provider, issuer),      true },
    {"authorize",   offsetof(struct oauth_provider, authorize),   true },
    {"token",       offsetof(struct oauth_provider, token),       true },
    {"device",      offsetof(struct oauth_provider, device),      true },
    {"revoke",      offsetof(struct oauth_provider, revoke),      true },
    {"tenant",      offsetof(struct oauth_provider, tenant),      false},
    {"scopes",      offsetof(struct oauth_provider, scopes),      false},
    {"app_scopes",  offsetof(struct oauth_provider, app_scopes),  false},
    {"redirect",    offsetof(struct oauth_provider, redirect),    false},
    {"extra",       offsetof(struct oauth_provider, extra),       false},
    {"device_no",   offsetof(struct oauth_provider, device_no),   false},
    {"mechanism",   offsetof(struct oauth_provider, mechanism),   false},
    {"source",      offsetof(struct oauth_provider, source),      true },
    {"date",        offsetof(struct oauth_provider, date),        false},
};
static const char *const others[] = {"secret", "steps", "hosts"};

static void complain(struct reading *r, const struct config_yaml_node *node, const char *message)
{
    config_errors_add(r->errors, &(struct config_error){
                                     .file = S("oauth.yaml"),
                                     .line = node->line,
                                     .col = node->col,
                                     .key = config_yaml_path(node, r->arena),
                                     .message = str_of(message),
                                 });
}

static bool read_text(struct reading *r, const struct config_yaml_node *node, str *ret_text)
{
    if (node->kind != YAML_KIND_TEXT || node->text.len > OAUTH_PROVIDER_TEXT_BYTES_MAX ||
        node->text.len == 0) {
        complain(r, node, "a text of at most 600 bytes is wanted");
        return false;
    }
    *ret_text = node->text;
    return true;
}

static void read_texts(struct reading *r, struct oauth_provider *p)
{
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        const struct config_yaml_node *node = config_yaml_find(r->node, str_of(texts[i].name));
        str *text = (str *)((char *)p + texts[i].offset);
        if (node == NULL || !read_text(r, node, text) || !texts[i].url)
            continue;
        if (oauth_url_check(*text))
            complain(r, node, "an https URL is wanted");
        err_forget();
    }
}

static size_t read_list(struct reading *r, const char *key, size_t most, str *items)
{
    const struct config_yaml_node *node = config_yaml_find(r->node, str_of(key));
    size_t count = 0;
    if (node == NULL)
        return 0;
    if (node->kind != YAML_KIND_LIST || node->count > most) {
        complain(r, node, "a list is wanted here, and not such a long one");
        return 0;
    }
    for (const struct config_yaml_node *each = node->first; each; each = each->next)
        count += read_text(r, each, &items[count]);
    return count;
}

static bool is_known(str key)
{
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        if (str_eq(key, str_of(texts[i].name)))
            return true;
    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        if (str_eq(key, str_of(others[i])))
            return true;
    return false;
}

static void read_provider(struct reading *r, struct oauth_provider *p)
{
    const struct config_yaml_node *secret = config_yaml_find(r->node, S("secret"));
    for (const struct config_yaml_node *each = r->node->first; each; each = each->next)
        if (!is_known(each->key))
            complain(r, each, "no such key in a provider");
    read_texts(r, p);
    p->step_count = read_list(r, "steps", OAUTH_PROVIDER_STEPS_MAX, p->steps);
    p->host_count = read_list(r, "hosts", OAUTH_PROVIDER_HOSTS_MAX, p->hosts);
    p->basic = secret && str_eq(secret->text, S("basic"));
    if (secret && !p->basic && !str_eq(secret->text, S("form")))
        complain(r, secret, "form or basic is wanted");
    if (p->name.len == 0 || p->source.len == 0 || p->date.len == 0)
        complain(r, r->node, "name, source and date are wanted");
    if (p->unavailable.len == 0 &&
        (p->authorize.len == 0 || p->token.len == 0 || p->scopes.len == 0))
        complain(r, r->node, "authorize, token and scopes are wanted, or unavailable: and why");
}

bool oauth_provider_read_all(str folder, struct arena *arena, struct config_errors *errors,
                             struct oauth_providers *ret_providers)
{
    struct config_yaml_node *root;
    struct oauth_providers providers = {0};
    struct reading r = {.arena = arena, .errors = errors};
    size_t before = errors->count + errors->left_out;
    if (!config_share_read(S("oauth"), folder, arena, errors, &root))
        return false;
    const struct config_yaml_node *all = config_yaml_find(root, S("oauth"));
    if (all == NULL || all->kind != YAML_KIND_MAP || all->count > OAUTH_PROVIDERS_MAX) {
        complain(&r, all ? all : root, "oauth: providers by their names, at most 200");
        return false;
    }
    providers.list = ARENA_ARRAY(arena, struct oauth_provider, all->count + 1);
    for (const struct config_yaml_node *each = all->first; each; each = each->next) {
        struct oauth_provider *p = &providers.list[providers.count++];
        r.node = each;
        p->key = each->key;
        if (each->kind == YAML_KIND_MAP)
            read_provider(&r, p);
        else
            complain(&r, each, "the keys of a provider are wanted here");
    }
    if (errors->count + errors->left_out > before)
        return false;
    *ret_providers = providers;
    return true;
}

const struct oauth_provider *oauth_provider_find(const struct oauth_providers *all, str key)
{
    for (size_t i = 0; i < all->count; i++)
        if (str_eq(all->list[i].key, key))
            return &all->list[i];
    return NULL;
}

const struct oauth_provider *oauth_provider_of_host(const struct oauth_providers *all, str host)
{
    for (size_t i = 0; i < all->count; i++)
        for (size_t k = 0; k < all->list[i].host_count; k++)
            if (str_eq_nocase(all->list[i].hosts[k], host))
                return &all->list[i];
    return NULL;
}

/* ---- tenants ------------------------------------------------------------------------------- */

static err check_tenant(str tenant)
{
    if (tenant.len > TENANT_BYTES_MAX)
        return err_new(ERR_CONFIG, "a tenant above %d bytes", TENANT_BYTES_MAX);
    for (size_t i = 0; i < tenant.len; i++) {
        char c = tenant.ptr[i];
        if (!char_is_alnum(c) && c != '-' && c != '.')
            return err_new(ERR_CONFIG,
                           "a tenant is a domain or an id, of letters, digits, - and .");
    }
    return NULL;
}

static str with_tenant(str url, str tenant, struct arena *arena)
{
    static const char mark[] = "{tenant}";
    size_t at = str_find(url, '{');
    if (at == STR_NONE || !str_starts(str_from(url, at), S("{tenant}")))
        return url;
    str rest = str_from(url, at + sizeof mark - 1);
    return arena_printf(arena, "%.*s%.*s%.*s", (int)at, url.ptr, STR_ARG(tenant), STR_ARG(rest));
}

err oauth_provider_of_tenant(const struct oauth_provider *provider, str tenant, struct arena *arena,
                             struct oauth_provider *ret_provider)
{
    struct oauth_provider p = *provider;
    TRY(check_tenant(tenant));
    if (tenant.len > 0 && p.tenant.len == 0)
        return err_new(ERR_CONFIG, "%.*s has no tenants", STR_ARG(p.name));
    str *urls[] = {&p.issuer, &p.authorize, &p.token, &p.device, &p.revoke};
    for (size_t i = 0; i < ARRAY_LEN(urls); i++)
        *urls[i] = with_tenant(*urls[i], tenant.len ? tenant : p.tenant, arena);
    *ret_provider = p;
    return NULL;
}

/* ---- discovery ----------------------------------------------------------------------------- */

err oauth_provider_discover(str issuer, str ca_file, struct arena *arena,
                            struct oauth_provider *ret_provider)
{
    struct oauth_discovery d;
    struct http_client_answer answer;
    TRY(oauth_url_check(issuer));
    if (str_find(issuer, '?') != STR_NONE)
        return err_new(ERR_CONFIG, "an issuer has no query");
    str base = issuer.ptr[issuer.len - 1] == '/' ? str_slice(issuer, 0, issuer.len - 1) : issuer;
    struct http_client_request request = {
        .method = S("GET"),
        .url = arena_printf(arena, "%.*s/.well-known/openid-configuration", STR_ARG(base)),
        .ca_file = ca_file,
        .body_bytes_max = OAUTH_ANSWER_BYTES_MAX,
    };
    TRY(http_client_call(&request, arena, &answer));
    err e = oauth_answer_discovery(answer.status, answer.body, issuer, arena, &d);
    if (e)
        return err_wrap(e, "discover %.*s", STR_ARG(issuer));
    *ret_provider = (struct oauth_provider){
        .key = arena_str(arena, issuer),
        .name = arena_str(arena, issuer),
        .issuer = d.issuer,
        .authorize = d.authorize,
        .token = d.token,
        .device = d.device,
        .revoke = d.revoke,
        .scopes = S("openid offline_access"),
        .basic = !d.by_form,
    };
    return NULL;
}
