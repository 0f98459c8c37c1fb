#include "queue/log.h"
#include "base/mem.h"

enum {
    GARBAGE_SEGMENTS_ALLOWED = 4,
    /* Nothing is cut off: inside.h proves that all sizes fit. */
    LENGTH_MASK = (1 << QUEUE_LENGTH_BITS) - 1,
    OFFSET_MASK = (1 << QUEUE_OFFSET_BITS) - 1,
    UPDATE_SIZE_MASK = (1 << (32 - QUEUE_OFFSET_BITS)) - 1,
};

void queue_log_add(struct queue *q, struct queue_segment *s)
{
    if (q->segment_count == q->segment_cap) {
        q->segment_cap = q->segment_cap ? q->segment_cap * 2 : 16;
        q->segments = mem_resize(q->segments, q->segment_cap * sizeof(struct queue_segment *));
    }
    q->segments[q->segment_count++] = s;
    q->stats.segments = q->segment_count;
    q->stats.log_bytes += s->size;
}

bool queue_log_exists(const struct queue *q, uint32_t number)
{
    for (uint32_t i = 0; i < q->segment_count; i++)
        if (q->segments[i]->number == number)
            return true;
    return false;
}

void queue_log_unref(struct queue_segment *s)
{
    ASSERT(s->refs > 0);
    if (--s->refs == 0)
        queue_segment_close(s);
}

void queue_log_gone(struct queue *q, struct queue_segment *s)
{
    for (uint32_t i = 0; i < q->segment_count; i++)
        if (q->segments[i] == s)
            q->segments[i--] = q->segments[--q->segment_count];
    for (uint32_t i = 0; i < q->segment_count; i++) {
        queue_segment_set_drop(&q->segments[i]->names, s->number);
        queue_segment_set_drop(&q->segments[i]->sources, s->number);
    }
    q->stats.segments = q->segment_count;
    q->stats.log_bytes -= s->size;
    queue_log_unref(s);
}

void queue_log_copy_at(struct queue *q, struct queue_entry *e, struct queue_segment *s,
                       uint64_t offset, const struct queue_record *r)
{
    if (e->segment) {
        uint32_t before = e->segment->number;
        queue_log_forget(e);
        if (before != s->number && queue_log_exists(q, before))
            queue_segment_set_add(&s->sources, before);
    }
    e->segment = s;
    e->offset = (uint32_t)(offset / QUEUE_RECORD_ALIGN);
    e->meta_len = r->meta_len & LENGTH_MASK;
    e->head_len = r->head_len & LENGTH_MASK;
    e->body_len = r->body_len & LENGTH_MASK;
    e->flags = r->flags & QUEUE_RECORD_KEPT;
    s->live += queue_entry_bytes(e);
}

void queue_log_forget_update(struct queue_delivery *d)
{
    if (d->update_segment == NULL)
        return;
    ASSERT(d->update_segment->live >= (uint64_t)d->update_size * QUEUE_RECORD_ALIGN);
    d->update_segment->live -= (uint64_t)d->update_size * QUEUE_RECORD_ALIGN;
    d->update_segment = NULL;
}

void queue_log_update_at(struct queue_delivery *d, struct queue_segment *s, uint64_t offset,
                         uint32_t size)
{
    queue_log_forget_update(d);
    d->update_segment = s;
    d->update_offset = (offset / QUEUE_RECORD_ALIGN) & OFFSET_MASK;
    d->update_size = (size / QUEUE_RECORD_ALIGN) & UPDATE_SIZE_MASK;
    s->live += size;
}

void queue_log_forget(struct queue_entry *e)
{
    ASSERT(e->segment->live >= queue_entry_bytes(e));
    e->segment->live -= queue_entry_bytes(e);
    e->segment = NULL;
    for (uint16_t i = 0; i < e->delivery_count; i++)
        queue_log_forget_update(&e->deliveries[i]);
}

void queue_log_name(struct queue *q, struct queue_segment *s, uint32_t named)
{
    if (named != s->number && queue_log_exists(q, named))
        queue_segment_set_add(&s->names, named);
}

bool queue_log_is_free(const struct queue *q, const struct queue_segment *s)
{
    (void)q;
    return s->status == QUEUE_SEGMENT_SEALED && s->live == 0 && s->pins == 0 && s->names.len == 0 &&
           s->sources.len == 0;
}

/* Live per 256 of the size; worth cleaning below this. */
static uint32_t worth_below(const struct queue_segment *s, bool hungry)
{
    if (hungry)
        return 230;
    return s->stream == QUEUE_COLD ? 128 : 192;
}

struct queue_segment *queue_log_choose(struct queue *q, bool hungry)
{
    uint64_t size = 0, live = 0;
    struct queue_segment *best = NULL;
    uint32_t best_share = UINT32_MAX;
    for (uint32_t i = 0; i < q->segment_count; i++) {
        struct queue_segment *s = q->segments[i];
        if (s->status != QUEUE_SEGMENT_SEALED || s->suspect)
            continue;
        size += s->size;
        live += s->live;
        bool blocked = s->live == 0 && s->names.len == 0; /* waits for readers or sources */
        uint32_t share = (uint32_t)(s->live * 256 / s->size);
        if (blocked || share >= worth_below(s, hungry) || share > best_share)
            continue;
        if (share == best_share && best->number < s->number)
            continue;
        best = s;
        best_share = share;
    }
    q->stats.live_bytes = live;
    bool wasteful = size > 2 * live + GARBAGE_SEGMENTS_ALLOWED * q->segment_bytes;
    return hungry || wasteful ? best : NULL;
}
