/* shaping/site.h -- whose servers a domain's MX hosts are
 *
 * A site is what limits are counted for. All domains whose mail goes to one provider share one:
 * "google". Else it is named by the hosts of the best preference, sorted: "mx1.example.net" or
 * "a.example.net b.example.net", with a hash instead of what does not fit. The same records make
 * the same name, whatever the order in which they came.
 */
#pragma once
#include "config/config.h"
#include "dns/mx.h"

enum { SHAPING_SITE_NAME_BYTES_MAX = 255 };

struct shaping_site {
    str name;
    str provider; /* as share/shaping.yaml has it; empty: no provider that is known */
};

/* A provider counts when all hosts of the best preference are its own. There is at least one host;
 * the name lives in the arena, or as long as the configuration. */
void shaping_site_of_mx(const struct config *, const struct dns_mx *, struct arena *,
                        struct shaping_site *ret_site);
