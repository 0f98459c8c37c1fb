#include "base/sanitize.h"
#include "runtime/fiber_inside.h"
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#ifdef WITH_ASAN
#include <sanitizer/common_interface_defs.h>
#endif
#ifdef WITH_TSAN
#include <sanitizer/tsan_interface.h>
#endif

/* ---- the switch ------------------------------------------------------------------------- */

static void before_switch_to_fiber(struct loop *l, struct fiber *f)
{
    (void)l, (void)f;
#ifdef WITH_ASAN
    __sanitizer_start_switch_fiber(&l->sanitizer, f->stack->bottom,
                                   (size_t)((char *)f->stack - f->stack->bottom));
#endif
#ifdef WITH_TSAN
    if (f->sanitizer == NULL)
        f->sanitizer = __tsan_create_fiber(0);
    l->sanitizer = __tsan_get_current_fiber();
    __tsan_switch_to_fiber(f->sanitizer, 0);
#endif
}

static void after_switch_to_loop(struct loop *l)
{
    (void)l;
#ifdef WITH_ASAN
    __sanitizer_finish_switch_fiber(l->sanitizer, NULL, NULL);
#endif
}

static void before_switch_to_loop(struct fiber *f)
{
    (void)f;
#ifdef WITH_ASAN
    __sanitizer_start_switch_fiber(f->ended ? NULL : &f->sanitizer, f->loop->thread_stack,
                                   f->loop->thread_stack_bytes);
#endif
#ifdef WITH_TSAN
    __tsan_switch_to_fiber(f->loop->sanitizer, 0);
#endif
}

static void after_switch_to_fiber(struct fiber *f)
{
    (void)f;
#ifdef WITH_ASAN
    __sanitizer_finish_switch_fiber(f->sanitizer, &f->loop->thread_stack,
                                    &f->loop->thread_stack_bytes);
#endif
}

/* From the fiber to its loop; comes back when the loop resumes it. */
static void leave(struct fiber *f)
{
    before_switch_to_loop(f);
    struct fiber_jump back = jump_fcontext(f->loop->context, NULL);
    f->loop->context = back.context;
    after_switch_to_fiber(f);
}

static struct {
    pthread_mutex_t lock;
    bool on;
    struct census_row {
        const char *name;
        size_t bytes, count;
    } rows[64];
} census = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void note_depth(const struct fiber *f)
{
    size_t depth = stack_depth(f->stack);
    pthread_mutex_lock(&census.lock);
    for (size_t i = 0; i < ARRAY_LEN(census.rows); i++) {
        struct census_row *row = &census.rows[i];
        if (row->name != NULL && strcmp(row->name, f->name) != 0)
            continue;
        row->name = f->name;
        row->count++;
        row->bytes = depth > row->bytes ? depth : row->bytes;
        break;
    }
    pthread_mutex_unlock(&census.lock);
}

void fiber_census(void (*tell)(void *arg, const char *name, size_t bytes, size_t count), void *arg)
{
    census.on = true;
    for (size_t i = 0; i < ARRAY_LEN(census.rows) && tell && census.rows[i].name; i++)
        tell(arg, census.rows[i].name, census.rows[i].bytes, census.rows[i].count);
}

static size_t fibers_alive; /* atomic */

size_t fiber_count(void) { return __atomic_load_n(&fibers_alive, __ATOMIC_RELAXED); }

static void group_left(struct fiber *f)
{
    struct group *g = f->group;
    list_remove(&f->member);
    if (list_empty(&g->members) && g->closer)
        fiber_wake(g->closer);
}

static void fiber_entry(struct fiber_jump from)
{
    struct fiber *f = from.data;
    f->loop->context = from.context;
    after_switch_to_fiber(f);
    f->run(f->arg);
    group_left(f);
    f->ended = true;
    leave(f);
    ASSERT(!f->ended); /* nobody resumes it */
}

static void bury(struct loop *l, struct fiber *f)
{
    if (census.on)
        note_depth(f);
    err_ring_release(f->errs);
#ifdef WITH_TSAN
    __tsan_destroy_fiber(f->sanitizer);
#endif
    l->live--;
    __atomic_sub_fetch(&fibers_alive, 1, __ATOMIC_RELAXED);
    stack_give(&l->stacks, f->stack);
}

void fiber_resume(struct fiber *f)
{
    struct loop *l = f->loop;
    l->current = f;
    struct err_ring *outside = err_ring_swap(f->errs);
    before_switch_to_fiber(l, f);
    struct fiber_jump back = jump_fcontext(f->context, f);
    after_switch_to_loop(l);
    f->context = back.context;
    f->errs = err_ring_swap(outside);
    l->current = NULL;
    if (f->ended)
        bury(l, f);
}

/* ---- waiting ---------------------------------------------------------------------------- */

static void suspend(struct fiber *f)
{
    struct loop *l = f->loop;
    f->waiting = true;
    f->timed_out = false;
    if (l->trims_stacks) {
        f->parked_at_ms = clock_steady_ms();
        list_add_last(&l->parked, &f->parked);
    }
    leave(f);
    list_remove(&f->parked);
}

err fiber_suspend(deadline until)
{
    struct fiber *f = fiber_current();
    ASSERT(f != NULL);
    if (f->canceled)
        return err_new(ERR_CANCELED, "canceled");
    if (until.at_ms != INT64_MAX)
        heap_add(&f->loop->timers, &f->timer, until.at_ms);
    suspend(f);
    heap_remove(&f->loop->timers, &f->timer);
    if (f->canceled)
        return err_new(ERR_CANCELED, "canceled");
    if (f->timed_out)
        return err_new(ERR_TIMEOUT, "not in time");
    return NULL;
}

void fiber_suspend_firmly(void) { suspend(fiber_current()); }

void fiber_wake(struct fiber *f)
{
    if (!f->waiting)
        return;
    f->waiting = false;
    list_add_last(&f->loop->ready, &f->ready);
}

err fiber_yield(void)
{
    struct fiber *f = fiber_current();
    f->waiting = true;
    fiber_wake(f);
    f->timed_out = false;
    leave(f);
    return f->canceled ? err_new(ERR_CANCELED, "canceled") : NULL;
}

err fiber_sleep(deadline until)
{
    err e = fiber_suspend(until);
    return e && e->kind == ERR_TIMEOUT ? NULL : e;
}

/* ---- groups ----------------------------------------------------------------------------- */

void group_init(struct group *g)
{
    *g = (struct group){0};
    list_init(&g->members);
}

void fiber_cancel(struct fiber *f)
{
    f->canceled = true;
    fiber_wake(f);
}

void group_close(struct group *g)
{
    g->closing = true;
    LIST_EACH(&g->members, node)
    fiber_cancel(LIST_OF(node, struct fiber, member));
    g->closer = fiber_current();
    ASSERT(g->closer != NULL || list_empty(&g->members));
    while (!list_empty(&g->members))
        fiber_suspend_firmly();
    g->closer = NULL;
}

err group_wait(struct group *g, deadline until)
{
    err e = NULL;
    g->closer = fiber_current();
    while (e == NULL && !list_empty(&g->members))
        e = fiber_suspend(until);
    g->closer = NULL;
    return e;
}

void fiber_spawn(struct group *g, const char *name, void (*run)(void *arg), void *arg)
{
    struct loop *l = loop_current();
    ASSERT(l != NULL);
    struct stack *stack = stack_take(&l->stacks);
    if (census.on)
        stack_paint(stack);
    size_t head = (sizeof(struct fiber) + 63) / 64 * 64;
    struct fiber *f = (struct fiber *)(((uintptr_t)stack - head) & ~(uintptr_t)63);
    *f =
        (struct fiber){.loop = l, .group = g, .stack = stack, .name = name, .run = run, .arg = arg};
    f->context = make_fcontext(f, (size_t)((char *)f - stack->bottom), fiber_entry);
    f->canceled = g->closing;
    list_add_last(&g->members, &f->member);
    l->live++;
    __atomic_add_fetch(&fibers_alive, 1, __ATOMIC_RELAXED);
    f->waiting = true;
    fiber_wake(f);
}

struct fiber *fiber_current(void)
{
    struct loop *l = loop_current();
    return l ? l->current : NULL;
}

bool fiber_canceled(void)
{
    struct fiber *f = fiber_current();
    return f && f->canceled;
}

const char *fiber_name(const struct fiber *f) { return f->name; }

/* ---- gates ------------------------------------------------------------------------------ */

void gate_init(struct gate *g) { list_init(&g->waiters); }

err gate_wait(struct gate *g, deadline until)
{
    struct fiber *f = fiber_current();
    list_add_last(&g->waiters, &f->waiter);
    err e = fiber_suspend(until);
    if (e && !list_linked(&f->waiter))
        gate_wake_one(g); /* it was meant for one who can use it */
    list_remove(&f->waiter);
    return e;
}

void gate_wake_one(struct gate *g)
{
    struct list *node = list_take_first(&g->waiters);
    if (node)
        fiber_wake(LIST_OF(node, struct fiber, waiter));
}

void gate_wake_all(struct gate *g)
{
    while (!list_empty(&g->waiters))
        gate_wake_one(g);
}
