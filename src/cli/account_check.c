#include "cli/account.h"
#include "cli/ask_dns.h"
#include "cli/oauth_logins.h"
#include "cli/profiles.h"
#include "cli/user_folder.h"
#include "client/probe.h"
#include "config/value.h"
#include "runtime/file.h"
#include "sasl/mechanism.h"
#include "secret/secret.h"

enum { FINDINGS_MAX = 32, KNOWN_BYTES_MAX = 256 << 10 };

struct finding {
    const char *kind; /* "port", "mechanism", "tls", "quota", "login", "unreachable", "secret" */
    str what, write;  /* write: the new line for the account; may be empty */
};

struct check {
    const struct cli_account_run *run;
    const struct config_account *account;
    const struct config_preset *preset; /* NULL: none */
    struct dns_resolver *resolver;
    struct tls_client *tls;
    struct buf secret;
    struct client_probe probe;
    size_t hop; /* which one the probe is of */
    struct finding findings[FINDINGS_MAX];
    size_t count;
};

static void add(struct check *c, const char *kind, str what, str write)
{
    if (c->count < FINDINGS_MAX)
        c->findings[c->count++] = (struct finding){kind, what, write};
}

/* ---- asking the server ------------------------------------------------------------------ */

static struct client_options options_of(const struct check *c, const struct config_hop *hop)
{
    const struct config_account *a = c->account;
    struct client_options o = {
        .hop = *hop,
        .hello = c->run->config->hostname,
        .policy = config_client_policy,
        .resolver = c->resolver,
        .tls = c->tls,
        .user = a->user,
        .secret = buf_str(&c->secret),
        .mechanism = a->mechanism,
        .token = config_account_has_token(a),
        .places = c->run->cli->verbose > 0,
    };
    o.policy.retries = 0;
    return o;
}

static str url_of(const struct check *c, size_t hop) { return c->account->hops[hop].url; }

/* The first server that speaks to us; those before it do not. */
static void probe_servers(struct check *c)
{
    for (size_t i = 0; i < c->account->hop_count; i++) {
        struct client_options o = options_of(c, &c->account->hops[i]);
        client_probe_run(&o, c->run->arena, &c->probe);
        c->hop = i;
        if (c->probe.greeted)
            return;
    }
}

/* Its URL says less TLS than it could have. */
static void probe_tls(struct check *c)
{
    const struct config_hop *hop = &c->account->hops[c->hop];
    struct config_hop better = *hop;
    struct client_probe probe;
    if (!c->probe.greeted || hop->tls == HOP_TLS_VERIFIED || hop->unix_socket || hop->lmtp)
        return;
    better.tls = HOP_TLS_VERIFIED;
    struct client_options o = options_of(c, &better);
    o.user = (str){0};
    client_probe_run(&o, c->run->arena, &probe);
    if (probe.outcome != CLIENT_SENT || !probe.tls.verified)
        return;
    size_t cut = str_find(hop->url, '?');
    add(c, "tls", S("the server has verified TLS now, and the account does not ask for it"),
        arena_printf(c->run->arena, "servers: [\"%.*s\"]", STR_ARG(str_slice(hop->url, 0, cut))));
}

static void probe_fiber(void *arg)
{
    struct check *c = arg;
    probe_servers(c);
    probe_tls(c);
}

/* ---- what it means ---------------------------------------------------------------------- */

static void judge_port(struct check *c)
{
    struct arena *arena = c->run->arena;
    if (c->hop == 0)
        return;
    add(c, "port",
        arena_printf(arena, "%.*s does not answer, %.*s does", STR_ARG(url_of(c, 0)),
                     STR_ARG(url_of(c, c->hop))),
        arena_printf(arena, "servers: [\"%.*s\"]", STR_ARG(url_of(c, c->hop))));
}

static void judge_mechanism(struct check *c)
{
    const struct config_account *a = c->account;
    str names = c->probe.capabilities.auth_names;
    unsigned offered = sasl_mechanism_offered(names);
    unsigned tokens = sasl_mechanism_bit(SASL_OAUTHBEARER) | sasl_mechanism_bit(SASL_XOAUTH2);
    if (a->user.len == 0 || names.len == 0)
        return;
    if (!config_account_has_token(a) && (offered & ~tokens) == 0 && offered != 0)
        add(c, "mechanism", S("the server takes no password any more, only OAuth2 tokens"),
            arena_printf(c->run->arena, "oauth: %.*s", STR_ARG(a->name)));
    else if (a->mechanism.len > 0 &&
             !(offered & sasl_mechanism_bit(sasl_mechanism_of(a->mechanism))))
        add(c, "mechanism",
            arena_printf(c->run->arena, "%.*s is not offered any more, only %.*s",
                         STR_ARG(a->mechanism), STR_ARG(names)),
            S("mechanism: (leave it out: the best that is offered)"));
}

static void judge_limit(struct check *c, const char *key, int own, int of_preset)
{
    if (own > 0 && of_preset > 0 && own != of_preset)
        add(c, "quota",
            arena_printf(c->run->arena, "%s is %d here, and %d in the preset %.*s of %.*s", key,
                         own, of_preset, STR_ARG(c->preset->key), STR_ARG(c->preset->date)),
            arena_printf(c->run->arena, "quota: { %s: %d }", key, of_preset));
}

static void judge_quota(struct check *c)
{
    const struct config_quota *q = &c->account->quota;
    const struct config_preset_licence *l =
        c->preset ? config_preset_licence(c->preset, c->account->licence) : NULL;
    if (l == NULL)
        return;
    judge_limit(c, "per_minute", q->per_minute, l->per_minute);
    judge_limit(c, "per_hour", q->per_hour, l->per_hour);
    judge_limit(c, "per_day", q->per_day, l->per_day);
    judge_limit(c, "recipients_per_message", q->recipients_per_message, l->recipients_per_message);
    judge_limit(c, "recipients_per_day", q->recipients_per_day, l->recipients_per_day);
}

/* The preset names a server that the account, with servers of its own, does not have. */
static void judge_servers(struct check *c)
{
    struct config_hop hops[CONFIG_ACCOUNT_SERVERS_MAX];
    const struct config_account *a = c->account;
    if (c->preset == NULL || a->server_count == 0 || c->preset->server_count == 0)
        return;
    if (config_preset_hops(c->preset, a->host, c->run->arena, hops) != NULL) {
        err_forget();
        return;
    }
    for (size_t i = 0; i < c->preset->server_count; i++)
        if (str_eq_nocase(hops[i].host, a->hops[0].host) && hops[i].port == a->hops[0].port)
            return;
    add(c, "port", S("the preset has other servers now"),
        arena_printf(c->run->arena, "servers: [\"%.*s\"]", STR_ARG(hops[0].url)));
}

static void judge(struct check *c)
{
    const struct client_probe *p = &c->probe;
    judge_quota(c);
    judge_servers(c);
    if (p->greeted) {
        judge_port(c);
        judge_mechanism(c);
    }
    if (p->outcome == CLIENT_SENT)
        return;
    const char *kind = !p->greeted || p->outcome == CLIENT_LATER ? "unreachable"
                       : p->outcome == CLIENT_NO_LOGIN           ? "login"
                                                                 : "refused";
    add(c, kind, arena_str(c->run->arena, str_of(p->why)), (str){0});
}

/* ---- showing ---------------------------------------------------------------------------- */

static void print_clean_line(const char *label, str text)
{
    printf("  %-8s ", label);
    cli_print_clean(stdout, text);
    putchar('\n');
}

static void print_server(const struct check *c)
{
    const struct client_probe *p = &c->probe;
    struct arena *arena = c->run->arena;
    print_clean_line("server", arena_printf(arena, "%.*s%s%s", STR_ARG(url_of(c, c->hop)),
                                            p->reached ? ", at " : "", p->address));
    if (p->tls_active)
        print_clean_line("TLS", arena_printf(arena, "%s, %s, %s", p->tls.version, p->tls.cipher,
                                             p->tls.verified ? "verified" : "not verified"));
    if (!p->greeted)
        return;
    if (!p->tls_active)
        print_clean_line("TLS", S("none"));
    print_clean_line("offers",
                     p->capabilities.auth_names.len
                         ? arena_printf(arena, "AUTH %.*s", STR_ARG(p->capabilities.auth_names))
                         : S("no login"));
    if (p->capabilities.size_max > 0)
        print_clean_line("size", arena_printf(arena, "at most %llu bytes a message",
                                              (unsigned long long)p->capabilities.size_max));
}

static void print_text(const struct check *c)
{
    const struct config_account *a = c->account;
    printf("%.*s%s%.*s\n", STR_ARG(a->name), a->provider.len ? ": " : "", STR_ARG(a->provider));
    if (a->hop_count > 0)
        print_server(c);
    if (c->probe.logged_in)
        print_clean_line("login", arena_printf(c->run->arena, "%.*s: accepted", STR_ARG(a->user)));
    for (size_t i = 0; i < c->count; i++) {
        print_clean_line("!", c->findings[i].what);
        if (c->findings[i].write.len > 0)
            print_clean_line("  write", c->findings[i].write);
    }
    if (c->count == 0)
        puts("  it works; nothing was sent");
}

static json_t *json_findings(const struct check *c)
{
    json_t *list = json_array();
    for (size_t i = 0; i < c->count; i++) {
        json_t *o = json_pack("{ss,so}", "kind", c->findings[i].kind, "text",
                              cli_json_str(c->findings[i].what));
        if (c->findings[i].write.len > 0)
            json_object_set_new(o, "write", cli_json_str(c->findings[i].write));
        json_array_append_new(list, o);
    }
    return list;
}

static void print_json(const struct check *c)
{
    const struct client_probe *p = &c->probe;
    json_t *o = json_pack("{so,sb,sb,so}", "account", cli_json_str(c->account->name), "ok",
                          c->count == 0, "login", p->logged_in, "findings", json_findings(c));
    if (c->account->hop_count > 0)
        json_object_set_new(o, "server", cli_json_str(url_of(c, c->hop)));
    if (p->reached)
        json_object_set_new(o, "address", cli_json_str(str_of(p->address)));
    if (p->greeted)
        json_object_set_new(o, "auth", cli_json_str(p->capabilities.auth_names));
    if (p->tls_active)
        json_object_set_new(o, "tls",
                            json_pack("{ss,ss,sb}", "version", p->tls.version, "cipher",
                                      p->tls.cipher, "verified", p->tls.verified));
    cli_print_json(o);
}

/* ---- one account ------------------------------------------------------------------------ */

static void read_secret(struct check *c)
{
    char why[400];
    if (c->account->user.len == 0)
        return;
    err_forget();
    err e = cli_oauth_logins_read(c->run->config, c->account->secret, &c->secret);
    if (e == NULL)
        return;
    cli_describe(e, why, sizeof why);
    add(c, "secret", arena_str(c->run->arena, str_of(why)), (str){0});
    err_forget();
}

static bool open_tls(struct check *c)
{
    const char *file = c->run->ca_file;
    err e = tls_client_open(file ? str_of(file) : (str){0}, &c->tls);
    if (e)
        cli_fail_err(e, "account test");
    return e == NULL;
}

static int ask(struct check *c)
{
    int code = cli_ask_dns_open(c->run->cli, c->run->dns_zone, &c->resolver);
    if (code != CLI_OK)
        return code;
    c->resolver->hosts = dns_hosts_read("/etc/hosts");
    if (open_tls(c)) {
        cli_ask_dns_run("account", probe_fiber, c);
        judge(c);
    } else {
        code = CLI_CONFIG;
    }
    dns_resolver_close(c->resolver);
    tls_client_close(c->tls);
    return code;
}

/* CLI_OK, CLI_FINDINGS, CLI_UNKNOWN (nobody was reached), or an exit code that was told. */
static int check_one(struct check *c)
{
    int code = CLI_OK;
    c->preset = config_presets_find(&c->run->presets, c->account->preset);
    buf_init(&c->secret, SECRET_BYTES_MAX);
    read_secret(c);
    if (c->account->hop_count == 0)
        add(c, "unreachable", S("the account names no server"), S("servers: [\"smtps://HOST\"]"));
    else if (c->count == 0)
        code = ask(c);
    secret_wipe(&c->secret);
    if (code != CLI_OK || c->count == 0)
        return code;
    bool unknown = !c->probe.greeted && c->account->hop_count > 0 && c->count == 1;
    return unknown && c->findings[0].kind[0] == 'u' ? CLI_UNKNOWN : CLI_FINDINGS;
}

/* ---- all of them ------------------------------------------------------------------------ */

static int worse(int a, int b)
{
    bool usual_a = a <= CLI_UNKNOWN, usual_b = b <= CLI_UNKNOWN;
    if (usual_a != usual_b)
        return usual_a ? b : a;
    return a == CLI_FINDINGS || b == CLI_OK ? a : b;
}

/* What the last run found: lines as new_line() makes them. */
struct memory {
    bool used;
    struct buf before, now;
};

static str line_of(const struct check *c, size_t i)
{
    const struct finding *f = &c->findings[i];
    char *line = arena_chars(c->run->arena,
                             arena_printf(c->run->arena, "%.*s %s %.*s", STR_ARG(c->account->name),
                                          f->kind, STR_ARG(f->what)));
    for (char *at = line; *at; at++)
        if ((unsigned char)*at < 0x20)
            *at = ' ';
    return str_of(line);
}

static bool knows(str lines, str line)
{
    while (lines.len > 0) {
        str each;
        str_split(lines, '\n', &each, &lines);
        if (str_eq(each, line))
            return true;
    }
    return false;
}

/* Keep what is new, and remember all. */
static err sift(struct check *c, struct memory *m)
{
    size_t kept = 0;
    for (size_t i = 0; i < c->count; i++) {
        str line = line_of(c, i);
        TRY(buf_addf(&m->now, "%.*s\n", STR_ARG(line)));
        if (!knows(buf_str(&m->before), line))
            c->findings[kept++] = c->findings[i];
    }
    c->count = kept;
    return NULL;
}

static int check_account(const struct cli_account_run *run, const struct config_account *account,
                         struct memory *m)
{
    struct check *c = ARENA_NEW(run->arena, struct check);
    *c = (struct check){.run = run, .account = account};
    int code = check_one(c);
    if (code > CLI_UNKNOWN)
        return code;
    if (m->used && sift(c, m) != NULL)
        err_forget();
    if (m->used && c->count == 0)
        return CLI_OK;
    if (run->cli->json)
        print_json(c);
    else
        print_text(c);
    return code;
}

static int check_all(struct cli_account_run *run, struct memory *m)
{
    int code = CLI_OK;
    const struct config *both[] = {run->own, run->config};
    for (size_t k = 0; k < ARRAY_LEN(both); k++)
        for (size_t i = 0; i < both[k]->account_count; i++)
            code = worse(code, check_account(run, &both[k]->accounts[i], m));
    return code;
}

int cli_account_check_run(struct cli_account_run *run, const char *name)
{
    struct memory none = {0};
    if (run->all && name) {
        cli_fail("account test: NAME or --all");
        return CLI_USAGE;
    }
    if (run->all)
        return check_all(run, &none);
    const struct config_account *a =
        cli_profiles_find(run->config, run->own, name ? str_of(name) : (str){0});
    if (a)
        return check_account(run, a, &none);
    cli_fail("there is no account \"%s\": `smtptool account ls` shows them", name ? name : "");
    return CLI_USAGE;
}

static err read_memory(const char *path, struct memory *m)
{
    buf_init(&m->before, KNOWN_BYTES_MAX);
    buf_init(&m->now, KNOWN_BYTES_MAX);
    m->used = true;
    return file_exists(path) ? cli_read_file(path, &m->before) : NULL;
}

int cli_account_check_watch(struct cli_account_run *run)
{
    char path[CLI_USER_FOLDER_CHARS];
    struct memory m = {0};
    int code = CLI_OK;
    err e = cli_user_folder_file(CLI_USER_FOLDER_STATE, "account-findings", path);
    if (e == NULL)
        e = read_memory(path, &m);
    if (e == NULL)
        code = check_all(run, &m);
    if (e == NULL && code <= CLI_UNKNOWN)
        e = file_replace(path, FILE_WRITE | FILE_CREATE, buf_str(&m.now));
    buf_release(&m.before);
    buf_release(&m.now);
    if (e == NULL)
        return code;
    cli_fail_err(e, "account watch");
    return cli_exit_of(e);
}
