#include "cli/send_go.h"
#include "base/mem.h"
#include "cli/send_login.h"
#include "cli/user_folder.h"
#include "client/ports.h"
#include "dns/unbound.h"
#include "dns/zone.h"
#include "tlspolicy/fetch_curl.h"
#include "tlspolicy/sts.h"
#include <string.h>

/* ---- what a client needs ---------------------------------------------------------------- */

static err dns_servers(const struct config_dns *dns, struct arena *arena,
                       struct dns_unbound_options *ret_options)
{
    struct address *list = ARENA_ARRAY(arena, struct address, dns->list_count + 1);
    for (size_t i = 0; i < dns->list_count; i++)
        TRY(address_parse(dns->list[i], 53, &list[i]));
    *ret_options = (struct dns_unbound_options){
        .servers = dns->servers == DNS_LIST
                       ? DNS_UNBOUND_LIST
                       : (dns->servers == DNS_ROOT ? DNS_UNBOUND_ROOT : DNS_UNBOUND_SYSTEM),
        .list = list,
        .list_count = dns->list_count,
        .validate = dns->validate == DNS_VALIDATE_YES ? DNS_UNBOUND_YES : DNS_UNBOUND_NO,
    };
    return NULL;
}

err cli_send_go_resolver(const struct cli_send *run, struct dns_resolver **ret_resolver)
{
    struct dns_transport *transport;
    if (run->dns_zone) {
        struct dns_zone *zone;
        TRY(dns_zone_read(run->dns_zone, &zone));
        transport = dns_zone_transport(zone);
    } else {
        struct dns_unbound_options options;
        TRY(dns_servers(&run->config->dns, run->arena, &options));
        if (run->mx && run->config->dns.validate != DNS_VALIDATE_NO)
            options.validate = DNS_UNBOUND_YES; /* DANE is nothing without */
        TRY(dns_unbound_open(&options, &transport));
    }
    *ret_resolver = dns_resolver_open(transport, dns_hosts_read("/etc/hosts"));
    return NULL;
}

static err open_resolver(struct cli_send *run)
{
    const struct config_hop *hop = &run->options.hop;
    struct address ip;
    if (!run->mx && (hop->unix_socket || address_parse_ip(hop->host, &ip) == NULL))
        return NULL;
    err_forget();
    return cli_send_go_resolver(run, &run->options.resolver);
}

/* What was learned of ports the last time; a cache that cannot be used is none. */
static void open_ports(struct cli_send *run)
{
    char path[CLI_USER_FOLDER_CHARS], network[CLIENT_PORTS_NETWORK_CHARS];
    const struct config_hop *hop = &run->options.hop;
    if (run->mx || hop->port_given || hop->unix_socket || hop->lmtp || hop->implicit_tls)
        return;
    if (cli_user_folder_file(CLI_USER_FOLDER_CACHE, "ports", path) == NULL) {
        client_ports_network(network);
        run->options.ports = client_ports_open(path, str_of(network));
    }
    err_forget();
}

static void close_ports(struct cli_send *run)
{
    if (client_ports_save(run->options.ports))
        err_forget(); /* it is asked anew then */
    client_ports_close(run->options.ports);
    run->options.ports = NULL;
}

/* MTA-STS needs HTTPS; without libcurl it is not asked for, and that is told. */
struct web {
    struct tlspolicy_fetcher *fetcher;
    struct tlspolicy_sts *sts;
};

static void open_web(struct cli_send *run, struct web *web)
{
    struct tlspolicy_fetch_curl_options o = {.ca_file = str_of(run->ca_file)};
    if (!run->mx || run->dns_zone)
        return;
    err e = tlspolicy_fetch_curl_open(&o, &web->fetcher);
    struct tlspolicy_sts_options sts = {
        {run->options.resolver, web->fetcher, false},
        NULL
    };
    if (e == NULL)
        e = tlspolicy_sts_open(&sts, &web->sts);
    if (e && !run->cli->quiet)
        cli_fail_err(e, "MTA-STS is not asked for");
    err_forget();
    run->options.mx.sts = web->sts;
}

static void close_web(struct web *web)
{
    tlspolicy_sts_close(web->sts);
    if (web->fetcher)
        web->fetcher->close(web->fetcher);
}

/* ---- one mail for each domain ----------------------------------------------------------- */

static str domain_of(str address) { return str_from(address, str_find_last(address, '@') + 1); }

/* The rcpts of one domain, from `first` on; marks them as taken. */
static size_t take_domain(const struct envelope *env, bool *taken, size_t first,
                          struct envelope_rcpt *ret_rcpts)
{
    str domain = domain_of(env->rcpts[first].address);
    size_t count = 0;
    for (size_t i = first; i < env->rcpt_count; i++) {
        if (taken[i] || !str_eq_nocase(domain_of(env->rcpts[i].address), domain))
            continue;
        taken[i] = true;
        ret_rcpts[count++] = env->rcpts[i];
    }
    return count;
}

static void make_part(const struct client_mail *whole, struct envelope_rcpt *rcpts, size_t count,
                      struct client_mail *ret_part)
{
    *ret_part = *whole;
    ret_part->envelope = ARENA_NEW(whole->arena, struct envelope);
    *ret_part->envelope = *whole->envelope;
    ret_part->envelope->rcpts = rcpts;
    ret_part->envelope->rcpt_count = count;
    ret_part->verdicts = ARENA_ARRAY(whole->arena, struct smtp_verdict, count);
}

/* Verdicts of a part go to where their recipients stand in the whole. */
static void merge(struct client_mail *whole, const struct client_mail *part)
{
    for (size_t i = 0, at = 0; i < part->envelope->rcpt_count; i++, at++) {
        while (!str_eq(whole->envelope->rcpts[at].address, part->envelope->rcpts[i].address))
            at++;
        whole->verdicts[at] = part->verdicts[i];
    }
    whole->outcome = client_outcome_worse(whole->outcome, part->outcome);
    whole->attempts = part->attempts > whole->attempts ? part->attempts : whole->attempts;
    whole->times = part->times;
    whole->tls = part->tls;
    whole->tls_active = part->tls_active;
    whole->greeting = part->greeting;
    memcpy(whole->address, part->address, sizeof whole->address);
    memcpy(whole->host, part->host, sizeof whole->host);
    if (part->why[0] != '\0')
        memcpy(whole->why, part->why, sizeof whole->why);
}

static void send_by_mx(struct cli_send *run, struct client_mail *mail)
{
    const struct envelope *env = mail->envelope;
    bool *taken = ARENA_ARRAY(mail->arena, bool, env->rcpt_count);
    struct client_mail *part = ARENA_NEW(mail->arena, struct client_mail);
    for (size_t i = 0; i < env->rcpt_count; i++) {
        if (taken[i])
            continue;
        struct envelope_rcpt *rcpts =
            ARENA_ARRAY(mail->arena, struct envelope_rcpt, env->rcpt_count - i);
        size_t count = take_domain(env, taken, i, rcpts);
        make_part(mail, rcpts, count, part);
        run->options.mx.domain = domain_of(rcpts[0].address);
        client_run(&run->options, part, 1);
        merge(mail, part);
    }
    run->outcome = client_outcome_worse(run->outcome, mail->outcome);
}

static void run_fiber(void *arg)
{
    struct cli_send *run = arg;
    if (!run->mx)
        run->outcome = client_run(&run->options, run->mails, run->count);
    for (size_t i = 0; run->mx && i < run->count; i++)
        send_by_mx(run, &run->mails[i]);
}

/* ---- all of it -------------------------------------------------------------------------- */

err cli_send_go(struct cli_send *run, struct cli_send_report *report)
{
    struct web web = {0};
    TRY(cli_send_login_read(run));
    if (run->mx || run->options.hop.tls != HOP_TLS_NONE)
        TRY(tls_client_open(str_of(run->ca_file), &run->options.tls));
    TRY(open_resolver(run));
    open_ports(run);
    open_web(run, &web);
    run->options.watch = cli_send_report_line;
    run->options.watch_arg = report;
    struct loop *loop = loop_open(NULL);
    loop_run(loop, "send", run_fiber, run);
    close_web(&web);
    dns_resolver_close(run->options.resolver);
    run->options.resolver = NULL;
    loop_close(loop);
    close_ports(run);
    return NULL;
}
