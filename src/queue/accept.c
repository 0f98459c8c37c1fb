#include "queue/accept.h"
#include "base/crc.h"
#include "base/mem.h"
#include "queue/ends.h"
#include "queue/index.h"
#include <stdlib.h>

enum {
    HEAD_BYTES_MAX = 32 << 20, /* 10,000 recipients with everything as long as may be */
    HEAD_BYTES_INLINE_MAX = 128 * 1024,
};

struct plan { /* how one message will be stored */
    const struct envelope *envelope;
    uint16_t *order; /* recipients, those of a destination side by side */
    uint16_t deliveries;
    struct buf head;
    uint8_t flags;
};

static int compare(const void *a, const void *b, void *envelope)
{
    const struct envelope *e = envelope;
    uint16_t i = *(const uint16_t *)a, k = *(const uint16_t *)b;
    int order = str_compare(e->rcpts[i].destination, e->rcpts[k].destination);
    return order ? order : i - k;
}

static str destination_at(const struct plan *p, size_t i)
{
    return p->envelope->rcpts[p->order[i]].destination;
}

static bool starts_delivery(const struct plan *p, size_t i)
{
    return i == 0 || !str_eq(destination_at(p, i), destination_at(p, i - 1));
}

static err check(const struct envelope *e, str prefix)
{
    if (e->rcpt_count == 0 || e->rcpt_count > ENVELOPE_RCPTS_MAX)
        return err_new(ERR_LIMIT, "a message has %zu recipients", e->rcpt_count);
    if (prefix.len > QUEUE_PREFIX_BYTES_MAX)
        return err_new(ERR_LIMIT, "the trace fields have %zu bytes", prefix.len);
    for (size_t i = 0; i < e->rcpt_count; i++)
        if (e->rcpts[i].destination.len > QUEUE_RECORD_NAME_BYTES_MAX)
            return err_new(ERR_LIMIT, "a destination's name has %zu bytes",
                           e->rcpts[i].destination.len);
    return NULL;
}

static err add_destinations(struct plan *p, struct buf *out)
{
    for (size_t i = 0; i < p->envelope->rcpt_count; i++) {
        if (!starts_delivery(p, i))
            continue;
        TRY(buf_add_char(out, (char)destination_at(p, i).len));
        TRY(buf_add(out, destination_at(p, i)));
    }
    return NULL;
}

static err make_plan(const struct envelope *e, struct plan *p)
{
    p->envelope = e;
    p->flags = envelope_end_ms(e) ? QUEUE_RECORD_ENDS : 0;
    p->order = mem_alloc(e->rcpt_count * sizeof *p->order);
    buf_init(&p->head, HEAD_BYTES_MAX);
    size_t names = 0;
    for (size_t i = 0; i < e->rcpt_count; i++)
        p->order[i] = (uint16_t)i;
    if (e->rcpt_count > 1)
        qsort_r(p->order, e->rcpt_count, sizeof *p->order, compare, (void *)e);
    for (size_t i = 0; i < e->rcpt_count; i++)
        if (starts_delivery(p, i)) {
            p->deliveries++;
            names += destination_at(p, i).len + 26;
        }
    TRY(queue_head_encode(&p->head, e, p->order));
    if (p->head.len <= HEAD_BYTES_INLINE_MAX && names + 64 <= QUEUE_RECORD_META_BYTES_INLINE_MAX)
        return NULL;
    p->flags |= QUEUE_RECORD_FILE | QUEUE_RECORD_HEAD_FILE;
    buf_clear(&p->head);
    TRY(add_destinations(p, &p->head));
    return queue_head_encode(&p->head, e, p->order);
}

static void release_plan(struct plan *p)
{
    mem_free(p->order);
    buf_release(&p->head);
}

/* The message in memory, its deliveries in order. */
static struct queue_entry *make_entry(struct queue *q, const struct plan *p,
                                      const struct queue_draft *draft)
{
    uint16_t k = 0;
    const struct envelope *env = p->envelope;
    struct queue_state first = {.due_ms =
                                    env->not_before_ms ? env->not_before_ms : env->accepted_at_ms,
                                .priority = env->priority};
    pthread_mutex_lock(&q->lock);
    struct queue_entry *e =
        queue_index_make(q, draft->id, p->deliveries, (uint16_t)p->envelope->rcpt_count);
    e->content_size = draft->size;
    e->accepted_ms = p->envelope->accepted_at_ms;
    e->file_checked = true; /* written by this process */
    for (size_t i = 0; i < p->envelope->rcpt_count; i++) {
        struct queue_delivery *d = &e->deliveries[starts_delivery(p, i) ? k++ : k - 1];
        if (d->rcpt_count++ > 0)
            continue;
        d->rcpt_first = (uint16_t)i;
        queue_index_note_state(d, &first);
        queue_index_name(q, d, destination_at(p, i));
    }
    if (p->flags & QUEUE_RECORD_ENDS)
        queue_ends_note(q, e, envelope_end_ms(env));
    pthread_mutex_unlock(&q->lock);
    return e;
}

static err add_meta(const struct plan *p, const struct queue_draft *d, const struct queue_entry *e,
                    struct buf *out)
{
    struct queue_meta m = {.accepted_ms = e->accepted_ms,
                           .content_size = d->size,
                           .content_crc = d->crc,
                           .delivery_count = e->delivery_count,
                           .rcpt_count = e->rcpt_count,
                           .flags = p->flags,
                           .ends_ms = envelope_end_ms(p->envelope)};
    if (d->once)
        m.once = queue_once_key_of(d->once);
    if (p->flags & QUEUE_RECORD_HEAD_FILE) {
        m.file_head_len = (uint32_t)p->head.len;
        m.file_head_crc = crc32c(0, buf_str(&p->head));
    }
    TRY(queue_meta_begin(out, &m));
    for (uint16_t i = 0; i < e->delivery_count; i++) {
        const struct queue_delivery *delivery = &e->deliveries[i];
        struct queue_meta_delivery one = {.destination = destination_at(p, delivery->rcpt_first),
                                          .rcpt_count = delivery->rcpt_count,
                                          .state = queue_index_state(delivery)};
        TRY(queue_meta_add(out, &m, &one));
    }
    return queue_meta_end(out, (str){0});
}

static err encode(const struct plan *p, struct queue_draft *d, str prefix, struct queue_new *n)
{
    struct queue_record *r = &n->record;
    buf_init(&n->front, QUEUE_RECORD_BYTES_MAX);
    r->type = QUEUE_RECORD_MESSAGE;
    r->flags = p->flags;
    r->id = d->id;
    TRY(add_meta(p, d, n->entry, &n->front));
    r->meta_len = (uint32_t)n->front.len;
    r->meta_crc = crc32c(0, buf_str(&n->front));
    if (!(p->flags & QUEUE_RECORD_HEAD_FILE)) {
        TRY(buf_add(&n->front, buf_str(&p->head)));
        r->head_len = (uint32_t)p->head.len;
        r->head_crc = crc32c(0, buf_str(&p->head));
    }
    TRY(buf_add(&n->front, prefix));
    r->body_len = (uint32_t)prefix.len;
    r->body_crc = crc32c(0, prefix);
    if (p->flags & QUEUE_RECORD_FILE)
        return NULL;
    r->body_len += (uint32_t)d->bytes.len;
    r->body_crc = crc32c(r->body_crc, buf_str(&d->bytes));
    return NULL;
}

static err prepare(struct queue *q, struct queue_draft *d, str prefix, bool want_file,
                   struct plan *p, struct queue_new *n, deadline until)
{
    TRY(make_plan(p->envelope, p));
    if (d->once)
        p->flags |= QUEUE_RECORD_ONCE;
    uint64_t whole = p->head.len + prefix.len + d->size;
    if (d->file || want_file || whole > QUEUE_RECORD_INLINE_BYTES_MAX)
        p->flags |= QUEUE_RECORD_FILE;
    if (p->flags & QUEUE_RECORD_FILE) {
        str tail = p->flags & QUEUE_RECORD_HEAD_FILE ? buf_str(&p->head) : (str){0};
        TRY(queue_draft_finish(d, tail, until));
    }
    n->entry = make_entry(q, p, d);
    err failed = encode(p, d, prefix, n);
    ASSERT(failed == NULL); /* the plan keeps to the limits */
    return NULL;
}

err queue_accept_prepare(struct queue *q, struct queue_draft **draft, const struct envelope *e,
                         str prefix, bool want_file, struct queue_new *ret_new, deadline until)
{
    struct queue_draft *d = *draft;
    if (d->broken)
        return err_new(ERR_CLOSED, "the draft was given up");
    TRY(check(e, prefix));
    struct queue_new n = {0};
    struct plan p = {.envelope = e};
    err failed = prepare(q, d, prefix, want_file, &p, &n, until);
    release_plan(&p);
    if (failed)
        return failed;
    n.has_file = d->file != NULL;
    n.once = d->once;
    d->once = NULL;
    n.content = d->bytes;
    buf_init(&d->bytes, 1);
    file_close(d->file);
    d->file = NULL;
    queue_draft_abandon(draft);
    *ret_new = n;
    return NULL;
}
