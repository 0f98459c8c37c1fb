#include "queue/admin.h"
#include "base/mem.h"
#include "queue/index.h"
#include "queue/peek.h"
#include "queue/request.h"
#include <stdlib.h>

enum { LISTED_ARENA_BYTES = 48 << 20 };

struct ids { /* of the messages when the walk began; those that came later are not shown */
    uint64_t *all;
    size_t count;
};

static int compare_ids(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

/* A million ids are 8 MB and a few milliseconds: then no lock is held over a walk. */
static void gather(struct queue *q, const struct queue_admin_filter *f, struct ids *ids)
{
    uint64_t one;
    size_t position = 0;
    struct queue_entry *e;
    bool single = f->id.len > 0;
    if (single && !queue_id_parse(f->id, &one))
        return;
    pthread_mutex_lock(&q->lock);
    ids->all = mem_alloc((single ? 1 : q->messages.len) * sizeof *ids->all);
    if (single && queue_index_find(q, one))
        ids->all[ids->count++] = one;
    while (!single && (e = table_next(&q->messages, &position)) != NULL)
        ids->all[ids->count++] = e->id;
    pthread_mutex_unlock(&q->lock);
    if (ids->count > 1)
        qsort(ids->all, ids->count, sizeof *ids->all, compare_ids);
}

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

/* The next delivery of the message that may match, from *index on. */
static bool next_delivery(struct walk *w, uint64_t id, uint16_t *index)
{
    bool found = false;
    pthread_mutex_lock(&w->queue->lock);
    struct queue_entry *e = queue_index_find(w->queue, id);
    for (; e && *index < e->delivery_count; ++*index) {
        found = may_match(w->filter, &e->deliveries[*index]);
        if (found)
            break;
    }
    pthread_mutex_unlock(&w->queue->lock);
    return found;
}

static err walk(struct walk *w, deadline until)
{
    struct ids ids = {0};
    err e = NULL;
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(LISTED_ARENA_BYTES);
    gather(w->queue, w->filter, &ids);
    for (size_t i = 0; i < ids.count && e == NULL && !w->stopped; i++) {
        uint16_t index = 0;
        for (; e == NULL && !w->stopped && next_delivery(w, ids.all[i], &index); index++) {
            e = visit(w, ids.all[i], index, arena, until);
            arena_reset(arena);
        }
        if (e == NULL && i % QUEUE_ADMIN_STEP == QUEUE_ADMIN_STEP - 1)
            e = fiber_yield();
    }
    mem_free(ids.all);
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
