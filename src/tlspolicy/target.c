#include "tlspolicy/target.h"
#include <string.h>

/* The registries of special addresses (RFC 6890), IPv4. */
static const char *const special[] = {
    "0.0.0.0/8",     "10.0.0.0/8",      "100.64.0.0/10",  "127.0.0.0/8",    "169.254.0.0/16",
    "172.16.0.0/12", "192.0.0.0/24",    "192.0.2.0/24",   "192.88.99.0/24", "192.168.0.0/16",
    "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4",    "240.0.0.0/4",
};
/* IPv6 outside of these is special anyway. */
static const char global6[] = "2000::/3", nat64[] = "64:ff9b::/96";
static const char *const special6[] = {
    "2001::/23",     /* Teredo and its like */
    "2001:db8::/32", /* documentation */
    "2002::/16",     /* 6to4: whatever IPv4 address stands inside */
    "3fff::/20",     /* documentation */
};

static bool is_in(const struct address *a, const char *network)
{
    struct network n;
    err e = network_parse(str_of(network), &n);
    ASSERT(e == NULL);
    return network_holds(&n, a);
}

static bool is_in_any(const struct address *a, const char *const *networks, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (is_in(a, networks[i]))
            return true;
    return false;
}

static bool is_public4(const struct address *a)
{
    return !is_in_any(a, special, ARRAY_LEN(special));
}

bool tlspolicy_target_is_public(const struct address *a)
{
    if (a->family == ADDRESS_IP4)
        return is_public4(a);
    if (a->family != ADDRESS_IP6)
        return false;
    struct address inner = {.family = ADDRESS_IP4};
    memcpy(inner.ip, a->ip + 12, 4);
    static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    if (memcmp(a->ip, mapped, sizeof mapped) == 0 || is_in(a, nat64))
        return is_public4(&inner);
    return is_in(a, global6) && !is_in_any(a, special6, ARRAY_LEN(special6));
}

bool tlspolicy_target_all_public(const struct address *addresses, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!tlspolicy_target_is_public(&addresses[i]))
            return false;
    return count > 0;
}
