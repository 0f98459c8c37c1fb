#include "base/crc.h"
#include "base/log.h"
#include "base/mem.h"
#include "queue/alarm.h"
#include "queue/bytes.h"
#include "queue/index.h"
#include "queue/log.h"
#include "queue/peek.h"
#include "queue/recent.h"
#include <errno.h>
#include <string.h>

/* ---- reading without blocking a loop ----------------------------------------------------------
 */

struct queue_reader { /* a body file; shared with the jobs that read it */
    struct queue *queue;
    struct file *file;
    uint64_t size; /* of the content */
    int refs;      /* atomic */
};

static void unref_reader(struct queue_reader *r)
{
    if (r == NULL || __atomic_sub_fetch(&r->refs, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    file_close(r->file);
    mem_free(r);
}

struct read_job {
    struct queue *queue;
    struct queue_segment *segment; /* pinned; or */
    struct queue_reader *reader;
    bool open; /* the reader's file, and check it against crc */
    uint64_t id, offset;
    uint32_t crc;
    char *bytes;
    size_t size, count;
    bool failed;
    enum err_kind kind;
    int number;
};

static void unpin(struct queue *q, struct queue_segment *s)
{
    pthread_mutex_lock(&q->lock);
    s->pins--;
    queue_log_unref(s);
    pthread_mutex_unlock(&q->lock);
}

static err check_file(struct read_job *j)
{
    enum { BLOCK_BYTES = 256 * 1024 };
    uint32_t crc = 0;
    char *block = mem_alloc(BLOCK_BYTES);
    err e = NULL;
    for (uint64_t at = 0; at < j->reader->size && e == NULL;) {
        uint64_t left = j->reader->size - at;
        size_t part = left < BLOCK_BYTES ? (size_t)left : BLOCK_BYTES, got = 0;
        e = file_read_at(j->reader->file, block, part, at, &got);
        if (e == NULL && got < part)
            e = err_new(ERR_DAMAGED, "a body file is too short");
        crc = crc32c(crc, (str){block, got});
        at += got;
    }
    mem_free(block);
    if (e == NULL && crc != j->crc)
        e = err_new(ERR_DAMAGED, "a body file's checksum differs");
    return e;
}

static err open_body(struct read_job *j)
{
    char path[QUEUE_PATH_CHARS];
    struct file_facts facts;
    queue_body_path(j->queue, j->id, path);
    TRY(file_open(path, 0, &j->reader->file));
    TRY(file_facts(j->reader->file, &facts));
    if (!facts.regular || facts.links > 1)
        return err_new(ERR_DAMAGED, "%s is not a plain file with one name", path);
    return j->open && j->crc ? check_file(j) : NULL;
}

static void run_read(void *job)
{
    struct read_job *j = job;
    err e;
    if (j->open)
        e = open_body(j);
    else
        e = file_read_at(j->segment ? j->segment->file : j->reader->file, j->bytes, j->size,
                         j->offset, &j->count);
    if (e == NULL)
        return;
    j->failed = true;
    j->kind = e->kind == ERR_SYSTEM && j->open && err_number(e) == ENOENT ? ERR_DAMAGED : e->kind;
    j->number = err_number(e);
}

static void release_read(void *job)
{
    struct read_job *j = job;
    if (j->segment)
        unpin(j->queue, j->segment);
    unref_reader(j->reader);
    mem_free(j->bytes);
    mem_free(j);
}

/* Run the job; its bytes are copied to `to`. */
static err await_read(struct read_job *j, char *to, size_t *ret_count, deadline until)
{
    if (j->size)
        j->bytes = mem_alloc(j->size);
    err e = job_run(run_read, j, release_read, until);
    if (e)
        return e;
    if (j->failed) {
        errno = j->number;
        e = err_new(j->kind, "read a stored message");
    } else if (j->size) {
        ASSERT(to != NULL);
        memcpy(to, j->bytes, j->count);
        *ret_count = j->count;
    }
    release_read(j);
    return e;
}

static err read_segment(struct queue *q, struct queue_segment *s, uint64_t offset, char *to,
                        size_t size, deadline until)
{
    size_t got = 0;
    if (queue_recent_read(q->recent, s, offset, to, size))
        return NULL;
    if (!file_read_cached(s->file, to, size, offset, &got)) {
        struct read_job *j = MEM_NEW(struct read_job);
        *j = (struct read_job){.queue = q, .segment = s, .offset = offset, .size = size};
        pthread_mutex_lock(&q->lock);
        s->pins++;
        s->refs++;
        pthread_mutex_unlock(&q->lock);
        TRY(await_read(j, to, &got, until));
    }
    return got == size ? NULL : err_new(ERR_DAMAGED, "a record is cut off");
}

/* ---- a message ---------------------------------------------------------------------------------
 */

struct where { /* what the index says, copied with the lock held */
    struct queue_segment *segment;
    uint64_t offset;
    uint32_t meta_len, head_len, body_len;
    uint16_t rcpt_first, rcpt_count;
    bool file_checked;
    uint8_t *states; /* of this delivery's recipients */
};

static err locate(struct queue *q, const struct queue_delivery *d, struct arena *arena,
                  struct queue_message *m, struct where *w)
{
    struct queue_entry *e = queue_entry_of(d);
    w->states = arena_alloc(arena, d->rcpt_count);
    pthread_mutex_lock(&q->lock);
    bool gone = d->gone || e->segment == NULL;
    if (!gone) {
        w->segment = e->segment;
        w->segment->pins++;
        w->segment->refs++;
        w->offset = (uint64_t)e->offset * QUEUE_RECORD_ALIGN;
        w->meta_len = e->meta_len;
        w->head_len = e->head_len;
        w->body_len = e->body_len;
        w->rcpt_first = d->rcpt_first;
        w->rcpt_count = d->rcpt_count;
        w->file_checked = e->file_checked;
        memcpy(w->states, queue_entry_states(e) + d->rcpt_first, d->rcpt_count);
        m->state = queue_index_state(d);
    }
    pthread_mutex_unlock(&q->lock);
    m->id = queue_id_format(e->id);
    return gone ? err_new(ERR_CLOSED, "the message was removed") : NULL;
}

static err check_record(const struct where *w, const char *bytes, uint64_t id,
                        struct queue_record *ret_record)
{
    struct queue_record r;
    if (!queue_record_decode(bytes, w->segment->seed, &r) || r.id != id ||
        r.meta_len != w->meta_len || r.head_len != w->head_len || r.body_len != w->body_len)
        return err_new(ERR_DAMAGED, "the record's header is damaged");
    str meta = {bytes + QUEUE_RECORD_HEADER_BYTES, r.meta_len};
    str head = {meta.ptr + meta.len, r.head_len}, body = {head.ptr + head.len, r.body_len};
    if (crc32c(0, meta) != r.meta_crc || crc32c(0, head) != r.head_crc ||
        crc32c(0, body) != r.body_crc)
        return err_new(ERR_DAMAGED, "the record's checksums differ");
    *ret_record = r;
    return NULL;
}

/* Only the recipients that still wait, and what they share. */
static void select_rcpts(const struct where *w, struct arena *arena, str destination,
                         struct queue_message *m)
{
    struct envelope *e = m->envelope;
    size_t count = 0;
    m->rcpt_indexes = ARENA_ARRAY(arena, uint16_t, w->rcpt_count);
    for (uint16_t i = 0; i < w->rcpt_count; i++) {
        if (w->states[i] != QUEUE_WAITING)
            continue;
        m->rcpt_indexes[count] = (uint16_t)(w->rcpt_first + i);
        e->rcpts[count] = e->rcpts[w->rcpt_first + i];
        e->rcpts[count++].destination = destination;
    }
    e->rcpt_count = count;
}

static err open_file(struct queue *q, const struct queue_delivery *d, const struct where *w,
                     const struct queue_meta *meta, struct queue_message *m, deadline until)
{
    struct queue_reader *r = MEM_NEW(struct queue_reader);
    *r = (struct queue_reader){.queue = q, .size = meta->content_size, .refs = 2};
    struct read_job *j = MEM_NEW(struct read_job);
    *j = (struct read_job){.queue = q, .reader = r, .open = true, .id = queue_entry_of(d)->id};
    j->crc = w->file_checked ? 0 : meta->content_crc;
    err e = await_read(j, NULL, NULL, until);
    if (e) {
        unref_reader(r);
        return e;
    }
    pthread_mutex_lock(&q->lock);
    queue_entry_of(d)->file_checked = true;
    pthread_mutex_unlock(&q->lock);
    m->reader = r;
    return NULL;
}

/* The head behind the content of a body file: the destinations, then the envelope. */
static err read_file_head(const struct queue_meta *meta, struct arena *arena,
                          struct queue_message *m, str *ret_head, deadline until)
{
    ASSERT(m->reader != NULL);
    struct queue_message tail = {.reader = m->reader};
    size_t size = meta->file_head_len, done = 0;
    char *bytes = arena_alloc(arena, size);
    tail.size = meta->content_size + size;
    tail.reader->size = tail.size;
    while (done < size) {
        size_t got = 0;
        TRY(queue_message_read(&tail, meta->content_size + done, bytes + done, size - done, &got,
                               until));
        if (got == 0)
            return err_new(ERR_DAMAGED, "a body file is cut off");
        done += got;
    }
    m->reader->size = meta->content_size;
    if (crc32c(0, (str){bytes, size}) != meta->file_head_crc)
        return err_new(ERR_DAMAGED, "the envelope in a body file is damaged");
    struct bytes in = bytes_of((str){bytes, size});
    for (uint16_t i = 0; i < meta->delivery_count; i++)
        bytes_take(&in, bytes_take8(&in));
    if (in.bad)
        return err_new(ERR_DAMAGED, "the envelope in a body file is cut off");
    *ret_head = in.rest;
    return NULL;
}

static str meta_reply(const struct queue_meta *m, uint16_t delivery)
{
    str rest = m->deliveries;
    struct queue_meta_delivery d;
    for (uint16_t i = 0; queue_meta_next(m, &rest, &d); i++)
        if (i == delivery)
            return d.reply;
    return (str){0};
}

static err read_message(struct queue *q, const struct queue_delivery *d, const struct where *w,
                        struct arena *arena, struct queue_message *m, deadline until)
{
    size_t size = (size_t)QUEUE_RECORD_HEADER_BYTES + w->meta_len + w->head_len + w->body_len;
    char *bytes = arena_alloc(arena, size);
    struct queue_record r = {0};
    struct queue_meta meta;
    TRY(read_segment(q, w->segment, w->offset, bytes, size, until));
    TRY(check_record(w, bytes, queue_entry_of(d)->id, &r));
    str rest = {bytes + QUEUE_RECORD_HEADER_BYTES, size - QUEUE_RECORD_HEADER_BYTES};
    TRY(queue_meta_decode(str_slice(rest, 0, r.meta_len), r.flags, &meta));
    str head = str_slice(rest, r.meta_len, r.head_len);
    str body = str_from(rest, (size_t)r.meta_len + r.head_len);
    m->last_reply = meta_reply(&meta, d->index);
    m->size = meta.content_size;
    m->in_memory = !(r.flags & QUEUE_RECORD_FILE);
    if (m->in_memory && meta.content_size > body.len)
        return err_new(ERR_DAMAGED, "a body is shorter than its record says");
    m->prefix = m->in_memory ? str_slice(body, 0, body.len - (size_t)meta.content_size) : body;
    m->content = m->in_memory ? str_from(body, m->prefix.len) : (str){0};
    if (!m->in_memory)
        TRY(open_file(q, d, w, &meta, m, until));
    if (r.flags & QUEUE_RECORD_HEAD_FILE)
        TRY(read_file_head(&meta, arena, m, &head, until));
    m->envelope = ARENA_NEW(arena, struct envelope);
    TRY(queue_head_decode(head, arena, m->envelope));
    if (m->envelope->rcpt_count != meta.rcpt_count)
        return err_new(ERR_DAMAGED, "a message's recipients do not add up");
    select_rcpts(w, arena, arena_str(arena, queue_delivery_destination(d)), m);
    if (m->envelope->rcpt_count == 0) /* no update of ours says so and leaves the delivery open */
        return err_new(ERR_DAMAGED, "a delivery is open and none of its recipients waits");
    return NULL;
}

static void quarantine(struct queue *q, struct queue_delivery *d, struct queue_segment *s, err e)
{
    struct queue_entry *entry = queue_entry_of(d);
    log_err(e, "spool %s: DAMAGED: message %s is held", q->folder, queue_id_format(entry->id).text);
    pthread_mutex_lock(&q->lock);
    bool first = !entry->deliveries[0].damaged; /* told once */
    q->stats.damaged += first;
    s->suspect = true;
    for (uint16_t i = 0; i < entry->delivery_count; i++)
        entry->deliveries[i].damaged = true;
    pthread_mutex_unlock(&q->lock);
    if (first)
        queue_alarm_damaged(q, entry->id, e);
}

err queue_message_open(struct queue *q, struct queue_delivery *d, struct arena *arena,
                       struct queue_message *ret_message, deadline until)
{
    struct queue_message m = {0};
    struct where w = {0};
    TRY(locate(q, d, arena, &m, &w));
    err e = read_message(q, d, &w, arena, &m, until);
    if (e) {
        queue_message_close(&m);
        if (e->kind == ERR_DAMAGED)
            quarantine(q, d, w.segment, e);
    }
    unpin(q, w.segment);
    if (e == NULL)
        *ret_message = m;
    return e;
}

err queue_message_read(struct queue_message *m, uint64_t offset, void *to, size_t size,
                       size_t *ret_count, deadline until)
{
    uint64_t left = offset < m->size ? m->size - offset : 0;
    size = left < size ? (size_t)left : size;
    if (m->in_memory && size > 0)
        memcpy(to, m->content.ptr + offset, size);
    if (m->in_memory || size == 0) {
        *ret_count = size;
        return NULL;
    }
    struct queue_reader *r = m->reader;
    if (file_read_cached(r->file, to, size, offset, ret_count)) {
        *ret_count = size;
        return NULL;
    }
    struct read_job *j = MEM_NEW(struct read_job);
    *j = (struct read_job){.queue = r->queue, .reader = r, .offset = offset, .size = size};
    __atomic_add_fetch(&r->refs, 1, __ATOMIC_RELAXED);
    return await_read(j, to, ret_count, until);
}

void queue_message_close(struct queue_message *m)
{
    unref_reader(m->reader);
    m->reader = NULL;
}

/* ---- a look -------------------------------------------------------------------------------------
 */

/* The text of the last reply: in the newest update, else in the copy's meta. */
static err read_reply(struct queue *q, struct queue_segment *s, uint64_t offset, size_t size,
                      struct arena *arena, str *ret_reply, deadline until)
{
    char *bytes = arena_alloc(arena, size);
    struct queue_record r;
    struct queue_update u;
    TRY(read_segment(q, s, offset, bytes, size, until));
    if (!queue_record_decode(bytes, s->seed, &r) || queue_record_bytes(&r) != size)
        return err_new(ERR_DAMAGED, "an update's header is damaged");
    str meta = {bytes + QUEUE_RECORD_HEADER_BYTES, r.meta_len};
    if (crc32c(0, meta) != r.meta_crc)
        return err_new(ERR_DAMAGED, "an update's checksum differs");
    TRY(queue_update_decode(meta, &u));
    *ret_reply = u.reply;
    return NULL;
}

/* A reference that keeps the entry while we look at it. */
static struct queue_delivery *hold(struct queue *q, uint64_t id, uint16_t index)
{
    struct queue_delivery *d = NULL;
    pthread_mutex_lock(&q->lock);
    struct queue_entry *e = queue_index_find(q, id);
    if (e && index < e->delivery_count) {
        e->refs++;
        d = &e->deliveries[index];
    }
    pthread_mutex_unlock(&q->lock);
    return d;
}

static void let_go(struct queue *q, struct queue_delivery *d)
{
    pthread_mutex_lock(&q->lock);
    queue_index_unref(q, queue_entry_of(d));
    pthread_mutex_unlock(&q->lock);
}

static struct queue_segment *pin_update(struct queue *q, const struct queue_delivery *d,
                                        struct queue_admin_item *l, uint64_t *ret_offset,
                                        size_t *ret_size)
{
    pthread_mutex_lock(&q->lock);
    struct queue_segment *s = d->gone ? NULL : d->update_segment;
    if (s) {
        s->pins++;
        s->refs++;
    }
    *ret_offset = (uint64_t)d->update_offset * QUEUE_RECORD_ALIGN;
    *ret_size = (size_t)d->update_size * QUEUE_RECORD_ALIGN;
    l->state = queue_index_state(d);
    l->taken = d->taken;
    l->damaged = d->damaged;
    pthread_mutex_unlock(&q->lock);
    return s;
}

static void list_rcpts(const struct queue_message *m, struct arena *arena,
                       struct queue_admin_item *l)
{
    l->rcpt_count = m->envelope->rcpt_count;
    l->rcpts = ARENA_ARRAY(arena, struct queue_rcpt, l->rcpt_count);
    for (size_t i = 0; i < l->rcpt_count; i++)
        l->rcpts[i] = (struct queue_rcpt){m->rcpt_indexes[i], &m->envelope->rcpts[i]};
}

static err peek(struct queue *q, struct queue_delivery *d, struct arena *arena,
                struct queue_admin_item *l, deadline until)
{
    struct queue_message m = {0};
    struct where w = {0};
    uint64_t offset;
    size_t size;
    struct queue_entry *entry = queue_entry_of(d);
    l->id = queue_id_format(entry->id);
    l->destination = arena_str(arena, queue_delivery_destination(d));
    l->size = entry->content_size;
    l->accepted_ms = entry->accepted_ms;
    struct queue_segment *update = pin_update(q, d, l, &offset, &size);
    err e = NULL;
    if (update) {
        e = read_reply(q, update, offset, size, arena, &l->reply, until);
        unpin(q, update);
        TRY(e);
    }
    TRY(locate(q, d, arena, &m, &w));
    e = read_message(q, d, &w, arena, &m, until);
    unpin(q, w.segment);
    if (e == NULL) {
        l->sender = m.envelope->sender;
        l->not_before_ms = m.envelope->not_before_ms;
        l->expires_ms = m.envelope->expires_ms;
        l->by_ms = m.envelope->by_ms;
        list_rcpts(&m, arena, l);
        l->reply = update ? l->reply : m.last_reply;
    }
    queue_message_close(&m);
    return e;
}

err queue_peek(struct queue *q, uint64_t id, uint16_t delivery, struct arena *arena,
               struct queue_admin_item *ret_listed, deadline until)
{
    struct queue_delivery *d = hold(q, id, delivery);
    if (d == NULL)
        return err_new(ERR_CLOSED, "no such message");
    err e = peek(q, d, arena, ret_listed, until);
    let_go(q, d);
    return e;
}
