#include "runtime/socks.h"
#include <string.h>

enum {
    VERSION = 5,
    LOGIN_VERSION = 1,
    METHOD_NONE = 0,
    METHOD_PASSWORD = 2,
    METHOD_REFUSED = 0xff,
    CONNECT = 1,
    TYPE_IP4 = 1,
    TYPE_NAME = 3,
    TYPE_IP6 = 4,
};

static uint8_t byte_at(str s, size_t at) { return (uint8_t)s.ptr[at]; }

/* ---- what the proxy says ----------------------------------------------------------------- */

/* Bytes of the address behind its type. False: a type that there is not. */
static bool address_length(str input, size_t *ret_len)
{
    switch (byte_at(input, 3)) {
    case TYPE_IP4:
        *ret_len = 4;
        return true;
    case TYPE_IP6:
        *ret_len = 16;
        return true;
    case TYPE_NAME:
        *ret_len = 1 + (size_t)byte_at(input, 4);
        return true;
    default:
        return false;
    }
}

static struct address read_bound(str input, size_t len)
{
    struct address a = {0};
    if (byte_at(input, 3) == TYPE_NAME)
        return a;
    a.family = len == 4 ? ADDRESS_IP4 : ADDRESS_IP6;
    memcpy(a.ip, input.ptr + 4, len);
    a.port = (uint16_t)(byte_at(input, 4 + len) << 8 | byte_at(input, 5 + len));
    return address_is_wildcard(&a) ? (struct address){0} : a;
}

err socks_reply_parse(str *input, bool *ret_complete, struct socks_reply *ret_reply)
{
    size_t len;
    *ret_complete = false;
    if (input->len > 0 && byte_at(*input, 0) != VERSION)
        return err_new(ERR_PROTOCOL, "the proxy does not speak SOCKS5");
    if (input->len < 5) /* the type, and the length of a name */
        return NULL;
    if (!address_length(*input, &len))
        return err_new(ERR_PROTOCOL, "the proxy names an address of type %d", byte_at(*input, 3));
    if (input->len < 4 + len + 2)
        return NULL;
    *ret_reply = (struct socks_reply){byte_at(*input, 1), read_bound(*input, len)};
    *ret_complete = true;
    *input = str_from(*input, 4 + len + 2);
    return NULL;
}

const char *socks_code_name(int code)
{
    static const char *const names[] = {
        [SOCKS_DONE] = "done",
        [SOCKS_FAILED] = "general failure",
        [SOCKS_NOT_ALLOWED] = "not allowed by its rules",
        [SOCKS_NETWORK_UNREACHABLE] = "network unreachable",
        [SOCKS_HOST_UNREACHABLE] = "host unreachable",
        [SOCKS_REFUSED] = "connection refused",
        [SOCKS_TTL_EXPIRED] = "time to live expired",
        [SOCKS_NO_COMMAND] = "it does not connect for others",
        [SOCKS_NO_ADDRESS_TYPE] = "it does not know this kind of address",
    };
    return code >= 0 && (size_t)code < ARRAY_LEN(names) ? names[code] : "an unknown failure";
}

/* ---- the talk ---------------------------------------------------------------------------- */

static err send_bytes(struct net_conn *c, const uint8_t *bytes, size_t count, deadline until)
{
    TRY(net_write(c, (str){(const char *)bytes, count}, until));
    return net_flush(c, until);
}

/* Two bytes: a version, and what is said. */
static err read_pair(struct net_conn *c, int version, int *ret_said, deadline until)
{
    while (net_input(c).len < 2)
        TRY(net_fill(c, until));
    if (byte_at(net_input(c), 0) != version)
        return err_new(ERR_PROTOCOL, "the proxy does not speak SOCKS5");
    *ret_said = byte_at(net_input(c), 1);
    net_consume(c, 2);
    return NULL;
}

static err log_in(struct net_conn *c, const struct socks_login *login, deadline until)
{
    uint8_t request[3 + 2 * SOCKS_LOGIN_BYTES_MAX];
    size_t len = 0;
    int said;
    request[len++] = LOGIN_VERSION;
    request[len++] = (uint8_t)login->user.len;
    memcpy(request + len, login->user.ptr, login->user.len);
    len += login->user.len;
    request[len++] = (uint8_t)login->password.len;
    memcpy(request + len, login->password.ptr, login->password.len);
    len += login->password.len;
    err e = send_bytes(c, request, len, until);
    explicit_bzero(request, sizeof request);
    TRY(e);
    TRY(read_pair(c, LOGIN_VERSION, &said, until));
    return said == 0 ? NULL : err_new(ERR_CONFIG, "the proxy refuses our login");
}

static err agree(struct net_conn *c, const struct socks_login *login, deadline until)
{
    const uint8_t offer[] = {VERSION, login ? 2 : 1, METHOD_NONE, METHOD_PASSWORD};
    int method;
    TRY(send_bytes(c, offer, login ? 4 : 3, until));
    TRY(read_pair(c, VERSION, &method, until));
    if (method == METHOD_NONE)
        return NULL;
    if (method == METHOD_PASSWORD && login)
        return log_in(c, login, until);
    if (method == METHOD_REFUSED)
        return err_new(ERR_CONFIG,
                       login ? "the proxy takes no password" : "the proxy wants a login");
    return err_new(ERR_PROTOCOL, "the proxy chose what was not offered");
}

static size_t write_request(const struct address *to, uint8_t request[SOCKS_REQUEST_BYTES_MAX])
{
    bool ip4 = to->family == ADDRESS_IP4;
    size_t ip_len = ip4 ? 4 : 16;
    const uint8_t head[] = {VERSION, CONNECT, 0, ip4 ? TYPE_IP4 : TYPE_IP6};
    memcpy(request, head, sizeof head);
    memcpy(request + sizeof head, to->ip, ip_len);
    request[sizeof head + ip_len] = (uint8_t)(to->port >> 8);
    request[sizeof head + ip_len + 1] = (uint8_t)to->port;
    return sizeof head + ip_len + 2;
}

static bool is_login(const struct socks_login *l)
{
    return l->user.len > 0 && l->user.len <= SOCKS_LOGIN_BYTES_MAX && l->password.len > 0 &&
           l->password.len <= SOCKS_LOGIN_BYTES_MAX;
}

static size_t write_name_request(str name, uint16_t port, uint8_t request[SOCKS_REQUEST_BYTES_MAX])
{
    const uint8_t head[] = {VERSION, CONNECT, 0, TYPE_NAME, (uint8_t)name.len};
    memcpy(request, head, sizeof head);
    memcpy(request + sizeof head, name.ptr, name.len);
    request[sizeof head + name.len] = (uint8_t)(port >> 8);
    request[sizeof head + name.len + 1] = (uint8_t)port;
    return sizeof head + name.len + 2;
}

static err ask(struct net_conn *c, const uint8_t *request, size_t count,
               const struct socks_login *login, struct socks_reply *ret_reply, deadline until)
{
    bool complete = false;
    if (login && !is_login(login))
        return err_new(ERR_LIMIT, "a login of SOCKS5 has 1 to %d bytes", SOCKS_LOGIN_BYTES_MAX);
    TRY(agree(c, login, until));
    TRY(send_bytes(c, request, count, until));
    for (;;) {
        str input = net_input(c), rest = input;
        TRY(socks_reply_parse(&rest, &complete, ret_reply));
        if (complete) {
            net_consume(c, input.len - rest.len);
            return NULL;
        }
        TRY(net_fill(c, until));
    }
}

err socks_connect(struct net_conn *c, const struct address *to, const struct socks_login *login,
                  struct socks_reply *ret_reply, deadline until)
{
    uint8_t request[SOCKS_REQUEST_BYTES_MAX];
    ASSERT(to->family == ADDRESS_IP4 || to->family == ADDRESS_IP6);
    return ask(c, request, write_request(to, request), login, ret_reply, until);
}

err socks_connect_name(struct net_conn *c, str name, uint16_t port, const struct socks_login *login,
                       struct socks_reply *ret_reply, deadline until)
{
    uint8_t request[SOCKS_REQUEST_BYTES_MAX];
    if (name.len == 0 || name.len > SOCKS_NAME_BYTES_MAX)
        return err_new(ERR_LIMIT, "a host's name has 1 to %d bytes", SOCKS_NAME_BYTES_MAX);
    return ask(c, request, write_name_request(name, port, request), login, ret_reply, until);
}
