/* queue/segment.h -- one file of the log
 *
 * A segment is zero-filled before its first use, filled once from front to back and then sealed: a
 * footer repeats the header and meta of every record, so that opening need not read bodies. All
 * CRCs of headers are seeded with its number and a random salt (both are in its name): what an
 * earlier life of the file left behind, or a peer put into a body, never passes for a record.
 * These calls block; who may touch which member is said in queue/inside.h.
 */
#pragma once
#include "queue/directory.h"
#include "queue/record.h"
#include "runtime/file.h"

enum {
    QUEUE_SEGMENT_BYTES_MIN = 1 << 20,
    QUEUE_SEGMENT_BYTES_MAX = 64 << 20,
    QUEUE_SEGMENT_HEADER_BYTES = 64,
    QUEUE_SEGMENT_TRAILER_BYTES = 64,
    QUEUE_SEGMENT_ENTRY_BYTES = 4 + QUEUE_RECORD_HEADER_BYTES, /* and the meta, in the footer */
    QUEUE_SEGMENT_PATH_CHARS = 512,
    QUEUE_SEGMENT_DIRECTORY_BYTES_MAX = 2 * QUEUE_SEGMENT_BYTES_MAX, /* never reached */
};

enum queue_stream { QUEUE_HOT, QUEUE_COLD, QUEUE_STREAMS };
enum queue_segment_status {
    QUEUE_SEGMENT_ACTIVE,
    QUEUE_SEGMENT_SEALING, /* the footer is being written */
    QUEUE_SEGMENT_SEALED,
    QUEUE_SEGMENT_FREEING, /* nothing in it is needed any more */
};

struct queue_segment_set { /* numbers of other segments */
    uint32_t *numbers;
    uint32_t len, cap;
};

struct queue_segment {
    uint32_t number, salt, seed;
    enum queue_segment_status status;
    enum queue_stream stream;
    struct file *file;
    struct file *direct;     /* for batches, past the page cache; NULL: that cannot be */
    char *tail;              /* the bytes before end, from the last multiple of FILE_DIRECT_ALIGN */
    uint64_t order;          /* among the hot ones, from 1 on; 0: never written to */
    uint64_t size, end;      /* end: where the next record goes */
    uint64_t live;           /* bytes of records that are still needed */
    uint32_t pins;           /* readers */
    uint32_t refs;           /* pins, and the log */
    uint32_t count, updates; /* records; those that are UPDATEs */
    uint64_t last_batch, last_sequence, last_id;
    struct queue_directory directory; /* until sealed: what the footer will be */
    uint64_t footer_offset, footer_len;
    uint32_t footer_crc;
    bool footer_valid;                /* each entry of a footer with this CRC was checked */
    struct queue_segment_set names;   /* by DONE and ABORT records here */
    struct queue_segment_set sources; /* copies were moved from there to here */
    uint64_t failed_batch;            /* written here, but the sync failed; 0: none */
    bool suspect;                     /* a sync failed, or a write: never appended to */
};

struct queue_segment_entry {
    uint64_t offset;
    struct queue_record record;
    str meta;
};

/* "FOLDER/log/NUMBER-SALT.seg"; false when too long. */
bool queue_segment_path(const char *folder, uint32_t number, uint32_t salt,
                        char ret_path[QUEUE_SEGMENT_PATH_CHARS]);
bool queue_segment_parse_name(const char *name, uint32_t *ret_number, uint32_t *ret_salt);

/* Turn a zero-filled or recycled file into the segment with that number: synced, then renamed. */
must_use err queue_segment_create(const char *folder, const char *spare, uint32_t number,
                                  uint64_t last_id, struct queue_segment **ret_segment);
/* ERR_CONFIG: of another format version. A damaged header is told by *ret_damaged. */
must_use err queue_segment_open(const char *folder, uint32_t number, uint32_t salt,
                                bool for_writing, struct queue_segment **ret_segment,
                                bool *ret_damaged);
void queue_segment_close(struct queue_segment *); /* accepts NULL */

/* Is there room for so many more records with so many bytes in all, of which meta_len are meta? */
bool queue_segment_fits(const struct queue_segment *, uint64_t bytes, uint32_t records,
                        uint64_t meta_len);
/* Write a batch: bytes (size and address multiples of FILE_DIRECT_ALIGN) to where the segment's
 * last whole multiple ends, the tail in front, zeros behind len. On an err with *ret_reached the
 * disk may hold any of it, and what was there before must not be trusted. */
must_use err queue_segment_write(struct queue_segment *, const char *bytes, size_t size,
                                 bool *ret_reached);
must_use err queue_segment_sync(struct queue_segment *); /* of what was written so */
/* The same bytes are durable now, and the next record goes behind the first len of them. */
void queue_segment_advance(struct queue_segment *, const char *bytes, size_t len);
/* A record was written at this offset. */
void queue_segment_note(struct queue_segment *, uint64_t offset, const struct queue_record *,
                        str meta);
must_use err queue_segment_seal(struct queue_segment *); /* writes and syncs the footer */

/* The directory of a sealed segment, from its footer. ERR_DAMAGED: there is none that is valid. The
 * first time each entry is checked, later that all of it is what it was then. */
must_use err queue_segment_load(struct queue_segment *, struct buf *ret_directory);
/* Takes the next entry off; false: there is none. The directory is ours, unpacked, or was checked.
 */
bool queue_segment_next(str *directory, struct queue_segment_entry *ret_entry);

/* Read every record from front to back, as far as headers, metas and heads go, into
 * segment->directory. Each run of invalid bytes that a valid record follows is told. */
struct queue_segment_gap {
    uint64_t from, to;
    uint64_t batch_before, batch_after;
    bool first_after; /* the record behind it is the first of its batch */
};
must_use err queue_segment_scan(struct queue_segment *,
                                void (*gap)(void *arg, const struct queue_segment_gap *),
                                void *arg);
/* Head, and body when asked, against their CRCs. ERR_DAMAGED. The buf is scratch. */
must_use err queue_segment_verify(struct queue_segment *, const struct queue_segment_entry *,
                                  struct buf *scratch);

void queue_segment_set_add(struct queue_segment_set *, uint32_t number);
void queue_segment_set_drop(struct queue_segment_set *, uint32_t number);
