#include "report/inbox.h"
#include "base/mem.h"

static struct report_inbox_item *item_of(struct chan_item *item)
{
    return item ? CONTAINER_OF(item, struct report_inbox_item, item) : NULL;
}

void report_inbox_init(struct report_inbox *b) { *b = (struct report_inbox){.items = chan_open()}; }

void report_inbox_release(struct report_inbox *b) { chan_close(b->items); }

void report_inbox_put(struct report_inbox *b, struct report_inbox_item *i)
{
    if (__atomic_add_fetch(&b->pending, i->bytes, __ATOMIC_RELAXED) > REPORT_INBOX_BYTES_MAX) {
        __atomic_sub_fetch(&b->pending, i->bytes, __ATOMIC_RELAXED);
        report_inbox_lose(b, 1);
        mem_free(i);
        return;
    }
    chan_send(b->items, &i->item);
}

bool report_inbox_is_empty(const struct report_inbox *b)
{
    return __atomic_load_n(&b->pending, __ATOMIC_RELAXED) == 0;
}

struct report_inbox_item *report_inbox_next(const struct report_inbox_item *i)
{
    return item_of(i->item.next);
}

struct report_inbox_item *report_inbox_take(struct report_inbox *b, size_t *ret_count)
{
    struct report_inbox_item *first = item_of(chan_take_all(b->items));
    size_t count = 0, bytes = 0;
    for (struct report_inbox_item *i = first; i; i = report_inbox_next(i)) {
        count++;
        bytes += i->bytes;
    }
    __atomic_sub_fetch(&b->pending, bytes, __ATOMIC_RELAXED);
    *ret_count = count;
    return first;
}

void report_inbox_lose(struct report_inbox *b, size_t count)
{
    __atomic_add_fetch(&b->lost, count, __ATOMIC_RELAXED);
}

size_t report_inbox_lost(struct report_inbox *b)
{
    return __atomic_exchange_n(&b->lost, 0, __ATOMIC_RELAXED);
}
