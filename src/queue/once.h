/* queue/once.h -- keys that senders give their mail, so that a repeat is known as one (XONCE)
 *
 * A key is claimed before its mail is received; it is kept from the moment the mail is durable,
 * for the window of time that the operator has chosen, whatever becomes of the mail itself. The
 * mail's own record in the log says its key; before a segment of the log goes, all keys are written
 * to files beside it (queue/once_file.h). A name is a hash of the key and of whose it is: nobody
 * meets another's keys.
 *
 * What is kept takes 24 bytes, and 5 to 11 in an index. Any thread; nothing here waits.
 */
#pragma once
#include "queue/id.h"

enum {
    QUEUE_ONCE_NAME_BYTES = 12,
    QUEUE_ONCE_KEYS_MAX = 1 << 27, /* more cannot be configured */
};

struct queue;
struct queue_draft;
struct queue_once_claim;

struct queue_once_key {
    uint8_t name[QUEUE_ONCE_NAME_BYTES];
    uint32_t about; /* a hash of what the key stands for: a repeat has the same */
};

enum queue_once_answer {
    QUEUE_ONCE_NEW,   /* it is the caller's now */
    QUEUE_ONCE_KNOWN, /* it was accepted */
    QUEUE_ONCE_BUSY,  /* another has claimed it and is not through */
    QUEUE_ONCE_FULL,  /* no more keys can be kept now, or none at all */
};

struct queue_once_known {
    queue_id id;
    uint32_t about;
};

/* Are new keys taken? */
bool queue_once_has_room(struct queue *);
/* NEW: *ret_claim is to be released, or given to a draft. KNOWN: *ret_known says what. */
enum queue_once_answer queue_once_claim(struct queue *, const uint8_t name[QUEUE_ONCE_NAME_BYTES],
                                        struct queue_once_claim **ret_claim,
                                        struct queue_once_known *ret_known);
/* What it stands for, before it is given away. */
void queue_once_set(struct queue_once_claim *, uint32_t about);
/* Then somebody else may claim it, unless its mail was accepted. Accepts a pointer to NULL. */
void queue_once_release(struct queue_once_claim **);

struct queue_once_stats {
    uint64_t keys, claims, bytes; /* bytes: of memory */
};
void queue_once_stats(struct queue *, struct queue_once_stats *ret_stats);

/* ---- for this folder ----------------------------------------------------------------------- */

struct queue_once;
struct queue_once_entry { /* also how a million of them lie in memory */
    struct queue_once_key key;
    uint64_t id; /* of the message; says when it came, too */
};

struct queue_once *queue_once_open(int64_t window_ms, uint32_t keys_max);
void queue_once_close(struct queue_once *); /* accepts NULL */

struct queue_once_key queue_once_key_of(const struct queue_once_claim *);
/* Its mail is durable under that id. */
void queue_once_keep(struct queue *, struct queue_once_claim *, uint64_t id);

/* While the spool is opened: what is found, in any order and more than once; then it is put in
 * order. filed: it stands in a file. */
void queue_once_load(struct queue_once *, const struct queue_once_entry *, bool filed);
void queue_once_settle(struct queue_once *);

/* Take up to count of those that stand in no file yet, the oldest first; *ret_place is for
 * queue_once_note_filed, once they do. */
size_t queue_once_unfiled(struct queue_once *, struct queue_once_entry *all, size_t count,
                          uint64_t *ret_place);
void queue_once_note_filed(struct queue_once *, uint64_t place);
void queue_once_file_again(struct queue_once *); /* nobody knows what of the files is there */
/* So many more can be filed; failed: no more room can be made for the time being. */
void queue_once_set_room(struct queue_once *, uint64_t room, bool failed);
bool queue_once_is_used(struct queue_once *);              /* any key was ever claimed or found */
bool queue_once_is_over(struct queue_once *, uint64_t id); /* keys of then are kept no more */
uint64_t queue_once_count_unfiled(struct queue_once *);
void queue_once_expire(struct queue_once *); /* what is over is forgotten */
