#include "client/autoconfig.h"
#include "tests/fuzz.h"

/* What is found is bounded, names a host and a port, and nothing of it is longer than a text. */
FUZZ(input, arena)
{
    struct client_autoconfig c;
    if (client_autoconfig_parse(input, S("me@example.com"), arena, &c))
        return;
    ASSERT(c.count <= CLIENT_AUTOCONFIG_SERVERS_MAX);
    for (size_t i = 0; i < c.count; i++) {
        ASSERT(c.servers[i].host.len > 0);
        ASSERT(c.servers[i].host.len <= CLIENT_AUTOCONFIG_TEXT_BYTES_MAX);
        ASSERT(c.servers[i].user.len <= CLIENT_AUTOCONFIG_TEXT_BYTES_MAX);
        ASSERT(c.servers[i].port > 0);
    }
}
