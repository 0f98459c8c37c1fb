#include "base/crc.h"
#include "base/log.h"
#include "base/mem.h"
#include "queue/alarm.h"
#include "queue/bytes.h"
#include "queue/commit.h"
#include "queue/index.h"
#include "queue/log.h"
#include "queue/recent.h"
#include "queue/supply.h"
#include "runtime/fault.h"
#include <string.h>

struct queue_write *queue_batch_add(struct queue_batch *b, enum queue_effect effect,
                                    enum queue_record_type type)
{
    if (b->count == b->cap) {
        b->cap = b->cap ? b->cap * 2 : 64;
        b->writes = mem_resize(b->writes, b->cap * sizeof *b->writes);
    }
    struct queue_write *w = &b->writes[b->count++];
    *w = (struct queue_write){.effect = effect, .record.type = (uint8_t)type};
    return w;
}

void queue_batch_clear(struct queue_batch *b)
{
    b->count = 0;
    b->bytes = b->meta_bytes = 0;
    b->scratch_used = 0;
}

struct buf queue_batch_scratch(struct queue_batch *b)
{
    if (b->scratch == NULL)
        b->scratch = mem_alloc(QUEUE_SCRATCH_BYTES);
    size_t left = QUEUE_SCRATCH_BYTES - b->scratch_used;
    /* With max below cap the buf never moves its memory. */
    return (struct buf){b->scratch + b->scratch_used, 0, left, left ? left - 1 : 0};
}

str queue_batch_keep(struct queue_batch *b, const struct buf *from)
{
    ASSERT(from->ptr == b->scratch + b->scratch_used);
    b->scratch_used += from->len;
    return buf_str(from);
}

void queue_batch_finish(struct queue_batch *b, struct queue_write *w)
{
    b->bytes += queue_record_bytes(&w->record);
    b->meta_bytes += w->record.meta_len;
}

/* ---- writing ------------------------------------------------------------------------------ */

struct out { /* where the bytes of a batch are laid out, one behind the other */
    char *start, *at;
};

static void put(struct out *o, str part) { o->at = str_put(o->at, part); }

static char *put_zeros(struct out *o, size_t size)
{
    char *zeros = o->at;
    memset(zeros, 0, size);
    o->at += size;
    return zeros;
}

static void lay_out(struct queue_committer *c, struct queue_segment *s, struct out *o)
{
    uint64_t offset = s->end;
    struct queue_write *group = NULL;
    char *group_header = NULL;
    uint32_t group_left = 0;
    for (uint32_t i = 0; i < c->batch.count; i++) {
        struct queue_write *w = &c->batch.writes[i];
        struct queue_record *r = &w->record;
        r->batch = c->next_batch;
        r->sequence = c->next_sequence++;
        w->offset = offset;
        offset += queue_record_bytes(r);
        r->flags = (uint8_t)(r->flags | (group_left > 0 ? QUEUE_RECORD_MEMBER : 0) |
                             (i == 0 ? QUEUE_RECORD_FIRST : 0));
        char *header = put_zeros(o, QUEUE_RECORD_HEADER_BYTES);
        queue_record_encode(r, s->seed, header);
        if (group_left > 0) {
            group->record.body_crc = crc32c(group->record.body_crc, (str){header, 64});
            group->record.id += queue_record_bytes(r);
            if (--group_left == 0)
                queue_record_encode(&group->record, s->seed, group_header);
        } else if (r->type == QUEUE_RECORD_GROUP) {
            group = w;
            group_header = header;
            group_left = r->group;
        }
        put(o, w->meta);
        put(o, w->head);
        put(o, w->body[0]);
        put(o, w->body[1]);
        put_zeros(o, queue_record_bytes(r) -
                         (QUEUE_RECORD_HEADER_BYTES + r->meta_len + r->head_len + r->body_len));
    }
    ASSERT(group_left == 0);
}

/* Room for the batch: in what is kept in memory or, for the largest, apart. */
static char *find_room(struct queue *q, size_t size)
{
    struct queue_committer *c = q->committer;
    char *room = queue_recent_room(q->recent, size);
    if (room || size <= c->staging_size)
        return room ? room : c->staging;
    if (c->staging)
        mem_unmap(c->staging, c->staging_size);
    for (c->staging_size = QUEUE_RECENT_BYTES; c->staging_size < size;)
        c->staging_size *= 2;
    return c->staging = mem_map(c->staging_size);
}

/* The same is written whether past the page cache or into it: whole blocks, what the first one
 * holds already in front, zeros behind. *ret_reached: see queue_segment_write. */
static err write_batch(struct queue *q, struct queue_segment *s, struct out *ret_out,
                       bool *ret_reached)
{
    struct queue_committer *c = q->committer;
    size_t tail = s->end % FILE_DIRECT_ALIGN, len = tail;
    for (uint32_t i = 0; i < c->batch.count; i++)
        len += queue_record_bytes(&c->batch.writes[i].record);
    size_t behind = (FILE_DIRECT_ALIGN - len % FILE_DIRECT_ALIGN) % FILE_DIRECT_ALIGN;
    char *room = find_room(q, len + behind);
    struct out o = {room, room};
    put(&o, (str){s->tail, tail});
    lay_out(c, s, &o);
    ASSERT(o.at == room + len);
    memset(o.at, 0, behind);
    *ret_out = o;
    *ret_reached = false;
    TRY(fault_point("spool.write"));
    return queue_segment_write(s, room, len + behind, ret_reached);
}

/* ---- taking effect, with the lock held ----------------------------------------------------- */

static void set_outcomes(struct queue_entry *e, str outcomes)
{
    for (size_t i = 0; i * 3 < outcomes.len; i++) {
        uint16_t rcpt;
        uint8_t state;
        queue_update_outcome(outcomes, i, &rcpt, &state);
        ASSERT(rcpt < e->rcpt_count);
        queue_entry_states(e)[rcpt] = state;
    }
}

static void apply_state(struct queue *q, struct queue_segment *s, const struct queue_write *w)
{
    struct queue_delivery *d = w->delivery;
    struct queue_entry *e = queue_entry_of(d);
    queue_index_set_state(q, d, &w->state);
    set_outcomes(e, w->outcomes);
    queue_log_update_at(d, s, w->offset, queue_record_bytes(&w->record));
    if (w->state.flags & QUEUE_FINISHED)
        e->left--;
    d->damaged = false;
    queue_index_tell(q, d);
}

static void apply_done(struct queue *q, struct queue_segment *s, const struct queue_write *w)
{
    struct queue_entry *e = w->entry;
    queue_log_name(q, s, e->segment->number);
    queue_log_forget(e);
    if (e->flags & QUEUE_RECORD_FILE)
        queue_supply_unlink(q, e->id);
    queue_index_remove(q, e);
}

static void apply(struct queue *q, struct queue_segment *s, const struct queue_write *w)
{
    switch (w->effect) {
    case QUEUE_EFFECT_NEW:
        queue_log_copy_at(q, w->entry, s, w->offset, &w->record);
        queue_index_add(q, w->entry);
        break;
    case QUEUE_EFFECT_STATE:
        apply_state(q, s, w);
        break;
    case QUEUE_EFFECT_DONE:
        apply_done(q, s, w);
        break;
    case QUEUE_EFFECT_MOVE:
        queue_log_copy_at(q, w->entry, s, w->offset, &w->record);
        if (w->entry->moves < UINT8_MAX)
            w->entry->moves++;
        break;
    case QUEUE_EFFECT_AGAIN:
        queue_log_update_at(w->delivery, s, w->offset, queue_record_bytes(&w->record));
        break;
    case QUEUE_EFFECT_NAME:
        queue_log_name(q, s, w->record.names);
        break;
    case QUEUE_EFFECT_NONE:
        break;
    }
}

static void take_effect(struct queue *q, struct queue_segment *s, const struct out *o)
{
    struct queue_batch *b = &q->committer->batch;
    size_t len = (size_t)(o->at - o->start);
    uint64_t from = s->end - s->end % FILE_DIRECT_ALIGN;
    for (uint32_t i = 0; i < b->count; i++)
        queue_segment_note(s, b->writes[i].offset, &b->writes[i].record, b->writes[i].meta);
    queue_segment_advance(s, o->start, len);
    if (s->order && o->start != q->committer->staging)
        queue_recent_show(q->recent, s, from, o->start, len);
    pthread_mutex_lock(&q->lock);
    for (uint32_t i = 0; i < b->count; i++)
        apply(q, s, &b->writes[i]);
    q->stats.batches++;
    pthread_mutex_unlock(&q->lock); /* workers are woken after the answers */
    for (uint32_t i = 0; i < b->count; i++)
        if (b->writes[i].once)
            queue_once_keep(q, b->writes[i].once, b->writes[i].record.id);
}

/* ---- when it goes wrong -------------------------------------------------------------------- */

enum { STOP_FIRST_MS = 500, STOP_LONGEST_MS = 30 * 1000, STOP_CALM_MS = 5 * 60 * 1000 };

void queue_batch_stop(struct queue *q, struct queue_segment *s, err e)
{
    struct queue_committer *c = q->committer;
    log_err(e, "spool %s has stopped; nothing is accepted until it is reopened", q->folder);
    s->suspect = true;
    if (!q->stopped) /* else it failed again while it was to be reopened */
        queue_alarm_stopped(q, e);
    pthread_mutex_lock(&q->lock);
    q->stopped = true;
    q->stats.sync_errors++;
    pthread_mutex_unlock(&q->lock);
    /* A disk that fails again soon after each reopening is not asked twice a second for ever. */
    bool calm = c->reopen_wait_ms == 0 || deadline_passed(c->calm_at);
    c->reopen_wait_ms = calm ? STOP_FIRST_MS : c->reopen_wait_ms * 2;
    if (c->reopen_wait_ms > STOP_LONGEST_MS)
        c->reopen_wait_ms = STOP_LONGEST_MS;
    c->reopen_at = deadline_after(c->reopen_wait_ms);
    c->calm_at = deadline_after(STOP_CALM_MS);
}

/* Nothing more is written to it. */
static void leave(struct queue_committer *c, const struct queue_segment *s)
{
    for (int i = 0; i < QUEUE_STREAMS; i++)
        if (c->active[i] == s)
            c->active[i] = NULL;
}

static void retire(struct queue *q, struct queue_segment *s)
{
    leave(q->committer, s);
    if (s->suspect)
        return;
    s->status = QUEUE_SEGMENT_SEALING;
    queue_supply_seal(q, s);
}

/* Say durably, in another segment, that the batch never happened. *ret_other: that segment, or as
 * before. */
static err abort_batch(struct queue *q, struct queue_segment *s, uint64_t batch,
                       struct queue_segment **ret_other)
{
    struct queue_committer *c = q->committer;
    queue_batch_clear(&c->batch);
    struct queue_write *w = queue_batch_add(&c->batch, QUEUE_EFFECT_NAME, QUEUE_RECORD_ABORT);
    w->record.id = batch;
    w->record.names = s->number;
    queue_batch_finish(&c->batch, w);
    struct queue_segment *other =
        queue_batch_room(q, QUEUE_HOT, false, QUEUE_RECORD_HEADER_BYTES, 1, 0);
    if (other == NULL)
        return err_new(ERR_LIMIT, "no segment is left to abort in");
    *ret_other = other;
    struct out o;
    bool reached;
    TRY(write_batch(q, other, &o, &reached));
    TRY(fault_point("spool.sync"));
    TRY(queue_segment_sync(other));
    c->next_batch++;
    take_effect(q, other, &o);
    return NULL;
}

/* The batch was not written, or not all of it. Until that is said durably the segment cannot be
 * sealed: reopening says it then. */
static void batch_failed(struct queue *q, struct queue_segment *s, uint64_t batch, err e)
{
    struct queue_committer *c = q->committer;
    struct queue_segment *other = NULL;
    leave(c, s);
    if (!q->stopped) /* else this was to be the way out, and there is none yet */
        e = abort_batch(q, s, batch, &other);
    if (e == NULL) {
        retire(q, s);
        return;
    }
    s->failed_batch = batch;
    queue_batch_stop(q, s, e);
    if (other == NULL)
        return;
    other->suspect = true;
    other->failed_batch = c->next_batch++;
    leave(c, other);
}

struct queue_segment *queue_batch_room(struct queue *q, enum queue_stream stream, bool new_mail,
                                       uint64_t bytes, uint32_t records, uint64_t meta_bytes)
{
    struct queue_committer *c = q->committer;
    struct queue_segment *s = c->active[stream];
    if (s && queue_segment_fits(s, bytes, records, meta_bytes))
        return s;
    if (c->make_now && c->ready_count == 0) {
        err e = queue_supply_make(q, &c->ready[0]);
        if (e) {
            log_err(e, "spool %s: make a segment", q->folder);
            return NULL;
        }
        c->ready_count = 1;
        __atomic_add_fetch(&q->ready_count, 1, __ATOMIC_RELAXED);
    }
    if (c->ready_count <= (new_mail ? QUEUE_READY_RESERVED : 0))
        return NULL;
    if (s)
        retire(q, s);
    s = c->ready[--c->ready_count];
    __atomic_sub_fetch(&q->ready_count, 1, __ATOMIC_RELAXED);
    s->status = QUEUE_SEGMENT_ACTIVE;
    s->stream = stream;
    s->order = stream == QUEUE_HOT ? ++c->hot_count : 0;
    c->active[stream] = s;
    pthread_mutex_lock(&q->lock);
    queue_log_add(q, s);
    pthread_mutex_unlock(&q->lock);
    if (q->supply_thread)
        queue_supply_wanted(q);
    return queue_segment_fits(s, bytes, records, meta_bytes) ? s : NULL;
}

static void note_pace(struct queue_committer *c, int64_t took_ns)
{
    if (took_ns > QUEUE_QUICK_NS)
        c->unproven = QUEUE_QUICK_BATCHES;
    else if (c->unproven > 0)
        c->unproven--;
}

err queue_batch_commit(struct queue *q, struct queue_segment *s)
{
    struct queue_committer *c = q->committer;
    if (c->batch.count == 0)
        return NULL;
    int64_t began = clock_steady_ns();
    struct out o;
    bool reached;
    err e = write_batch(q, s, &o, &reached);
    bool written = e == NULL;
    if (written)
        e = fault_point("spool.sync");
    if (written && e == NULL)
        e = queue_segment_sync(s);
    note_pace(c, clock_steady_ns() - began);
    uint64_t batch = c->next_batch++;
    if (e == NULL) {
        take_effect(q, s, &o);
        return NULL;
    }
    if (written || reached) {
        s->failed_batch = batch;
        queue_batch_stop(q, s, e);
        leave(c, s);
        return e;
    }
    batch_failed(q, s, batch, e);
    return e;
}
