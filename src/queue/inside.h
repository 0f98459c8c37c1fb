/* queue/inside.h -- the parts of a queue, for the files of this folder only
 *
 * Three kinds of threads meet here. Workers run fibers that commit, take, read and settle. The
 * commit thread is the only writer of records and of what the index says. The supply thread makes,
 * seals and frees segments. `lock` guards what the comment below it lists; it is held for a few
 * steps in memory, never over a wait or a file.
 */
#pragma once
#include "base/heap.h"
#include "base/list.h"
#include "base/order.h"
#include "base/pool.h"
#include "base/table.h"
#include "queue/queue.h"
#include "queue/segment.h"
#include "runtime/loop.h"
#include "runtime/thread.h"
#include <assert.h>
#include <pthread.h>

enum {
    QUEUE_READY_RESERVED = 2, /* segments that new mail may not have */
    QUEUE_READY_TARGET = 4,
    QUEUE_FOLDER_CHARS = 400,
    QUEUE_PATH_CHARS = 512,
    QUEUE_BATCH_BYTES_MAX = 8 << 20,
    QUEUE_OFFSET_BITS = 20, /* in units of 64, within a segment */
    QUEUE_LENGTH_BITS = 20, /* of a part of a record */
};

/* Deliveries that are due stand in one list, the most urgent first. To find the end of each level
 * in one step a destination keeps them, once it has seen mail that is not of level 0. */
enum { QUEUE_LEVELS = 2 * ENVELOPE_PRIORITY_MAX + 1 };
struct queue_levels {
    struct list *last[QUEUE_LEVELS]; /* from the lowest on; NULL: none of that level is due */
};

struct queue_destination {
    uint32_t refs; /* deliveries; with the lock */
    uint16_t worker;
    bool paused, stranded; /* the worker's, as all below; these two changed with the lock only */
    uint8_t level;         /* of the turn that it waits for */
    uint32_t ready_count;
    struct queue_levels *levels; /* NULL: all are of priority 0 */
    struct list ready;           /* deliveries that are due */
    struct list turn; /* in the schedule's round of destinations, or among the stranded */
    uint8_t name_len;
    char name[];
};

enum queue_place { QUEUE_NOWHERE, QUEUE_IN_HEAP, QUEUE_IN_READY };

struct queue_delivery {
    union {                    /* the worker's, as place */
        struct heap_node node; /* by steady due time */
        struct list ready;
    };
    struct queue_delivery *inbox_next; /* with the lock, as all below but place and in_batch */
    struct queue_destination *destination;
    struct queue_segment
        *update_segment; /* where its newest UPDATE is; NULL: none since the copy */
    int64_t due_ms;
    uint32_t first_s, last_s;                   /* attempts, real time; 0: none */
    uint32_t update_offset : QUEUE_OFFSET_BITS; /* in units of 64, as its size */
    uint32_t update_size : 32 - QUEUE_OFFSET_BITS;
    uint16_t attempts : 12, way : 4;
    uint16_t index, rcpt_first, rcpt_count;
    uint8_t flags : 3; /* enum queue_state_flags */
    uint8_t rank : 5;  /* the priority, of two's complement */
    uint8_t place;
    bool in_batch; /* the commit thread's */
    bool taken : 1, in_inbox : 1, gone : 1, damaged : 1;
};

struct queue_entry { /* a message */
    uint64_t id;
    struct queue_segment *segment;
    uint64_t content_size;
    int64_t accepted_ms;
    uint64_t meta_len : QUEUE_LENGTH_BITS, head_len : QUEUE_LENGTH_BITS;
    uint64_t body_len : QUEUE_LENGTH_BITS;
    bool file_checked : 1;
    uint32_t offset; /* in units of 64 */
    uint16_t delivery_count, rcpt_count;
    uint16_t left, leaving; /* unfinished deliveries; those that finish in this batch */
    uint16_t refs;          /* the index, and each delivery that a schedule may know */
    uint8_t flags, moves;   /* the record's */
    struct queue_delivery deliveries[];
    /* uint8_t rcpt_states[rcpt_count] follow */
};

/* A million of them wait: these sizes are a promise (docs/performance.md). */
static_assert(sizeof(struct queue_entry) == 56, "memory of a message");
static_assert(sizeof(struct queue_delivery) == 72, "memory of a delivery");
static_assert(QUEUE_SEGMENT_BYTES_MAX / QUEUE_RECORD_ALIGN <= 1 << QUEUE_OFFSET_BITS, "offset");
static_assert((QUEUE_RECORD_META_BYTES_MAX + 2 * QUEUE_RECORD_HEADER_BYTES) / QUEUE_RECORD_ALIGN <
                  1 << (32 - QUEUE_OFFSET_BITS),
              "update_size");
static_assert(QUEUE_RECORD_META_BYTES_MAX < 1 << QUEUE_LENGTH_BITS, "meta_len");
static_assert(QUEUE_RECORD_INLINE_BYTES_MAX < 1 << QUEUE_LENGTH_BITS, "head_len, body_len");
static_assert(ENVELOPE_RCPTS_MAX < UINT16_MAX, "refs");

static inline uint8_t *queue_entry_states(struct queue_entry *e)
{
    return (uint8_t *)&e->deliveries[e->delivery_count];
}
static inline struct queue_entry *queue_entry_of(const struct queue_delivery *d)
{
    return CONTAINER_OF((struct queue_delivery *)(uintptr_t)d - d->index, struct queue_entry,
                        deliveries);
}
static inline uint32_t queue_entry_bytes(const struct queue_entry *e)
{
    return (uint32_t)queue_record_round((uint64_t)QUEUE_RECORD_HEADER_BYTES + e->meta_len +
                                        e->head_len + e->body_len);
}

/* A worker's inbox: deliveries whose state changed. */
struct queue_inbox {
    struct queue_delivery *first, **end; /* with the lock, as all here */
    struct loop *loop;                   /* NULL: nobody is attached */
    struct loop_note note;
    bool posted; /* the note is under way, or will be when the lock is let go */
    struct queue_inbox *next_wanted;
    int posting; /* atomic: those who let go of the lock and have not posted the note yet */
    struct schedule *schedule;
    struct heap ends; /* queue/ends.h */
};

enum queue_request_kind {
    QUEUE_REQUEST_COMMIT,
    QUEUE_REQUEST_SETTLE,
    QUEUE_REQUEST_CHANGE, /* by the operator */
    QUEUE_REQUEST_READY,  /* from the supply thread, as all below: a segment */
    QUEUE_REQUEST_SEALED,
    QUEUE_REQUEST_UNSEALED, /* its footer could not be written */
    QUEUE_REQUEST_GONE,
    QUEUE_REQUEST_FULL, /* no segment can be made now */
};

enum queue_change {
    QUEUE_CHANGE_HOLD,
    QUEUE_CHANGE_RELEASE,
    QUEUE_CHANGE_RETRY,
    QUEUE_CHANGE_REMOVE
};
enum { QUEUE_CHANGES_MAX = 256 }; /* in one request */

struct queue_target {
    uint64_t id;
    uint16_t delivery;
};

struct queue_new { /* a message on its way into the log */
    struct queue_entry *entry;
    struct queue_record record;
    struct buf front;              /* meta, head, prefix */
    struct buf content;            /* in memory; else empty */
    bool has_file;                 /* body/ID was made for it */
    struct queue_once_claim *once; /* its key; NULL: it has none */
};

enum queue_answer { QUEUE_UNANSWERED, QUEUE_LEFT, QUEUE_ANSWERED };

struct queue_request {
    struct chan_item item;
    enum queue_request_kind kind;
    struct queue_request *next; /* in the commit thread's lists */
    struct queue *queue;

    struct loop_note note;
    struct loop *loop;
    struct gate gate;
    int answer; /* enum queue_answer, atomic */
    bool here;  /* committed by the fiber that asks: no note is needed */
    bool arrived, released;
    bool failed;
    enum err_kind failed_kind;
    int failed_number;
    const char *failed_text;

    struct queue_new *news;
    size_t new_count;
    struct queue_delivery *delivery; /* SETTLE */
    struct queue_state state;
    struct queue_outcome *outcomes;
    size_t outcome_count;
    char reply[QUEUE_RECORD_REPLY_BYTES_MAX];
    uint8_t reply_len;
    bool has_reply;

    enum queue_change change; /* CHANGE */
    struct queue_target *targets;
    size_t target_count, targets_done;

    struct queue_segment *segment; /* from the supply thread */
};

struct queue_pending { /* requests in order */
    struct queue_request *first, **end;
};

struct queue {
    struct queue_options options;
    char folder[QUEUE_FOLDER_CHARS];
    struct file *lock_file;

    pthread_mutex_t lock;  /* guards all of the next part, and what entries and segments say */
    struct order messages; /* entries by id */
    struct table destinations;
    struct pool entries;
    struct order ends; /* queue/ends.h */
    struct pool end_pool;
    struct queue_segment **segments; /* all but the ready ones */
    uint32_t segment_count, segment_cap;
    struct queue_inbox *inboxes; /* one a worker */
    struct queue_inbox *wanted;  /* those whose worker must be woken */
    struct queue_stats stats;
    uint64_t last_id;
    bool stopped;
    bool full; /* no segment for new mail */

    int64_t draft_memory;  /* atomic */
    struct chan *requests; /* to the commit thread */
    struct thread *commit_thread;
    bool closing; /* atomic */
    struct queue_committer *committer;

    struct queue_recent *recent; /* has a lock of its own, as once has */
    struct queue_once *once;

    struct chan *chores; /* to the supply thread */
    struct thread *supply_thread;
    struct queue_once_files *once_files; /* the supply thread's, as the next */
    struct chan_item *chores_later;      /* segments to be freed once keys can be saved */
    bool supply_closing;                 /* atomic */
    int ready_count;                     /* atomic: segments made and not yet taken */
    uint32_t next_segment;               /* the supply thread's, once it runs */
    uint64_t segment_bytes;
};

/* "FOLDER/REST" made of a format. */
void queue_path(const struct queue *, char ret_path[QUEUE_PATH_CHARS], const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void queue_body_path(const struct queue *, uint64_t id, char ret_path[QUEUE_PATH_CHARS]);
