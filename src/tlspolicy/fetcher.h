/* tlspolicy/fetcher.h -- the seam to whatever fetches a policy, or leaves a report, by HTTPS
 *
 * The real one is fetch_curl.h; tests and the simulation have their own. A fetcher gets one answer
 * from one of the addresses, over TLS with a certificate of a trusted root for the host's name. It
 * follows no redirect, and judges neither status nor type: that is sts_fetch.h's.
 */
#pragma once
#include "base/arena.h"
#include "base/clock.h"
#include "runtime/address.h"

enum {
    TLSPOLICY_FETCHER_BODY_BYTES_MAX = 64 << 10,
    TLSPOLICY_FETCHER_POST_BYTES_MAX = 10 << 20,
    TLSPOLICY_FETCHER_TYPE_CHARS = 128,
    TLSPOLICY_FETCHER_MS_MAX = 60 * 1000, /* RFC 8461 section 3.3: a minute for all of it */
};

enum tlspolicy_fetcher_result {
    TLSPOLICY_FETCHER_ANSWERED,
    TLSPOLICY_FETCHER_UNREACHABLE, /* no connection, or it broke */
    TLSPOLICY_FETCHER_UNTRUSTED,   /* the certificate is not to be trusted */
    TLSPOLICY_FETCHER_TOO_LARGE,
    TLSPOLICY_FETCHER_TOO_SLOW,
    TLSPOLICY_FETCHER_FORBIDDEN, /* an address that we do not connect to */
};

struct tlspolicy_fetcher_request {
    str host;                        /* "mta-sts.example.com": for the certificate, SNI and Host */
    str path;                        /* "/.well-known/mta-sts.txt" */
    const struct address *addresses; /* checked by the caller; no port */
    size_t count;
    str post, post_type; /* sent to it, and what it is; empty: it is only asked */
};

struct tlspolicy_fetcher_answer {
    enum tlspolicy_fetcher_result result;
    str reason; /* for a person; empty when ANSWERED */
    int status; /* 200; from here on when ANSWERED only */
    str type;   /* "text/plain; charset=utf-8", as it came */
    str body;
};

struct tlspolicy_fetcher {
    /* Texts live in the arena. An err is a limit of ours, or ERR_CANCELED; all else is an answer.
     */
    err (*fetch)(struct tlspolicy_fetcher *, const struct tlspolicy_fetcher_request *,
                 struct arena *, struct tlspolicy_fetcher_answer *ret_answer, deadline until);
    void (*close)(struct tlspolicy_fetcher *); /* no fiber fetches any more */
};
