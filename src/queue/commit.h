/* queue/commit.h -- the commit thread: the only writer of records
 *
 * It takes what has queued up, writes it in one go to one segment, syncs it, changes the index and
 * answers. A write that failed is aborted durably in another segment; when that fails too, or a
 * sync failed, the store has stopped: new mail is refused until everything that was acknowledged
 * from the segment has been written again elsewhere.
 */
#pragma once
#include "queue/batch.h"

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
