/* tlspolicy/sts_fetch.h -- get a domain's policy from its web server (RFC 8461 section 3.3)
 *
 * The host's addresses are asked for once and all checked; the fetcher connects to these and no
 * others. Only status 200 with text/plain counts: a redirect is a failure.
 */
#pragma once
#include "dns/resolver.h"
#include "tlspolicy/fetcher.h"
#include "tlspolicy/result.h"
#include "tlspolicy/sts_policy.h"

struct tlspolicy_sts_fetched {
    enum tlspolicy_result result; /* SUCCESS: there is a policy */
    str reason;                   /* what was wrong */
    str body;                     /* the file as it came */
    struct tlspolicy_sts_policy policy;
};

struct tlspolicy_sts_fetch_options {
    struct dns_resolver *resolver;
    struct tlspolicy_fetcher *fetcher;
    bool allow_private; /* addresses that are not public: for tests */
};

/* The domain is canonical. All lives in the arena. ERR_CANCELED; ERR_LIMIT: our own. */
must_use err tlspolicy_sts_fetch(const struct tlspolicy_sts_fetch_options *, str domain,
                                 struct arena *, struct tlspolicy_sts_fetched *ret_fetched,
                                 deadline until);
/* What an answer comes to. Pure. */
struct tlspolicy_sts_fetched tlspolicy_sts_fetch_judge(const struct tlspolicy_fetcher_answer *,
                                                       struct arena *);
