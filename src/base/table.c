#include "base/table.h"
#include "base/mem.h"
#include "base/rand.h"
#include <assert.h>
#include <string.h>

/* Without padding: a table of a million has two million slots. */
struct table_slot {
    uint32_t hash; /* its lower half */
    void *object;  /* NULL: free; &removed: was removed */
} __attribute__((packed, aligned(4)));
static_assert(sizeof(struct table_slot) == 12, "memory of a slot");

static char removed;

static inline uint64_t rotate(uint64_t x, int bits) { return x << bits | x >> (64 - bits); }

static inline void sip_round(uint64_t v[4])
{
    v[0] += v[1];
    v[1] = rotate(v[1], 13) ^ v[0];
    v[0] = rotate(v[0], 32);
    v[2] += v[3];
    v[3] = rotate(v[3], 16) ^ v[2];
    v[0] += v[3];
    v[3] = rotate(v[3], 21) ^ v[0];
    v[2] += v[1];
    v[1] = rotate(v[1], 17) ^ v[2];
    v[2] = rotate(v[2], 32);
}

static uint64_t sip13(const uint64_t key[2], str s)
{
    uint64_t v[4] = {key[0] ^ 0x736f6d6570736575u, key[1] ^ 0x646f72616e646f6du,
                     key[0] ^ 0x6c7967656e657261u, key[1] ^ 0x7465646279746573u};
    uint64_t last = (uint64_t)s.len << 56, word;
    size_t i = 0;
    for (; i + 8 <= s.len; i += 8) {
        memcpy(&word, s.ptr + i, 8);
        v[3] ^= word;
        sip_round(v);
        v[0] ^= word;
    }
    for (int shift = 0; i < s.len; i++, shift += 8)
        last |= (uint64_t)(unsigned char)s.ptr[i] << shift;
    v[3] ^= last;
    sip_round(v);
    v[0] ^= last;
    v[2] ^= 0xff;
    for (int i_final = 0; i_final < 3; i_final++)
        sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

uint64_t hash_fixed(str key)
{
    static const uint64_t fixed[2] = {0x0706050403020100u, 0x0f0e0d0c0b0a0908u};
    return sip13(fixed, key);
}

uint64_t table_hash(str key) { return sip13(rand_process_key(), key); }

void table_init(struct table *t, str (*key_of)(const void *object))
{
    *t = (struct table){.key_of = key_of};
}

void table_release(struct table *t)
{
    mem_free(t->slots);
    table_init(t, t->key_of);
}

static struct table_slot *find_slot(const struct table *t, str key)
{
    if (t->cap == 0)
        return NULL;
    uint32_t hash = (uint32_t)table_hash(key);
    for (size_t i = hash & (t->cap - 1);; i = (i + 1) & (t->cap - 1)) {
        struct table_slot *slot = &t->slots[i];
        if (slot->object == NULL)
            return NULL;
        if (slot->object != &removed && slot->hash == hash && str_eq(t->key_of(slot->object), key))
            return slot;
    }
}

void *table_find(const struct table *t, str key)
{
    struct table_slot *slot = find_slot(t, key);
    return slot ? slot->object : NULL;
}

static void insert(struct table *t, uint32_t hash, void *object)
{
    size_t i = hash & (t->cap - 1);
    while (t->slots[i].object != NULL && t->slots[i].object != &removed)
        i = (i + 1) & (t->cap - 1);
    t->used += t->slots[i].object == NULL;
    t->slots[i] = (struct table_slot){hash, object};
    t->len++;
}

static void grow(struct table *t)
{
    struct table_slot *before = t->slots;
    size_t cap = t->cap;
    t->cap = t->len * 2 < 8 ? 16 : cap * (t->len * 2 > cap / 2 ? 2 : 1);
    ASSERT(t->cap <= UINT32_MAX);
    t->slots = mem_alloc(t->cap * sizeof(struct table_slot));
    t->len = t->used = 0;
    for (size_t i = 0; i < cap; i++)
        if (before[i].object != NULL && before[i].object != &removed)
            insert(t, before[i].hash, before[i].object);
    mem_free(before);
}

void table_add(struct table *t, void *object)
{
    str key = t->key_of(object);
    ASSERT_SLOW(table_find(t, key) == NULL);
    if ((t->used + 1) * 4 > t->cap * 3)
        grow(t);
    insert(t, (uint32_t)table_hash(key), object);
}

void *table_remove(struct table *t, str key)
{
    struct table_slot *slot = find_slot(t, key);
    if (slot == NULL)
        return NULL;
    void *object = slot->object;
    slot->object = &removed;
    t->len--;
    return object;
}

void *table_next(const struct table *t, size_t *position)
{
    while (*position < t->cap) {
        void *object = t->slots[(*position)++].object;
        if (object != NULL && object != &removed)
            return object;
    }
    return NULL;
}
