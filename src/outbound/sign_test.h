/* outbound/sign_test.h -- what the tests of signing and sealing share: a keeper with two keys, and
 * what a host has got
 */
#pragma once
#include "account/keeper.h"
#include "mailauth/dkim_bench_test.h"
#include "mailauth/dkim_private.h"
#include "outbound/town_test.h"

/* The keys "r" (RSA) and "e" (Ed25519) of one domain. */
struct sign_test_keys {
    const char *domain;
    struct mailauth_dkim_private *rsa, *ed25519;
    bool no_rsa;
    bool busy;    /* it says so in place of a signature */
    bool rotated; /* the selectors are "r2" and "e2" now */
    int asked, signatures;
};

/* The keys live in the bench's arena, and its zone has their records. */
void sign_test_open(struct sign_test_keys *, struct dkim_bench *, const char *domain);
struct keeper sign_test_keeper(struct sign_test_keys *);
void sign_test_publish(struct dkim_bench *, const struct mailauth_dkim_private *, const char *name,
                       const char *domain);

/* The content of the only mail that came, dots taken off; and the size that was announced. */
str sign_test_heard(const struct town_server *, struct arena *, uint64_t *ret_size);
void sign_test_be_quiet(void); /* the log says nothing until log_set_sink(NULL, NULL) */
