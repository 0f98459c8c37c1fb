/* feedback/ring.h -- the keys that sign our return paths (STATE/feedback/verp.keys)
 *
 * Made at the first start with mode 0600. A new key comes when the newest is a month old; the old
 * ones stay as long as their return paths may be used. Pure but for reading and writing the file,
 * which blocks.
 */
#pragma once
#include "outcome/verp.h"

enum {
    FEEDBACK_RING_KEY_BYTES = 32,
    FEEDBACK_RING_DAYS = 30, /* a key signs for so long */
    FEEDBACK_RING_MAX = 8,
    FEEDBACK_RING_TEXT_BYTES_MAX = 1024,
};

struct feedback_ring {
    struct { /* the newest last */
        uint8_t id;
        uint32_t day; /* when it was made, since 1970 */
        unsigned char secret[FEEDBACK_RING_KEY_BYTES];
    } keys[FEEDBACK_RING_MAX];
    size_t count;
};

/* A line for each key: "id day hex". ERR_DAMAGED: it is none, and says in which line. */
must_use err feedback_ring_parse(str text, struct feedback_ring *ret_ring);
must_use err feedback_ring_write(const struct feedback_ring *, struct buf *out);

/* Add a key when the newest is too old, drop those whose return paths are all expired. True: it
 * changed. */
bool feedback_ring_turn(struct feedback_ring *, uint32_t today, uint32_t days_kept);

/* Read it, turn it, and write it when it changed; made when it is not there. */
must_use err feedback_ring_load(const char *path, uint32_t today, uint32_t days_kept,
                                struct feedback_ring *ret_ring);

/* As outcome/verp.h wants them: pointers into the ring. */
size_t feedback_ring_keys(const struct feedback_ring *,
                          struct outcome_verp_key ret_keys[FEEDBACK_RING_MAX]);
