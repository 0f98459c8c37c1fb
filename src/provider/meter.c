#include "provider/meter.h"
#include "base/assert.h"
#include <string.h>

static int64_t slot_ms(const struct provider_measure *m)
{
    return (m->window_ms + PROVIDER_METER_SLOTS - 2) / (PROVIDER_METER_SLOTS - 1);
}

/* Forget what is no longer in the window. */
static void slide(struct provider_meter *meter, const struct provider_measure *m, int64_t now_ms)
{
    int64_t place = now_ms / slot_ms(m);
    ASSERT(place >= meter->place);
    if (place - meter->place >= PROVIDER_METER_SLOTS) {
        memset(meter->counts, 0, sizeof meter->counts);
        meter->place = place;
    }
    while (meter->place < place)
        meter->counts[++meter->place % PROVIDER_METER_SLOTS] = 0;
}

/* How many slots the window touches: all, unless it is so short that they are milliseconds. */
static int64_t slots_of(const struct provider_measure *m)
{
    return (m->window_ms + slot_ms(m) - 1) / slot_ms(m) + 1;
}

static int64_t count_sliding(const struct provider_meter *meter, const struct provider_measure *m)
{
    int64_t sum = 0;
    for (int64_t i = 0; i < slots_of(m) && i <= meter->place; i++)
        sum += meter->counts[(meter->place - i) % PROVIDER_METER_SLOTS];
    return sum;
}

static void turn(struct provider_meter *meter, const struct provider_measure *m, int64_t now_ms)
{
    int64_t place = now_ms / m->window_ms;
    if (place != meter->place)
        meter->counts[0] = 0;
    meter->place = place;
}

static void fill(struct provider_meter *meter, const struct provider_measure *m, int64_t now_ms)
{
    double more = (double)(now_ms - meter->filled_ms) * (double)m->count / (double)m->window_ms;
    meter->used = meter->used > more ? meter->used - more : 0;
    meter->filled_ms = now_ms;
}

bool provider_meter_has_room(struct provider_meter *meter, const struct provider_measure *m,
                             int64_t now_ms)
{
    const double rounding = 1e-6; /* a thousand fractions need not sum up to a whole */
    switch (m->kind) {
    case PROVIDER_METER_SLIDING:
        slide(meter, m, now_ms);
        return count_sliding(meter, m) < m->count;
    case PROVIDER_METER_FIXED:
        turn(meter, m, now_ms);
        return meter->counts[0] < m->count;
    case PROVIDER_METER_BUCKET:
        fill(meter, m, now_ms);
        return m->count > 0 && meter->used + 1 <= (double)m->burst + rounding;
    }
    return false;
}

void provider_meter_add(struct provider_meter *meter, const struct provider_measure *m,
                        int64_t now_ms)
{
    (void)provider_meter_has_room(meter, m, now_ms); /* brought to now */
    if (m->kind == PROVIDER_METER_BUCKET)
        meter->used += 1;
    else if (m->kind == PROVIDER_METER_FIXED)
        meter->counts[0]++;
    else
        meter->counts[meter->place % PROVIDER_METER_SLOTS]++;
}
