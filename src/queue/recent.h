/* queue/recent.h -- what was written to the log last, still in memory
 *
 * Batches are laid out here, in memory that a disk can take as it is, and stay readable until their
 * room is needed again: mail that is handed on at once is not read from the disk, which direct
 * writes would make necessary. One thread writes at a time (who holds the committer's lock); any
 * thread reads.
 */
#pragma once
#include "queue/segment.h"

enum { QUEUE_RECENT_BYTES = 2 << 20 };

struct queue_recent;

struct queue_recent *queue_recent_open(void);
void queue_recent_close(struct queue_recent *); /* accepts NULL */

/* Room for size bytes (a multiple of FILE_DIRECT_ALIGN, at an address that is one), which nobody
 * reads before it is shown. What lay there is forgotten. NULL: more than half of all there is. */
char *queue_recent_room(struct queue_recent *, size_t size);

/* The len bytes at `at`, inside the room given last, stand in the segment at that offset and are
 * durable. Segments must be shown in the order of their `order`, each from front to back. */
void queue_recent_show(struct queue_recent *, const struct queue_segment *, uint64_t offset,
                       const char *at, size_t len);

/* Copy bytes of a segment. False: they are not here, or not all of them. */
bool queue_recent_read(struct queue_recent *, const struct queue_segment *, uint64_t offset,
                       void *to, size_t size);
