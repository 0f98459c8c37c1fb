/* tests/provider_scenes.h -- what a provider may do to a sender who has to find out how fast it may
 * go
 *
 * The same scenes are asserted by tests and drawn for docs/shaping.md.
 */
#pragma once
#include "tests/provider_town.h"

struct provider_scene {
    const char *name, *title, *rules;
    int minutes;
    int settled; /* the minute by which the rate must have been found (again) … */
    int share;   /* … and what percentage of it is used from then on, at least */
    int changed; /* the minute from which another rate is allowed; 0: none */
    int quiet;   /* the minute in which it lets nothing pass any more; 0: none … */
    int resumes; /* … and the first in which it does again */
};

extern const struct provider_scene provider_scenes[];
extern const size_t provider_scene_count;

/* Read the rules (into the arena) and run the scene. */
void provider_scene_run(const struct provider_scene *, struct arena *,
                        const struct provider_town_controller *, struct provider_town_result *);
