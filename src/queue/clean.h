/* queue/clean.h -- moving what is still needed out of a segment, so that it can go
 *
 * On the commit thread (or while opening), a bounded step at a time.
 */
#pragma once
#include "queue/commit.h"

/* Clean a little more of a segment, choosing one when none is being cleaned. False: nothing to do.
 */
bool queue_clean_step(struct queue *, bool hungry);
/* Write again what was acknowledged from the segments that a failed sync made suspect. */
void queue_clean_reopen(struct queue *);
/* Move out everything in this segment; its directory is given. ERR_DAMAGED never: what does not
 * verify is left behind and told to the log. */
must_use err queue_clean_out(struct queue *, struct queue_segment *, str directory);

/* The text of the last reply, from the log; into the caller's array. */
str queue_clean_reply(struct queue *, const struct queue_delivery *,
                      char text[QUEUE_RECORD_REPLY_BYTES_MAX]);
void queue_clean_encode_update(struct queue_batch *, struct queue_write *, struct queue_delivery *,
                               const struct queue_state *, str reply, str outcomes);
/* The reply of one delivery in a message's meta. */
str queue_clean_meta_reply(const struct queue_meta *, uint16_t delivery);
