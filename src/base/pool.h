/* base/pool.h -- many small objects that live long, packed
 *
 * Objects of one size stand side by side in blocks that come from the system and go back to it when
 * their last object has gone. That saves the header and the rounding of each allocation, and keeps
 * what lives for days out of the heap where short-lived buffers come and go. Large objects come
 * from mem_alloc. Not for two threads at a time.
 */
#pragma once
#include "base/list.h"
#include <stddef.h>

enum {
    POOL_STEP_BYTES = 8, /* sizes are rounded up to this */
    POOL_OBJECT_BYTES_MAX = 512,
    POOL_CLASSES = POOL_OBJECT_BYTES_MAX / POOL_STEP_BYTES,
};

struct pool {
    struct list roomy[POOL_CLASSES]; /* blocks that have room, for each size */
    size_t bytes;                    /* what the objects take, with all that is around them */
};

void pool_init(struct pool *);
void pool_release(struct pool *);                   /* all objects must have been freed */
void *pool_alloc(struct pool *, size_t size);       /* zeroed; never NULL */
void pool_free(struct pool *, void *, size_t size); /* the size it was asked with; accepts NULL */
