/* oauth/login.h -- a user logs in: with a code on another device, or with a browser on this one
 *
 * Blocks while the user is busy elsewhere, for a command only. It starts no program: whoever calls
 * it is told what to show, and may open a browser there.
 */
#pragma once
#include "oauth/entry.h"
#include "oauth/grant.h"

enum {
    OAUTH_LOGIN_MS_MAX = 15 * 60 * 1000, /* a device code may end sooner */
    OAUTH_LOGIN_ARENA_BYTES = 4 << 20,
};

struct oauth_login {
    const struct oauth_provider *provider;
    struct oauth_client client;
    enum oauth_entry_flow flow;
    str scopes;
    str user;      /* whom to offer in the browser; may be empty */
    uint16_t port; /* of the loopback address; 0: any */
    int64_t ms_max;
    /* Show this to the user: where to go, and (device code) what to enter there. */
    void (*show)(void *arg, str url, str user_code);
    void *arg;
};

/* The answer's texts live in the arena. A refusal (of the user, the administrator, the provider) is
 * data. ERR_CONFIG: the provider has no such flow, and why; ERR_TIMEOUT: nobody came. */
must_use err oauth_login_run(const struct oauth_login *, struct arena *,
                             struct oauth_token_answer *ret_answer,
                             struct oauth_refusal *ret_refusal);
