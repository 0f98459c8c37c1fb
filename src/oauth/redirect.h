/* oauth/redirect.h -- the one request that a browser brings back to us (RFC 8252 section 7.3)
 *
 * Anybody on this machine, and any web page, can make a browser ask our port: only a GET of our
 * path, for our host and with our state, is an answer. Everything else gets a refusal and changes
 * nothing.
 */
#pragma once
#include "base/arena.h"

enum { OAUTH_REDIRECT_BYTES_MAX = 16 * 1024 }; /* of the request with its fields */

struct oauth_redirect_wanted {
    str host;   /* "127.0.0.1:43210": the field Host */
    str path;   /* "/" */
    str state;  /* what we sent along */
    str issuer; /* RFC 9207: when iss is there it must be this; empty: not known */
};

struct oauth_redirect {
    str code;               /* or the next two */
    str error, description; /* their words: to be cleaned before a terminal sees them */
};

/* A whole request, up to its empty line. Texts live in the arena. ERR_PROTOCOL: it is no answer to
 * our question, and the text says why. */
must_use err oauth_redirect_read(str request, const struct oauth_redirect_wanted *, struct arena *,
                                 struct oauth_redirect *ret_redirect);
