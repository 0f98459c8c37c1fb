/* queue/commit.h -- the commit thread: the writer of records
 *
 * While nothing else goes on, a fiber takes its place for the time of its own batch.
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

/* A fiber commits by itself only while syncs are quick: none of the last so many took longer. */
enum { QUEUE_QUICK_NS = 2 * 1000 * 1000, QUEUE_QUICK_BATCHES = 16 };

struct queue_committer {
    pthread_mutex_t lock; /* all of it: it is held over a batch, by its one committer */
    int unproven;         /* batches until syncs count as quick */
    struct queue_segment *active[QUEUE_STREAMS];
    struct queue_segment *ready[QUEUE_READY_MAX];
    int ready_count;
    bool make_now; /* while opening: segments are made here */
    uint64_t next_batch, next_sequence;
    struct queue_pending mail, other;
    struct queue_batch batch;
    char *staging; /* for a batch too large to be kept in memory */
    size_t staging_size;
    uint64_t hot_count; /* segments of the hot stream, so far */
    struct queue_cleaning cleaning;
    deadline reopen_at;
    int64_t reopen_wait_ms;
    deadline calm_at; /* from then on a failure is a first one */
};

void queue_commit_init(struct queue *);
void queue_commit_release(struct queue *);
void queue_commit_start(struct queue *);
void queue_commit_stop(struct queue *); /* what has queued up is written first */

/* On the fiber that asks: the thread's work for this one request, if nobody is held up by that.
 * False: nothing was done, send it. True: the request has arrived, or the thread has it. */
bool queue_commit_here(struct queue *, struct queue_request *);

/* A request's answer. From who commits. */
void queue_commit_answer(struct queue_request *);
