#include "base/table.h"
#include "config/source.h"
#include "config/value.h"
#include <string.h>

enum {
    PUBLIC_IP4_BITS_LEAST = 16, /* nobody trusts more of the Internet than this by intent */
    PUBLIC_IP6_BITS_LEAST = 32,
    EVENTS_ROTATE_BYTES_LEAST = 1 << 20,
};

static const struct config_yaml_node *place(const struct config_source *source, const void *field)
{
    return config_source_find(source, field);
}

/* The place of the first field when it was given, else of the other. */
static const struct config_yaml_node *either(const struct config_source *source, const void *a,
                                             const void *b)
{
    return place(source, a) ? place(source, a) : place(source, b);
}

static struct address last_of(const struct network *network)
{
    struct address last = network->base;
    int most = last.family == ADDRESS_IP4 ? 32 : 128;
    for (int bit = network->bits; bit < most; bit++)
        last.ip[bit / 8] |= (uint8_t)(0x80 >> bit % 8);
    return last;
}

/* Private at both ends: no private block has a neighbour that one prefix could join it with. */
static bool is_private(const struct network *network)
{
    struct address last = last_of(network);
    return address_is_private(&network->base) && address_is_private(&last);
}

static void check_networks(struct config_source *source, const struct network *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        bool ip4 = list[i].base.family == ADDRESS_IP4;
        int least = ip4 ? PUBLIC_IP4_BITS_LEAST : PUBLIC_IP6_BITS_LEAST;
        if (list[i].bits >= least || is_private(&list[i]))
            continue;
        config_source_complain(
            source, place(source, &list[i]),
            "/%d trusts too much of the public Internet: name your own networks, "
            "at most a /%d",
            list[i].bits, least);
    }
}

static void check_pair(struct config_source *source, const str *certificate, const str *key)
{
    if (certificate->len && key->len == 0)
        config_source_complain(source, place(source, certificate),
                               "a certificate needs its key: give tls.key as well");
    if (key->len && certificate->len == 0)
        config_source_complain(source, place(source, key),
                               "a key needs its certificate: give tls.certificate as well");
}

static void check_listener(struct config_source *source, const struct config_listener *l)
{
    const struct config_yaml_node *where = place(source, &l->address);
    bool wildcard = address_is_wildcard(&l->address), local = address_is_loopback(&l->address);
    if (l->role == ROLE_RELAY && (wildcard || !address_is_private(&l->address)) && !l->expose)
        config_source_complain(source, where,
                               "a relay on %s address: bind it to a private one, or "
                               "say expose: true",
                               wildcard ? "every" : "a public");
    if (l->role == ROLE_SUBMISSION && l->tls == LISTENER_TLS_NONE && !local)
        config_source_complain(source, place(source, &l->tls),
                               "logins would pass in clear: use "
                               "required, implicit or starttls");
    if (l->auth_on_loopback_without_tls && !local && !wildcard)
        config_source_complain(source, place(source, &l->auth_on_loopback_without_tls),
                               "this listener is not on loopback");
    if (l->proxy && source->config->proxy_trusted_count == 0)
        config_source_complain(source, place(source, &l->proxy),
                               "nobody may send a PROXY header: "
                               "name the networks in proxy.trusted");
}

static str key_of_text(const void *object) { return *(const str *)object; }

static void check_listeners(struct config_source *source)
{
    struct config *config = source->config;
    struct table seen;
    const struct config_yaml_node *list = place(source, &config->listeners);
    if (list && list->kind == YAML_KIND_LIST && list->first == NULL)
        config_source_complain(source, list,
                               "the list is empty, so nobody could be heard: name a listener, or "
                               "leave it out for 127.0.0.1:2525 and 127.0.0.1:2526");
    table_init(&seen, key_of_text);
    for (size_t i = 0; i < config->listener_count; i++) {
        char text[ADDRESS_CHARS];
        if (config->listeners[i].address.family == ADDRESS_NONE)
            continue; /* it was refused */
        check_listener(source, &config->listeners[i]);
        address_format(&config->listeners[i].address, text);
        if (table_find(&seen, str_of(text))) {
            config_source_complain(source, place(source, &config->listeners[i].address),
                                   "another listener has %s already", text);
            continue;
        }
        str *key = ARENA_NEW(source->scratch, str);
        *key = arena_str(source->scratch, str_of(text));
        table_add(&seen, key);
    }
    table_release(&seen);
}

/* Two keys of one name would sign with what only one of them is published for. */
static void check_dkim(struct config_source *source, const struct config_domain *domain)
{
    if (domain->dkim_count > CONFIG_DKIM_KEYS_MAX)
        config_source_complain(source, place(source, &domain->dkim),
                               "more than %d keys for one domain", CONFIG_DKIM_KEYS_MAX);
    for (size_t i = 0; i < domain->dkim_count; i++)
        for (size_t j = 0; j < i && j < CONFIG_DKIM_KEYS_MAX; j++)
            if (str_eq_nocase(domain->dkim[i].selector, domain->dkim[j].selector))
                config_source_complain(source, place(source, &domain->dkim[i].selector),
                                       "another key has the selector %.*s already",
                                       STR_ARG(domain->dkim[i].selector));
}

static void check_recipients(struct config_source *source, const struct config_domain *domain)
{
    const struct config_yaml_node *where = place(source, &domain->recipient_list);
    if (domain->recipients != RECIPIENTS_ASK && domain->deliver == NULL)
        config_source_complain(source, where,
                               "recipients need to be delivered: give deliver: "
                               "as well");
    for (size_t i = 0; domain->recipients == RECIPIENTS_LIST && i < domain->recipient_count; i++) {
        err e = config_value_recipient(domain->recipient_list[i], domain->name);
        if (e == NULL)
            continue;
        config_source_complain(source, place(source, &domain->recipient_list[i]), "%.*s",
                               STR_ARG(e->text));
        err_forget();
    }
}

static str name_of_domain(const void *object)
{
    return ((const struct config_domain *)object)->name;
}

static void check_domains(struct config_source *source)
{
    struct config *config = source->config;
    struct table seen;
    table_init(&seen, name_of_domain);
    for (size_t i = 0; i < config->domain_count; i++) {
        struct config_domain *domain = &config->domains[i];
        check_recipients(source, domain);
        check_dkim(source, domain);
        if (table_find(&seen, domain->name))
            config_source_complain(source, place(source, &config->domains),
                                   "%.*s is given twice, in two spellings", STR_ARG(domain->name));
        else
            table_add(&seen, domain);
    }
    table_release(&seen);
}

static void check_sni(struct config_source *source)
{
    struct config *config = source->config;
    struct table seen;
    table_init(&seen, key_of_text);
    for (size_t i = 0; i < config->sni_count; i++) {
        if (table_find(&seen, config->sni[i].name))
            config_source_complain(source, place(source, &config->sni),
                                   "%.*s is given twice, in two spellings",
                                   STR_ARG(config->sni[i].name));
        else
            table_add(&seen, &config->sni[i].name);
    }
    table_release(&seen);
}

/* A login goes only where TLS was had and verified, or nowhere off this machine. */
static void check_login(struct config_source *source, const struct config_route *route)
{
    if (route->kind == ROUTE_MX)
        config_source_complain(source, place(source, &route->account),
                               "a login is for servers named in via, not for the recipient's MX");
}

/* Each hop has its own login, or none. */
static void check_hops(struct config_source *source, const struct config_route *route)
{
    for (size_t i = 0; i < route->hop_count; i++) {
        const struct config_hop *hop = &route->hops[i];
        if (hop->login && hop->tls != HOP_TLS_VERIFIED && !config_value_hop_is_local(hop))
            config_source_complain(source, place(source, &route->via[hop->way]),
                                   "the login would go to a server that is not verified: leave "
                                   "?tls= out, or leave account out");
    }
}

static str name_of_account(const void *object)
{
    return ((const struct config_account *)object)->name;
}

static void check_routes(struct config_source *source, const struct table *accounts)
{
    struct config *config = source->config;
    struct table names;
    table_init(&names, key_of_text);
    for (size_t i = 0; i < config->route_count; i++) {
        struct config_route *route = &config->routes[i];
        if (table_find(&names, route->name))
            config_source_complain(source, place(source, &route->name),
                                   "another route is called %.*s already", STR_ARG(route->name));
        else
            table_add(&names, &route->name);
        check_hops(source, route);
        if (route->account.len == 0)
            continue;
        if (table_find(accounts, route->account) == NULL)
            config_source_complain(source, place(source, &route->account),
                                   "there is no account \"%.*s\": add it to accounts",
                                   STR_ARG(route->account));
        check_login(source, route);
    }
    table_release(&names);
}

static bool has_address(const struct config_account *account)
{
    bool found = str_find(account->user, '@') != STR_NONE;
    for (size_t i = 0; i < account->alias_count; i++)
        found |= str_find(account->aliases[i], '@') != STR_NONE;
    return found;
}

static void check_account(struct config_source *source, const struct config_account *account)
{
    const struct config_yaml_node *whole =
        config_yaml_find(place(source, &source->config->accounts), account->name);
    if (!account->no_login && account->user.len == 0)
        config_source_complain(source, whole, "\"user\" is missing: a text is wanted");
    if ((!account->no_login || account->user.len > 0) && account->secret.len == 0)
        config_source_complain(
            source, whole, "\"secret\" is missing: file:/path, env:NAME or command:… is wanted");
    bool password = account->mechanism.len > 0 &&
                    !str_ends_nocase(account->mechanism, S("OAUTH2")) &&
                    !str_eq_nocase(account->mechanism, S("OAUTHBEARER"));
    if (password && config_account_has_token(account))
        config_source_complain(source, place(source, &account->mechanism),
                               "a token is sent by XOAUTH2 or OAUTHBEARER, not by %.*s",
                               STR_ARG(account->mechanism));
    if (account->licence.len > 0 && account->preset.len == 0)
        config_source_complain(source, place(source, &account->licence),
                               "a licence is of a preset: give preset: as well");
    if (account->from_policy == FROM_POLICY_REWRITE && !has_address(account))
        config_source_complain(source, place(source, &account->from_policy),
                               "rewrite to what? Neither user nor aliases has an address");
}

static void check_accounts(struct config_source *source)
{
    struct config *config = source->config;
    struct table accounts;
    table_init(&accounts, name_of_account);
    for (size_t i = 0; i < config->account_count; i++) {
        check_account(source, &config->accounts[i]);
        if (table_find(&accounts, config->accounts[i].name) == NULL)
            table_add(&accounts, &config->accounts[i]);
    }
    check_routes(source, &accounts);
    table_release(&accounts);
}

static void check_dns(struct config_source *source)
{
    const struct config_dns *dns = &source->config->dns;
    const struct config_yaml_node *where = place(source, &dns->list);
    if (dns->servers == DNS_LIST && dns->list_count == 0 && where && where->count == 0)
        config_source_complain(source, where, "the list is empty: name a server, or write system");
}

static void check_retry(struct config_source *source)
{
    const struct config_retry *retry = &source->config->retry;
    if (retry->first_ms > retry->longest_ms)
        config_source_complain(source, either(source, &retry->first_ms, &retry->longest_ms),
                               "retry.first is longer than retry.longest");
}

/* Is the path that folder, or below it? */
static bool is_within(str path, str folder)
{
    return str_skip(&path, folder) && (path.len == 0 || path.ptr[0] == '/');
}

/* Without empty parts and ".": "/a//b/./c/" is "/a/b/c". (".." is left: it may pass a link.) */
static str plain(struct arena *arena, str path)
{
    char *out = arena_alloc(arena, path.len + 1);
    size_t len = 0;
    str part;
    while (path.len > 0) {
        str_split(path, '/', &part, &path);
        if (part.len == 0 || str_eq(part, S(".")))
            continue;
        out[len++] = '/';
        memcpy(out + len, part.ptr, part.len);
        len += part.len;
    }
    return (str){out, len};
}

/* What talks to the world may write in the folder of such a file, so nothing else may be there. */
static void check_own_folder(struct config_source *source, const str *file, const char *instead)
{
    const struct config_yaml_node *where = place(source, file);
    if (!str_starts(*file, S("/")))
        return;
    if (file->ptr[file->len - 1] == '/')
        config_source_complain(source, where, "a folder's path: the file's name is wanted, too");
    str state = plain(source->scratch, source->config->state);
    str to = plain(source->scratch, *file);
    str folder = str_slice(to, 0, to.len ? str_find_last(to, '/') : 0);
    if (is_within(state, folder))
        config_source_complain(source, where,
                               "the file needs a folder of its own: the server may change all "
                               "that lies beside it, and there are the passwords; leave it out, "
                               "or say %.*s/%s",
                               STR_ARG(state), instead);
}

static void check_events(struct config_source *source)
{
    const struct config_events *events = &source->config->events;
    if (events->rotate_bytes > 0 && events->rotate_bytes < EVENTS_ROTATE_BYTES_LEAST)
        config_source_complain(source, place(source, &events->rotate_bytes),
                               "too small: at least 1MiB, or 0B for never");
    check_own_folder(source, &events->to, "events/events.jsonl");
    check_own_folder(source, &source->config->metrics_file, "metrics/smtptool.prom");
}

/* No rule may ask whether a value was given: what config_show() writes gives them all. */
/* An address that stands in a header as it is. */
static void check_from(struct config_source *source, const str *from, const char *example)
{
    str local, domain, host;
    str_split(*from, '@', &local, &domain);
    bool good = local.len > 0 && local.len <= 64 && str_find(domain, '@') == STR_NONE;
    for (size_t i = 0; i < local.len; i++)
        good &= char_is_alnum(local.ptr[i]) || str_find(S("._-+="), local.ptr[i]) != STR_NONE;
    good = good && local.ptr[0] != '.' && local.ptr[local.len - 1] != '.' &&
           !str_contains(local, S(".."));
    if (!good || config_value_host(domain, source->scratch, &host) || !str_eq(host, domain))
        config_source_complain(source, place(source, from),
                               "not an address such as %s@mail.example.com", example);
    err_forget();
}

static void check_reports(struct config_source *source)
{
    const struct config *c = source->config;
    check_from(source, &c->mailauth.reports.from, "dmarc-reports");
    check_from(source, &c->tls_reports.from, "tls-reports");
    if (c->tls_reports.receive.len > 0)
        check_from(source, &c->tls_reports.receive, "tls-reports");
}

/* They become a part of events and of Feedback-ID. */
static void check_tenants(struct config_source *source)
{
    const struct config *config = source->config;
    for (size_t i = 0; i < config->tenant_count; i++) {
        const struct config_tenant *t = &config->tenants[i];
        if (t->name.len > CONFIG_TENANT_BYTES_MAX)
            config_source_complain(source, place(source, &config->tenants),
                                   "a tenant's name has at most %d letters",
                                   CONFIG_TENANT_BYTES_MAX);
    }
}

static void check_bounces(struct config_source *source)
{
    const struct config_bounces *b = &source->config->bounces;
    if (b->feedback_id.len > CONFIG_FEEDBACK_ID_BYTES_MAX)
        config_source_complain(source, place(source, &b->feedback_id),
                               "Gmail takes at most %d letters", CONFIG_FEEDBACK_ID_BYTES_MAX);
    for (size_t i = 0; i < b->complaint_count; i++)
        if (str_find(b->complaints[i], '@') == STR_NONE)
            config_source_complain(source, place(source, &b->complaints[i]),
                                   "a whole address is wanted, such as fbl@example.com");
}

/* In clear only to this machine; more is checked when it is asked. */
static void check_url(struct config_source *source, const str *url)
{
    str rest = *url;
    bool https = str_skip(&rest, S("https://"));
    bool clear = !https && str_skip(&rest, S("http://"));
    bool here = str_starts(rest, S("127.")) || str_starts(rest, S("[::1]")) ||
                str_starts(rest, S("localhost"));
    if (url->len == 0 || (rest.len > 0 && (https || (clear && here))))
        return;
    config_source_complain(source, place(source, url),
                           clear ? "in clear only to this machine: https:// is wanted"
                                 : "a URL is wanted: https://host:port");
}

static void check_vault(struct config_source *source)
{
    const struct config_vault *v = &source->config->secrets.vault;
    const str *own[] = {&v->token, &v->role_id, &v->secret_id};
    check_url(source, &v->address);
    for (size_t i = 0; i < ARRAY_LEN(own); i++)
        if (str_starts(*own[i], S("vault:")) || str_starts(*own[i], S("aws-sm:")))
            config_source_complain(source, place(source, own[i]),
                                   "the login to a store cannot be in a store");
    if (v->auth == VAULT_AUTH_APPROLE && v->role_id.len == 0)
        config_source_complain(source, place(source, &v->auth), "approle needs role_id: as well");
    if (v->auth == VAULT_AUTH_KUBERNETES && v->role.len == 0)
        config_source_complain(source, place(source, &v->auth), "kubernetes needs role: as well");
}

void config_source_check(struct config_source *source)
{
    struct config *config = source->config;
    check_networks(source, config->trusted, config->trusted_count);
    check_networks(source, config->proxy_trusted, config->proxy_trusted_count);
    check_pair(source, &config->certificate, &config->key);
    check_sni(source);
    check_listeners(source);
    check_domains(source);
    check_accounts(source);
    check_dns(source);
    check_retry(source);
    check_events(source);
    check_reports(source);
    config_source_check_egress(source);
    check_tenants(source);
    check_bounces(source);
    check_vault(source);
    check_url(source, &source->config->secrets.aws.endpoint);
}
