/* runtime/address.h -- socket addresses and networks, as values
 *
 * "192.0.2.1:25", "[2001:db8::1]:25", "unix:/run/x.sock"; networks "192.0.2.0/24", "::1/128".
 * An IPv4-mapped IPv6 address counts as the IPv4 one everywhere.
 */
#pragma once
#include "base/err.h"
#include <netinet/in.h>
#include <sys/un.h>

enum address_family { ADDRESS_NONE, ADDRESS_IP4, ADDRESS_IP6, ADDRESS_UNIX };

struct address {
    enum address_family family;
    uint16_t port;
    uint32_t scope; /* IPv6 interface, for link-local addresses */
    uint8_t ip[16]; /* IP4 uses the first four */
    char path[108]; /* UNIX */
};

struct network {
    struct address base;
    int bits;
};

enum { ADDRESS_CHARS = 128 };

/* A port is required, unless default_port > 0. ERR_CONFIG names what is wrong with the text. */
must_use err address_parse(str text, int default_port, struct address *ret_address);
must_use err address_parse_ip(str text, struct address *ret_address); /* no port, no brackets */
void address_format(const struct address *, char ret_text[ADDRESS_CHARS]); /* with the port */
void address_format_ip(const struct address *,
                       char ret_text[ADDRESS_CHARS]); /* "192.0.2.1", "unix" */

bool address_eq(const struct address *, const struct address *); /* in all parts */
bool address_eq_ip(const struct address *, const struct address *);
bool address_is_loopback(const struct address *); /* UNIX counts */
bool address_is_wildcard(const struct address *);
bool address_is_private(const struct address *); /* RFC 1918, ULA, link-local, loopback */

must_use err network_parse(str text, struct network *ret_network); /* "/bits" may be left out */
bool network_holds(const struct network *, const struct address *);

/* For the kernel; returns the length. */
socklen_t address_to_kernel(const struct address *, struct sockaddr_storage *ret_sockaddr);
struct address address_from_kernel(const struct sockaddr_storage *, socklen_t);
