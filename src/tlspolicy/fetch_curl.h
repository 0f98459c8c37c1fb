/* tlspolicy/fetch_curl.h -- fetching by HTTPS with libcurl, on a thread of its own
 *
 * One thread drives all transfers. Nothing leads anywhere else: HTTPS only, no redirect, no proxy
 * from the environment, no cookie, no name looked up (the request's addresses are the only ones,
 * and the socket is checked against them again), TLS 1.2 or newer, verified. Any number of loops
 * may fetch.
 */
#pragma once
#include "tlspolicy/fetcher.h"

enum { TLSPOLICY_FETCH_CURL_AT_ONCE_MAX = 64 }; /* more is ERR_LIMIT */

struct tlspolicy_fetch_curl_options {
    str ca_file;        /* PEM; empty: the system's roots */
    uint16_t port;      /* 0: 443 */
    int64_t ms_max;     /* for one transfer; 0: TLSPOLICY_FETCHER_MS_MAX */
    bool allow_private; /* addresses that are not public (tlspolicy/target.h): for tests */
};

/* Starts the thread. Before rights are given up: libcurl and its roots are files. ERR_CONFIG: there
 * is no libcurl, or the file cannot be read. */
must_use err tlspolicy_fetch_curl_open(const struct tlspolicy_fetch_curl_options *,
                                       struct tlspolicy_fetcher **ret_fetcher);
