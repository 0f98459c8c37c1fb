/* queue/peek.h -- a look at a delivery that somebody else may be working on */
#pragma once
#include "queue/admin.h"

/* ERR_CLOSED: it is gone. ERR_DAMAGED: what the index says was filled in, the rest was not. */
must_use err queue_peek(struct queue *, uint64_t id, uint16_t delivery, struct arena *,
                        struct queue_admin_item *ret_listed, deadline until);
