/* queue/batch.h -- the records that are written together: one write, one sync, then their effects
 *
 * On the commit thread (or while opening). A batch goes to one segment.
 */
#pragma once
#include "queue/inside.h"

enum queue_effect {
    QUEUE_EFFECT_NONE,
    QUEUE_EFFECT_NEW,   /* entry joins the index */
    QUEUE_EFFECT_STATE, /* delivery gets state and outcomes */
    QUEUE_EFFECT_DONE,  /* entry leaves the index */
    QUEUE_EFFECT_MOVE,  /* entry's copy is here now */
    QUEUE_EFFECT_AGAIN, /* delivery's present state was written again */
    QUEUE_EFFECT_NAME,  /* record names another segment */
};

struct queue_write { /* one record of a batch */
    enum queue_effect effect;
    struct queue_record record;
    str meta, head, body[2];
    struct queue_entry *entry;
    struct queue_delivery *delivery;
    struct queue_state state;
    str outcomes;
    uint64_t offset;
    struct queue_once_claim *once; /* NEW: its key, or NULL */
};

struct queue_batch {
    struct queue_write *writes;
    uint32_t count, cap;
    uint64_t bytes, meta_bytes;
    char *scratch; /* what was encoded for the writes */
    size_t scratch_used;
};
enum { QUEUE_SCRATCH_BYTES = 2 << 20, QUEUE_READY_MAX = 64 };

struct queue_write *queue_batch_add(struct queue_batch *, enum queue_effect,
                                    enum queue_record_type);
void queue_batch_clear(struct queue_batch *);
/* A buf over what is left of the scratch; queue_batch_keep takes what was put into it. */
struct buf queue_batch_scratch(struct queue_batch *);
str queue_batch_keep(struct queue_batch *, const struct buf *);
void queue_batch_finish(struct queue_batch *, struct queue_write *); /* its lengths are known */
/* The segment for so much more, a fresh one when needed. NULL: there is none now. */
struct queue_segment *queue_batch_room(struct queue *, enum queue_stream, bool new_mail,
                                       uint64_t bytes, uint32_t records, uint64_t meta_bytes);
/* The segment is suspect, and nothing is accepted until all has been written again elsewhere. */
void queue_batch_stop(struct queue *, struct queue_segment *, err);
/* Write, sync, take effect. On an err the store may have stopped. */
must_use err queue_batch_commit(struct queue *, struct queue_segment *);
