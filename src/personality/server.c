#include "personality/server.h"
#include "config/value.h"

static const struct personality_server *server;

void personality_server_set(const struct personality_server *s) { server = s; }
const struct personality_server *personality_server(void) { return server; }

static const struct config_listener *find_listener(const struct config *config)
{
    for (size_t i = 0; i < config->listener_count; i++) {
        const struct config_listener *l = &config->listeners[i];
        if (l->role == ROLE_RELAY && l->tls != LISTENER_TLS_IMPLICIT && !l->proxy &&
            (address_is_loopback(&l->address) || address_is_wildcard(&l->address)))
            return l;
    }
    return NULL;
}

bool personality_server_hop(const struct config *config, struct arena *arena,
                            struct config_hop *ret_hop)
{
    const struct config_listener *l = find_listener(config);
    char ip[ADDRESS_CHARS] = "";
    if (l == NULL)
        return false;
    bool any = address_is_wildcard(&l->address);
    const char *host = l->address.family == ADDRESS_IP6 && !any ? "[::1]" : "127.0.0.1";
    address_format_ip(&l->address, ip);
    if (!any && l->address.family == ADDRESS_IP4)
        host = ip; /* 127.0.0.2, too */
    err e = config_value_hop(arena_printf(arena, "smtp://%s:%d?tls=none", host, l->address.port),
                             arena, ret_hop);
    ASSERT(e == NULL);
    return true;
}
