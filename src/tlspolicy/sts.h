/* tlspolicy/sts.h -- does a domain want its mail by MTA-STS, and with which policy? (RFC 8461)
 *
 * The TXT record is asked for at each delivery (the resolver caches it); the policy is fetched when
 * there is none yet, when the record has another id, and again before its time is over. What was
 * fetched holds until then, whatever becomes of the record or the web server: who can take these
 * away must not be able to take the promise away. Of one domain one fetch is under way at a time;
 * one that failed is not repeated for five minutes.
 *
 * Belongs to one loop.
 */
#pragma once
#include "tlspolicy/sts_cache.h"
#include "tlspolicy/sts_fetch.h"

enum {
    TLSPOLICY_STS_AGAIN_MS = 5 * 60 * 1000,         /* after a failure (RFC 8461 section 3.3) */
    TLSPOLICY_STS_REFRESH_MS = 24 * 60 * 60 * 1000, /* a policy older than this is fetched anew */
    TLSPOLICY_STS_FAILURES_MAX = 10000,             /* remembered */
};

struct tlspolicy_sts_options {
    struct tlspolicy_sts_fetch_options fetch;
    const char *folder; /* NULL: in memory only */
};

struct tlspolicy_sts_found {
    enum tlspolicy_sts_mode mode; /* NONE: no policy, or one that says so */
    bool policy_there;            /* the next two are set */
    str id;
    struct tlspolicy_sts_policy policy;
    enum tlspolicy_result failure; /* SUCCESS, or what was wrong with the policy of today: for
                                    * reports; an older one may hold all the same */
    str reason;                    /* how it came to this, for a person */
};

struct tlspolicy_sts;

/* Blocks: at start. */
must_use err tlspolicy_sts_open(const struct tlspolicy_sts_options *,
                                struct tlspolicy_sts **ret_sts);
void tlspolicy_sts_close(struct tlspolicy_sts *); /* accepts NULL; no fiber asks any more */

/* The domain is where the mail is to go: a recipient's domain, never an MX host. All lives in the
 * arena. A deadline that passes is no err: what is known then is the answer. ERR_CANCELED. */
must_use err tlspolicy_sts_find(struct tlspolicy_sts *, struct dns_budget *, str domain,
                                struct arena *, struct tlspolicy_sts_found *ret_found,
                                deadline until);

/* Fetch again what is older than a day or past half of its time, one after the other: to be called
 * once a day or more often (section 10.2). */
must_use err tlspolicy_sts_refresh(struct tlspolicy_sts *, deadline until);

const struct tlspolicy_sts_cache *tlspolicy_sts_cached(const struct tlspolicy_sts *);
