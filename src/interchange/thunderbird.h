/* interchange/thunderbird.h -- an outgoing server in Thunderbird's preferences */
#pragma once
#include "interchange/way.h"

must_use err interchange_thunderbird_write(const struct interchange_way *, struct buf *out);
