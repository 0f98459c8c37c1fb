#include "queue/request.h"
#include "base/mem.h"
#include "queue/commit.h"
#include "queue/index.h"
#include "queue/supply.h"
#include <errno.h>

struct queue_request *queue_request_make(struct queue *q, enum queue_request_kind kind)
{
    struct queue_request *r = MEM_NEW(struct queue_request);
    r->kind = kind;
    r->queue = q;
    r->loop = loop_current();
    gate_init(&r->gate);
    return r;
}

static void release_new(struct queue *q, struct queue_new *n, bool stored)
{
    buf_release(&n->front);
    queue_once_release(&n->once);
    int64_t memory = (int64_t)n->content.cap;
    buf_release(&n->content);
    __atomic_sub_fetch(&q->draft_memory, memory, __ATOMIC_RELAXED);
    pthread_mutex_lock(&q->lock);
    if (!stored && n->entry)
        queue_index_drop(q, n->entry);
    pthread_mutex_unlock(&q->lock);
    if (!stored && n->has_file)
        queue_supply_unlink(q, n->record.id);
}

void queue_request_free(struct queue_request *r)
{
    bool stored = r->answer != QUEUE_UNANSWERED && !r->failed;
    for (size_t i = 0; i < r->new_count; i++)
        release_new(r->queue, &r->news[i], stored);
    mem_free(r->news);
    mem_free(r->outcomes);
    mem_free(r->targets);
    mem_free(r);
}

static err answer_of(const struct queue_request *r)
{
    if (!r->failed)
        return NULL;
    errno = r->failed_number;
    return err_new(r->failed_kind, "%s", r->failed_text);
}

err queue_request_run(struct queue_request *r, deadline until)
{
    ASSERT(r->loop != NULL);
    struct loop *loop = r->loop;
    if (!queue_commit_here(r->queue, r)) {
        loop_expect(loop);
        chan_send(r->queue->requests, &r->item);
    }
    err e = NULL;
    while (!r->arrived && e == NULL)
        e = gate_wait(&r->gate, until);
    if (r->arrived) {
        e = answer_of(r);
        queue_request_free(r);
        return e;
    }
    int before = QUEUE_UNANSWERED;
    bool left = __atomic_compare_exchange_n(&r->answer, &before, QUEUE_LEFT, false,
                                            __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
    if (left) {
        loop_came(loop); /* no note: the commit thread frees it */
        return e;
    }
    e = answer_of(r);
    r->released = true; /* its note is under way */
    return e;
}
