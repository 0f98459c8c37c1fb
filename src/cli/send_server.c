#include "cli/send_server.h"
#include "cli/profiles.h"
#include "cli/send_from.h"
#include "config/tls_word.h"
#include "config/value.h"
#include "outbound/from.h"
#include "smtp/path.h"
#include <string.h>

enum { SEND_TIME_MS_MAX = 24 * 3600 * 1000 };

/* ---- patience --------------------------------------------------------------------------- */

static err read_time(const char *option, const char *text, int64_t *time_ms)
{
    int64_t ms;
    if (text == NULL)
        return NULL;
    err e = config_value_duration(str_of(text), &ms);
    if (e)
        return err_wrap(e, "--%s", option);
    if (ms == 0 || ms > SEND_TIME_MS_MAX)
        return err_new(ERR_CONFIG, "--%s: above 0 and at most 24h, not %s", option, text);
    *time_ms = ms;
    return NULL;
}

static err read_number(const char *option, const char *text, int64_t least, int64_t most,
                       int *number)
{
    int64_t value;
    if (text == NULL)
        return NULL;
    err e = config_value_int(str_of(text), &value);
    if (e)
        return err_wrap(e, "--%s", option);
    if (value < least || value > most)
        return err_new(ERR_CONFIG, "--%s: %lld to %lld, not %s", option, (long long)least,
                       (long long)most, text);
    *number = (int)value;
    return NULL;
}

static err read_policy(struct cli_send *run)
{
    struct config_client_policy *p = &run->options.policy;
    *p = config_client_policy;
    run->options.places = run->cli->verbose > 0;
    TRY(read_time("connect-timeout", run->connect_timeout, &p->connect_ms));
    TRY(read_time("io-timeout", run->io_timeout, &p->reply_ms));
    TRY(read_time("backoff", run->backoff, &p->retry_first_ms));
    TRY(read_number("retries", run->retries, 0, CLIENT_RETRIES_MAX, &p->retries));
    TRY(read_number("connections", run->connections, 1, CLI_SEND_CONNECTIONS_MAX, &p->connections));
    return read_number("messages-per-connection", run->per_connection, 1, INT32_MAX,
                       &p->messages_per_connection);
}

static bool names_a_way(const struct cli_send *run)
{
    return run->server || run->mx || run->queue || run->user || run->secret || run->password_file ||
           run->password_command;
}

/* Who writes from an account needs no --from to say who he is. */
static void take_author(struct cli_send *run)
{
    str address = outbound_from_address(run->sender);
    if (run->message.from == NULL && run->files.count == 0 && !run->message.header_recipients &&
        address.len > 0)
        run->message.from = arena_chars(run->arena, address);
}

static err take_account(struct cli_send *run, const struct config_account *account)
{
    run->sender = ARENA_NEW(run->arena, struct config_account);
    *run->sender = *account;
    run->account = arena_chars(run->arena, account->name);
    take_author(run);
    if (run->message.envelope_from == NULL && account->return_path.len > 0)
        run->message.envelope_from = arena_chars(run->arena, account->return_path);
    return cli_send_from_policy(run->from_policy, run->sender);
}

/* The default account, for who says nothing of where to. */
static err find_account(struct cli_send *run)
{
    str name = run->account ? str_of(run->account) : (str){0};
    if (run->account == NULL && !names_a_way(run)) {
        TRY(cli_profiles_read(run->config, &run->own));
        name = cli_profiles_default(run->config, run->own);
    }
    if (name.len == 0 && run->from_policy)
        return err_new(ERR_CONFIG, "--from-policy: whose From? It goes with --account");
    if (name.len == 0)
        return NULL;
    const struct config_account *found = cli_profiles_find(run->config, run->own, name);
    if (found == NULL && run->own == NULL) {
        TRY(cli_profiles_read(run->config, &run->own));
        found = cli_profiles_find(run->config, run->own, name);
    }
    if (found == NULL)
        return err_new(ERR_CONFIG,
                       "--account: there is no \"%.*s\" in the configuration or among your own "
                       "(`smtptool account ls`)",
                       STR_ARG(name));
    return take_account(run, found);
}

static err read_hello(struct cli_send *run)
{
    struct client_options *o = &run->options;
    o->hello = run->config->hostname;
    if (run->hello &&
        !smtp_domain_parse(str_of(run->hello), SMTP_DOMAIN_HELLO, run->arena, &o->hello))
        return err_new(ERR_CONFIG, "--hello: \"%s\" is no host name", run->hello);
    return NULL;
}

/* ---- our own queue ---------------------------------------------------------------------- */

/* The listener that takes mail from this machine without a login. */
static const struct config_listener *relay_listener(const struct config *config)
{
    for (size_t i = 0; i < config->listener_count; i++) {
        const struct config_listener *l = &config->listeners[i];
        if (l->role == ROLE_RELAY && l->tls != LISTENER_TLS_IMPLICIT && !l->proxy &&
            (address_is_loopback(&l->address) || address_is_wildcard(&l->address)))
            return l;
    }
    return NULL;
}

static err use_queue(struct cli_send *run)
{
    const struct config_listener *l = relay_listener(run->config);
    if (l == NULL)
        return err_new(ERR_CONFIG, "--queue: the configuration has no listener of role relay on "
                                   "this machine (without TLS from the first byte, without PROXY)");
    bool any = address_is_wildcard(&l->address);
    const char *host = l->address.family == ADDRESS_IP6 && !any ? "[::1]" : "127.0.0.1";
    char text[ADDRESS_CHARS] = "";
    address_format_ip(&l->address, text);
    if (!any && l->address.family == ADDRESS_IP4)
        host = text; /* 127.0.0.2, too */
    str url = arena_printf(run->arena, "smtp://%s:%d?tls=none", host, l->address.port);
    return config_value_hop(url, run->arena, &run->options.hop);
}

/* ---- MX hosts --------------------------------------------------------------------------- */

static err use_mx(struct cli_send *run)
{
    uint64_t port = 0;
    if (run->user || run->account)
        return err_new(ERR_CONFIG, "--mx: nobody logs in at an MX host, so without --user and "
                                   "--account");
    if (run->mx_port && (!str_to_u64(str_of(run->mx_port), 65535, &port) || port == 0))
        return err_new(ERR_CONFIG, "--mx-port: 1 to 65535, not \"%s\"", run->mx_port);
    run->options.mx.port = (uint16_t)port;
    run->options.mx.requiretls = run->message.requiretls;
    run->options.hop = (struct config_hop){.url = S("mx:")};
    return NULL;
}

/* ---- a server --------------------------------------------------------------------------- */

static err use_url(struct cli_send *run)
{
    str url = {0};
    err e = config_tls_word_server(str_of(run->server), run->arena, &url);
    if (e == NULL)
        e = config_value_hop(url, run->arena, &run->options.hop);
    return e ? err_wrap(e, "--server") : NULL;
}

/* In the clear, at port 25, without its TLS: what a login or REQUIRETLS forbids. */
static err check_server(const struct cli_send *run)
{
    const struct config_hop *hop = &run->options.hop;
    bool login = run->user || (run->sender && run->sender->user.len > 0);
    if (login && hop->tls != HOP_TLS_VERIFIED && !config_value_hop_is_local(hop))
        return err_new(ERR_CONFIG, "--server: a login goes over verified TLS only, so without "
                                   "?tls= (except to this machine)");
    if (login && hop->port == 25 && !hop->lmtp)
        return err_new(ERR_CONFIG, "--server: port 25 is for mail between servers, and no login "
                                   "goes there: write port 587 or 465, or no port at all");
    if (run->message.requiretls && hop->tls != HOP_TLS_VERIFIED && !run->queue)
        return err_new(ERR_CONFIG, "--requiretls: needs a server without ?tls=");
    return NULL;
}

static err read_preference(struct cli_send *run)
{
    if (run->prefer && strcmp(run->prefer, "security") != 0)
        return err_new(ERR_CONFIG, "--prefer: security, not \"%s\"", run->prefer);
    run->options.security_first = run->prefer != NULL;
    return NULL;
}

static err find_way(struct cli_send *run)
{
    bool first = run->server == NULL && run->sender && run->sender->hop_count > 0;
    int ways = (run->server != NULL) + run->mx + run->queue;
    if (ways > 1)
        return err_new(ERR_CONFIG, "--server, --mx, --queue: one of them");
    if (run->queue && run->now)
        return err_new(ERR_CONFIG, "--queue or --now, not both");
    if (run->mx)
        return use_mx(run);
    if (run->queue)
        return use_queue(run);
    if (ways == 0 && !first && run->dry_run)
        return NULL;
    if (ways == 0 && !first)
        return err_new(ERR_CONFIG, "where to? --server mail.example.com, --account NAME, --queue "
                                   "(the server on this machine) or --mx (the recipients' own "
                                   "servers)");
    if (first)
        run->options.hop = run->sender->hops[0];
    else
        TRY(use_url(run));
    return check_server(run);
}

err cli_send_server_read(struct cli_send *run)
{
    TRY(read_policy(run));
    TRY(read_hello(run));
    TRY(find_account(run));
    TRY(read_preference(run));
    return find_way(run);
}
