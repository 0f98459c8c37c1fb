#include "personality/msmtp_link.h"
#include "dns/host.h"
#include "runtime/socks.h"
#include <errno.h>
#include <string.h>

enum { PROXY_PORT = 1080 };

uint16_t personality_msmtp_link_port(const struct msmtp *m)
{
    uint64_t port;
    bool direct = personality_msmtp_job_is(m, MSMTPRC_TLS, S("on")) &&
                  personality_msmtp_job_is(m, MSMTPRC_TLS_STARTTLS, S("off"));
    if (str_to_u64(personality_msmtp_job_value(m, MSMTPRC_PORT), 65535, &port))
        return (uint16_t)port;
    return direct ? 465 : 25;
}

str personality_msmtp_link_first_host(const struct msmtp *m)
{
    str proxy = personality_msmtp_job_value(m, MSMTPRC_PROXY_HOST);
    if (personality_msmtp_job_value(m, MSMTPRC_SOCKET).len)
        return (str){0};
    return proxy.len ? proxy : personality_msmtp_job_value(m, MSMTPRC_HOST);
}

static const char *reason_of(err e)
{
    if (e->kind == ERR_TIMEOUT)
        return strerror(ETIMEDOUT);
    return err_number(e) ? strerror(err_number(e)) : "no connection";
}

/* ---- a Unix socket ---------------------------------------------------------------------- */

static err open_unix(struct msmtp *m, struct net_conn **ret_conn, deadline until)
{
    struct address to = {.family = ADDRESS_UNIX};
    str path = personality_msmtp_job_path(m, MSMTPRC_SOCKET);
    if (!str_to_chars(path, to.path, sizeof to.path))
        return personality_msmtp_job_fail(m, EX_CONFIG, "the socket's path is too long");
    err e = net_connect(&to, NULL, ret_conn, until);
    return e ? personality_msmtp_job_fail(m, EX_TEMPFAIL, "cannot connect to %.*s: %s",
                                          STR_ARG(path), reason_of(e))
             : NULL;
}

/* ---- a host ----------------------------------------------------------------------------- */

static err find(struct msmtp *m, str name, struct dns_host *ret_host, deadline until)
{
    struct address *one = ARENA_NEW(m->arena, struct address);
    if (address_parse_ip(name, one) == NULL) {
        *ret_host = (struct dns_host){.status = DNS_OK, .addresses = one, .count = 1};
        return NULL;
    }
    struct dns_host host;
    TRY(dns_host_addresses(m->post.options.resolver, NULL, name, DNS_HOST_OF_ROUTE, m->arena, &host,
                           until));
    bool unknown = host.status == DNS_NXDOMAIN || host.status == DNS_NODATA;
    if (host.status != DNS_OK)
        return personality_msmtp_job_fail(
            m, unknown ? EX_NOHOST : EX_TEMPFAIL, "cannot locate host %.*s: %s", STR_ARG(name),
            unknown ? "Name or service not known" : "the DNS gave no answer");
    *ret_host = host;
    return NULL;
}

static err find_source(struct msmtp *m, struct address *ret_source)
{
    str text = personality_msmtp_job_value(m, MSMTPRC_SOURCE_IP);
    if (text.len == 0 || address_parse_ip(text, ret_source) == NULL)
        return NULL;
    return personality_msmtp_job_fail(m, EX_OSERR, "cannot bind source ip %.*s: %s", STR_ARG(text),
                                      strerror(EINVAL));
}

/* Each address has its share of what time is left, so that a silent one does not use up all of it.
 */
static deadline share(deadline until, size_t addresses)
{
    return deadline_after(deadline_left_ms(until) / (int64_t)addresses);
}

static err open_host(struct msmtp *m, str name, uint16_t port, struct net_conn **ret_conn,
                     deadline until)
{
    struct dns_host host = {0};
    struct address source = {.family = ADDRESS_NONE};
    str from = personality_msmtp_job_value(m, MSMTPRC_SOURCE_IP);
    err last = NULL;
    TRY(find_source(m, &source));
    TRY(find(m, name, &host, until));
    for (size_t i = 0; i < host.count; i++) {
        struct address to = host.addresses[i];
        to.port = port;
        if (from.len && to.family != source.family)
            continue;
        last = net_connect(&to, from.len ? &source : NULL, ret_conn, share(until, host.count - i));
        if (last == NULL)
            return NULL;
    }
    if (last && from.len && err_number(last) == EADDRNOTAVAIL)
        return personality_msmtp_job_fail(m, EX_OSERR, "cannot bind source ip %.*s: %s",
                                          STR_ARG(from), strerror(EADDRNOTAVAIL));
    return personality_msmtp_job_fail(m, EX_TEMPFAIL, "cannot connect to %.*s, port %d: %s",
                                      STR_ARG(name), port,
                                      last ? reason_of(last) : "no address of source_ip's family");
}

/* ---- through a proxy -------------------------------------------------------------------- */

static err ask_proxy(struct msmtp *m, struct net_conn *conn, deadline until)
{
    struct socks_reply reply;
    err e = socks_connect_name(conn, personality_msmtp_job_value(m, MSMTPRC_HOST),
                               personality_msmtp_link_port(m), NULL, &reply, until);
    if (e) {
        char why[300];
        err_words(e, why, sizeof why);
        return personality_msmtp_job_fail(m, e->kind == ERR_TIMEOUT ? EX_TEMPFAIL : EX_UNAVAILABLE,
                                          "proxy failure: %s", why);
    }
    if (reply.code == SOCKS_DONE)
        return NULL;
    return personality_msmtp_job_fail(m, EX_UNAVAILABLE, "proxy failure: %s",
                                      socks_code_name(reply.code));
}

static err open_proxy(struct msmtp *m, str proxy, struct net_conn **ret_conn, deadline until)
{
    uint64_t port = PROXY_PORT;
    struct net_conn *conn;
    (void)str_to_u64(personality_msmtp_job_value(m, MSMTPRC_PROXY_PORT), 65535, &port);
    TRY(open_host(m, proxy, (uint16_t)port, &conn, until));
    err e = ask_proxy(m, conn, until);
    if (e)
        net_close(conn);
    else
        *ret_conn = conn;
    return e;
}

err personality_msmtp_link_open(struct msmtp *m, struct net_conn **ret_conn, str *ret_address,
                                deadline until)
{
    char ip[ADDRESS_CHARS] = "";
    str host = personality_msmtp_job_value(m, MSMTPRC_HOST),
        proxy = personality_msmtp_job_value(m, MSMTPRC_PROXY_HOST);
    struct net_conn *conn;
    if (personality_msmtp_job_value(m, MSMTPRC_SOCKET).len)
        TRY(open_unix(m, &conn, until));
    else if (proxy.len)
        TRY(open_proxy(m, proxy, &conn, until));
    else
        TRY(open_host(m, host, personality_msmtp_link_port(m), &conn, until));
    struct address peer = net_peer(conn);
    if (proxy.len == 0 && (peer.family == ADDRESS_IP4 || peer.family == ADDRESS_IP6))
        address_format_ip(&peer, ip);
    *ret_address = arena_str(m->arena, str_of(ip));
    *ret_conn = conn;
    return NULL;
}
