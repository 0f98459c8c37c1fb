#include "queue/index.h"
#include "base/mem.h"
#include "queue/ends.h"
#include <string.h>

static str destination_key(const void *object)
{
    const struct queue_destination *d = object;
    return (str){d->name, d->name_len};
}

static size_t entry_size(uint16_t deliveries, uint16_t rcpts)
{
    return sizeof(struct queue_entry) + deliveries * sizeof(struct queue_delivery) + rcpts;
}

static void free_entry(struct queue *q, struct queue_entry *e)
{
    pool_free(&q->entries, e, entry_size(e->delivery_count, e->rcpt_count));
}

static void free_destination(struct queue_destination *d)
{
    mem_free(d->levels);
    mem_free(d);
}

void queue_index_init(struct queue *q)
{
    order_init(&q->messages);
    table_init(&q->destinations, destination_key);
    pool_init(&q->entries);
    queue_ends_init(q);
}

void queue_index_release(struct queue *q)
{
    queue_ends_release(q);
    struct order_place place = order_begin(&q->messages, 0);
    struct queue_entry *e;
    while ((e = order_next(&q->messages, &place)) != NULL)
        free_entry(q, e);
    order_release(&q->messages);
    pool_release(&q->entries);
    struct queue_destination *d;
    size_t position = 0;
    while ((d = table_next(&q->destinations, &position)) != NULL)
        free_destination(d);
    table_release(&q->destinations);
}

struct queue_entry *queue_index_find(struct queue *q, uint64_t id)
{
    return order_find(&q->messages, id);
}

struct queue_entry *queue_index_make(struct queue *q, uint64_t id, uint16_t deliveries,
                                     uint16_t rcpts)
{
    struct queue_entry *e = pool_alloc(&q->entries, entry_size(deliveries, rcpts));
    e->id = id;
    e->delivery_count = e->left = deliveries;
    e->rcpt_count = rcpts;
    for (uint16_t i = 0; i < deliveries; i++)
        e->deliveries[i].index = i;
    return e;
}

void queue_index_name(struct queue *q, struct queue_delivery *d, str name)
{
    ASSERT(name.len <= QUEUE_RECORD_NAME_BYTES_MAX);
    struct queue_destination *found = table_find(&q->destinations, name);
    if (found == NULL) {
        found = mem_alloc(sizeof *found + name.len);
        if (name.len)
            memcpy(found->name, name.ptr, name.len);
        found->name_len = (uint8_t)name.len;
        found->worker = (uint16_t)(hash_fixed(name) % (uint64_t)q->options.workers);
        list_init(&found->ready);
        table_add(&q->destinations, found);
    }
    found->refs++;
    d->destination = found;
}

static void unname(struct queue *q, struct queue_delivery *d)
{
    struct queue_destination *at = d->destination;
    if (at == NULL || --at->refs > 0)
        return;
    ASSERT(!list_linked(&at->turn));
    table_remove(&q->destinations, destination_key(at));
    free_destination(at);
}

void queue_index_drop(struct queue *q, struct queue_entry *e)
{
    queue_ends_forget(q, e);
    for (uint16_t i = 0; i < e->delivery_count; i++)
        unname(q, &e->deliveries[i]);
    free_entry(q, e);
}

void queue_index_unref(struct queue *q, struct queue_entry *e)
{
    ASSERT(e->refs > 0);
    if (--e->refs == 0)
        queue_index_drop(q, e);
}

void queue_index_tell(struct queue *q, struct queue_delivery *d)
{
    const struct queue_destination *at = d->destination;
    struct queue_inbox *inbox = &q->inboxes[at->worker];
    if (!d->in_inbox) {
        d->in_inbox = true;
        d->inbox_next = NULL;
        *inbox->end = d;
        inbox->end = &d->inbox_next;
    }
    bool passed_over = (at->paused || at->stranded) && !d->gone;
    if (passed_over || inbox->posted || inbox->loop == NULL)
        return;
    inbox->posted = true;
    inbox->next_wanted = q->wanted;
    q->wanted = inbox;
}

void queue_index_unlock(struct queue *q)
{
    struct queue_inbox *wanted = q->wanted;
    q->wanted = NULL;
    for (struct queue_inbox *i = wanted; i; i = i->next_wanted)
        __atomic_add_fetch(&i->posting, 1, __ATOMIC_RELAXED);
    pthread_mutex_unlock(&q->lock);
    while (wanted) { /* nobody else touches the list of those that are posted already */
        struct queue_inbox *inbox = wanted;
        wanted = inbox->next_wanted;
        loop_post(inbox->loop, &inbox->note);
        __atomic_sub_fetch(&inbox->posting, 1, __ATOMIC_RELEASE);
    }
}

static bool finished(const struct queue_delivery *d) { return (d->flags & QUEUE_FINISHED) != 0; }

static void count_delivery(struct queue *q, const struct queue_delivery *d, bool up)
{
    uint64_t one = up ? 1 : (uint64_t)-1;
    if (finished(d))
        return;
    q->stats.deliveries += one;
    if (d->flags & QUEUE_HELD)
        q->stats.held += one;
}

void queue_index_insert(struct queue *q, struct queue_entry *e)
{
    order_add(&q->messages, e->id, e);
    e->refs = 1;
}

void queue_index_publish(struct queue *q, struct queue_entry *e)
{
    q->stats.messages++;
    q->stats.bytes += e->content_size;
    for (uint16_t i = 0; i < e->delivery_count; i++) {
        struct queue_delivery *d = &e->deliveries[i];
        count_delivery(q, d, true);
        if (finished(d))
            continue;
        e->refs++;
        queue_index_tell(q, d);
    }
}

void queue_index_add(struct queue *q, struct queue_entry *e)
{
    queue_index_insert(q, e);
    queue_index_publish(q, e);
}

void queue_index_remove(struct queue *q, struct queue_entry *e)
{
    (void)order_remove(&q->messages, e->id);
    q->stats.messages--;
    q->stats.bytes -= e->content_size;
    for (uint16_t i = 0; i < e->delivery_count; i++) {
        struct queue_delivery *d = &e->deliveries[i];
        count_delivery(q, d, false);
        if (finished(d))
            continue;
        d->gone = true;
        queue_index_tell(q, d);
    }
    queue_index_unref(q, e);
}

/* As many as the bits of rank and flags can hold. */
#define RANKS 32
#define FLAGS 7u

void queue_index_note_state(struct queue_delivery *d, const struct queue_state *s)
{
    d->due_ms = s->due_ms;
    d->first_s = (uint32_t)(s->first_ms / 1000);
    d->last_s = (uint32_t)(s->last_ms / 1000);
    unsigned attempts = s->attempts < QUEUE_ATTEMPTS_MAX ? s->attempts : QUEUE_ATTEMPTS_MAX;
    d->attempts = attempts & QUEUE_ATTEMPTS_MAX;
    d->way = (unsigned)s->way & QUEUE_WAYS_MAX;
    d->rank = (unsigned)s->priority & (RANKS - 1);
    d->flags = s->flags & FLAGS;
}

void queue_index_set_state(struct queue *q, struct queue_delivery *d, const struct queue_state *s)
{
    count_delivery(q, d, false);
    queue_index_note_state(d, s);
    count_delivery(q, d, true);
}

struct queue_state queue_index_state(const struct queue_delivery *d)
{
    return (struct queue_state){.due_ms = d->due_ms,
                                .first_ms = (int64_t)d->first_s * 1000,
                                .last_ms = (int64_t)d->last_s * 1000,
                                .attempts = d->attempts,
                                .flags = d->flags,
                                .way = d->way,
                                .priority =
                                    (int8_t)(d->rank < RANKS / 2 ? d->rank : d->rank - RANKS)};
}
