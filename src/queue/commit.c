#include "queue/commit.h"
#include "base/log.h"
#include "base/mem.h"
#include "queue/bytes.h"
#include "queue/clean.h"
#include "queue/index.h"
#include "queue/log.h"
#include "queue/request.h"
#include "queue/supply.h"

enum { CHANGE_BYTES = 64 + QUEUE_RECORD_REPLY_BYTES_MAX + 3 * ENVELOPE_RCPTS_MAX };

/* ---- requests ------------------------------------------------------------------------------ */

static void pending_init(struct queue_pending *p) { *p = (struct queue_pending){NULL, &p->first}; }

static void pending_add(struct queue_pending *p, struct queue_request *r)
{
    r->next = NULL;
    *p->end = r;
    p->end = &r->next;
}

static struct queue_request *pending_take(struct queue_pending *p)
{
    struct queue_request *r = p->first;
    if (r == NULL)
        return NULL;
    p->first = r->next;
    if (p->first == NULL)
        p->end = &p->first;
    return r;
}

/* All of `from` goes in front of `p`. */
static void pending_put_first(struct queue_pending *p, struct queue_pending *from)
{
    if (from->first == NULL)
        return;
    *from->end = p->first;
    if (p->first == NULL)
        p->end = from->end;
    p->first = from->first;
    pending_init(from);
}

static void refuse(struct queue_request *r, enum err_kind kind, int number, const char *why)
{
    r->failed = true;
    r->failed_kind = kind;
    r->failed_number = number;
    r->failed_text = why;
    queue_commit_answer(r);
}

static void refuse_all(struct queue_pending *p, enum err_kind kind, const char *why)
{
    struct queue_request *r;
    while ((r = pending_take(p)) != NULL)
        refuse(r, kind, 0, why);
}

/* ---- building a batch ----------------------------------------------------------------------- */

struct need {
    uint64_t bytes, meta_bytes;
    uint32_t records;
};

static void need_record(struct need *n, uint64_t meta, uint64_t rest)
{
    n->bytes += queue_record_round(QUEUE_RECORD_HEADER_BYTES + meta + rest);
    n->meta_bytes += meta;
    n->records++;
}

static uint64_t update_bytes_max(const struct queue_delivery *d)
{
    return 64 + QUEUE_RECORD_REPLY_BYTES_MAX + 3 * (uint64_t)d->rcpt_count;
}

/* At most what it will take in the log. */
static struct need need_of(const struct queue_request *r)
{
    struct need n = {0};
    need_record(&n, 0, 0);
    for (size_t i = 0; i < r->new_count; i++) {
        const struct queue_record *record = &r->news[i].record;
        need_record(&n, record->meta_len, (uint64_t)record->head_len + record->body_len);
    }
    if (r->kind == QUEUE_REQUEST_SETTLE)
        need_record(&n, update_bytes_max(r->delivery), 0);
    if (r->kind == QUEUE_REQUEST_CHANGE)
        need_record(&n, CHANGE_BYTES, 0);
    return n;
}

static void write_new(struct queue_batch *b, struct queue_new *n)
{
    struct queue_write *w = queue_batch_add(b, QUEUE_EFFECT_NEW, QUEUE_RECORD_MESSAGE);
    w->record = n->record;
    w->entry = n->entry;
    w->once = n->once;
    str front = buf_str(&n->front);
    w->meta = str_slice(front, 0, n->record.meta_len);
    w->head = str_slice(front, n->record.meta_len, n->record.head_len);
    w->body[0] = str_from(front, (size_t)n->record.meta_len + n->record.head_len);
    w->body[1] = buf_str(&n->content);
    queue_batch_finish(b, w);
}

static void put_outcome(struct buf *out, uint16_t rcpt, uint8_t state)
{
    char b[3] = {0, 0, (char)state};
    bytes_put16(b, rcpt);
    err e = buf_add(out, (str){b, 3});
    ASSERT(e == NULL); /* need_of has seen to the room */
}

static uint8_t outcome_of(const struct queue_request *r, uint16_t rcpt, uint8_t before)
{
    for (size_t i = 0; i < r->outcome_count; i++)
        if (r->outcomes[i].rcpt == rcpt)
            return r->outcomes[i].state;
    return before;
}

/* Every recipient of the delivery that waits no more; *ret_waiting counts the others. */
static str gather_outcomes(struct queue_batch *b, const struct queue_request *r,
                           const struct queue_delivery *d, bool all_done, size_t *ret_waiting)
{
    const uint8_t *states = queue_entry_states(queue_entry_of(d));
    struct buf out = queue_batch_scratch(b);
    size_t waiting = 0;
    for (uint16_t i = 0; i < d->rcpt_count; i++) {
        uint16_t rcpt = (uint16_t)(d->rcpt_first + i);
        uint8_t state = states[rcpt];
        if (state == QUEUE_WAITING && r->kind == QUEUE_REQUEST_SETTLE)
            state = outcome_of(r, rcpt, state);
        if (state == QUEUE_WAITING && all_done)
            state = QUEUE_FAILED;
        if (state == QUEUE_WAITING)
            waiting++;
        else
            put_outcome(&out, rcpt, state);
    }
    *ret_waiting = waiting;
    return queue_batch_keep(b, &out);
}

static void write_state(struct queue_batch *b, struct queue_delivery *d,
                        const struct queue_state *state, str reply, str outcomes)
{
    struct queue_write *w = queue_batch_add(b, QUEUE_EFFECT_STATE, QUEUE_RECORD_UPDATE);
    queue_clean_encode_update(b, w, d, state, reply, outcomes);
    w->state = *state;
    w->outcomes = outcomes;
}

static void write_done(struct queue_batch *b, struct queue_entry *e)
{
    struct queue_write *w = queue_batch_add(b, QUEUE_EFFECT_DONE, QUEUE_RECORD_DONE);
    w->entry = e;
    w->record.id = e->id;
    w->record.names = e->segment->number;
    queue_batch_finish(b, w);
}

/* The delivery's new state, or the end of its message. */
static void write_outcome(struct queue_batch *b, const struct queue_request *r,
                          struct queue_delivery *d, struct queue_state state, str reply)
{
    struct queue_entry *e = queue_entry_of(d);
    size_t waiting;
    bool removed = r->kind == QUEUE_REQUEST_CHANGE && r->change == QUEUE_CHANGE_REMOVE;
    str outcomes = gather_outcomes(b, r, d, removed, &waiting);
    d->in_batch = true;
    if (waiting == 0) {
        state.flags |= QUEUE_FINISHED;
        e->leaving++;
    }
    if (e->leaving == e->left)
        write_done(b, e);
    else
        write_state(b, d, &state, reply, outcomes);
}

static void build_settle(struct queue *q, struct queue_batch *b, struct queue_request *r)
{
    struct queue_delivery *d = r->delivery;
    char reply[QUEUE_RECORD_REPLY_BYTES_MAX];
    str text = {r->reply, r->reply_len};
    ASSERT(d != NULL);
    bool alive = !d->gone && !(d->flags & QUEUE_FINISHED);
    uint32_t count = (uint32_t)r->new_count + alive;
    if (alive && !r->has_reply)
        text = queue_clean_reply(q, d, reply);
    if (count > 1) {
        struct queue_write *group = queue_batch_add(b, QUEUE_EFFECT_NONE, QUEUE_RECORD_GROUP);
        group->record.group = (uint16_t)count;
        queue_batch_finish(b, group);
    }
    for (size_t i = 0; i < r->new_count; i++)
        write_new(b, &r->news[i]);
    if (!alive)
        return;
    struct queue_state state = r->state;
    state.flags = (uint8_t)((state.flags & QUEUE_WARNED) | (d->flags & QUEUE_HELD));
    write_outcome(b, r, d, state, text);
}

static void build_target(struct queue *q, struct queue_batch *b, struct queue_request *r,
                         struct queue_delivery *d)
{
    struct queue_state state = queue_delivery_state(q, d);
    char reply[QUEUE_RECORD_REPLY_BYTES_MAX];
    switch (r->change) {
    case QUEUE_CHANGE_HOLD:
        state.flags |= QUEUE_HELD;
        break;
    case QUEUE_CHANGE_RELEASE:
        state.flags &= (uint8_t)~QUEUE_HELD;
        break;
    case QUEUE_CHANGE_RETRY:
        state.due_ms = clock_real_ms();
        break;
    case QUEUE_CHANGE_REMOVE:
        break;
    }
    write_outcome(b, r, d, state, queue_clean_reply(q, d, reply));
}

/* As many targets as there is room for; false: some are left for the next batch. */
static bool build_change(struct queue *q, struct queue_batch *b, struct queue_request *r,
                         struct queue_segment *s)
{
    for (; r->targets_done < r->target_count; r->targets_done++) {
        const struct queue_target *t = &r->targets[r->targets_done];
        struct queue_entry *e = queue_index_find(q, t->id);
        if (e == NULL || t->delivery >= e->delivery_count)
            continue;
        struct queue_delivery *d = &e->deliveries[t->delivery];
        if (d->flags & QUEUE_FINISHED)
            continue;
        uint64_t most = update_bytes_max(d);
        if (d->in_batch || b->scratch_used + 2 * most > QUEUE_SCRATCH_BYTES ||
            !queue_segment_fits(s, b->bytes + most + 128, b->count + 1, b->meta_bytes + most))
            return false;
        build_target(q, b, r, d);
    }
    return true;
}

static bool fits(struct queue_committer *c, struct queue_segment *s, const struct need *n)
{
    const struct queue_batch *b = &c->batch;
    return b->bytes + n->bytes <= QUEUE_BATCH_BYTES_MAX &&
           b->scratch_used + 2 * n->meta_bytes <= QUEUE_SCRATCH_BYTES &&
           queue_segment_fits(s, b->bytes + n->bytes, b->count + n->records,
                              b->meta_bytes + n->meta_bytes);
}

/* Adds the request to the batch. False: not into this one. */
static bool build(struct queue *q, struct queue_segment *s, struct queue_request *r)
{
    struct queue_committer *c = q->committer;
    struct need n = need_of(r);
    if (r->kind == QUEUE_REQUEST_CHANGE)
        return build_change(q, &c->batch, r, s);
    if (!fits(c, s, &n) || (r->delivery && r->delivery->in_batch))
        return false;
    if (r->kind == QUEUE_REQUEST_COMMIT) {
        if (r->new_count > 1) {
            struct queue_write *group =
                queue_batch_add(&c->batch, QUEUE_EFFECT_NONE, QUEUE_RECORD_GROUP);
            group->record.group = (uint16_t)r->new_count;
            queue_batch_finish(&c->batch, group);
        }
        for (size_t i = 0; i < r->new_count; i++)
            write_new(&c->batch, &r->news[i]);
        return true;
    }
    build_settle(q, &c->batch, r);
    return true;
}

/* From the front of `from` to `into`, as many as go into one batch. */
static void fill(struct queue *q, struct queue_segment *s, struct queue_pending *from,
                 struct queue_pending *into)
{
    struct queue_request *r;
    while ((r = from->first) != NULL) {
        if (!build(q, s, r))
            return;
        pending_add(into, pending_take(from));
    }
}

/* The marks are needed only while a batch is being built. */
static void unmark(struct queue_batch *b)
{
    for (uint32_t i = 0; i < b->count; i++) {
        struct queue_write *w = &b->writes[i];
        struct queue_entry *e = w->entry;
        if (w->effect == QUEUE_EFFECT_STATE)
            e = queue_entry_of(w->delivery);
        else if (w->effect != QUEUE_EFFECT_DONE)
            continue;
        e->leaving = 0;
        for (uint16_t k = 0; k < e->delivery_count; k++)
            e->deliveries[k].in_batch = false;
    }
}

/* ---- running one ---------------------------------------------------------------------------- */

static void release_delivery(struct queue_request *r)
{
    struct queue *q = r->queue;
    if (r->delivery == NULL)
        return;
    pthread_mutex_lock(&q->lock);
    r->delivery->taken = false;
    queue_index_tell(q, r->delivery);
    pthread_mutex_unlock(&q->lock); /* work() wakes who was told */
}

static void request_arrived(struct loop_note *note)
{
    struct queue_request *r = CONTAINER_OF(note, struct queue_request, note);
    r->arrived = true;
    loop_came(r->loop);
    if (r->released)
        queue_request_free(r);
    else
        gate_wake_all(&r->gate);
}

void queue_commit_answer(struct queue_request *r)
{
    release_delivery(r);
    if (r->here) {
        r->answer = QUEUE_ANSWERED;
        r->arrived = true;
        return;
    }
    r->note.run = request_arrived;
    int before = QUEUE_UNANSWERED;
    bool waiting = __atomic_compare_exchange_n(&r->answer, &before, QUEUE_ANSWERED, false,
                                               __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
    if (waiting)
        loop_post(r->loop, &r->note);
    else
        queue_request_free(r);
}

static void refuse_mail(struct queue *q, struct queue_pending *p, err e)
{
    struct queue_request *r;
    (void)q;
    while ((r = pending_take(p)) != NULL)
        refuse(r, e->kind, err_number(e), "the message could not be stored");
}

/* A batch failed: new mail is refused, the rest is tried again. */
static void after_failure(struct queue *q, struct queue_pending *batch, err e)
{
    struct queue_committer *c = q->committer;
    struct queue_pending again, mail;
    struct queue_request *r;
    pending_init(&again);
    pending_init(&mail);
    while ((r = pending_take(batch)) != NULL)
        pending_add(r->kind == QUEUE_REQUEST_COMMIT ? &mail : &again, r);
    refuse_mail(q, &mail, e);
    pending_put_first(&c->other, &again);
    for (r = c->other.first; r; r = r->next)
        r->targets_done = 0;
}

static void set_full(struct queue *q, bool full)
{
    pthread_mutex_lock(&q->lock);
    q->full = full;
    pthread_mutex_unlock(&q->lock);
}

/* Those that the batch has told something, after those who wait for an answer. */
static void wake_workers(struct queue *q)
{
    pthread_mutex_lock(&q->lock);
    queue_index_unlock(q);
}

/* False: there was nothing to do, or no room to do it in. */
static bool run_batch(struct queue *q)
{
    struct queue_committer *c = q->committer;
    struct queue_request *first = c->other.first ? c->other.first : c->mail.first;
    if (first == NULL || q->stopped)
        return false;
    struct need n = need_of(first);
    bool mail = first->kind == QUEUE_REQUEST_COMMIT;
    if (mail && c->ready_count < QUEUE_READY_RESERVED)
        return false;
    struct queue_segment *s =
        queue_batch_room(q, QUEUE_HOT, mail, n.bytes, n.records, n.meta_bytes);
    if (s == NULL)
        return false;
    struct queue_pending batch;
    pending_init(&batch);
    queue_batch_clear(&c->batch);
    fill(q, s, &c->other, &batch);
    if (c->ready_count >= QUEUE_READY_RESERVED)
        fill(q, s, &c->mail, &batch);
    unmark(&c->batch);
    err e = queue_batch_commit(q, s);
    if (e) {
        after_failure(q, &batch, e);
        return false;
    }
    struct queue_request *r;
    while ((r = pending_take(&batch)) != NULL)
        queue_commit_answer(r);
    wake_workers(q);
    return true;
}

/* ---- what comes in --------------------------------------------------------------------------- */

static void take_ready(struct queue *q, struct queue_segment *s)
{
    struct queue_committer *c = q->committer;
    ASSERT(c->ready_count < QUEUE_READY_MAX);
    c->ready[c->ready_count++] = s;
    if (c->ready_count > QUEUE_READY_RESERVED)
        set_full(q, false);
}

static void segment_sealed(struct queue *q, struct queue_segment *s)
{
    pthread_mutex_lock(&q->lock);
    s->status = QUEUE_SEGMENT_SEALED;
    pthread_mutex_unlock(&q->lock);
    queue_directory_release(&s->directory);
}

static void segment_unsealed(struct queue *q, struct queue_segment *s)
{
    queue_batch_stop(q, s, err_new(ERR_SYSTEM, "segment %08x could not be sealed", s->number));
}

static void sort_in(struct queue *q, struct queue_request *r)
{
    struct queue_committer *c = q->committer;
    switch (r->kind) {
    case QUEUE_REQUEST_COMMIT:
        pending_add(&c->mail, r);
        return;
    case QUEUE_REQUEST_SETTLE:
    case QUEUE_REQUEST_CHANGE:
        pending_add(&c->other, r);
        return;
    case QUEUE_REQUEST_READY:
        take_ready(q, r->segment);
        break;
    case QUEUE_REQUEST_SEALED:
        segment_sealed(q, r->segment);
        break;
    case QUEUE_REQUEST_UNSEALED:
        segment_unsealed(q, r->segment);
        break;
    case QUEUE_REQUEST_GONE:
        pthread_mutex_lock(&q->lock);
        queue_log_gone(q, r->segment);
        pthread_mutex_unlock(&q->lock);
        if (q->supply_thread)
            queue_supply_wanted(q);
        break;
    case QUEUE_REQUEST_FULL:
        set_full(q, c->ready_count <= QUEUE_READY_RESERVED);
        break;
    }
    mem_free(r);
}

/* Without the committer's lock: it waits. NULL: nothing came. */
static struct chan_item *receive(struct queue *q, deadline until)
{
    struct chan_item *item;
    if (deadline_passed(until))
        return chan_take_all(q->requests);
    err e = chan_receive(q->requests, &item, until);
    if (e)
        return NULL;
    item->next = chan_take_all(q->requests);
    return item;
}

static void sort_in_all(struct queue *q, struct chan_item *item)
{
    while (item) {
        struct chan_item *next = item->next;
        sort_in(q, CONTAINER_OF(item, struct queue_request, item));
        item = next;
    }
}

/* ---- the thread ------------------------------------------------------------------------------ */

static void sweep(struct queue *q)
{
    pthread_mutex_lock(&q->lock);
    for (uint32_t i = 0; i < q->segment_count; i++) {
        struct queue_segment *s = q->segments[i];
        if (!queue_log_is_free(q, s) || q->committer->cleaning.segment == s)
            continue;
        s->status = QUEUE_SEGMENT_FREEING;
        queue_supply_free(q, s);
    }
    queue_index_unlock(q);
}

/* Mail that cannot be stored now is told so rather than kept waiting. */
static void refuse_what_cannot_be(struct queue *q)
{
    struct queue_committer *c = q->committer;
    if (q->stopped)
        refuse_all(&c->mail, ERR_CLOSED, "the spool has stopped");
    else if (q->full && c->mail.first && c->other.first == NULL)
        refuse_all(&c->mail, ERR_LIMIT, "the spool is full");
}

static bool work(struct queue *q)
{
    struct queue_committer *c = q->committer;
    if (q->stopped && deadline_passed(c->reopen_at))
        queue_clean_reopen(q);
    bool busy = run_batch(q);
    if (!busy)
        refuse_what_cannot_be(q);
    if (!q->stopped)
        busy |= queue_clean_step(q, q->full);
    sweep(q);
    return busy;
}

static void finish(struct queue *q)
{
    struct queue_committer *c = q->committer;
    while (work(q))
        ;
    refuse_all(&c->mail, ERR_CLOSED, "the spool is being closed");
    refuse_all(&c->other, ERR_CLOSED, "the spool is being closed");
    for (int i = 0; i < QUEUE_STREAMS; i++) {
        if (c->active[i] == NULL)
            continue;
        c->active[i]->status = QUEUE_SEGMENT_SEALING;
        queue_supply_seal(q, c->active[i]);
    }
}

/* Until when there is nothing to do unless something comes. */
static deadline step(struct queue *q, struct chan_item *items)
{
    struct queue_committer *c = q->committer;
    pthread_mutex_lock(&c->lock);
    sort_in_all(q, items);
    bool busy = work(q);
    deadline until = busy ? deadline_after(0) : q->stopped ? c->reopen_at : deadline_after(1000);
    pthread_mutex_unlock(&c->lock);
    err_forget();
    return until;
}

static void run(void *arg)
{
    struct queue *q = arg;
    struct queue_committer *c = q->committer;
    deadline until = deadline_after(0);
    while (!__atomic_load_n(&q->closing, __ATOMIC_ACQUIRE))
        until = step(q, receive(q, until));
    pthread_mutex_lock(&c->lock);
    sort_in_all(q, receive(q, deadline_after(0)));
    finish(q);
    pthread_mutex_unlock(&c->lock);
    err_forget();
}

/* ---- on the fiber that asks ------------------------------------------------------------------ */

enum { HERE_BYTES_MAX = 256 * 1024 };

static bool small(const struct queue_request *r)
{
    bool fiber_asks = r->kind == QUEUE_REQUEST_COMMIT || r->kind == QUEUE_REQUEST_SETTLE;
    return fiber_asks && need_of(r).bytes <= HERE_BYTES_MAX;
}

static void count_here(struct queue *q)
{
    pthread_mutex_lock(&q->lock);
    q->stats.here++;
    pthread_mutex_unlock(&q->lock);
}

/* With the committer's lock. */
static bool commit_now(struct queue *q, struct queue_request *r)
{
    struct queue_committer *c = q->committer;
    if (c->mail.first || c->other.first || q->stopped || c->unproven > 0)
        return false;
    r->here = true;
    sort_in(q, r);
    if (run_batch(q))
        count_here(q);
    r->here = false;
    return true;
}

bool queue_commit_here(struct queue *q, struct queue_request *r)
{
    struct queue_committer *c = q->committer;
    bool alone = q->options.may_block && q->options.may_block();
    if (!alone || !small(r) || pthread_mutex_trylock(&c->lock) != 0)
        return false;
    bool taken = commit_now(q, r);
    bool left = taken && !r->arrived; /* it waits in a list of the thread's */
    if (left)
        loop_expect(r->loop);
    pthread_mutex_unlock(&c->lock);
    if (left)
        chan_nudge(q->requests);
    return taken;
}

/* ---- from birth to death -----------------------------------------------------------------------
 */

void queue_commit_init(struct queue *q)
{
    struct queue_committer *c = MEM_NEW(struct queue_committer);
    pthread_mutex_init(&c->lock, NULL);
    c->unproven = QUEUE_QUICK_BATCHES;
    q->committer = c;
    pending_init(&c->mail);
    pending_init(&c->other);
    c->next_batch = c->next_sequence = 1;
    buf_init(&c->cleaning.directory, QUEUE_SEGMENT_DIRECTORY_BYTES_MAX);
}

void queue_commit_release(struct queue *q)
{
    struct queue_committer *c = q->committer;
    for (int i = 0; i < c->ready_count; i++)
        queue_segment_close(c->ready[i]);
    buf_release(&c->cleaning.directory);
    mem_free(c->batch.writes);
    mem_free(c->batch.scratch);
    if (c->staging)
        mem_unmap(c->staging, c->staging_size);
    pthread_mutex_destroy(&c->lock);
    mem_free(c);
    q->committer = NULL;
}

void queue_commit_start(struct queue *q)
{
    q->committer->make_now = false;
    q->commit_thread = thread_start("spool-commit", run, q);
}

void queue_commit_stop(struct queue *q)
{
    __atomic_store_n(&q->closing, true, __ATOMIC_RELEASE);
    chan_nudge(q->requests);
    thread_join(q->commit_thread);
}
