/* queue/queue.h -- what waits: the durable queue
 *
 * A message is accepted by queue_commit() and from then on survives a crash. Its recipients are
 * split into deliveries, one for each destination; each delivery belongs to the schedule of one
 * worker (schedule.h), is taken from it, tried, and settled by queue_settle(). One commit thread
 * writes; everybody else reads. The errs of functions that change something mean: TIMEOUT and
 * CANCELED: it may happen yet, say nothing; any other: it has not happened and will not.
 */
#pragma once
#include "base/clock.h"
#include "events/event.h"
#include "message/envelope.h"
#include "queue/id.h"
#include "queue/record.h"

enum {
    QUEUE_WORKERS_MAX = 256,
    QUEUE_PREFIX_BYTES_MAX = 64 * 1024,
    QUEUE_DSNS_MAX = 8, /* new messages in one settle */
};

struct queue;
struct queue_draft;
struct queue_delivery;

struct queue_options {
    const char *folder; /* of the spool; made when it is not there */
    int workers;
    int64_t free_space_floor; /* below it queue_has_room() is false */
    int64_t draft_memory_max; /* all drafts together */
    uint64_t segment_bytes;   /* 0: 64 MiB or 1/16 of the free space */
    int64_t once_window_ms;   /* how long keys are kept (queue/once.h); 0: none are taken */
    uint32_t once_keys_max;
    /* May the loop of the fiber that calls be held up for the time of a quick sync (nobody else is
     * served by it)? Then a commit costs no hand-over to another thread. NULL: never. */
    bool (*may_block)(void);
    /* Told when the store stops, when it is open again, and of what is damaged; from any thread.
     * NULL: nobody. */
    const struct event_sink *events;
};

/* Blocks while it reads the spool. ERR_CONFIG: the folder may not be used (others can write to it,
 * another format); ERR_LIMIT: another process has it. */
must_use err queue_open(const struct queue_options *, struct queue **ret_queue);
/* When all loops have ended: what was queued is written, segments are sealed. Accepts NULL. */
void queue_close(struct queue *);

bool queue_has_room(struct queue *); /* false: MAIL gets 452 4.3.1 */
bool queue_stopped(struct queue *);  /* a sync failed: nothing is accepted until it is reopened */

/* The body of a session's message: in memory, or in a file when it is large or memory is short. */
must_use err queue_draft_open(struct queue *, struct queue_draft **ret_draft); /* ERR_LIMIT: full */
must_use err queue_draft_write(struct queue_draft *, str bytes, deadline until);
/* So many bytes of the message are in memory beside the draft: counted with all drafts until told
 * otherwise or until it ends. ERR_LIMIT: together they are more than may be; not counted. */
must_use err queue_draft_hold(struct queue_draft *, size_t bytes_beside);
queue_id queue_draft_id(const struct queue_draft *); /* the id that the message will have */
uint64_t queue_draft_size(const struct queue_draft *);
bool queue_draft_in_memory(const struct queue_draft *, str *ret_bytes); /* all of it, to look at */
/* Some bytes from there on; 0 at the end. */
must_use err queue_draft_read(struct queue_draft *, uint64_t offset, void *to, size_t size,
                              size_t *ret_count, deadline until);
/* The key of the message, which is the draft's from now on. */
void queue_draft_once(struct queue_draft *, struct queue_once_claim **);
void queue_draft_abandon(struct queue_draft **); /* accepts a pointer to NULL */

/* Take the draft as a message; the prefix (our trace fields) is sent in front of it. NULL: it is
 * synced. The draft is gone whatever happens. */
must_use err queue_commit(struct queue *, struct queue_draft **, const struct envelope *,
                          str prefix, queue_id *ret_id, deadline until);

/* A delivery that schedule_next() handed out. Good until it is settled or put back. */
queue_id queue_delivery_id(const struct queue_delivery *);
str queue_delivery_destination(const struct queue_delivery *);
size_t queue_delivery_rcpts(const struct queue_delivery *); /* those that ended count, too */
struct queue_state queue_delivery_state(struct queue *, const struct queue_delivery *);

struct queue_rcpt {
    uint16_t index; /* in the message, for queue_outcome */
    const struct envelope_rcpt *rcpt;
};

struct queue_message {
    queue_id id;
    struct queue_state state;
    str last_reply; /* as of the last time the message was moved: see queue_admin_list for the
                       newest */
    struct envelope *envelope; /* rcpts: those of this delivery that still wait */
    uint16_t *rcpt_indexes;    /* beside envelope->rcpts */
    str prefix;
    uint64_t size; /* of the content, without the prefix */
    bool in_memory;
    str content; /* when in_memory */
    struct queue_reader *reader;
};

/* Everything lives in the arena. CRCs are checked. ERR_DAMAGED: the delivery was held and the
 * alarm raised; put it back. */
must_use err queue_message_open(struct queue *, struct queue_delivery *, struct arena *,
                                struct queue_message *ret_message, deadline until);
/* Of the content. Fewer bytes only at its end. */
must_use err queue_message_read(struct queue_message *, uint64_t offset, void *to, size_t size,
                                size_t *ret_count, deadline until);
void queue_message_close(struct queue_message *);

struct queue_outcome {
    uint16_t rcpt; /* queue_message.rcpt_indexes */
    uint8_t state; /* enum queue_rcpt_state, not WAITING */
};

struct queue_new_message { /* all or none with the outcomes */
    const struct envelope *envelope;
    str content;
};

struct queue_settlement {
    const struct queue_outcome *outcomes;
    size_t outcome_count;
    int64_t due_ms; /* real time; for those that still wait */
    bool tried;     /* count this as an attempt */
    uint8_t way;    /* with tried: see queue_state */
    bool warned;    /* the sender was told of the delay */
    str reply; /* why it waits, cut at QUEUE_RECORD_REPLY_BYTES_MAX; empty and not tried: as before
                */
    const struct queue_new_message *dsns;
    size_t dsn_count;
};

/* The delivery is no longer the caller's, whatever happens; on an err it is tried again later. */
must_use err queue_settle(struct queue *, struct queue_delivery **, const struct queue_settlement *,
                          deadline until);

struct queue_stats {
    uint64_t messages, deliveries, held, bytes;
    int64_t oldest_ms; /* of the messages opened or accepted since start; 0: none */
    uint64_t damaged, batches, sync_errors, cleaned; /* cleaned: segments */
    uint64_t here; /* batches that their own fibers committed: see queue_options.may_block */
    uint64_t segments, log_bytes, live_bytes;
    uint64_t free_bytes;
    uint64_t looked; /* deliveries that listings and changes have looked at */
};
void queue_stats(struct queue *, struct queue_stats *ret_stats);
