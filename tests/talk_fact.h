/* tests/talk_fact.h -- `then FACT`: what must be true now, or soon */
#pragma once
#include "tests/talk_run.h"

/* Waits until it is true, at most as long as one awaits anything. False: the run failed. */
bool talk_fact_check(struct talk_run *, const struct talk_item *);
