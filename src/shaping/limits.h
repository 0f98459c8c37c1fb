#pragma once
#include "base/arena.h"
struct shaping_limits; struct shaping_quota;
