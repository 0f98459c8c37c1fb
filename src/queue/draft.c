#include "queue/draft.h"
#include "base/crc.h"
#include "base/mem.h"
#include "queue/supply.h"
#include "runtime/fault.h"
#include <errno.h>

enum { ID_TIME_SHIFT = 22 };

uint64_t queue_draft_new_id(struct queue *q)
{
    uint64_t now = (uint64_t)clock_real_ms() << ID_TIME_SHIFT;
    pthread_mutex_lock(&q->lock);
    q->last_id = now > q->last_id ? now : q->last_id + 1;
    uint64_t id = q->last_id;
    pthread_mutex_unlock(&q->lock);
    return id;
}

static int64_t memory_used(const struct queue *q)
{
    return __atomic_load_n(&q->draft_memory, __ATOMIC_RELAXED);
}

err queue_draft_open(struct queue *q, struct queue_draft **ret_draft)
{
    if (memory_used(q) >= q->options.draft_memory_max)
        return err_new(ERR_LIMIT, "all memory for drafts is in use");
    struct queue_draft *d = MEM_NEW(struct queue_draft);
    d->queue = q;
    d->id = queue_draft_new_id(q);
    buf_init(&d->bytes, 2 * QUEUE_DRAFT_MEMORY_BYTES_MAX);
    *ret_draft = d;
    return NULL;
}

static void count_memory(struct queue *q, int64_t more)
{
    __atomic_add_fetch(&q->draft_memory, more, __ATOMIC_RELAXED);
}

err queue_draft_hold(struct queue_draft *d, size_t bytes_beside)
{
    int64_t more = (int64_t)bytes_beside - (int64_t)d->beside;
    if (more > 0 && memory_used(d->queue) + more > d->queue->options.draft_memory_max)
        return err_new(ERR_LIMIT, "all memory for drafts is in use");
    count_memory(d->queue, more);
    d->beside = bytes_beside;
    return NULL;
}

static void drop_bytes(struct queue *q, struct buf *b)
{
    count_memory(q, -(int64_t)b->cap);
    buf_release(b);
}

void queue_draft_abandon(struct queue_draft **draft)
{
    struct queue_draft *d = *draft;
    if (d == NULL)
        return;
    *draft = NULL;
    drop_bytes(d->queue, &d->bytes);
    count_memory(d->queue, -(int64_t)d->beside);
    queue_once_release(&d->once);
    if (d->file) {
        file_close(d->file);
        queue_supply_unlink(d->queue, d->id);
    }
    mem_free(d);
}

queue_id queue_draft_id(const struct queue_draft *d) { return queue_id_format(d->id); }

void queue_draft_once(struct queue_draft *d, struct queue_once_claim **claim)
{
    ASSERT(d->once == NULL);
    d->once = *claim;
    *claim = NULL;
}

uint64_t queue_draft_size(const struct queue_draft *d) { return d->size; }

bool queue_draft_in_memory(const struct queue_draft *d, str *ret_bytes)
{
    if (d->file || d->broken)
        return false;
    *ret_bytes = buf_str(&d->bytes);
    return true;
}

/* ---- jobs ---------------------------------------------------------------------------------- */

struct spill {
    struct queue *queue;
    uint64_t id, offset;
    struct file *file; /* NULL: to be made */
    struct buf bytes, tail;
    bool finish;
    bool failed;
    enum err_kind kind;
    int number;
};

static err spill_bytes(struct spill *s)
{
    char path[QUEUE_PATH_CHARS];
    if (s->file == NULL) {
        queue_body_path(s->queue, s->id, path);
        TRY(fault_point("blob.create"));
        TRY(file_open(path, FILE_WRITE | FILE_NEW, &s->file));
    }
    struct iovec parts[2] = {
        {s->bytes.ptr, s->bytes.len},
        {s->tail.ptr,  s->tail.len }
    };
    TRY(fault_point("blob.write"));
    if (s->bytes.len + s->tail.len > 0)
        TRY(file_write_at(s->file, s->bytes.len ? parts : parts + 1,
                          1 + (s->bytes.len && s->tail.len), s->offset));
    if (!s->finish)
        return NULL;
    TRY(fault_point("blob.sync"));
    TRY(file_sync(s->file));
    queue_path(s->queue, path, "body");
    TRY(fault_point("blob.folder_sync"));
    return folder_sync(path);
}

static void run_spill(void *job)
{
    struct spill *s = job;
    err e = spill_bytes(s);
    if (e == NULL)
        return;
    s->failed = true;
    s->kind = e->kind;
    s->number = err_number(e);
}

static void free_spill(struct spill *s)
{
    drop_bytes(s->queue, &s->bytes);
    buf_release(&s->tail);
    mem_free(s);
}

static void release_spill(void *job) /* the fiber has gone */
{
    struct spill *s = job;
    if (s->file) {
        file_close(s->file);
        queue_supply_unlink(s->queue, s->id);
    }
    free_spill(s);
}

static err spill(struct queue_draft *d, str tail, bool finish, deadline until)
{
    struct spill *s = MEM_NEW(struct spill);
    s->queue = d->queue;
    s->id = d->id;
    s->offset = d->in_file;
    s->file = d->file;
    s->bytes = d->bytes;
    s->finish = finish;
    buf_init(&s->tail, tail.len + 1);
    err e = buf_add(&s->tail, tail);
    ASSERT(e == NULL);
    buf_init(&d->bytes, d->bytes.max);
    d->in_file += s->bytes.len + tail.len;
    d->file = NULL;
    e = job_run(run_spill, s, release_spill, until);
    if (e) {
        d->broken = true;
        return e;
    }
    d->file = s->file;
    if (s->failed) {
        d->broken = true;
        errno = s->number;
        e = err_new(s->kind, "write a body file");
    }
    free_spill(s);
    return e;
}

static bool should_spill(const struct queue_draft *d)
{
    if (d->bytes.len >= QUEUE_DRAFT_MEMORY_BYTES_MAX)
        return true;
    bool short_of = memory_used(d->queue) > d->queue->options.draft_memory_max / 2;
    return short_of && d->bytes.len >= QUEUE_DRAFT_SPILL_BYTES;
}

err queue_draft_write(struct queue_draft *d, str bytes, deadline until)
{
    if (d->broken)
        return err_new(ERR_CLOSED, "the draft was given up");
    while (bytes.len > 0) {
        str part = str_slice(bytes, 0, QUEUE_DRAFT_MEMORY_BYTES_MAX);
        size_t before = d->bytes.cap;
        TRY(buf_add(&d->bytes, part));
        count_memory(d->queue, (int64_t)(d->bytes.cap - before));
        d->crc = crc32c(d->crc, part);
        d->size += part.len;
        bytes = str_from(bytes, part.len);
        if (should_spill(d))
            TRY(spill(d, (str){0}, false, until));
    }
    return NULL;
}

err queue_draft_finish(struct queue_draft *d, str tail, deadline until)
{
    return spill(d, tail, true, until);
}

/* ---- reading back --------------------------------------------------------------------------- */

struct draft_read {
    struct file *file;
    struct queue *queue;
    uint64_t id, offset;
    char *to;
    size_t size, count;
    bool failed;
};

static void run_read(void *job)
{
    struct draft_read *r = job;
    r->failed = file_read_at(r->file, r->to, r->size, r->offset, &r->count) != NULL;
}

static void release_read(void *job)
{
    struct draft_read *r = job;
    file_close(r->file);
    queue_supply_unlink(r->queue, r->id);
    mem_free(r->to);
    mem_free(r);
}

static err read_file(struct queue_draft *d, uint64_t offset, void *to, size_t size,
                     size_t *ret_count, deadline until)
{
    if (file_read_cached(d->file, to, size, offset, ret_count))
        return NULL;
    struct draft_read *r = MEM_NEW(struct draft_read);
    *r = (struct draft_read){.queue = d->queue,
                             .file = d->file,
                             .id = d->id,
                             .offset = offset,
                             .to = mem_alloc(size),
                             .size = size};
    err e = job_run(run_read, r, release_read, until);
    if (e) { /* the file went with the job */
        d->file = NULL;
        d->broken = true;
        return e;
    }
    if (r->failed)
        e = err_new(ERR_DAMAGED, "a draft cannot be read back");
    for (size_t i = 0; e == NULL && i < r->count; i++)
        ((char *)to)[i] = r->to[i];
    if (e == NULL)
        *ret_count = r->count;
    mem_free(r->to);
    mem_free(r);
    return e;
}

err queue_draft_read(struct queue_draft *d, uint64_t offset, void *to, size_t size,
                     size_t *ret_count, deadline until)
{
    if (d->broken)
        return err_new(ERR_CLOSED, "the draft was given up");
    if (offset >= d->in_file) {
        str rest = str_slice(str_from(buf_str(&d->bytes), offset - d->in_file), 0, size);
        for (size_t i = 0; i < rest.len; i++)
            ((char *)to)[i] = rest.ptr[i];
        *ret_count = rest.len;
        return NULL;
    }
    uint64_t left = d->in_file - offset;
    return read_file(d, offset, to, left < size ? (size_t)left : size, ret_count, until);
}
