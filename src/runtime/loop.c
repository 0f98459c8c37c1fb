#include "runtime/loop.h"
#include "base/mem.h"
#include "runtime/fiber_inside.h"
#include "runtime/net_driver.h"
#include "runtime/net_epoll.h"
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STACK_TRIM_AFTER_MS = 1000 };

static _Thread_local struct loop *running;

struct loop *loop_current(void) { return running; }
struct net_driver *loop_net(struct loop *l) { return l->net; }

static const char *describe_current(void)
{
    static char text[96];
    struct fiber *f = fiber_current();
    snprintf(text, sizeof text, "in fiber %.80s", f ? f->name : "(none)");
    return text;
}

static struct loop *open_with(struct net_driver *net, bool is_ours)
{
    struct loop *l = MEM_NEW(struct loop);
    list_init(&l->ready);
    list_init(&l->parked);
    l->net = net;
    l->net_is_ours = is_ours;
    l->trims_stacks = is_ours;
    __atomic_store_n(&assert_describe, describe_current,
                     __ATOMIC_RELAXED); /* each loop says the same */
    return l;
}

struct loop *loop_open(struct net_driver *net)
{
    struct net_driver *own = net ? NULL : net_epoll_open();
    if (net == NULL && own == NULL) {
        fprintf(stderr, "smtptool: no event queue: %s\n", strerror(errno));
        abort();
    }
    return open_with(net ? net : own, net == NULL);
}

err loop_try_open(struct loop **ret_loop)
{
    struct net_driver *own = net_epoll_open();
    if (own == NULL)
        return err_new(ERR_SYSTEM, "an event queue");
    *ret_loop = open_with(own, true);
    return NULL;
}

void loop_close(struct loop *l)
{
    if (l == NULL)
        return;
    ASSERT(l->live == 0);
    while (__atomic_load_n(&l->posting, __ATOMIC_ACQUIRE) > 0)
        sched_yield(); /* a poster is still on its way out */
    if (l->net_is_ours)
        l->net->close(l->net);
    heap_release(&l->timers);
    stack_pool_release(&l->stacks);
    mem_free(l);
}

/* Notes are a stack that anyone pushes to and the loop takes whole. Who pushes the first one wakes
 * the loop; the others know that it is awake, or will be. */
void loop_post(struct loop *l, struct loop_note *note)
{
    __atomic_add_fetch(&l->posting, 1, __ATOMIC_RELAXED); /* once the note has run, l may go */
    struct loop_note *before = __atomic_load_n(&l->notes, __ATOMIC_RELAXED);
    do
        note->next = before;
    while (!__atomic_compare_exchange_n(&l->notes, &before, note, true, __ATOMIC_SEQ_CST,
                                        __ATOMIC_RELAXED));
    if (before == NULL && l != running)
        l->net->wake(l->net);
    __atomic_sub_fetch(&l->posting, 1, __ATOMIC_RELEASE);
}

void loop_expect(struct loop *l) { l->expected++; }

void loop_came(struct loop *l)
{
    ASSERT(l->expected > 0);
    l->expected--;
}

static bool has_notes(struct loop *l)
{
    return __atomic_load_n(&l->notes, __ATOMIC_SEQ_CST) != NULL;
}

static struct loop_note *oldest_first(struct loop_note *newest)
{
    struct loop_note *first = NULL;
    while (newest) {
        struct loop_note *next = newest->next;
        newest->next = first;
        first = newest;
        newest = next;
    }
    return first;
}

/* False: there was nothing to do. */
static bool run_notes(struct loop *l)
{
    if (!has_notes(l))
        return false;
    struct loop_note *note = oldest_first(__atomic_exchange_n(&l->notes, NULL, __ATOMIC_SEQ_CST));
    while (note) {
        struct loop_note *next = note->next;
        note->run(note);
        note = next;
    }
    return true;
}

/* Each fiber that is ready now runs once; those they wake come in the next turn. */
static void run_ready(struct loop *l)
{
    struct list now;
    list_init(&now);
    while (!list_empty(&l->ready))
        list_add_last(&now, list_take_first(&l->ready));
    while (!list_empty(&now))
        fiber_resume(LIST_OF(list_take_first(&now), struct fiber, ready));
}

static void run_timers(struct loop *l)
{
    if (heap_first(&l->timers) == NULL)
        return;
    int64_t now = clock_steady_ms();
    struct heap_node *node;
    while ((node = heap_first(&l->timers)) != NULL && node->key <= now) {
        struct fiber *f = CONTAINER_OF(node, struct fiber, timer);
        heap_remove(&l->timers, node);
        f->timed_out = f->waiting;
        fiber_wake(f);
    }
}

/* A fiber that has waited for a while gives back the part of its stack that is not in use. */
static void trim_parked(struct loop *l)
{
    if (list_empty(&l->parked))
        return;
    int64_t now = clock_steady_ms();
    while (!list_empty(&l->parked)) {
        struct fiber *f = LIST_OF(l->parked.next, struct fiber, parked);
        if (f->parked_at_ms + STACK_TRIM_AFTER_MS > now)
            return;
        list_remove(&f->parked);
        stack_trim(f->stack, f->context);
    }
}

int64_t loop_next_timer_ns(struct loop *l)
{
    int64_t next = INT64_MAX;
    struct heap_node *node = heap_first(&l->timers);
    if (node && node->key < INT64_MAX / 1000000)
        next = node->key * 1000000;
    if (!list_empty(&l->parked)) {
        struct fiber *f = LIST_OF(l->parked.next, struct fiber, parked);
        int64_t trim = (f->parked_at_ms + STACK_TRIM_AFTER_MS) * 1000000;
        next = trim < next ? trim : next;
    }
    return next;
}

static void turn(struct loop *l)
{
    run_notes(l);
    run_ready(l);
    bool over = l->live == 0 && l->expected == 0;
    bool busy = !list_empty(&l->ready) || over || has_notes(l);
    l->net->poll(l->net, l, busy ? 0 : loop_next_timer_ns(l));
    run_timers(l);
    trim_parked(l);
}

void loop_run(struct loop *l, const char *name, void (*entry)(void *arg), void *arg)
{
    struct loop *outer = running;
    struct group root;
    running = l;
    group_init(&root);
    fiber_spawn(&root, name, entry, arg);
    while (l->live > 0 || l->expected > 0)
        turn(l);
    while (run_notes(l))
        ;
    running = outer;
}

static void completion_note(struct loop_note *note)
{
    completion_arrived(CONTAINER_OF(note, struct completion, note));
}

void completion_arrived(struct completion *c)
{
    loop_came(c->loop);
    c->done = true;
    gate_wake_all(&c->gate);
}

void completion_forget(struct completion *c) { loop_came(c->loop); }

void completion_init(struct completion *c)
{
    *c = (struct completion){.loop = loop_current(), .note.run = completion_note};
    ASSERT(c->loop != NULL);
    gate_init(&c->gate);
    loop_expect(c->loop);
}

void completion_finish(struct completion *c) { loop_post(c->loop, &c->note); }

err completion_wait(struct completion *c, deadline until)
{
    while (!c->done)
        TRY(gate_wait(&c->gate, until));
    return NULL;
}
