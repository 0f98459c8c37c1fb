/* oauth/grant.h -- the questions to a provider: a code, a refresh token or a device code for a
 * token
 *
 * All of it blocks for at most OAUTH_GRANT_MS_MAX. What the provider refuses is data.
 */
#pragma once
#include "oauth/answer.h"
#include "oauth/provider.h"

enum { OAUTH_GRANT_MS_MAX = 20 * 1000, OAUTH_GRANT_ARENA_BYTES = 1 << 20 };

/* Who asks, and whom. */
struct oauth_client {
    str id, secret; /* secret empty: a public client */
    bool basic;     /* the secret goes as HTTP Basic, not in the form */
    str ca_file;    /* empty: the system's roots */
};

must_use err oauth_grant_device_code(const struct oauth_client *, str url, str scopes,
                                     struct arena *, struct oauth_device_answer *ret_answer,
                                     struct oauth_refusal *ret_refusal);
/* One question for a token. form: what the grant has beside the client, starting with grant_type.
 */
must_use err oauth_grant_token(const struct oauth_client *, str url, str form, struct arena *,
                               struct oauth_token_answer *ret_answer,
                               struct oauth_refusal *ret_refusal);

/* Forms for it, in a buf that is made here; to be wiped with secret_wipe(). */
must_use err oauth_grant_form_code(str code, str redirect, str verifier, struct buf *out);
must_use err oauth_grant_form_device(str device_code, struct buf *out);
must_use err oauth_grant_form_refresh(str refresh, struct buf *out);
must_use err oauth_grant_form_client(str scopes, struct buf *out);

/* RFC 7009: the token is worth nothing afterwards, whether it was worth something or not. */
must_use err oauth_grant_revoke(const struct oauth_client *, str url, str token, const char *hint,
                                struct arena *, struct oauth_refusal *ret_refusal);
