/* queue/draft.h -- a message's body on its way in
 *
 * A draft is in memory until it is large, or until all drafts together use half of what they may;
 * then it is a file in body/ under the message's own name, which the record will refer to. A draft
 * belongs to one fiber. Files are written by jobs that own what they write.
 */
#pragma once
#include "queue/inside.h"

enum {
    QUEUE_DRAFT_MEMORY_BYTES_MAX = 256 * 1024,
    QUEUE_DRAFT_SPILL_BYTES = 16 * 1024, /* when memory is short */
};

uint64_t queue_draft_new_id(struct queue *);
/* All of it into its file, then the tail; synced. Must be the last write. */
must_use err queue_draft_finish(struct queue_draft *, str tail, deadline until);

struct queue_draft {
    struct queue *queue;
    uint64_t id;
    uint64_t size;    /* of the content */
    uint32_t crc;     /* of the content */
    struct buf bytes; /* not yet in the file */
    size_t beside;    /* bytes counted for the message's owner */
    struct queue_once_claim *once;
    struct file *file;
    uint64_t in_file;
    bool broken; /* a write failed or was left behind: it can only be abandoned */
};
