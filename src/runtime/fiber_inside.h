/* runtime/fiber_inside.h -- what fiber.c, loop.c and their drivers share; nobody else's business */
#pragma once
#include "base/heap.h"
#include "runtime/loop.h"
#include "runtime/stack.h"

/* Boost.Context's C symbols (static archive): a context is the stack pointer it was left with. */
struct fiber_jump {
    void *context;
    void *data;
};
struct fiber_jump jump_fcontext(void *to, void *data);
void *make_fcontext(void *stack_top, size_t size, void (*entry)(struct fiber_jump));

struct fiber {
    struct list ready;  /* in loop->ready */
    struct list waiter; /* in a gate's waiters */
    struct list member; /* in group->members */
    struct list parked; /* in loop->parked, until its stack was trimmed */
    struct heap_node timer;
    struct loop *loop;
    struct group *group;
    void *context;
    struct stack *stack;
    const char *name;
    void (*run)(void *arg);
    void *arg;
    struct err_ring *errs;
    int64_t parked_at_ms;
    bool waiting, canceled, timed_out, ended;
    void *sanitizer; /* ASan's fake stack or TSan's fiber */
};

struct loop {
    struct list ready;
    struct list parked; /* longest first */
    struct heap timers; /* keys: steady ms */
    struct net_driver *net;
    bool net_is_ours, trims_stacks;
    void *context; /* of the thread that runs the loop */
    struct fiber *current;
    size_t live;
    size_t expected; /* notes that others still owe us */
    struct stack_pool stacks;
    struct loop_note *notes; /* atomic: a stack, newest first */
    int posting;             /* atomic: posters that may still look at the loop */
    void *sanitizer;
    const void *thread_stack;
    size_t thread_stack_bytes;
};

/* Let others run until woken, canceled or the deadline. Not canceled means: cancellation does not
 * end this wait. */
err fiber_suspend(deadline until);
void fiber_suspend_firmly(void);
void fiber_wake(struct fiber *);   /* does nothing unless it is suspended */
void fiber_resume(struct fiber *); /* the loop's side of the switch */
