#include "feedback/set.h"
#include "base/mem.h"
#include "base/table.h"
#include <pthread.h>
#include <stdatomic.h>

enum { CAP_FIRST = 1024 };

struct feedback_set {
    pthread_mutex_t lock;
    atomic_size_t len;
    uint64_t *slots; /* 0: free */
    size_t cap;      /* a power of two; at most three quarters are taken */
};

struct feedback_set *feedback_set_open(void)
{
    struct feedback_set *s = MEM_NEW(struct feedback_set);
    pthread_mutex_init(&s->lock, NULL);
    return s;
}

void feedback_set_close(struct feedback_set *s)
{
    if (s == NULL)
        return;
    pthread_mutex_destroy(&s->lock);
    mem_free(s->slots);
    mem_free(s);
}

static uint64_t hash_of(str address)
{
    uint64_t hash = table_hash(address);
    return hash ? hash : 1;
}

/* Where it is, or where it would be. */
static size_t place_of(const uint64_t *slots, size_t cap, uint64_t hash)
{
    size_t at = hash & (cap - 1);
    while (slots[at] != 0 && slots[at] != hash)
        at = (at + 1) & (cap - 1);
    return at;
}

static void grow(struct feedback_set *s)
{
    size_t cap = s->cap ? s->cap * 2 : CAP_FIRST;
    uint64_t *slots = mem_alloc(cap * sizeof *slots);
    for (size_t i = 0; i < s->cap; i++)
        if (s->slots[i])
            slots[place_of(slots, cap, s->slots[i])] = s->slots[i];
    mem_free(s->slots);
    s->slots = slots;
    s->cap = cap;
}

void feedback_set_add(struct feedback_set *s, str address)
{
    uint64_t hash = hash_of(address);
    pthread_mutex_lock(&s->lock);
    size_t len = atomic_load(&s->len);
    if (len < FEEDBACK_SET_MAX) {
        if (len >= s->cap / 4 * 3)
            grow(s);
        size_t at = place_of(s->slots, s->cap, hash);
        if (s->slots[at] == 0)
            atomic_store(&s->len, len + 1);
        s->slots[at] = hash;
    }
    pthread_mutex_unlock(&s->lock);
}

bool feedback_set_is_empty(struct feedback_set *s)
{
    return atomic_load_explicit(&s->len, memory_order_relaxed) == 0;
}

bool feedback_set_may_have(struct feedback_set *s, str address)
{
    size_t len = atomic_load_explicit(&s->len, memory_order_relaxed);
    if (len == 0 || len >= FEEDBACK_SET_MAX)
        return len > 0;
    uint64_t hash = hash_of(address);
    pthread_mutex_lock(&s->lock);
    bool there = s->slots[place_of(s->slots, s->cap, hash)] == hash;
    pthread_mutex_unlock(&s->lock);
    return there;
}
