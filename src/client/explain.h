/* client/explain.h -- why no conversation came about, in a sentence that says what to write instead
 *
 * Who listens at a wrong port is known by its first bytes; a refused, a silent and a cut connection
 * each mean something else. Pure: what was seen goes in, a sentence comes out.
 */
#pragma once
#include "base/arena.h"

enum client_explain_at {
    CLIENT_AT_CONNECT,
    CLIENT_AT_HANDSHAKE, /* TLS from the first byte */
    CLIENT_AT_GREETING,
};

struct client_explain {
    enum client_explain_at at;
    enum err_kind kind;
    int number;         /* errno, or 0 */
    str host;           /* as the user wrote it */
    uint16_t port;      /* 0: a Unix socket */
    str address;        /* "192.0.2.1:587" */
    str first;          /* what the other side said, at most some bytes of it */
    bool speaks_tls;    /* silent in clear, but it answered a handshake */
    long long waited_s; /* for ERR_TIMEOUT */
};

/* Empty: the err itself says all that is known. Lives in the arena. */
str client_explain(const struct client_explain *, struct arena *);

/* "POP3, which fetches mail": what these bytes are the beginning of, or NULL. */
const char *client_explain_protocol(str first);

/* A login for which no mechanism was found. */
struct client_explain_login {
    str offered;  /* as in the reply to EHLO; empty: none */
    str wanted;   /* the mechanism that was named; empty: the best */
    bool token;   /* what the account has is an OAuth token */
    bool private; /* TLS is there */
};
str client_explain_login(const struct client_explain_login *, struct arena *);
