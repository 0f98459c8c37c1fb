/* queue/recover.h -- opening: from the segments to the index
 *
 * Sealed segments are read by their footers, others from front to back. Of two copies of a message
 * the one with the higher sequence counts; updates count for the copy they name. What the last
 * batch wrote may not have been synced: it is verified and written again before it is acted on.
 */
#pragma once
#include "queue/inside.h"

/* Before the threads start. ERR_CONFIG: another format. Damage is quarantined and told to the log.
 */
must_use err queue_recover(struct queue *);

/* Sorted names of the segments in FOLDER/log, as pairs of number and salt. */
must_use err queue_recover_list(const char *folder, uint32_t (**ret_names)[2], size_t *ret_count);
