#include "runtime/address.h"
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

/* ::ffff:192.0.2.1 is 192.0.2.1: a rule for one must hold for the other. */
static void fold_mapped(struct address *a)
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    if (a->family != ADDRESS_IP6 || memcmp(a->ip, mapped, sizeof mapped) != 0)
        return;
    memcpy(a->ip, a->ip + 12, 4);
    memset(a->ip + 4, 0, 12);
    a->family = ADDRESS_IP4;
}

err address_parse_ip(str text, struct address *ret_address)
{
    struct address a = {0};
    char chars[INET6_ADDRSTRLEN];
    if (!str_to_chars(text, chars, sizeof chars))
        return err_new(ERR_CONFIG, "\"%.*s\" is not an IP address", STR_ARG(text));
    if (inet_pton(AF_INET, chars, a.ip) == 1)
        a.family = ADDRESS_IP4;
    else if (inet_pton(AF_INET6, chars, a.ip) == 1)
        a.family = ADDRESS_IP6;
    else
        return err_new(ERR_CONFIG, "\"%.*s\" is not an IP address", STR_ARG(text));
    fold_mapped(&a);
    *ret_address = a;
    return NULL;
}

static err parse_unix(str path, struct address *ret_address)
{
    struct address a = {.family = ADDRESS_UNIX};
    if (path.len == 0 || path.ptr[0] != '/' || !str_to_chars(path, a.path, sizeof a.path))
        return err_new(ERR_CONFIG, "\"%.*s\" is not an absolute socket path of at most %zu bytes",
                       STR_ARG(path), sizeof a.path - 1);
    *ret_address = a;
    return NULL;
}

/* colon_port: ":25", or empty. */
static err parse_port(str colon_port, int default_port, uint16_t *ret_port)
{
    uint64_t port = (uint64_t)default_port;
    str text = str_from(colon_port, 1);
    if (text.len == 0 && (default_port == 0 || colon_port.len > 0))
        return err_new(ERR_CONFIG, "a port is missing");
    if (text.len > 0 && !str_to_u64(text, 65535, &port))
        return err_new(ERR_CONFIG, "\"%.*s\" is not a port", STR_ARG(text));
    *ret_port = (uint16_t)port;
    return NULL;
}

err address_parse(str text, int default_port, struct address *ret_address)
{
    str rest = text, ip, port = {0};
    if (str_skip(&rest, S("unix:")))
        return parse_unix(rest, ret_address);
    if (str_skip(&rest, S("["))) {
        str_split(rest, ']', &ip, &port);
        if (str_find(rest, ']') == STR_NONE || (port.len > 0 && port.ptr[0] != ':'))
            return err_new(ERR_CONFIG, "\"%.*s\" is not [address]:port", STR_ARG(text));
    } else {
        size_t colon = str_find(rest, ':');
        ip = str_slice(rest, 0, colon);
        port = str_from(rest, colon);
        if (str_find(str_from(port, 1), ':') != STR_NONE)
            return err_new(ERR_CONFIG, "\"%.*s\": an IPv6 address needs brackets: [%.*s]:port",
                           STR_ARG(text), STR_ARG(text));
    }
    struct address a;
    uint16_t number = 0;
    TRY(address_parse_ip(ip, &a));
    TRY(parse_port(port, default_port, &number));
    a.port = number;
    *ret_address = a;
    return NULL;
}

void address_format_ip(const struct address *a, char ret_text[ADDRESS_CHARS])
{
    if (a->family == ADDRESS_IP4)
        inet_ntop(AF_INET, a->ip, ret_text, ADDRESS_CHARS);
    else if (a->family == ADDRESS_IP6)
        inet_ntop(AF_INET6, a->ip, ret_text, ADDRESS_CHARS);
    else
        snprintf(ret_text, ADDRESS_CHARS, "%s", a->family == ADDRESS_UNIX ? "unix" : "none");
}

void address_format(const struct address *a, char ret_text[ADDRESS_CHARS])
{
    char ip[ADDRESS_CHARS];
    address_format_ip(a, ip);
    if (a->family == ADDRESS_UNIX)
        snprintf(ret_text, ADDRESS_CHARS, "unix:%s", a->path);
    else
        snprintf(ret_text, ADDRESS_CHARS, a->family == ADDRESS_IP6 ? "[%.100s]:%u" : "%.100s:%u",
                 ip, a->port);
}

bool address_eq(const struct address *a, const struct address *b)
{
    return a->port == b->port && a->scope == b->scope && address_eq_ip(a, b) &&
           (a->family != ADDRESS_UNIX || strcmp(a->path, b->path) == 0);
}

bool address_eq_ip(const struct address *a, const struct address *b)
{
    return a->family == b->family && memcmp(a->ip, b->ip, sizeof a->ip) == 0;
}

static bool in_any(const struct address *a, const char *const *networks, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct network n;
        err e = network_parse(str_of(networks[i]), &n);
        ASSERT(e == NULL);
        if (network_holds(&n, a))
            return true;
    }
    return false;
}

bool address_is_loopback(const struct address *a)
{
    static const char *const networks[] = {"127.0.0.0/8", "::1/128"};
    return a->family == ADDRESS_UNIX || in_any(a, networks, ARRAY_LEN(networks));
}

bool address_is_private(const struct address *a)
{
    static const char *const networks[] = {"10.0.0.0/8",     "172.16.0.0/12", "192.168.0.0/16",
                                           "169.254.0.0/16", "fc00::/7",      "fe80::/10"};
    return address_is_loopback(a) || in_any(a, networks, ARRAY_LEN(networks));
}

bool address_is_wildcard(const struct address *a)
{
    static const uint8_t zero[16];
    return a->family != ADDRESS_UNIX && memcmp(a->ip, zero, sizeof zero) == 0;
}

err network_parse(str text, struct network *ret_network)
{
    str ip, bits_text;
    struct network n = {0};
    str_split(text, '/', &ip, &bits_text);
    TRY(address_parse_ip(ip, &n.base));
    uint64_t most = n.base.family == ADDRESS_IP4 ? 32 : 128, bits = most;
    if (str_find(text, '/') != STR_NONE && !str_to_u64(bits_text, most, &bits))
        return err_new(ERR_CONFIG, "\"%.*s\": /%.*s is not a length of 0 to %d bits", STR_ARG(text),
                       STR_ARG(bits_text), (int)most);
    n.bits = (int)bits;
    for (int bit = n.bits; bit < (int)most; bit++)
        if (n.base.ip[bit / 8] >> (7 - bit % 8) & 1)
            return err_new(ERR_CONFIG, "\"%.*s\" has bits set behind its length", STR_ARG(text));
    *ret_network = n;
    return NULL;
}

bool network_holds(const struct network *n, const struct address *a)
{
    if (n->base.family != a->family || a->family == ADDRESS_UNIX)
        return false;
    int whole = n->bits / 8, rest = n->bits % 8;
    if (memcmp(n->base.ip, a->ip, (size_t)whole) != 0)
        return false;
    return rest == 0 || (n->base.ip[whole] ^ a->ip[whole]) >> (8 - rest) == 0;
}

socklen_t address_to_kernel(const struct address *a, struct sockaddr_storage *ret_sockaddr)
{
    *ret_sockaddr = (struct sockaddr_storage){0};
    if (a->family == ADDRESS_IP4) {
        struct sockaddr_in *in4 = (struct sockaddr_in *)ret_sockaddr;
        in4->sin_family = AF_INET;
        in4->sin_port = htons(a->port);
        memcpy(&in4->sin_addr, a->ip, 4);
        return sizeof *in4;
    }
    if (a->family == ADDRESS_IP6) {
        struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)ret_sockaddr;
        in6->sin6_family = AF_INET6;
        in6->sin6_port = htons(a->port);
        in6->sin6_scope_id = a->scope;
        memcpy(&in6->sin6_addr, a->ip, 16);
        return sizeof *in6;
    }
    struct sockaddr_un *local = (struct sockaddr_un *)ret_sockaddr;
    local->sun_family = AF_UNIX;
    memcpy(local->sun_path, a->path, sizeof local->sun_path);
    return sizeof *local;
}

struct address address_from_kernel(const struct sockaddr_storage *s, socklen_t len)
{
    struct address a = {0};
    if (s->ss_family == AF_INET) {
        const struct sockaddr_in *in4 = (const struct sockaddr_in *)s;
        a.family = ADDRESS_IP4;
        a.port = ntohs(in4->sin_port);
        memcpy(a.ip, &in4->sin_addr, 4);
    } else if (s->ss_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)s;
        a.family = ADDRESS_IP6;
        a.port = ntohs(in6->sin6_port);
        a.scope = in6->sin6_scope_id;
        memcpy(a.ip, &in6->sin6_addr, 16);
        fold_mapped(&a);
    } else if (s->ss_family == AF_UNIX || len <= sizeof(sa_family_t)) {
        a.family = ADDRESS_UNIX;
    }
    return a;
}
