/* runtime/stack.h -- guarded stacks for fibers, pooled
 *
 * A stack is 64 KiB of address space with an unmapped page below it. Only pages that were touched
 * cost memory; stack_trim() gives back what lies below the pointer that is in use.
 */
#pragma once
#include "base/sanitize.h"
#include <stddef.h>

enum {
#if defined(WITH_ASAN) || defined(WITH_TSAN)
    STACK_BYTES = 256 * 1024, /* sanitizers make frames several times larger */
#else
    STACK_BYTES = 64 * 1024,
#endif
    STACK_GUARD_BYTES = 4096,
    STACKS_POOLED_MAX = 512, /* for each loop; more are given back to the system */
};

struct stack {
    struct stack *next; /* in the pool; these words lie at the top of the stack itself */
    char *bottom;       /* lowest usable byte */
    unsigned valgrind_id;
};

struct stack_pool {
    struct stack *free;
    size_t count;
};

struct stack *stack_take(struct stack_pool *);
void stack_give(struct stack_pool *, struct stack *);
void stack_pool_release(struct stack_pool *);

/* Give the pages below pointer back; it points into this stack. */
void stack_trim(struct stack *, const void *pointer);

/* The census: paint before use, then ask how deep the paint was broken. */
void stack_paint(struct stack *);
size_t stack_depth(const struct stack *);
