#include "base/pool.h"
#include "base/mem.h"
#include "base/sanitize.h"
#include <stdint.h>
#include <string.h>

enum { BLOCK_BYTES = 256 * 1024 };

struct block { /* at a multiple of BLOCK_BYTES, so that an object's address tells its block */
    struct list link;
    void *freed;            /* objects that were freed, each pointing to the next */
    uint32_t count, unused; /* objects in use; offset of the first that never was, 0: none */
};

#ifdef WITH_ASAN /* which sees a use after free only where every object is an allocation */
enum { POOLED_BYTES_MAX = 0 };
#else
enum { POOLED_BYTES_MAX = POOL_OBJECT_BYTES_MAX };
#endif

static size_t round_up(size_t size)
{
    size_t steps = size ? (size + POOL_STEP_BYTES - 1) / POOL_STEP_BYTES : 1;
    return steps * POOL_STEP_BYTES;
}

static struct list *class_of(struct pool *p, size_t rounded)
{
    return &p->roomy[rounded / POOL_STEP_BYTES - 1];
}

static struct block *block_of(void *object)
{
    return (struct block *)((uintptr_t)object & ~(uintptr_t)(BLOCK_BYTES - 1));
}

static bool has_room(const struct block *b) { return b->freed || b->unused; }

void pool_init(struct pool *p)
{
    for (size_t i = 0; i < POOL_CLASSES; i++)
        list_init(&p->roomy[i]);
    p->bytes = 0;
}

void pool_release(struct pool *p)
{
    for (size_t i = 0; i < POOL_CLASSES; i++) {
        struct list *link;
        while ((link = list_take_first(&p->roomy[i])) != NULL) {
            struct block *b = LIST_OF(link, struct block, link);
            ASSERT(b->count == 0);
            mem_unmap(b, BLOCK_BYTES);
            p->bytes -= BLOCK_BYTES;
        }
    }
    ASSERT(p->bytes == 0);
}

static struct block *block_with_room(struct pool *p, struct list *roomy)
{
    if (!list_empty(roomy))
        return LIST_OF(roomy->next, struct block, link);
    struct block *b = mem_map(BLOCK_BYTES);
    b->unused = sizeof *b;
    p->bytes += BLOCK_BYTES;
    list_add_first(roomy, &b->link);
    return b;
}

static void *take(struct block *b, size_t size)
{
    void *object = b->freed;
    b->count++;
    if (object) {
        memcpy(&b->freed, object, sizeof b->freed);
        return object;
    }
    object = (char *)b + b->unused;
    b->unused += (uint32_t)size;
    if (b->unused + size > BLOCK_BYTES)
        b->unused = 0;
    return object;
}

void *pool_alloc(struct pool *p, size_t size)
{
    if (size > POOLED_BYTES_MAX) {
        p->bytes += size;
        return mem_alloc(size);
    }
    size_t rounded = round_up(size);
    struct block *b = block_with_room(p, class_of(p, rounded));
    void *object = take(b, rounded);
    if (!has_room(b))
        list_remove(&b->link);
    return memset(object, 0, rounded);
}

void pool_free(struct pool *p, void *object, size_t size)
{
    if (object == NULL)
        return;
    if (size > POOLED_BYTES_MAX) {
        p->bytes -= size;
        mem_free(object);
        return;
    }
    struct list *roomy = class_of(p, round_up(size));
    struct block *b = block_of(object);
    ASSERT(b->count > 0);
    if (!has_room(b))
        list_add_first(roomy, &b->link);
    memcpy(object, &b->freed, sizeof b->freed);
    b->freed = object;
    b->count--;
    bool only = roomy->next == &b->link && roomy->prev == &b->link;
    if (b->count > 0 || only) /* the last one stays: the next object will want it */
        return;
    list_remove(&b->link);
    mem_unmap(b, BLOCK_BYTES);
    p->bytes -= BLOCK_BYTES;
}
