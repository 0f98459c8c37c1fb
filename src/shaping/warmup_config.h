/* shaping/warmup_config.h -- warm-up plans as the configuration has them */
#pragma once
#include "config/config.h"
#include "shaping/warmup.h"

/* The plans of the configuration are in force from now on: warmup_set_plans(). */
must_use err warmup_configure(struct warmup *, const struct config *);
