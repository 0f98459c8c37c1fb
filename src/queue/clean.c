#include "queue/clean.h"
#include "base/crc.h"
#include "base/log.h"
#include "queue/alarm.h"
#include "queue/bytes.h"
#include "queue/index.h"
#include "queue/log.h"
#include "queue/supply.h"
#include <string.h>

enum {
    STEP_BYTES = 512 * 1024, /* written by one step */
    STEP_ENTRIES = 4096,     /* looked at by one step */
    COLD_AFTER_MS = 3600 * 1000,
    COLD_AFTER_MOVES = 1,
};

str queue_clean_meta_reply(const struct queue_meta *m, uint16_t delivery)
{
    str rest = m->deliveries;
    struct queue_meta_delivery d;
    for (uint16_t i = 0; queue_meta_next(m, &rest, &d); i++)
        if (i == delivery)
            return d.reply;
    return (str){0};
}

static err read_meta(struct queue_segment *s, uint64_t offset, size_t size, struct buf *into)
{
    char *room;
    size_t got;
    TRY(buf_reserve(into, size, &room));
    TRY(file_read_at(s->file, room, size, offset + QUEUE_RECORD_HEADER_BYTES, &got));
    into->len = got;
    return NULL;
}

static str copy_reply(str reply, char *text)
{
    if (reply.len)
        memcpy(text, reply.ptr, reply.len);
    return (str){text, reply.len};
}

str queue_clean_reply(struct queue *q, const struct queue_delivery *d,
                      char text[QUEUE_RECORD_REPLY_BYTES_MAX])
{
    struct queue_entry *e = queue_entry_of(d);
    CLEANUP(buf_release) struct buf bytes;
    (void)q;
    buf_init(&bytes, QUEUE_RECORD_META_BYTES_MAX);
    if (d->attempts == 0)
        return (str){0};
    if (d->update_segment) {
        uint64_t offset = (uint64_t)d->update_offset * QUEUE_RECORD_ALIGN;
        size_t size = (size_t)d->update_size * QUEUE_RECORD_ALIGN - QUEUE_RECORD_HEADER_BYTES;
        struct queue_update u;
        if (read_meta(d->update_segment, offset, size, &bytes) || bytes.len < 24)
            return (str){0};
        /* The padding of the record is not known here: outcomes are not looked at. */
        size_t reply_len = (uint8_t)bytes.ptr[23];
        u.reply = str_slice(str_from(buf_str(&bytes), 24), 0, reply_len);
        return reply_len > QUEUE_RECORD_REPLY_BYTES_MAX ? (str){0} : copy_reply(u.reply, text);
    }
    struct queue_meta m;
    if (read_meta(e->segment, (uint64_t)e->offset * QUEUE_RECORD_ALIGN, e->meta_len, &bytes) ||
        queue_meta_decode(buf_str(&bytes), e->flags, &m))
        return (str){0};
    return copy_reply(queue_clean_meta_reply(&m, d->index), text);
}

void queue_clean_encode_update(struct queue_batch *b, struct queue_write *w,
                               struct queue_delivery *d, const struct queue_state *state, str reply,
                               str outcomes)
{
    struct queue_entry *e = queue_entry_of(d);
    struct buf out = queue_batch_scratch(b);
    struct queue_update u = {d->index, *state, reply, outcomes};
    err failed = queue_update_encode(&out, &u);
    ASSERT(failed == NULL); /* who built the batch has seen to the room */
    w->delivery = d;
    w->meta = queue_batch_keep(b, &out);
    w->record.id = e->id;
    w->record.names = e->segment->number;
    w->record.meta_len = (uint32_t)w->meta.len;
    w->record.meta_crc = crc32c(0, w->meta);
    queue_batch_finish(b, w);
}

/* ---- one record ------------------------------------------------------------------------------ */

static bool is_cold(struct queue *q, const struct queue_entry *e)
{
    int64_t soonest = INT64_MAX;
    pthread_mutex_lock(&q->lock); /* a worker that puts back changes what is due */
    for (uint16_t i = 0; i < e->delivery_count; i++)
        if (!(e->deliveries[i].flags & QUEUE_FINISHED) && e->deliveries[i].due_ms < soonest)
            soonest = e->deliveries[i].due_ms;
    pthread_mutex_unlock(&q->lock);
    return e->moves >= COLD_AFTER_MOVES || soonest > clock_real_ms() + COLD_AFTER_MS;
}

static bool any_outcome(const uint8_t *states, uint16_t count)
{
    for (uint16_t i = 0; i < count; i++)
        if (states[i] != QUEUE_WAITING)
            return true;
    return false;
}

/* The message's meta with its present state folded in. */
static err fold(struct queue *q, struct queue_entry *e, const struct queue_meta *old,
                struct buf *out)
{
    struct queue_meta m = *old;
    str rest = old->deliveries;
    size_t fixed = old->deliveries.len + 64 + old->rcpt_count;
    size_t budget = QUEUE_RECORD_META_BYTES_MAX > fixed ? QUEUE_RECORD_META_BYTES_MAX - fixed : 0;
    if (m.moves < UINT8_MAX)
        m.moves++;
    TRY(queue_meta_begin(out, &m));
    struct queue_meta_delivery d;
    for (uint16_t i = 0; queue_meta_next(old, &rest, &d); i++) {
        char text[QUEUE_RECORD_REPLY_BYTES_MAX];
        struct queue_delivery *now = &e->deliveries[i];
        size_t before = d.reply.len;
        if (now->update_segment)
            d.reply = queue_clean_reply(q, now, text);
        if (d.reply.len > before + budget)
            d.reply.len = 0; /* thousands of deliveries: the texts of the last ones go */
        else
            budget = budget + before - d.reply.len;
        d.state = queue_delivery_state(q, now);
        TRY(queue_meta_add(out, &m, &d));
    }
    const uint8_t *states = queue_entry_states(e);
    bool outcomes = any_outcome(states, e->rcpt_count);
    return queue_meta_end(out, (str){(const char *)states, outcomes ? e->rcpt_count : 0});
}

static err read_whole(struct queue_entry *e, struct buf *out)
{
    const struct queue_segment *s = e->segment;
    size_t size = (size_t)e->meta_len + e->head_len + e->body_len;
    uint64_t offset = (uint64_t)e->offset * QUEUE_RECORD_ALIGN;
    struct queue_record r;
    char header[QUEUE_RECORD_HEADER_BYTES], *room;
    size_t got = 0;
    TRY(file_read_at(s->file, header, sizeof header, offset, &got));
    if (got != sizeof header || !queue_record_decode(header, s->seed, &r) || r.id != e->id ||
        r.meta_len != e->meta_len || r.head_len != e->head_len || r.body_len != e->body_len)
        return err_new(ERR_DAMAGED, "the record's header is damaged");
    TRY(buf_reserve(out, size, &room));
    TRY(file_read_at(s->file, room, size, offset + sizeof header, &got));
    str head = {room + e->meta_len, e->head_len}, body = {head.ptr + head.len, e->body_len};
    if (got != size || crc32c(0, (str){room, e->meta_len}) != r.meta_crc ||
        crc32c(0, head) != r.head_crc || crc32c(0, body) != r.body_crc)
        return err_new(ERR_DAMAGED, "the record's checksums differ");
    out->len = size;
    return NULL;
}

static err move_message(struct queue *q, struct queue_batch *b, struct queue_entry *e)
{
    struct buf old = queue_batch_scratch(b);
    TRY(read_whole(e, &old));
    str bytes = queue_batch_keep(b, &old);
    struct queue_meta m;
    TRY(queue_meta_decode(str_slice(bytes, 0, e->meta_len), e->flags, &m));
    if (m.delivery_count != e->delivery_count || m.rcpt_count != e->rcpt_count)
        return err_new(ERR_DAMAGED, "the record is of another message");
    struct buf meta = queue_batch_scratch(b);
    TRY(fold(q, e, &m, &meta));
    struct queue_write *w = queue_batch_add(b, QUEUE_EFFECT_MOVE, QUEUE_RECORD_MESSAGE);
    w->entry = e;
    w->meta = queue_batch_keep(b, &meta);
    w->head = str_slice(bytes, e->meta_len, e->head_len);
    w->body[0] = str_from(bytes, (size_t)e->meta_len + e->head_len);
    w->record.flags = e->flags;
    w->record.id = e->id;
    w->record.names = e->segment->number;
    w->record.meta_len = (uint32_t)w->meta.len;
    w->record.head_len = e->head_len;
    w->record.body_len = e->body_len;
    w->record.meta_crc = crc32c(0, w->meta);
    w->record.head_crc = crc32c(0, w->head);
    w->record.body_crc = crc32c(0, w->body[0]);
    queue_batch_finish(b, w);
    return NULL;
}

static err rewrite_update(struct queue *q, struct queue_batch *b, struct queue_delivery *d,
                          str meta)
{
    struct queue_update u;
    TRY(queue_update_decode(meta, &u));
    struct queue_state state = queue_delivery_state(q, d);
    struct queue_write *w = queue_batch_add(b, QUEUE_EFFECT_AGAIN, QUEUE_RECORD_UPDATE);
    queue_clean_encode_update(b, w, d, &state, u.reply, u.outcomes);
    return NULL;
}

static void rewrite_name(struct queue_batch *b, const struct queue_record *r)
{
    struct queue_write *w = queue_batch_add(b, QUEUE_EFFECT_NAME, (enum queue_record_type)r->type);
    w->record.id = r->id;
    w->record.names = r->names;
    queue_batch_finish(b, w);
}

static struct queue_delivery *live_update(struct queue *q, const struct queue_segment *s,
                                          const struct queue_segment_entry *at)
{
    struct queue_update u;
    struct queue_entry *e = queue_index_find(q, at->record.id);
    if (e == NULL || queue_update_decode(at->meta, &u) || u.delivery >= e->delivery_count)
        return NULL;
    struct queue_delivery *d = &e->deliveries[u.delivery];
    bool here = d->update_segment == s && d->update_offset == at->offset / QUEUE_RECORD_ALIGN;
    return here ? d : NULL;
}

static struct queue_entry *live_copy(struct queue *q, const struct queue_segment *s,
                                     const struct queue_segment_entry *at)
{
    struct queue_entry *e = queue_index_find(q, at->record.id);
    bool here = e && e->segment == s && e->offset == at->offset / QUEUE_RECORD_ALIGN;
    return here ? e : NULL;
}

/* The stream where this record belongs now. */
static enum queue_stream stream_of(struct queue *q, const struct queue_segment *s,
                                   const struct queue_segment_entry *at)
{
    struct queue_entry *e = at->record.type == QUEUE_RECORD_MESSAGE ? live_copy(q, s, at) : NULL;
    return e && is_cold(q, e) ? QUEUE_COLD : QUEUE_HOT;
}

static err rewrite(struct queue *q, struct queue_segment *s, const struct queue_segment_entry *at)
{
    struct queue_batch *b = &q->committer->batch;
    const struct queue_record *r = &at->record;
    if (r->type == QUEUE_RECORD_MESSAGE) {
        struct queue_entry *e = live_copy(q, s, at);
        return e ? move_message(q, b, e) : NULL;
    }
    if (r->type == QUEUE_RECORD_UPDATE) {
        struct queue_delivery *d = live_update(q, s, at);
        return d ? rewrite_update(q, b, d, at->meta) : NULL;
    }
    bool names = r->type == QUEUE_RECORD_DONE || r->type == QUEUE_RECORD_ABORT;
    bool elsewhere = r->names != s->number || q->committer->make_now;
    if (names && elsewhere && queue_log_exists(q, r->names))
        rewrite_name(b, r);
    return NULL;
}

/* ---- a step -----------------------------------------------------------------------------------
 */

/* A record that should be there cannot be read: its message is held and the alarm raised. */
static void lose(struct queue *q, struct queue_segment *s, const struct queue_segment_entry *at,
                 err e)
{
    struct queue_entry *entry = live_copy(q, s, at);
    log_err(e, "spool %s: DAMAGED: message %s in segment %08x at %llu", q->folder,
            queue_id_format(at->record.id).text, s->number, (unsigned long long)at->offset);
    pthread_mutex_lock(&q->lock);
    bool first = entry == NULL || !entry->deliveries[0].damaged; /* told once */
    q->stats.damaged += first;
    s->suspect = true; /* its bytes stay for the operator */
    for (uint16_t i = 0; entry && i < entry->delivery_count; i++) {
        entry->deliveries[i].damaged = true;
        if (!(entry->deliveries[i].flags & QUEUE_FINISHED))
            queue_index_tell(q, &entry->deliveries[i]);
    }
    queue_index_unlock(q);
    if (first)
        queue_alarm_damaged(q, at->record.id, e);
    err kept =
        queue_supply_keep_bytes(q, s, at->offset, at->offset + queue_record_bytes(&at->record));
    if (kept)
        log_err(kept, "spool %s: quarantine", q->folder);
}

/* One batch's worth off the front of *rest. */
static err step(struct queue *q, struct queue_segment *s, str *rest)
{
    struct queue_committer *c = q->committer;
    struct queue_batch *b = &c->batch;
    struct queue_segment_entry at;
    enum queue_stream stream = QUEUE_HOT;
    str ahead = *rest;
    queue_batch_clear(b);
    for (int n = 0; n < STEP_ENTRIES && b->bytes < STEP_BYTES; n++) {
        str before = ahead;
        if (!queue_segment_next(&ahead, &at))
            break;
        enum queue_stream wanted = stream_of(q, s, &at);
        if (b->count > 0 && wanted != stream) {
            ahead = before;
            break;
        }
        stream = wanted;
        err e = rewrite(q, s, &at);
        if (e && e->kind == ERR_DAMAGED)
            lose(q, s, &at, e);
        else if (e)
            return e;
    }
    if (b->count > 0) {
        struct queue_segment *to =
            queue_batch_room(q, stream, false, b->bytes, b->count, b->meta_bytes);
        if (to == NULL)
            return err_new(ERR_LIMIT, "no segment is left to clean into");
        TRY(queue_batch_commit(q, to));
    }
    *rest = ahead;
    return NULL;
}

err queue_clean_out(struct queue *q, struct queue_segment *s, str directory)
{
    while (directory.len > 0) {
        TRY(step(q, s, &directory));
        err_forget();
    }
    return NULL;
}

bool queue_clean_step(struct queue *q, bool hungry)
{
    struct queue_cleaning *c = &q->committer->cleaning;
    if (c->segment == NULL) {
        pthread_mutex_lock(&q->lock);
        struct queue_segment *s = queue_log_choose(q, hungry);
        pthread_mutex_unlock(&q->lock);
        if (s == NULL)
            return false;
        err e = queue_segment_load(s, &c->directory);
        if (e && e->kind == ERR_DAMAGED) {
            e = queue_segment_scan(s, NULL, NULL);
            if (e == NULL)
                e = queue_directory_unpack(&s->directory, &c->directory);
            queue_directory_release(&s->directory);
        }
        if (e) {
            log_err(e, "spool %s: clean segment %08x", q->folder, s->number);
            s->suspect = true;
            return false;
        }
        c->segment = s;
        c->rest = buf_str(&c->directory);
    }
    err e = step(q, c->segment, &c->rest);
    if (e == NULL && c->rest.len > 0)
        return true;
    bool ended = c->rest.len == 0;
    if (ended) {
        pthread_mutex_lock(&q->lock);
        q->stats.cleaned++;
        c->segment->names.len = 0; /* what they said has been said again */
        pthread_mutex_unlock(&q->lock);
    }
    c->segment = NULL;
    buf_release(&c->directory); /* that of a segment full of updates takes 26 MB */
    return ended && e == NULL;
}

/* ---- after a sync error ------------------------------------------------------------------------
 */

/* What was refused when the sync failed must not come back from the old segment. */
static err abort_failed(struct queue *q, struct queue_segment *s)
{
    struct queue_batch *b = &q->committer->batch;
    if (s->failed_batch == 0)
        return NULL;
    queue_batch_clear(b);
    struct queue_write *w = queue_batch_add(b, QUEUE_EFFECT_NAME, QUEUE_RECORD_ABORT);
    w->record.id = s->failed_batch;
    w->record.names = s->number;
    queue_batch_finish(b, w);
    struct queue_segment *to = queue_batch_room(q, QUEUE_HOT, false, b->bytes, 1, 0);
    if (to == NULL)
        return err_new(ERR_LIMIT, "no segment is left to abort in");
    TRY(queue_batch_commit(q, to));
    s->failed_batch = 0;
    return NULL;
}

static err reopen_segment(struct queue *q, struct queue_segment *s)
{
    CLEANUP(buf_release) struct buf directory;
    buf_init(&directory, QUEUE_SEGMENT_DIRECTORY_BYTES_MAX);
    TRY(abort_failed(q, s));
    TRY(queue_directory_unpack(&s->directory, &directory));
    TRY(queue_clean_out(q, s, buf_str(&directory)));
    bool empty = s->live == 0; /* else something in it is damaged and keeps it here */
    pthread_mutex_lock(&q->lock);
    s->status = empty ? QUEUE_SEGMENT_FREEING : QUEUE_SEGMENT_SEALED;
    pthread_mutex_unlock(&q->lock);
    if (empty && s->count > 0)
        queue_supply_quarantine(q, s);
    else if (empty) /* there never was anything in it: a disk that fails is not filled with such */
        queue_supply_free(q, s);
    return NULL;
}

/* Each earlier try to reopen has used up a segment in which nothing was ever acknowledged. One is
 * kept, for the ABORT that proves the disk; of the others nothing can come back without the file,
 * and a disk that stays broken is not filled up with what was tried on it. */
static void free_tries(struct queue *q)
{
    bool kept = false;
    for (uint32_t i = 0; i < q->segment_count; i++) {
        struct queue_segment *s = q->segments[i];
        if (!s->suspect || s->status != QUEUE_SEGMENT_ACTIVE || s->count > 0)
            continue;
        if (!kept) {
            kept = true;
            continue;
        }
        err e = queue_supply_free_now(q, s);
        if (e) {
            log_err(e, "spool %s: free segment %08x", q->folder, s->number);
            continue; /* then the next try does it */
        }
        pthread_mutex_lock(&q->lock);
        queue_log_gone(q, s);
        pthread_mutex_unlock(&q->lock);
        i--; /* another one has taken its place */
    }
}

void queue_clean_reopen(struct queue *q)
{
    struct queue_committer *c = q->committer;
    c->cleaning.segment = NULL;
    free_tries(q);
    err_forget();
    for (uint32_t i = 0; i < q->segment_count; i++) {
        struct queue_segment *s = q->segments[i];
        if (!s->suspect || s->status == QUEUE_SEGMENT_FREEING || s->status == QUEUE_SEGMENT_SEALED)
            continue;
        err e = reopen_segment(q, s);
        if (e) {
            log_err(e, "spool %s: cannot be reopened yet", q->folder);
            if (deadline_passed(c->reopen_at)) /* it did not come to a write */
                c->reopen_at = deadline_after(c->reopen_wait_ms);
            return;
        }
    }
    pthread_mutex_lock(&q->lock);
    q->stopped = false;
    pthread_mutex_unlock(&q->lock);
    log_warn("spool %s is open again", q->folder);
    queue_alarm_resumed(q);
}
