/* report/inbox.h -- counts on their way from all workers to the one fiber that writes them
 *
 * Putting one in never waits and never fails: above the maximum it is lost, and the number of the
 * lost is there to be told.
 */
#pragma once
#include "runtime/thread.h"

enum { REPORT_INBOX_BYTES_MAX = 8 << 20 }; /* of counts that nobody has taken yet */

/* Each begins with this, in one piece of memory that mem_free() frees. */
struct report_inbox_item {
    struct chan_item item;
    size_t bytes; /* of it, all */
};

struct report_inbox {
    struct chan *items;   /* taken all at once; nobody waits for it */
    size_t pending, lost; /* atomic: bytes; items */
};

void report_inbox_init(struct report_inbox *);
void report_inbox_release(struct report_inbox *); /* it has been emptied */

/* On any thread; the item is the inbox's. */
void report_inbox_put(struct report_inbox *, struct report_inbox_item *);
bool report_inbox_is_empty(const struct report_inbox *);
/* All of them, in the order in which they came; they are the caller's. NULL: none. */
struct report_inbox_item *report_inbox_take(struct report_inbox *, size_t *ret_count);
struct report_inbox_item *report_inbox_next(const struct report_inbox_item *); /* of those taken */

void report_inbox_lose(struct report_inbox *, size_t count); /* they were taken in vain */
size_t report_inbox_lost(struct report_inbox *);             /* since it was asked last */
