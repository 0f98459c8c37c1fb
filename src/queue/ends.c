#include "queue/ends.h"
#include "base/mem.h"

struct end {
    struct heap_node node; /* by real time */
    struct queue_delivery *delivery;
};

/* All of one message. */
struct ends {
    uint16_t count;
    struct end each[];
};

static uint64_t key_of(const struct queue_entry *e) { return (uint64_t)(uintptr_t)e; }

static size_t size_of(uint16_t count) { return sizeof(struct ends) + count * sizeof(struct end); }

static struct heap *heap_of(struct queue *q, const struct queue_delivery *d)
{
    return &q->inboxes[d->destination->worker].ends;
}

void queue_ends_init(struct queue *q)
{
    order_init(&q->ends);
    pool_init(&q->end_pool);
}

void queue_ends_release(struct queue *q)
{
    struct order_place place = order_begin(&q->ends, 0);
    struct ends *ends;
    while ((ends = order_next(&q->ends, &place)) != NULL)
        pool_free(&q->end_pool, ends, size_of(ends->count));
    order_release(&q->ends);
    pool_release(&q->end_pool);
    for (int i = 0; i < q->options.workers; i++)
        heap_release(&q->inboxes[i].ends);
}

void queue_ends_note(struct queue *q, struct queue_entry *e, int64_t end_ms)
{
    struct ends *ends = pool_alloc(&q->end_pool, size_of(e->delivery_count));
    ends->count = e->delivery_count;
    for (uint16_t i = 0; i < e->delivery_count; i++) {
        ends->each[i].delivery = &e->deliveries[i];
        heap_add(heap_of(q, &e->deliveries[i]), &ends->each[i].node, end_ms);
    }
    order_add(&q->ends, key_of(e), ends);
}

void queue_ends_forget(struct queue *q, struct queue_entry *e)
{
    struct ends *ends = q->ends.len ? order_remove(&q->ends, key_of(e)) : NULL;
    for (uint16_t i = 0; ends && i < ends->count; i++)
        heap_remove(heap_of(q, ends->each[i].delivery), &ends->each[i].node);
    if (ends)
        pool_free(&q->end_pool, ends, size_of(ends->count));
}

/* An entry whose message is not committed yet, or has gone, stands nowhere. */
static bool may_be_taken(const struct queue_delivery *d)
{
    return d->place != QUEUE_NOWHERE && !d->taken && !d->damaged && !d->gone &&
           !(d->flags & QUEUE_HELD);
}

struct queue_delivery *queue_ends_next(struct queue_inbox *inbox, int64_t now_ms)
{
    for (int looks = 0; looks < QUEUE_ENDS_LOOKS_MAX; looks++) {
        struct heap_node *node = heap_first(&inbox->ends);
        if (node == NULL || node->key > now_ms)
            return NULL;
        struct queue_delivery *d = CONTAINER_OF(node, struct end, node)->delivery;
        if (d->flags & QUEUE_FINISHED) {
            heap_remove(&inbox->ends, node);
            continue;
        }
        heap_move(&inbox->ends, node, now_ms + QUEUE_ENDS_AGAIN_MS);
        if (may_be_taken(d))
            return d;
    }
    return NULL;
}
