/* base/buf.h -- bytes that grow, up to a maximum given at birth
 *
 * A buf owns its memory. A str taken from it is good until the next change.
 */
#pragma once
#include "base/err.h"

struct buf {
    char *ptr;
    size_t len;
    size_t cap;
    size_t max; /* bytes; adding more is ERR_LIMIT */
};

void buf_init(struct buf *, size_t max);
void buf_release(struct buf *); /* memory goes back; the buf can be used again */
void buf_clear(struct buf *);   /* empty; keeps its memory */

static inline str buf_str(const struct buf *b) { return (str){b->ptr, b->len}; }

/* ERR_LIMIT: above max; then nothing was added. */
must_use err buf_add(struct buf *, str);
must_use err buf_add_char(struct buf *, char);
must_use err buf_add_number(struct buf *, int64_t); /* in decimal digits */
must_use err buf_addf(struct buf *, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Room for size more bytes behind len; the caller writes there and then moves len. */
must_use err buf_reserve(struct buf *, size_t size, char **ret_room);

void buf_cut_front(struct buf *, size_t count);
const char *buf_chars(struct buf *); /* NUL-terminated view, for C interfaces */
