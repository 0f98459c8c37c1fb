#include "base/arena.h"
#include "base/mem.h"
#include <stdalign.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum {
    CHUNK_BYTES_FIRST = 1024,
    CHUNK_BYTES_MAX = 64 * 1024,
};

struct chunk {
    struct chunk *next;
    size_t used, size;
    alignas(max_align_t) char bytes[];
};

struct deferred {
    struct deferred *next;
    void (*release)(void *);
    void *object;
};

struct arena {
    struct chunk *chunks; /* newest first */
    struct deferred *deferred;
    size_t used, max;
};

struct arena *arena_open(size_t bytes_max)
{
    ASSERT(bytes_max > 0);
    struct arena *a = MEM_NEW(struct arena);
    a->max = bytes_max;
    return a;
}

static void release_deferred(struct arena *a)
{
    while (a->deferred) {
        struct deferred *d = a->deferred;
        a->deferred = d->next;
        d->release(d->object);
    }
}

static void free_chunks(struct chunk *c)
{
    while (c) {
        struct chunk *next = c->next;
        mem_free(c);
        c = next;
    }
}

void arena_reset(struct arena *a)
{
    release_deferred(a);
    free_chunks(a->chunks);
    a->chunks = NULL;
    a->used = 0;
}

/* The newest chunk is the biggest, but where something alone was too big for one. */
void arena_clear(struct arena *a)
{
    release_deferred(a);
    struct chunk *kept = a->chunks;
    a->used = 0;
    if (kept == NULL)
        return;
    free_chunks(kept->next);
    kept->next = NULL;
    if (kept->size > CHUNK_BYTES_MAX) {
        mem_free(kept);
        a->chunks = NULL;
        return;
    }
    memset(kept->bytes, 0, kept->used);
    kept->used = 0;
}

void arena_close(struct arena *a)
{
    if (a == NULL)
        return;
    arena_reset(a);
    mem_free(a);
}

void arena_cleanup(struct arena **a)
{
    arena_close(*a);
    *a = NULL;
}

static struct chunk *add_chunk(struct arena *a, size_t least)
{
    size_t size = a->chunks ? a->chunks->size * 2 : CHUNK_BYTES_FIRST;
    if (size > CHUNK_BYTES_MAX)
        size = CHUNK_BYTES_MAX;
    if (size < least)
        size = least;
    struct chunk *c = mem_alloc(sizeof *c + size);
    c->size = size;
    c->next = a->chunks;
    a->chunks = c;
    return c;
}

void *arena_alloc(struct arena *a, size_t size)
{
    size_t align = alignof(max_align_t);
    ASSERT(size <= a->max - a->used);
    size = (size + align - 1) / align * align;
    struct chunk *c = a->chunks;
    if (c == NULL || c->size - c->used < size)
        c = add_chunk(a, size);
    void *memory = c->bytes + c->used;
    c->used += size;
    a->used += size;
    if (a->used > a->max) /* only by the rounding */
        a->used = a->max;
    return memory;
}

str arena_str(struct arena *a, str s)
{
    if (s.len == 0)
        return (str){0};
    char *copy = arena_alloc(a, s.len);
    memcpy(copy, s.ptr, s.len);
    return (str){copy, s.len};
}

char *arena_chars(struct arena *a, str s)
{
    char *copy = arena_alloc(a, s.len + 1);
    if (s.len)
        memcpy(copy, s.ptr, s.len);
    return copy;
}

str arena_printf(struct arena *a, const char *fmt, ...)
{
    ASSERT(fmt != NULL); /* also tells a sanitizing gcc, which otherwise warns */
    va_list args, again;
    va_start(args, fmt);
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    ASSERT(len >= 0);
    char *text = arena_alloc(a, (size_t)len + 1);
    vsnprintf(text, (size_t)len + 1, fmt, again);
    va_end(again);
    return (str){text, (size_t)len};
}

size_t arena_used(const struct arena *a) { return a->used; }

void arena_defer(struct arena *a, void (*release)(void *), void *object)
{
    struct deferred *d = ARENA_NEW(a, struct deferred);
    *d = (struct deferred){a->deferred, release, object};
    a->deferred = d;
}
