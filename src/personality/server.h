/* personality/server.h -- the server on this machine, as programs above its socket see it
 *
 * The admin socket belongs to cli, which fills these.
 */
#pragma once
#include "config/config.h"

struct personality_queued { /* one delivery; texts are other people's */
    const char *id, *state, *sender, *reply;
    int64_t size, accepted_ms;
    const char *const *rcpts;
    size_t rcpt_count;
};

struct personality_way { /* where an address hands over its mail */
    str host;
    uint16_t port;
    bool implicit_tls;
    str user;         /* empty: the address itself */
    str token;        /* "xoauth2": no password is taken; else empty */
    bool known;       /* of the presets: it was looked at by a person */
    str origin, note; /* by what it was found; what must be done first, or empty */
};

struct personality_server {
    /* ERR_CLOSED: no server runs. */
    err (*list)(const struct config *, void (*each)(void *arg, const struct personality_queued *),
                void *arg, int64_t *ret_count);
    /* Due now: this id, this destination, or (both NULL) everything. */
    err (*retry)(const struct config *, const char *id, const char *to, int64_t *ret_count);
    /* What a reference of an account names. */
    err (*secret)(const struct config *, str reference, struct buf *ret_secret);
    /* Presets, SRV records, the provider's file. ERR_CONFIG: not found, with what was tried.
     * Blocks.
     */
    err (*discover)(str address, struct arena *, struct personality_way *ret_way);
};

/* Set before any personality runs; kept. */
void personality_server_set(const struct personality_server *);
const struct personality_server *personality_server(void);

/* The listener that takes mail from this machine without a login, as a hop. False: there is none.
 */
bool personality_server_hop(const struct config *, struct arena *, struct config_hop *ret_hop);
