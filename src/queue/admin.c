#include "queue/admin.h"
#include "base/mem.h"
#include "queue/index.h"
#include "queue/peek.h"
#include "queue/request.h"

enum {
    LISTED_ARENA_BYTES = 48 << 20,
    LOOK_MAX = 1024, /* deliveries, each time that the lock is held */
};

/* What the index alone can say. With the lock held. */
static bool may_match(const struct queue_admin_filter *f, const struct queue_delivery *d)
{
    if (d->flags & QUEUE_FINISHED)
        return false;
    if (f->held && !(d->flags & QUEUE_HELD) && !d->damaged)
        return false;
    return f->destination.len == 0 ||
           str_eq_nocase(f->destination, (str){d->destination->name, d->destination->name_len});
}

static bool rcpt_matches(const struct queue_admin_filter *f, const struct queue_admin_item *l)
{
    for (size_t i = 0; i < l->rcpt_count; i++)
        if (str_eq_nocase(f->rcpt, l->rcpts[i].rcpt->address))
            return true;
    return f->rcpt.len == 0;
}

static bool matches(const struct queue_admin_filter *f, const struct queue_admin_item *l)
{
    if (f->sender.len && !str_eq_nocase(f->sender, l->sender))
        return false;
    return rcpt_matches(f, l);
}

struct walk {
    struct queue *queue;
    const struct queue_admin_filter *filter;
    bool (*each)(void *arg, uint64_t id, uint16_t delivery, const struct queue_admin_item *);
    void *arg;
    bool envelopes; /* each needs them */
    bool stopped;
    struct queue_target next; /* to look at */
    uint64_t last;            /* message: those that came later are not shown */
    bool over;
};

static err visit(struct walk *w, uint64_t id, uint16_t index, struct arena *arena, deadline until)
{
    struct queue_admin_item l = {0};
    const struct queue_admin_filter *f = w->filter;
    if (w->envelopes || f->sender.len || f->rcpt.len) {
        err e = queue_peek(w->queue, id, index, arena, &l, until);
        if (e && e->kind != ERR_CLOSED && e->kind != ERR_DAMAGED)
            return e;
        if (e && (e->kind == ERR_CLOSED || f->sender.len || f->rcpt.len))
            return NULL;
        if (e == NULL && !matches(f, &l))
            return NULL;
    }
    w->stopped = !w->each(w->arg, id, index, &l);
    return NULL;
}

static void start(struct walk *w)
{
    const struct queue_admin_filter *f = w->filter;
    pthread_mutex_lock(&w->queue->lock);
    w->last = w->queue->last_id;
    pthread_mutex_unlock(&w->queue->lock);
    if (f->id.len == 0)
        return;
    w->over = !queue_id_parse(f->id, &w->next.id);
    w->last = w->next.id;
}

/* Deliveries of this message that may match, from w->next on; true: all of them were looked at. */
static bool gather_from(struct walk *w, const struct queue_entry *e, struct queue_target *found,
                        size_t *count, size_t *looked)
{
    uint16_t i = e->id == w->next.id ? w->next.delivery : 0;
    for (; i < e->delivery_count && *count < QUEUE_ADMIN_STEP && *looked < LOOK_MAX; i++) {
        ++*looked;
        if (may_match(w->filter, &e->deliveries[i]))
            found[(*count)++] = (struct queue_target){e->id, i};
    }
    w->next = (struct queue_target){e->id, i};
    return i == e->delivery_count;
}

/* The next that may match, a few of them, so that neither is the lock held for long nor the memory
 * of a million ids needed. */
static size_t gather(struct walk *w, struct queue_target found[QUEUE_ADMIN_STEP])
{
    struct queue *q = w->queue;
    size_t count = 0, looked = 0;
    pthread_mutex_lock(&q->lock);
    struct order_place place = order_begin(&q->messages, w->next.id);
    const struct queue_entry *e;
    do {
        e = order_next(&q->messages, &place);
        w->over = e == NULL || e->id > w->last;
    } while (!w->over && gather_from(w, e, found, &count, &looked));
    q->stats.looked += looked;
    pthread_mutex_unlock(&q->lock);
    return count;
}

/* Does it still match, now that others were shown? */
static bool still(struct walk *w, const struct queue_target *t)
{
    pthread_mutex_lock(&w->queue->lock);
    const struct queue_entry *e = queue_index_find(w->queue, t->id);
    bool found = e && may_match(w->filter, &e->deliveries[t->delivery]);
    pthread_mutex_unlock(&w->queue->lock);
    return found;
}

static err walk(struct walk *w, deadline until)
{
    err e = NULL;
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(LISTED_ARENA_BYTES);
    struct queue_target *found = mem_alloc(QUEUE_ADMIN_STEP * sizeof *found);
    start(w);
    while (e == NULL && !w->over && !w->stopped) {
        size_t count = gather(w, found);
        for (size_t i = 0; i < count && e == NULL && !w->stopped; i++) {
            if (still(w, &found[i]))
                e = visit(w, found[i].id, found[i].delivery, arena, until);
            arena_reset(arena);
        }
        if (e == NULL)
            e = fiber_yield();
    }
    mem_free(found);
    return e;
}

struct list_arg {
    bool (*each)(void *arg, const struct queue_admin_item *);
    void *arg;
};

static bool list_one(void *arg, uint64_t id, uint16_t delivery, const struct queue_admin_item *l)
{
    struct list_arg *list = arg;
    (void)id, (void)delivery;
    return list->each(list->arg, l);
}

err queue_admin_list(struct queue *q, const struct queue_admin_filter *f,
                     bool (*each)(void *arg, const struct queue_admin_item *), void *arg,
                     deadline until)
{
    struct list_arg list = {each, arg};
    struct walk w = {.queue = q, .filter = f, .each = list_one, .arg = &list, .envelopes = true};
    return walk(&w, until);
}

struct targets {
    struct queue_target *all;
    size_t count, cap;
};

static bool add_target(void *arg, uint64_t id, uint16_t delivery, const struct queue_admin_item *l)
{
    struct targets *t = arg;
    (void)l;
    if (t->count == t->cap) {
        t->cap = t->cap ? t->cap * 2 : 64;
        t->all = mem_resize(t->all, t->cap * sizeof *t->all);
    }
    t->all[t->count++] = (struct queue_target){id, delivery};
    return true;
}

static err change_some(struct queue *q, const struct queue_target *targets, size_t count,
                       enum queue_admin_verb change, deadline until)
{
    static const enum queue_change changes[] = {QUEUE_CHANGE_HOLD, QUEUE_CHANGE_RELEASE,
                                                QUEUE_CHANGE_RETRY, QUEUE_CHANGE_REMOVE};
    struct queue_request *r = queue_request_make(q, QUEUE_REQUEST_CHANGE);
    r->change = changes[change];
    r->targets = mem_alloc(count * sizeof *r->targets);
    r->target_count = count;
    for (size_t i = 0; i < count; i++)
        r->targets[i] = targets[i];
    return queue_request_run(r, until);
}

err queue_admin_change(struct queue *q, const struct queue_admin_filter *f,
                       enum queue_admin_verb change, size_t *ret_count, deadline until)
{
    struct targets t = {0};
    struct walk w = {.queue = q, .filter = f, .each = add_target, .arg = &t};
    err e = walk(&w, until);
    for (size_t i = 0; i < t.count && e == NULL; i += QUEUE_CHANGES_MAX) {
        size_t left = t.count - i;
        e = change_some(q, t.all + i, left < QUEUE_CHANGES_MAX ? left : QUEUE_CHANGES_MAX, change,
                        until);
    }
    mem_free(t.all);
    if (e == NULL)
        *ret_count = t.count;
    return e;
}
