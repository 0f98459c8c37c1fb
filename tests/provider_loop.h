/* tests/provider_loop.h -- the closed loop of shaping/ as a controller of the town
 *
 * What stands between them in the server (who is next, quotas, the network) is left out: the loop
 * is asked and told, replies are classified by outcome/ as they are there.
 */
#pragma once
#include "shaping/loop.h"
#include "tests/provider_town.h"

enum {
    PROVIDER_LOOP_UNDER_WAY_MAX = 20, /* connections: as the shipped limits have it */
    PROVIDER_LOOP_RING = 4096,        /* messages that began since the oldest under way did */
};

struct provider_loop {
    struct shaping_loop loop;
    struct arena *arena;
    int under_way;
    uint64_t steps[SHAPING_LOOP_STEPS];
    uint64_t asked; /* and let go */
    bool probe[PROVIDER_LOOP_RING];
    int64_t taken_ns[PROVIDER_LOOP_RING];
};

void provider_loop_init(struct provider_loop *);
void provider_loop_release(struct provider_loop *);
struct provider_town_controller provider_loop_controller(struct provider_loop *);
