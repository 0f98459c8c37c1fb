#include "outbound/why.h"
#include "outbound/port25.h"
#include "outbound/route.h"

static bool goes_by_mx(const struct config *config, str destination)
{
    struct outbound_name name;
    struct outbound_route route;
    outbound_route_read_name(destination, &name);
    outbound_route_of(config, &name, &route);
    return route.kind == OUTBOUND_ROUTE_MX;
}

bool outbound_why_waits(const struct outbound_why *why, const struct config *config,
                        str destination, struct shaper_wait *ret_wait)
{
    int64_t blocked_ms = outbound_port25_next_ms(why->port25);
    if (blocked_ms > 0 && goes_by_mx(config, destination)) {
        *ret_wait = (struct shaper_wait){.why = SHAPER_PAUSED, .until_ms = blocked_ms};
        bool fits =
            str_to_chars(S(OUTBOUND_PORT25_ADVICE), ret_wait->reason, sizeof ret_wait->reason);
        ASSERT(fits);
        return true;
    }
    return why->shaper && !shaper_why(why->shaper, destination, ret_wait);
}
