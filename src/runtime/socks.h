/* runtime/socks.h -- the client's side of SOCKS5 (RFC 1928), with a password (RFC 1929)
 *
 * Mail between servers tells the proxy an IP address, never a name: who connects has chosen the
 * address, by policy and by what the DNS has proven, and nobody else is to choose another. A name
 * is for a person who hides behind the proxy and wants no question to the DNS to leave this
 * machine. What the proxy says no to is data; an err means that nothing useful came from it.
 */
#pragma once
#include "runtime/net.h"

enum {
    SOCKS_LOGIN_BYTES_MAX = 255,             /* of the name, and of the password */
    SOCKS_REPLY_BYTES_MAX = 4 + 1 + 255 + 2, /* with the longest name */
    SOCKS_NAME_BYTES_MAX = 255,
    SOCKS_REQUEST_BYTES_MAX = 4 + 1 + SOCKS_NAME_BYTES_MAX + 2,
};

/* REP of RFC 1928 section 6. */
enum socks_code {
    SOCKS_DONE = 0,
    SOCKS_FAILED = 1,
    SOCKS_NOT_ALLOWED = 2,
    SOCKS_NETWORK_UNREACHABLE = 3,
    SOCKS_HOST_UNREACHABLE = 4,
    SOCKS_REFUSED = 5,
    SOCKS_TTL_EXPIRED = 6,
    SOCKS_NO_COMMAND = 7,
    SOCKS_NO_ADDRESS_TYPE = 8,
};

struct socks_login {
    str user, password;
};

struct socks_reply {
    int code;             /* enum socks_code, or one that the RFC does not know */
    struct address bound; /* the proxy's side of the connection; family NONE: a name, or not told */
};

/* Take one reply to CONNECT off the front of *input. *ret_complete false: more is needed.
 * ERR_PROTOCOL. */
must_use err socks_reply_parse(str *input, bool *ret_complete, struct socks_reply *ret_reply);
const char *socks_code_name(int code); /* "connection refused" */

/* Over a connection to the proxy: log in if login is given and it is asked for, and have it
 * connect. With SOCKS_DONE what follows on the connection is the other side's. ERR_PROTOCOL,
 * ERR_LIMIT (a login that is too long), ERR_CONFIG (the proxy does not take the login, or wants
 * one). */
must_use err socks_connect(struct net_conn *, const struct address *to, const struct socks_login *,
                           struct socks_reply *ret_reply, deadline until);

/* The same to a host that the proxy looks up. ERR_LIMIT: a name of more than SOCKS_NAME_BYTES_MAX,
 * or of none. */
must_use err socks_connect_name(struct net_conn *, str name, uint16_t port,
                                const struct socks_login *, struct socks_reply *ret_reply,
                                deadline until);
