#include "runtime/stack.h"
#include "base/assert.h"
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#ifdef WITH_ASAN
#include <sanitizer/asan_interface.h>
#endif
#if __has_include(<valgrind/memcheck.h>)
#include <valgrind/memcheck.h>
#else
#define VALGRIND_STACK_REGISTER(from, to) 0
#define VALGRIND_STACK_DEREGISTER(id) ((void)(id))
#define VALGRIND_MAKE_MEM_DEFINED(from, size) 0
#endif

enum { PAINT = 0x5a };

static char *top_of(const struct stack *s) { return (char *)s; }

static struct stack *map_stack(void)
{
    size_t size = STACK_BYTES + STACK_GUARD_BYTES;
    char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED || mprotect(memory, STACK_GUARD_BYTES, PROT_NONE) != 0) {
        fprintf(stderr, "smtptool: no memory map left for a fiber: raise vm.max_map_count\n");
        abort();
    }
    struct stack *s = (struct stack *)(memory + size - sizeof *s);
    s->bottom = memory + STACK_GUARD_BYTES;
    s->valgrind_id = VALGRIND_STACK_REGISTER(s->bottom, top_of(s));
    return s;
}

/* A fiber leaves its last frames without returning from them: the sanitizer must not believe that
 * they are still there when the stack is used again, or its addresses by somebody else. */
static void forget_frames(struct stack *s)
{
    (void)s;
#ifdef WITH_ASAN
    __asan_unpoison_memory_region(s->bottom, (size_t)(top_of(s) - s->bottom));
#endif
}

static void unmap_stack(struct stack *s)
{
    forget_frames(s);
    VALGRIND_STACK_DEREGISTER(s->valgrind_id);
    munmap(s->bottom - STACK_GUARD_BYTES, STACK_BYTES + STACK_GUARD_BYTES);
}

struct stack *stack_take(struct stack_pool *pool)
{
    struct stack *s = pool->free;
    if (s) {
        pool->free = s->next;
        pool->count--;
        forget_frames(s);
    } else {
        s = map_stack();
    }
    return s;
}

void stack_give(struct stack_pool *pool, struct stack *s)
{
    if (pool->count >= STACKS_POOLED_MAX) {
        unmap_stack(s);
        return;
    }
    s->next = pool->free;
    pool->free = s;
    pool->count++;
}

void stack_pool_release(struct stack_pool *pool)
{
    while (pool->free) {
        struct stack *s = pool->free;
        pool->free = s->next;
        unmap_stack(s);
    }
    pool->count = 0;
}

void stack_trim(struct stack *s, const void *pointer)
{
    uintptr_t page = 4096, red_zone = 128;
    uintptr_t end = ((uintptr_t)pointer - red_zone) & ~(page - 1);
    uintptr_t start = (uintptr_t)s->bottom;
    ASSERT((const char *)pointer > s->bottom);
    ASSERT((const char *)pointer < top_of(s));
    if (end > start)
        madvise(s->bottom, end - start, MADV_DONTNEED);
}

/* To memcheck what lies below a stack's pointer is nobody's. */
static void own_whole(const struct stack *s)
{
    (void)s; /* without valgrind's header the line below is nothing */
    (void)VALGRIND_MAKE_MEM_DEFINED(s->bottom, (size_t)(top_of(s) - s->bottom));
}

void stack_paint(struct stack *s)
{
    own_whole(s);
    memset(s->bottom, PAINT, (size_t)(top_of(s) - s->bottom));
}

size_t stack_depth(const struct stack *s)
{
    const char *at = s->bottom;
    own_whole(s);
    while (at < top_of(s) && *at == PAINT)
        at++;
    return (size_t)(top_of(s) - at);
}
