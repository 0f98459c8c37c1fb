/* shaping/limits.h -- what is allowed: one value for each limit, and where it comes from
 *
 * Limits of a site are found key by key, the first that says something wins:
 *   1. shaping.sites.NAME of the configuration, for the site's own name; a hop of a route
 *      ("via smtp://relay.example.net:587") goes by its host's
 *   2. shaping.sites.PROVIDER, for the provider behind it
 *   3. the provider's row in share/shaping.yaml (the operator's file over ours)
 *   4. shaping.sites.default
 *   5. outbound.connections, outbound.messages_per_connection
 * Limits of an egress, sending domain, tenant or campaign: its own rule in shaping.egress,
 * .senders, .tenants, .campaigns, else the one named default. A campaign is counted for each tenant
 * alone.
 */
#pragma once
#include "config/config.h"

struct shaping_limits;

enum shaping_scope {
    SHAPING_SITE,
    SHAPING_EGRESS,
    SHAPING_SENDER,
    SHAPING_TENANT,
    SHAPING_CAMPAIGN,
    SHAPING_ACCOUNT, /* its quota comes with the way, not from here */
    SHAPING_SCOPES
};
extern const char *const shaping_limits_scope_names[SHAPING_SCOPES]; /* "site" */

enum shaping_key {
    SHAPING_CONNECTIONS,
    SHAPING_MESSAGES_PER_CONNECTION,
    SHAPING_RECIPIENTS_PER_MESSAGE,
    SHAPING_RATE,  /* messages a day, paced: 86,400 is one a second */
    SHAPING_BURST, /* so many may go at once before pacing begins */
    SHAPING_PER_MINUTE,
    SHAPING_PER_HOUR,
    SHAPING_PER_DAY,
    SHAPING_RECIPIENTS_PER_DAY,
    SHAPING_SPREAD, /* enum config_quota_spread + 1 */
    SHAPING_QUOTA_BURST,
    SHAPING_KEYS
};
extern const char *const shaping_limits_key_names[SHAPING_KEYS]; /* as in the configuration */

enum { SHAPING_ORIGIN_BYTES = 96 };
struct shaping_resolved {
    int64_t value[SHAPING_KEYS];      /* 0: no limit */
    const char *origin[SHAPING_KEYS]; /* "shaping.sites.google"; NULL: nobody says */
};

/* Takes a hold of the configuration. */
void shaping_limits_open(const struct config *, struct shaping_limits **ret_limits);
/* Both on any thread. The last close frees it; NULL is accepted. */
struct shaping_limits *shaping_limits_hold(const struct shaping_limits *);
void shaping_limits_close(const struct shaping_limits *);

/* Origins live as long as the limits are held. NULL limits: nothing is limited. */
void shaping_limits_site(const struct shaping_limits *, str site, str provider,
                         struct shaping_resolved *ret_resolved);
void shaping_limits_of(const struct shaping_limits *, enum shaping_scope, str name,
                       struct shaping_resolved *ret_resolved);

/* Of what was resolved. */
struct config_quota shaping_limits_quota(const struct shaping_resolved *);
int64_t shaping_limits_interval_ns(const struct shaping_resolved *); /* 0: not paced */
