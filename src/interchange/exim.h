/* interchange/exim.h -- a router, a transport and authenticators of Exim */
#pragma once
#include "interchange/way.h"

must_use err interchange_exim_write(const struct interchange_way *, struct buf *out);
