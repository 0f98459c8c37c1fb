#include "shaping/site.h"
#include "base/table.h"
#include <string.h>

enum { HASH_DIGITS = 16 };

static bool is_below(str host, str suffix)
{
    if (!str_ends_nocase(host, suffix))
        return false;
    return host.len == suffix.len || host.ptr[host.len - suffix.len - 1] == '.';
}

/* The longest suffix decides. NULL: nobody's. */
static const struct config_shaping_provider *provider_of(const struct config *config, str host)
{
    const struct config_shaping *s = &config->shaping;
    const struct config_shaping_provider *found = NULL;
    size_t longest = 0;
    for (size_t i = 0; i < s->provider_count; i++)
        for (size_t n = 0; n < s->providers[i].mx_count; n++) {
            str suffix = s->providers[i].mx[n];
            if (suffix.len > longest && is_below(host, suffix)) {
                found = &s->providers[i];
                longest = suffix.len;
            }
        }
    return found;
}

/* Those of the best preference, by name; there is one at least. */
static size_t best_hosts(const struct dns_mx *mx, str hosts[DNS_MX_HOSTS_MAX])
{
    struct dns_mx_host sorted[DNS_MX_HOSTS_MAX];
    size_t count = 0;
    ASSERT(mx->count > 0);
    dns_mx_sort(mx, sorted);
    do
        hosts[count] = sorted[count].name;
    while (++count < mx->count && sorted[count].preference == sorted[0].preference);
    return count;
}

static str join(const str *hosts, size_t count, struct arena *arena)
{
    str all = hosts[0];
    for (size_t i = 1; i < count; i++)
        if (!str_eq(hosts[i], hosts[i - 1]))
            all = arena_printf(arena, "%.*s %.*s", STR_ARG(all), STR_ARG(hosts[i]));
    if (all.len <= SHAPING_SITE_NAME_BYTES_MAX)
        return arena_str(arena, all);
    size_t kept = SHAPING_SITE_NAME_BYTES_MAX - HASH_DIGITS - 1;
    return arena_printf(arena, "%.*s %016llx", (int)kept, all.ptr,
                        (unsigned long long)hash_fixed(all));
}

void shaping_site_of_mx(const struct config *config, const struct dns_mx *mx, struct arena *arena,
                        struct shaping_site *ret_site)
{
    str hosts[DNS_MX_HOSTS_MAX];
    size_t count = best_hosts(mx, hosts);
    const struct config_shaping_provider *provider = provider_of(config, hosts[0]);
    for (size_t i = 1; i < count && provider; i++)
        if (provider_of(config, hosts[i]) != provider)
            provider = NULL;
    if (provider)
        *ret_site = (struct shaping_site){provider->limits.name, provider->limits.name};
    else
        *ret_site = (struct shaping_site){.name = join(hosts, count, arena)};
}
