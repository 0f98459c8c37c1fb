/* queue/record.h -- the bytes of one record of the log (docs/spool.md)
 *
 * A record is a header of 64 bytes, then meta, head and body, padded to 64 bytes. The meta is what
 * the index needs, so a segment's directory is its headers and metas; the head is the envelope;
 * the body is what is sent. Each has a CRC of its own. This file is pure: bytes in, values out.
 */
#pragma once
#include "base/buf.h"
#include "message/envelope.h"
#include "queue/once.h"

enum {
    QUEUE_RECORD_VERSION = 1, /* of the whole format */
    QUEUE_RECORD_ALIGN = 64,
    QUEUE_RECORD_HEADER_BYTES = 64,
    QUEUE_RECORD_INLINE_BYTES_MAX = 256 * 1024,     /* head and body together */
    QUEUE_RECORD_META_BYTES_MAX = 248 * 1024,       /* with the state of every recipient */
    QUEUE_RECORD_META_BYTES_INLINE_MAX = 64 * 1024, /* above it the head goes to the body file */
    QUEUE_RECORD_BYTES_MAX = QUEUE_RECORD_HEADER_BYTES + QUEUE_RECORD_INLINE_BYTES_MAX +
                             QUEUE_RECORD_META_BYTES_MAX + QUEUE_RECORD_ALIGN,
    QUEUE_RECORD_REPLY_BYTES_MAX = 200,
    QUEUE_RECORD_NAME_BYTES_MAX = 255, /* of a destination */
};

enum queue_record_type {
    QUEUE_RECORD_MESSAGE = 1,
    QUEUE_RECORD_UPDATE = 2, /* the whole present state of one delivery */
    QUEUE_RECORD_DONE = 3,   /* the message is forgotten */
    QUEUE_RECORD_ABORT = 4,  /* what the named batch wrote never happened */
    QUEUE_RECORD_GROUP = 5,  /* the next so many records: all or none */
};

enum queue_record_flags {
    QUEUE_RECORD_FILE = 1,      /* the content is in a body file; the body here is its prefix */
    QUEUE_RECORD_HEAD_FILE = 2, /* the head is in the body file, behind the content */
    QUEUE_RECORD_MEMBER = 4,    /* of a group: a torn batch may keep it and lose the GROUP */
    QUEUE_RECORD_FIRST = 8,     /* of its batch: what is invalid in front of it is older */
    QUEUE_RECORD_ENDS = 16,     /* MESSAGE: its meta says until when its sender wants it tried */
    QUEUE_RECORD_ONCE = 32,     /* MESSAGE: its meta says which key its sender gave it */
    /* What every copy of a message has. */
    QUEUE_RECORD_KEPT =
        QUEUE_RECORD_FILE | QUEUE_RECORD_HEAD_FILE | QUEUE_RECORD_ENDS | QUEUE_RECORD_ONCE,
};

struct queue_record {
    uint8_t type, flags;
    uint16_t group; /* GROUP: how many records */
    uint32_t meta_len, head_len, body_len;
    uint32_t meta_crc, head_crc, body_crc; /* GROUP: body_crc is that of the members' headers */
    uint32_t names;    /* the segment of the copy that this record changes or replaces; 0: none */
    uint64_t id;       /* of the message; ABORT: the batch; GROUP: bytes of all members */
    uint64_t sequence; /* of the log: the higher wins */
    uint64_t batch;
};

/* The seed is the segment's. */
void queue_record_encode(const struct queue_record *, uint32_t seed,
                         char ret_bytes[QUEUE_RECORD_HEADER_BYTES]);
/* False: these bytes are no header that was written for this segment. */
bool queue_record_decode(const char bytes[QUEUE_RECORD_HEADER_BYTES], uint32_t seed,
                         struct queue_record *ret_record);
/* Of bytes that were encoded by us or checked since they were read. */
struct queue_record queue_record_again(const char bytes[QUEUE_RECORD_HEADER_BYTES]);
uint32_t queue_record_bytes(const struct queue_record *); /* with header and padding */
uint64_t queue_record_round(uint64_t size);               /* up to the next multiple of 64 */

/* What is known of one delivery: the recipients of a message that share a destination. */
enum { QUEUE_ATTEMPTS_MAX = 4095, QUEUE_WAYS_MAX = 15 };
enum queue_state_flags { QUEUE_HELD = 1, QUEUE_WARNED = 2, QUEUE_FINISHED = 4 };
struct queue_state {
    int64_t due_ms, first_ms, last_ms; /* real time; first and last attempt, 0: none yet */
    uint16_t attempts; /* at most QUEUE_ATTEMPTS_MAX: then it is counted no further */
    uint8_t flags;
    uint8_t way;     /* of the last attempt, 1 to QUEUE_WAYS_MAX as the way out counts; 0: none */
    int8_t priority; /* as envelope.priority */
};

enum queue_rcpt_state { QUEUE_WAITING, QUEUE_DONE, QUEUE_FAILED, QUEUE_EXPIRED };

/* The meta of a MESSAGE record. */
struct queue_meta {
    int64_t accepted_ms;
    uint64_t content_size;                              /* without the prefix */
    uint32_t content_crc, file_head_len, file_head_crc; /* FILE; HEAD_FILE */
    uint8_t moves;                                      /* cleanings it has lived through */
    uint16_t delivery_count, rcpt_count;
    uint8_t flags;               /* the record's */
    int64_t ends_ms;             /* with ENDS, real time; else 0 */
    struct queue_once_key once;  /* with ONCE */
    str deliveries, rcpt_states; /* rcpt_states empty: all wait */
};

struct queue_meta_delivery {
    str destination; /* empty with HEAD_FILE */
    uint16_t rcpt_count;
    struct queue_state state;
    str reply;
};

/* Writing a meta: begin, one add for each delivery, end. Sizes are bounded by the caller. */
must_use err queue_meta_begin(struct buf *, const struct queue_meta *);
must_use err queue_meta_add(struct buf *, const struct queue_meta *,
                            const struct queue_meta_delivery *);
must_use err queue_meta_end(struct buf *, str rcpt_states);
/* ERR_DAMAGED. The texts point into the bytes. After it, queue_meta_next cannot fail. */
must_use err queue_meta_decode(str bytes, uint8_t flags, struct queue_meta *ret_meta);
/* Takes the next delivery off the front of *deliveries; false: there is none. */
bool queue_meta_next(const struct queue_meta *, str *deliveries, struct queue_meta_delivery *);

/* The meta of an UPDATE record. */
struct queue_update {
    uint16_t delivery;
    struct queue_state state;
    str reply;
    str outcomes; /* three bytes each: index of the recipient (little-endian), its state */
};
must_use err queue_update_encode(struct buf *, const struct queue_update *);
must_use err queue_update_decode(str bytes, struct queue_update *ret_update); /* ERR_DAMAGED */
void queue_update_outcome(str outcomes, size_t i, uint16_t *ret_rcpt, uint8_t *ret_state);

/* The head: an envelope whose recipients stand in the order of their deliveries. */
must_use err queue_head_encode(struct buf *, const struct envelope *, const uint16_t *order);
/* The recipients' destinations are left empty. ERR_DAMAGED. */
must_use err queue_head_decode(str bytes, struct arena *, struct envelope *ret_envelope);
