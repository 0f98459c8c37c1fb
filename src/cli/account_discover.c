#include "cli/account_discover.h"
#include "cli/ask_dns.h"
#include "client/autoconfig.h"
#include "config/value.h"
#include "dns/mx.h"
#include "http/client.h"

enum { DNS_MS_MAX = 15000, HTTP_MS_MAX = 15000 };

struct search {
    const struct cli_account_search *asked;
    struct arena *arena;
    struct dns_resolver *resolver;
    struct cli_account_found found, by_mx;
    str domain;
};

static void note_tried(struct search *s, const char *what, const char *why)
{
    s->found.tried = arena_printf(s->arena, "%.*s  %s: %s\n", STR_ARG(s->found.tried), what, why);
}

/* One more way in, when it is a URL that we would take from a person, too. */
static void add_server(struct search *s, const char *scheme, str host, int port)
{
    struct config_hop hop;
    str url = arena_printf(s->arena, "%s://%.*s:%d", scheme, STR_ARG(host), port);
    if (s->found.server_count == CLI_ACCOUNT_SERVERS_MAX)
        return;
    if (config_value_hop(url, s->arena, &hop) != NULL)
        err_forget();
    else
        s->found.servers[s->found.server_count++] = url;
}

/* ---- the DNS ---------------------------------------------------------------------------- */

/* The first by priority, the heavier one before the lighter (RFC 2782 draws lots for load; we are
 * one client who writes the answer down). */
static bool is_before(const struct dns_record *a, const struct dns_record *b)
{
    return a->preference != b->preference ? a->preference < b->preference : a->weight > b->weight;
}

static void take_srv(struct search *s, const char *scheme, const struct dns_answer *a)
{
    const struct dns_record *last = NULL;
    for (size_t n = 0; n < a->count && n < CLI_ACCOUNT_SERVERS_MAX; n++) {
        const struct dns_record *next = NULL;
        for (size_t i = 0; i < a->count; i++) {
            const struct dns_record *r = &a->records[i];
            bool later = last == NULL || is_before(last, r);
            if (later && (next == NULL || is_before(r, next)))
                next = r;
        }
        if (next == NULL)
            return;
        last = next;
        if (!str_eq(next->name, S("."))) /* "." says that there is no such service */
            add_server(s, scheme, next->name, next->port);
    }
}

static void ask_srv(struct search *s, const char *service, const char *scheme, deadline until)
{
    struct dns_answer a;
    str name = arena_printf(s->arena, "%s._tcp.%.*s", service, STR_ARG(s->domain));
    size_t before = s->found.server_count;
    err e = dns_resolver_ask(s->resolver, NULL, name, DNS_SRV, s->arena, &a, until);
    if (e) {
        note_tried(s, service, "the DNS could not be asked");
        return;
    }
    take_srv(s, scheme, &a);
    if (s->found.server_count > before)
        s->found.origin = arena_printf(s->arena, "the SRV records of %.*s (%s)", STR_ARG(s->domain),
                                       a.security == DNS_SECURE ? "signed by DNSSEC"
                                                                : "not signed: the DNS may lie");
    else
        note_tried(s, arena_chars(s->arena, name), dns_answer_status_name(a.status));
}

static void ask_mx(struct search *s, deadline until)
{
    struct dns_mx mx;
    err e = dns_mx_hosts(s->resolver, NULL, s->domain, s->arena, &mx, until);
    for (size_t i = 0; e == NULL && i < mx.count && s->by_mx.preset == NULL; i++) {
        s->by_mx.preset = config_presets_of_mx(s->asked->presets, mx.hosts[i].name);
        s->by_mx.origin = arena_printf(s->arena, "the MX host of %.*s, %.*s, is one of theirs",
                                       STR_ARG(s->domain), STR_ARG(mx.hosts[i].name));
    }
}

static void ask_fiber(void *arg)
{
    struct search *s = arg;
    deadline until = deadline_after(DNS_MS_MAX);
    ask_srv(s, "_submissions", "smtps", until);
    ask_srv(s, "_submission", "smtp", until);
    ask_mx(s, until);
    err_forget();
}

/* ---- the provider's file ---------------------------------------------------------------- */

static void take_config(struct search *s, const struct client_autoconfig *c)
{
    for (size_t i = 0; i < c->count; i++) {
        const struct client_autoconfig_server *at = &c->servers[i];
        if (at->socket == CLIENT_AUTOCONFIG_PLAIN)
            continue; /* a password is never written down for a server in clear */
        add_server(s, at->socket == CLIENT_AUTOCONFIG_IMPLICIT ? "smtps" : "smtp", at->host,
                   at->port);
        if (s->found.user.len == 0)
            s->found.user = at->user;
        s->found.password |= at->password;
        s->found.oauth |= at->oauth;
        s->found.open |= at->open;
    }
}

static err read_file(struct search *s, str url)
{
    const struct http_client_request request = {
        .url = url,
        .ca_file = s->asked->ca_file ? str_of(s->asked->ca_file) : (str){0},
        .ms_max = HTTP_MS_MAX,
        .body_bytes_max = CLIENT_AUTOCONFIG_BYTES_MAX,
    };
    struct http_client_answer answer;
    struct client_autoconfig config;
    TRY(http_client_call(&request, s->arena, &answer));
    if (answer.status != 200)
        return err_new(ERR_PROTOCOL, "the answer is %d", answer.status);
    TRY(client_autoconfig_parse(answer.body, s->asked->address, s->arena, &config));
    take_config(s, &config);
    return s->found.server_count ? NULL
                                 : err_new(ERR_PROTOCOL, "it names no server for sending by TLS");
}

static void ask_file(struct search *s, str url)
{
    char why[300];
    if (s->found.server_count > 0)
        return;
    err_forget();
    err e = read_file(s, url);
    if (e == NULL) {
        s->found.origin = arena_printf(s->arena, "the provider's file %.*s", STR_ARG(url));
        return;
    }
    err_reason(e, why, sizeof why);
    note_tried(s, arena_chars(s->arena, url), why);
    err_forget();
}

static void ask_files(struct search *s)
{
    if (s->asked->autoconfig) {
        ask_file(s, str_of(s->asked->autoconfig));
        return;
    }
    if (s->asked->dns_zone)
        return;
    ask_file(s, arena_printf(s->arena, "https://autoconfig.%.*s/mail/config-v1.1.xml",
                             STR_ARG(s->domain)));
    ask_file(s, arena_printf(s->arena, "https://%.*s/.well-known/autoconfig/mail/config-v1.1.xml",
                             STR_ARG(s->domain)));
}

/* ---- the whole -------------------------------------------------------------------------- */

static int search_all(struct cli *cli, struct search *s)
{
    s->found.preset = config_presets_of_domain(s->asked->presets, s->domain);
    if (s->found.preset) {
        s->found.origin = arena_printf(s->arena, "%.*s is one of its domains", STR_ARG(s->domain));
        return CLI_OK;
    }
    int code = cli_ask_dns_open(cli, s->asked->dns_zone, &s->resolver);
    if (code != CLI_OK)
        return code;
    cli_ask_dns_run("discover", ask_fiber, s);
    dns_resolver_close(s->resolver);
    ask_files(s);
    if (s->found.server_count == 0 && s->by_mx.preset) {
        s->by_mx.tried = s->found.tried;
        s->found = s->by_mx;
    }
    return CLI_OK;
}

int cli_account_discover(struct cli *cli, const struct cli_account_search *asked,
                         struct arena *arena, struct cli_account_found *ret_found)
{
    struct search s = {.asked = asked, .arena = arena};
    size_t at = str_find_last(asked->address, '@');
    err e =
        config_value_host(str_from(asked->address, at == STR_NONE ? 0 : at + 1), arena, &s.domain);
    if (e || at == STR_NONE || at == 0) {
        cli_fail("\"%.*s\" is no mail address", STR_ARG(asked->address));
        return CLI_USAGE;
    }
    int code = search_all(cli, &s);
    *ret_found = s.found;
    return code;
}
