/* tlspolicy/sts_cache.h -- MTA-STS policies that were fetched, until their max_age is over
 *
 * In memory, and one file for each domain in a folder, so that a start does not forget what was
 * promised: the first fetch is the weak moment of MTA-STS (RFC 8461 section 10.2). A file is
 * written beside its place and moved there; one that is damaged counts as none. Several caches may
 * share a folder; a cache belongs to one loop.
 */
#pragma once
#include "base/clock.h"
#include "tlspolicy/sts_policy.h"

enum {
    TLSPOLICY_STS_CACHE_MAX = 50000,          /* policies; beyond, the one that ends first goes */
    TLSPOLICY_STS_CACHE_BYTES_MAX = 64 << 20, /* of all their files */
    TLSPOLICY_STS_CACHE_FILE_BYTES_MAX = 68 << 10, /* a policy and what is known of it */
};

struct tlspolicy_sts_entry {
    str domain, id;
    str body;                       /* the file as it was fetched */
    int64_t fetched_ms, expires_ms; /* real time */
};

struct tlspolicy_sts_cache;

/* Reads the folder, which is made when it is not there; NULL: in memory only. Blocks: at start. */
must_use err tlspolicy_sts_cache_open(const char *folder, int64_t now_ms,
                                      struct tlspolicy_sts_cache **ret_cache);
void tlspolicy_sts_cache_close(struct tlspolicy_sts_cache *); /* accepts NULL */

/* NULL: none, or its time is over. Good until the next change of the cache. */
const struct tlspolicy_sts_entry *tlspolicy_sts_cache_find(const struct tlspolicy_sts_cache *,
                                                           str domain, int64_t now_ms);
/* Keep a policy that was fetched now, or the same one again with its time begun anew. Its texts are
 * copied; max_age is the policy's. The file is written by a job; ERR_CANCELED and what the file
 * system says: the policy is kept in memory all the same. */
must_use err tlspolicy_sts_cache_put(struct tlspolicy_sts_cache *, str domain, str id, str body,
                                     uint32_t max_age_s, int64_t now_ms, deadline until);
size_t tlspolicy_sts_cache_count(const struct tlspolicy_sts_cache *);
/* Walk in no order: start with 0, until NULL. A change of the cache ends the walk. */
const struct tlspolicy_sts_entry *tlspolicy_sts_cache_next(const struct tlspolicy_sts_cache *,
                                                           size_t *position);
