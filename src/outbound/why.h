/* outbound/why.h -- what keeps a destination's mail from being tried now, for people
 *
 * Beside a due time and a last reply, which the queue knows: a blocked port 25, or the shaper's
 * line. Any thread.
 */
#pragma once
#include "config/config.h"
#include "shaping/shaper.h"

struct outbound_port25;

struct outbound_why { /* both may be NULL */
    struct shaper *shaper;
    struct outbound_port25 *port25;
};

/* False: nothing of that is in the way. */
bool outbound_why_waits(const struct outbound_why *, const struct config *, str destination,
                        struct shaper_wait *ret_wait);
