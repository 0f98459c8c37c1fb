/* shaping/loop.h -- how fast and over how many connections a lane may go now: the closed loop
 *
 * Pure: replies go in with their time, limits come out. Goes up while all is well, down at once when
 * a site says "too fast", and remembers where that was, so that it stays just below and looks only
 * now and then whether more is allowed. A block pauses the lane; a pause ends with one probe.
 */
#pragma once
#include "outcome/class.h"
#include "shaping/limits.h"

enum shaping_loop_step { /* what changed, for the event */
    SHAPING_LOOP_NOTHING,
    SHAPING_LOOP_SLOWER,
    SHAPING_LOOP_FASTER,
    SHAPING_LOOP_FEWER, /* connections */
    SHAPING_LOOP_MORE,
    SHAPING_LOOP_PAUSED,
    SHAPING_LOOP_PROBING,
    SHAPING_LOOP_RESUMED,
};

struct shaping_loop; /* the helper's to define: plain data, may be copied and stored */
