/* interchange/postfix.h -- a relayhost of Postfix with a login */
#pragma once
#include "interchange/way.h"

must_use err interchange_postfix_write(const struct interchange_way *, struct buf *out);
