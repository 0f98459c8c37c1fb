/* queue/accept.h -- from draft and envelope to a record: the session's share of a commit */
#pragma once
#include "queue/draft.h"

/* Encode, checksum, and see that a body file is synced. The draft is gone on success. */
must_use err queue_accept_prepare(struct queue *, struct queue_draft **, const struct envelope *,
                                  str prefix, bool want_file, struct queue_new *ret_new,
                                  deadline until);
