/* queue/commit.h -- the commit thread: the only writer of records
 *
 * It takes what has queued up, writes it in one go to one segment, syncs it, changes the index and
 * answers. A write that failed is aborted durably in another segment; when that fails too, or a
 * sync failed, the store has stopped: new mail is refused until everything that was acknowledged
 * from the segment has been written again elsewhere.
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
};

struct queue_batch {
    struct queue_write *writes;
    uint32_t count, cap;
    uint64_t bytes, meta_bytes;
    char *scratch; /* what was encoded for the writes */
    size_t scratch_used;
};
enum { QUEUE_SCRATCH_BYTES = 2 << 20, QUEUE_READY_MAX = 64 };

struct queue_cleaning { /* the segment being cleaned; NULL: none */
    struct queue_segment *segment;
    struct buf directory;
    str rest;
};

struct queue_committer {
    struct queue_segment *active[QUEUE_STREAMS];
    struct queue_segment *ready[QUEUE_READY_MAX];
    int ready_count;
    bool make_now; /* while opening: segments are made here */
    uint64_t next_batch, next_sequence;
    struct queue_pending mail, other;
    struct queue_batch batch;
    char *staging;
    size_t staging_cap;
    struct iovec *parts;
    uint32_t part_cap;
    struct queue_cleaning cleaning;
    deadline reopen_at;
    int64_t reopen_wait_ms;
};

void queue_commit_init(struct queue *);
void queue_commit_release(struct queue *);
void queue_commit_start(struct queue *);
void queue_commit_stop(struct queue *); /* what has queued up is written first */

/* A request's answer. From the commit thread. */
void queue_commit_answer(struct queue_request *);

/* ---- for cleaning and opening ---- */
struct queue_write *queue_batch_add(struct queue_batch *, enum queue_effect,
                                    enum queue_record_type);
void queue_batch_clear(struct queue_batch *);
/* A buf over what is left of the scratch; queue_batch_keep takes what was put into it. */
struct buf queue_batch_scratch(struct queue_batch *);
str queue_batch_keep(struct queue_batch *, const struct buf *);
void queue_batch_finish(struct queue_batch *, struct queue_write *); /* its lengths are known */
/* The segment for so much more, a fresh one when needed. NULL: there is none now. */
struct queue_segment *queue_commit_room(struct queue *, enum queue_stream, bool new_mail,
                                        uint64_t bytes, uint32_t records, uint64_t meta_bytes);
/* Write, sync, take effect. On an err the store may have stopped. */
must_use err queue_commit_batch(struct queue *, struct queue_segment *);
