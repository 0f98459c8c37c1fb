#include "outbound/egress_connect.h"
#include <errno.h>
#include <string.h>

/* ---- straight ---------------------------------------------------------------------------- */

static err go_straight(const struct config_egress *egress, const struct address *to,
                       struct outbound_egress_connected *ret_connected,
                       enum outbound_egress_fault *ret_fault, deadline until)
{
    const struct address *from = egress ? outbound_egress_address(egress, to) : NULL;
    char text[ADDRESS_CHARS];
    struct net_conn *c;
    err e = net_connect(to, from, &c, until);
    if (e == NULL) {
        *ret_connected = (struct outbound_egress_connected){c, net_local(c)};
        return NULL;
    }
    *ret_fault = EGRESS_FAULT_THEIRS;
    if (from == NULL || e->kind != ERR_SYSTEM || e->number != EADDRNOTAVAIL)
        return e;
    *ret_fault = EGRESS_FAULT_OURS;
    address_format_ip(from, text);
    return err_wrap(e, "egress %.*s: this machine does not have the address %s",
                    STR_ARG(egress->name), text);
}

/* ---- through a proxy --------------------------------------------------------------------- */

static err reach_proxy(const struct config_egress *egress, struct net_conn **ret_conn,
                       deadline until)
{
    err e = net_connect(&egress->via->address, NULL, ret_conn, until);
    return e ? err_wrap(e, "egress %.*s: the proxy %.*s", STR_ARG(egress->name),
                        STR_ARG(egress->via->url))
             : NULL;
}

/* Codes that speak of the host; what speaks of the proxy is ours to mend. */
static enum outbound_egress_fault fault_of(int code)
{
    switch (code) {
    case SOCKS_NETWORK_UNREACHABLE:
    case SOCKS_HOST_UNREACHABLE:
    case SOCKS_REFUSED:
    case SOCKS_TTL_EXPIRED:
        return EGRESS_FAULT_THEIRS;
    case SOCKS_FAILED:
        return EGRESS_FAULT_PROXY;
    default:
        return EGRESS_FAULT_OURS;
    }
}

static struct address seen_as(const struct config_egress *egress, const struct address *to)
{
    const struct address *named = outbound_egress_address(egress, to);
    return named ? *named : (struct address){0};
}

static err ask_socks(const struct config_egress *egress, const struct address *to,
                     const struct socks_login *login, struct outbound_egress_connected *c,
                     enum outbound_egress_fault *ret_fault, deadline until)
{
    struct socks_reply reply;
    err e = socks_connect(c->conn, to, login, &reply, until);
    if (e)
        return err_wrap(e, "egress %.*s: the proxy %.*s", STR_ARG(egress->name),
                        STR_ARG(egress->via->url));
    if (reply.code == SOCKS_DONE) {
        c->local = reply.bound.family == to->family ? reply.bound : seen_as(egress, to);
        return NULL;
    }
    *ret_fault = fault_of(reply.code);
    if (*ret_fault == EGRESS_FAULT_THEIRS)
        return err_new(ERR_CLOSED, "%s, says our proxy", socks_code_name(reply.code));
    return err_new(ERR_CLOSED, "egress %.*s: the proxy %.*s could not connect: %s",
                   STR_ARG(egress->name), STR_ARG(egress->via->url), socks_code_name(reply.code));
}

size_t outbound_egress_connect_header(const struct address *from, const struct address *to,
                                      uint8_t ret_header[OUTBOUND_EGRESS_CONNECT_HEADER_BYTES])
{
    static const uint8_t signature[] = {'\r', '\n', '\r', '\n', 0,    '\r', '\n',
                                        'Q',  'U',  'I',  'T',  '\n', 0x21};
    size_t ip_len = to->family == ADDRESS_IP4 ? 4 : 16, at = sizeof signature;
    ASSERT(from->family == to->family);
    memcpy(ret_header, signature, sizeof signature);
    ret_header[at++] = to->family == ADDRESS_IP4 ? 0x11 : 0x21; /* TCP */
    ret_header[at++] = 0;
    ret_header[at++] = (uint8_t)(2 * ip_len + 4);
    memcpy(ret_header + at, from->ip, ip_len);
    memcpy(ret_header + at + ip_len, to->ip, ip_len);
    at += 2 * ip_len;
    ret_header[at++] = 0; /* any port of ours: the proxy chooses */
    ret_header[at++] = 0;
    ret_header[at++] = (uint8_t)(to->port >> 8);
    ret_header[at++] = (uint8_t)to->port;
    return at;
}

/* The header goes out with nothing behind it: the host speaks first. */
static err send_header(const struct config_egress *egress, const struct address *to,
                       struct outbound_egress_connected *c, deadline until)
{
    uint8_t header[OUTBOUND_EGRESS_CONNECT_HEADER_BYTES];
    c->local = seen_as(egress, to);
    size_t len = outbound_egress_connect_header(&c->local, to, header);
    err e = net_write(c->conn, (str){(const char *)header, len}, until);
    if (e == NULL)
        e = net_flush(c->conn, until);
    return e ? err_wrap(e, "egress %.*s: the proxy %.*s", STR_ARG(egress->name),
                        STR_ARG(egress->via->url))
             : NULL;
}

static err go_by_proxy(const struct config_egress *egress, const struct address *to,
                       const struct socks_login *login,
                       struct outbound_egress_connected *ret_connected,
                       enum outbound_egress_fault *ret_fault, deadline until)
{
    struct outbound_egress_connected c = {0};
    *ret_fault = EGRESS_FAULT_OURS;
    TRY(reach_proxy(egress, &c.conn, until));
    err e = egress->via->kind == PROXY_SOCKS5 ? ask_socks(egress, to, login, &c, ret_fault, until)
                                              : send_header(egress, to, &c, until);
    if (e) {
        net_close(c.conn);
        return e;
    }
    *ret_connected = c;
    return NULL;
}

err outbound_egress_connect(const struct config_egress *egress, const struct address *to,
                            const struct socks_login *login,
                            struct outbound_egress_connected *ret_connected,
                            enum outbound_egress_fault *ret_fault, deadline until)
{
    bool proxy = egress && egress->via && to->family != ADDRESS_UNIX;
    return proxy ? go_by_proxy(egress, to, login, ret_connected, ret_fault, until)
                 : go_straight(egress, to, ret_connected, ret_fault, until);
}
