/* base/arena.h -- memory with a lifetime
 *
 * What is allocated from an arena lives until arena_reset() or arena_close(); nothing in it is
 * freed alone. "Takes an arena" means "the result lives there".
 */
#pragma once
#include "base/err.h"

struct arena;

struct arena *arena_open(size_t bytes_max);
void arena_close(struct arena *); /* accepts NULL */
void arena_reset(struct arena *); /* runs what was deferred, newest first; gives memory back */
/* The same, but some memory is kept for what comes next: where that is soon, and much alike. */
void arena_clear(struct arena *);

/* Zeroed and aligned for any type. Never NULL: limits are checked where bytes enter, so an arena
 * past its maximum is a bug. */
void *arena_alloc(struct arena *, size_t size);
str arena_str(struct arena *, str); /* a copy */
str arena_printf(struct arena *, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
char *arena_chars(struct arena *, str); /* a NUL-terminated copy */
size_t arena_used(const struct arena *);

/* Run release(object) when the arena is reset: for what is not memory (a descriptor, an SSL). */
void arena_defer(struct arena *, void (*release)(void *), void *object);

#define ARENA_NEW(arena, type) ((type *)arena_alloc(arena, sizeof(type)))
#define ARENA_ARRAY(arena, type, count) ((type *)arena_alloc(arena, sizeof(type) * (count)))

/* For CLEANUP(arena_cleanup) struct arena *a = ... */
void arena_cleanup(struct arena **);
