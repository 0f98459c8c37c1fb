/* interchange/env.h -- variables for programs that take their server from the environment */
#pragma once
#include "interchange/way.h"

must_use err interchange_env_write(const struct interchange_way *, struct buf *out);
