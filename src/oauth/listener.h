/* oauth/listener.h -- waits on 127.0.0.1 for the browser to come back, once (RFC 8252 section 7.3)
 *
 * Blocks. Several connections may be open at once, since browsers open some in advance; the first
 * request that is our answer ends the wait, and everything else is refused and forgotten.
 */
#pragma once
#include "oauth/redirect.h"

enum {
    OAUTH_LISTENER_CONNS_MAX = 8,       /* at once; the oldest has to leave */
    OAUTH_LISTENER_REQUESTS_MAX = 1000, /* that were refused: then somebody is guessing */
    OAUTH_LISTENER_CONN_MS_MAX = 10 * 1000,
};

struct oauth_listener {
    int fd;
    uint16_t port;
};

/* port 0: any that is free. ERR_SYSTEM */
must_use err oauth_listener_open(uint16_t port, struct oauth_listener *ret_listener);
void oauth_listener_close(struct oauth_listener *);
/* ERR_TIMEOUT: nobody came back; ERR_LIMIT: too many came who are not the answer. */
must_use err oauth_listener_wait(struct oauth_listener *, const struct oauth_redirect_wanted *,
                                 int64_t ms_max, struct arena *,
                                 struct oauth_redirect *ret_redirect);
