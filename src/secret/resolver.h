/* secret/resolver.h -- one resolver for every reference, and what it remembers
 *
 * What a file, a variable or a program says is asked each time; what a store says over HTTP is kept
 * as long as its lease, five minutes without one. When a store, a program or a keyring fails, the
 * last value that was good is given instead, and said to be old. Threads share a resolver; two that
 * want the same secret ask once. It blocks.
 */
#pragma once
#include "secret/store.h"

struct config;
struct secret_resolver;

enum {
    SECRET_RESOLVER_LEASE_MS = 5 * 60 * 1000, /* the longest that is not asked again */
    SECRET_RESOLVER_RETRY_MS = 5 * 1000,      /* after a failure; longer when it says so */
    SECRET_RESOLVER_ENTRIES_MAX = 4096,
    SECRET_RESOLVER_WHY_CHARS = 300,
};

struct secret_resolver_told {
    bool kept;        /* it was not asked now */
    bool stale;       /* it is the last good value: why says what failed */
    bool changed;     /* stale now and not before, or the other way round: worth a line in a log */
    int64_t age_ms;   /* since it was asked for this value */
    int64_t lease_ms; /* how long it is kept; 0: asked each time */
    char origin[SECRET_STORE_ORIGIN_CHARS]; /* "vault.example:8200, version 3"; or empty */
    char why[SECRET_RESOLVER_WHY_CHARS];
};

/* The configuration is held; NULL: no store has settings but those of the environment. */
struct secret_resolver *secret_resolver_open(const struct config *);
void secret_resolver_close(struct secret_resolver *); /* wipes; accepts NULL */
/* After a reload: all is asked again, and what was not asked for since the one before the last is
 * forgotten. */
void secret_resolver_set(struct secret_resolver *, const struct config *);

/* Into an empty buf for SECRET_BYTES_MAX, without one trailing line end. fresh: what is kept has
 * just been refused somewhere, so it is asked again. told may be NULL. ERR_CONFIG says what is
 * wrong: no such kind, not there, empty, a file that others may read. No err holds the secret. */
must_use err secret_resolver_read(struct secret_resolver *, str reference, bool fresh,
                                  struct buf *ret_secret, struct secret_resolver_told *ret_told);
/* Once, for a command that ends afterwards. */
must_use err secret_resolver_once(const struct config *, str reference, struct buf *ret_secret,
                                  struct secret_resolver_told *ret_told);
