/* secret/store.h -- what the stores over HTTP have in common
 *
 * Of an err, ERR_CONFIG means that the store, or what the configuration says of it, has spoken: the
 * secret is not there, or a setting is wrong. Any other kind means that it could not be asked, and
 * that what was read before may still be good.
 */
#pragma once
#include "base/clock.h"
#include "http/client.h"
#include "secret/secret.h"

enum {
    SECRET_STORE_MS_MAX = 20 * 1000, /* for one secret, with logins and second tries */
    SECRET_STORE_CALL_MS_MAX = 8000, /* for one request of it */
    SECRET_STORE_TRIES_MAX = 3,      /* when it says "too many requests" */
    SECRET_STORE_BODY_BYTES_MAX = 256 * 1024,
    SECRET_STORE_ARENA_BYTES_MAX =
        SECRET_STORE_BODY_BYTES_MAX + 2 * HTTP_CLIENT_ANSWER_BYTES_MAX + 256 * 1024,
    SECRET_STORE_ORIGIN_CHARS = 200,
};

/* What is told beside the secret, also when there is none. */
struct secret_store_told {
    int64_t lease_ms; /* the store's word on how long it is good; 0: it says nothing */
    int64_t retry_ms; /* after a failure: not to be asked before; 0: it says nothing */
    char origin[SECRET_STORE_ORIGIN_CHARS]; /* "vault.example:8200, version 3" */
};

/* A store reads its own login by this: references to anything but stores. */
struct secret_store_login {
    err (*read)(void *arg, str reference, struct buf *ret_secret);
    void *arg;
};

/* One request, no longer than the deadline and SECRET_STORE_CALL_MS_MAX. */
must_use err secret_store_call(struct http_client_request *, struct arena *, deadline until,
                               struct http_client_answer *ret_answer);
/* Overwrite an answer that was read. */
void secret_store_wipe(struct http_client_answer *);
/* "Retry-After" in ms: seconds or a date; 0: none. At most an hour. */
int64_t secret_store_retry_ms(const struct http_client_answer *);
/* Wait before try number n (from 1) after "too many requests": as long as it says, or a little
 * longer each time. ERR_TIMEOUT at once when that is beyond the deadline or n is above
 * SECRET_STORE_TRIES_MAX. */
must_use err secret_store_pause(int n, int64_t retry_ms, deadline until);
/* When the server said it was, by its Date field, in ms since 1970; 0: it did not say. */
int64_t secret_store_date_ms(const struct http_client_answer *);
