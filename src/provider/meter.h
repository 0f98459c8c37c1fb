/* provider/meter.h -- so many in so much time: how a limit is measured
 *
 * Three ways that providers use. A *sliding* window is exact to the cautious side: never more than
 * the limit in any stretch of its length, and up to one slot (1/120 of it) longer than told. A
 * *fixed* one forgets everything at its end. A *bucket* fills evenly and holds a burst.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

enum { PROVIDER_METER_SLOTS = 121 }; /* of a sliding window, and the one that runs out */

enum provider_meter_kind {
    PROVIDER_METER_SLIDING,
    PROVIDER_METER_FIXED,
    PROVIDER_METER_BUCKET,
};

struct provider_measure {
    enum provider_meter_kind kind;
    int64_t count, window_ms; /* the limit */
    int64_t burst;            /* BUCKET: how many at once */
};

struct provider_meter { /* all zero: nothing was counted yet */
    int64_t place;      /* SLIDING: the newest slot; FIXED: the window */
    int64_t filled_ms;  /* BUCKET: when the level was right */
    double used;        /* BUCKET: how much of the burst is not there */
    uint32_t counts[PROVIDER_METER_SLOTS];
};

/* Time never goes back; it starts at 0 or later. The measure's count may change between two calls,
 * the rest of it may not. */
bool provider_meter_has_room(struct provider_meter *, const struct provider_measure *,
                             int64_t now_ms);
void provider_meter_add(struct provider_meter *, const struct provider_measure *, int64_t now_ms);
