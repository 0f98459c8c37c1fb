/* queue/directory.h -- what the footer of a segment will be, packed
 *
 * The footer repeats the header and the meta of each record. Until a segment is sealed that is kept
 * in memory, and for a segment full of updates it would be 26 MB: as much as 160,000 waiting
 * messages. But an entry is much like the one before it, so only the bytes that differ are kept.
 * Added to by one thread; the order is that of adding.
 */
#pragma once
#include "base/buf.h"

enum {
    QUEUE_DIRECTORY_HEAD_BYTES = 68,   /* of each entry: place and header */
    QUEUE_DIRECTORY_FRONT_BYTES = 256, /* of an entry, compared with the one before */
    QUEUE_DIRECTORY_META_BYTES_MAX = 248 * 1024,
};

struct queue_directory {
    struct queue_directory_part *first, *last;
    uint64_t len;                             /* of all entries, unpacked */
    uint64_t taken;                           /* memory */
    char before[QUEUE_DIRECTORY_FRONT_BYTES]; /* the entry that came last, zeros behind it */
};

struct queue_directory_walk {
    const struct queue_directory_part *part;
    size_t at;
    char before[QUEUE_DIRECTORY_FRONT_BYTES];
};

void queue_directory_init(struct queue_directory *);
void queue_directory_release(struct queue_directory *); /* then it is empty */
void queue_directory_add(struct queue_directory *, const char head[QUEUE_DIRECTORY_HEAD_BYTES],
                         str meta);

/* From the first entry on, until nothing is added to the directory any more or it is released. */
struct queue_directory_walk queue_directory_begin(const struct queue_directory *);
/* Put the next entry behind what is in the buf. *ret_more false: there was none. */
must_use err queue_directory_next(struct queue_directory_walk *, struct buf *, bool *ret_more);
/* All of them, and nothing else. */
must_use err queue_directory_unpack(const struct queue_directory *, struct buf *ret_bytes);
