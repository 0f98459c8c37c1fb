#include "queue/once.h"
#include "base/clock.h"
#include "base/mem.h"
#include "queue/inside.h"
#include "queue/once_file.h"
#include "queue/supply.h"
#include <stdlib.h>
#include <string.h>

enum {
    ID_TIME_SHIFT = 22,
    BLOCK_ENTRIES = 4096,
    INDEX_MIN = 1024,    /* slots; a power of two */
    EXPIRE_AT_ONCE = 64, /* while somebody waits for an answer */
};

static_assert(sizeof(struct queue_once_entry) == 24, "memory of a key");

struct queue_once_claim {
    struct queue_once_key key;
    struct queue *queue;
    bool kept;
};

struct loaded {
    struct queue_once_entry entry;
    bool filed;
};

struct queue_once {
    pthread_mutex_t lock; /* guards all but the first two */
    int64_t window_ms;
    uint32_t keys_max;
    /* A ring in the order of acceptance, in blocks that come and go: entries first..end. */
    struct queue_once_entry **blocks;
    uint64_t capacity; /* a multiple of BLOCK_ENTRIES */
    uint64_t first, end, filed;
    uint32_t *index; /* places in the ring + 1 by name, open addressing; 0: free */
    size_t index_size;
    struct table claims;
    uint64_t room; /* that files have for more */
    bool no_more_room, used;
    struct loaded *loaded; /* while opening */
    size_t loaded_count, loaded_cap;
};

static str name_of(const struct queue_once_key *k)
{
    return (str){(const char *)k->name, QUEUE_ONCE_NAME_BYTES};
}

static str claim_name(const void *claim)
{
    return name_of(&((const struct queue_once_claim *)claim)->key);
}

/* ---- the ring ------------------------------------------------------------------------------ */

static void set_capacity(struct queue_once *o, uint64_t keys)
{
    uint64_t blocks = (keys + BLOCK_ENTRIES - 1) / BLOCK_ENTRIES + 1;
    mem_free(o->blocks);
    o->blocks = mem_alloc(blocks * sizeof *o->blocks);
    o->capacity = blocks * BLOCK_ENTRIES;
}

static struct queue_once_entry *entry_at(const struct queue_once *o, uint64_t n)
{
    uint64_t place = n % o->capacity;
    return &o->blocks[place / BLOCK_ENTRIES][place % BLOCK_ENTRIES];
}

static void add_entry(struct queue_once *o, const struct queue_once_entry *e)
{
    uint64_t place = o->end % o->capacity;
    struct queue_once_entry **block = &o->blocks[place / BLOCK_ENTRIES];
    if (*block == NULL)
        *block = mem_alloc(BLOCK_ENTRIES * sizeof **block);
    (*block)[place % BLOCK_ENTRIES] = *e;
    o->end++;
}

/* ---- the index ----------------------------------------------------------------------------- */

static size_t home_of(const struct queue_once *o, const struct queue_once_key *k)
{
    return (size_t)table_hash(name_of(k)) & (o->index_size - 1);
}

/* The slot where this name stands, or where it would. */
static size_t slot_of(const struct queue_once *o, const struct queue_once_key *k)
{
    size_t at = home_of(o, k);
    while (o->index[at] &&
           memcmp(entry_at(o, o->index[at] - 1)->key.name, k->name, QUEUE_ONCE_NAME_BYTES) != 0)
        at = (at + 1) & (o->index_size - 1);
    return at;
}

static void index_entry(struct queue_once *o, uint64_t n)
{
    o->index[slot_of(o, &entry_at(o, n)->key)] = (uint32_t)(n % o->capacity) + 1;
}

/* At most three quarters are in use. */
static void grow_index(struct queue_once *o, uint64_t keys)
{
    if (o->index_size && keys * 4 <= o->index_size * 3)
        return;
    size_t size = o->index_size ? o->index_size : INDEX_MIN;
    while (keys * 4 > size * 3)
        size *= 2;
    mem_free(o->index);
    o->index = mem_alloc(size * sizeof *o->index);
    o->index_size = size;
    for (uint64_t n = o->first; n < o->end; n++)
        index_entry(o, n);
}

/* Whoever stands behind a slot that becomes free, and not where it would like to, moves up. */
static void free_slot(struct queue_once *o, size_t hole)
{
    size_t mask = o->index_size - 1;
    for (size_t at = (hole + 1) & mask; o->index[at]; at = (at + 1) & mask) {
        size_t home = home_of(o, &entry_at(o, o->index[at] - 1)->key);
        if (((at - home) & mask) < ((at - hole) & mask))
            continue;
        o->index[hole] = o->index[at];
        hole = at;
    }
    o->index[hole] = 0;
}

static const struct queue_once_entry *find(const struct queue_once *o,
                                           const struct queue_once_key *k)
{
    if (o->index_size == 0)
        return NULL;
    uint32_t place = o->index[slot_of(o, k)];
    return place ? entry_at(o, place - 1) : NULL;
}

static void drop_first(struct queue_once *o)
{
    uint64_t place = o->first % o->capacity;
    free_slot(o, slot_of(o, &entry_at(o, o->first)->key));
    o->first++;
    if (o->filed < o->first)
        o->filed = o->first;
    if (place % BLOCK_ENTRIES == BLOCK_ENTRIES - 1) {
        mem_free(o->blocks[place / BLOCK_ENTRIES]);
        o->blocks[place / BLOCK_ENTRIES] = NULL;
    }
}

static bool is_over(const struct queue_once *o, uint64_t id)
{
    return (int64_t)(id >> ID_TIME_SHIFT) + o->window_ms <= clock_real_ms();
}

static bool expire_some(struct queue_once *o, int most)
{
    for (int i = 0; i < most; i++) {
        if (o->first == o->end || !is_over(o, entry_at(o, o->first)->id))
            return false;
        drop_first(o);
    }
    return true;
}

/* ---- who asks ------------------------------------------------------------------------------ */

static bool has_room(const struct queue_once *o)
{
    uint64_t unfiled = o->end - o->filed + o->claims.len;
    return o->end - o->first + o->claims.len < o->keys_max && o->window_ms > 0 &&
           !(o->no_more_room && unfiled >= o->room);
}

bool queue_once_has_room(struct queue *q)
{
    struct queue_once *o = q->once;
    pthread_mutex_lock(&o->lock);
    (void)expire_some(o, EXPIRE_AT_ONCE);
    bool room = has_room(o);
    pthread_mutex_unlock(&o->lock);
    return room;
}

static struct queue_once_claim *make_claim(struct queue *q, const struct queue_once_key *key)
{
    struct queue_once *o = q->once;
    struct queue_once_claim *c = MEM_NEW(struct queue_once_claim);
    c->key = *key;
    c->queue = q;
    table_add(&o->claims, c);
    grow_index(o, o->end - o->first + o->claims.len);
    o->used = true;
    return c;
}

enum queue_once_answer queue_once_claim(struct queue *q, const uint8_t name[QUEUE_ONCE_NAME_BYTES],
                                        struct queue_once_claim **ret_claim,
                                        struct queue_once_known *ret_known)
{
    struct queue_once *o = q->once;
    struct queue_once_key key = {.about = 0};
    memcpy(key.name, name, sizeof key.name);
    enum queue_once_answer answer = QUEUE_ONCE_NEW;
    pthread_mutex_lock(&o->lock);
    (void)expire_some(o, EXPIRE_AT_ONCE);
    const struct queue_once_entry *known = find(o, &key);
    if (known) { /* if over, an older one in front of it has not gone yet */
        *ret_known = (struct queue_once_known){queue_id_format(known->id), known->key.about};
        answer = QUEUE_ONCE_KNOWN;
    } else if (table_find(&o->claims, name_of(&key))) {
        answer = QUEUE_ONCE_BUSY;
    } else if (!has_room(o)) {
        answer = QUEUE_ONCE_FULL;
    } else {
        *ret_claim = make_claim(q, &key);
    }
    pthread_mutex_unlock(&o->lock);
    return answer;
}

void queue_once_set(struct queue_once_claim *c, uint32_t about) { c->key.about = about; }

struct queue_once_key queue_once_key_of(const struct queue_once_claim *c) { return c->key; }

void queue_once_release(struct queue_once_claim **claim)
{
    struct queue_once_claim *c = *claim;
    if (c == NULL)
        return;
    struct queue_once *o = c->queue->once;
    *claim = NULL;
    pthread_mutex_lock(&o->lock);
    if (!c->kept)
        (void)table_remove(&o->claims, name_of(&c->key));
    pthread_mutex_unlock(&o->lock);
    mem_free(c);
}

void queue_once_keep(struct queue *q, struct queue_once_claim *c, uint64_t id)
{
    struct queue_once *o = q->once;
    struct queue_once_entry e = {c->key, id};
    pthread_mutex_lock(&o->lock);
    ASSERT(!c->kept);
    ASSERT(o->end - o->first < o->capacity); /* claims are counted */
    c->kept = true;
    (void)table_remove(&o->claims, name_of(&c->key));
    add_entry(o, &e);
    index_entry(o, o->end - 1);
    bool many = (o->end - o->filed) % QUEUE_ONCE_FILE_WHEN == 0;
    pthread_mutex_unlock(&o->lock);
    if (many)
        queue_supply_wanted(q);
}

void queue_once_stats(struct queue *q, struct queue_once_stats *ret_stats)
{
    struct queue_once *o = q->once;
    pthread_mutex_lock(&o->lock);
    ret_stats->keys = o->end - o->first;
    ret_stats->claims = o->claims.len;
    ret_stats->bytes = o->index_size * sizeof *o->index;
    for (uint64_t i = 0; i < o->capacity / BLOCK_ENTRIES; i++)
        if (o->blocks[i])
            ret_stats->bytes += BLOCK_ENTRIES * sizeof **o->blocks;
    pthread_mutex_unlock(&o->lock);
}

/* ---- opening ------------------------------------------------------------------------------- */

struct queue_once *queue_once_open(int64_t window_ms, uint32_t keys_max)
{
    struct queue_once *o = MEM_NEW(struct queue_once);
    ASSERT(keys_max <= QUEUE_ONCE_KEYS_MAX);
    pthread_mutex_init(&o->lock, NULL);
    o->window_ms = window_ms;
    o->keys_max = keys_max;
    table_init(&o->claims, claim_name);
    set_capacity(o, keys_max);
    return o;
}

void queue_once_close(struct queue_once *o)
{
    if (o == NULL)
        return;
    for (uint64_t i = 0; i < o->capacity / BLOCK_ENTRIES; i++)
        mem_free(o->blocks[i]);
    mem_free(o->blocks);
    mem_free(o->index);
    mem_free(o->loaded);
    table_release(&o->claims);
    pthread_mutex_destroy(&o->lock);
    mem_free(o);
}

void queue_once_load(struct queue_once *o, const struct queue_once_entry *e, bool filed)
{
    if (is_over(o, e->id))
        return;
    if (o->loaded_count == o->loaded_cap) {
        o->loaded_cap = o->loaded_cap ? o->loaded_cap * 2 : BLOCK_ENTRIES;
        o->loaded = mem_resize(o->loaded, o->loaded_cap * sizeof *o->loaded);
    }
    o->loaded[o->loaded_count++] = (struct loaded){*e, filed};
}

/* By age; of two of the same message the one that stands in a file first. */
static int compare(const void *a, const void *b)
{
    const struct loaded *x = a, *y = b;
    if (x->entry.id != y->entry.id)
        return x->entry.id < y->entry.id ? -1 : 1;
    return y->filed - x->filed;
}

void queue_once_settle(struct queue_once *o)
{
    size_t count = o->loaded_count;
    if (count) {
        qsort(o->loaded, count, sizeof *o->loaded, compare);
        set_capacity(o, count > o->keys_max ? count : o->keys_max);
        grow_index(o, count);
    }
    bool all_filed = true;
    for (size_t i = 0; i < count; i++) {
        if (find(o, &o->loaded[i].entry.key))
            continue; /* the same again */
        all_filed = all_filed && o->loaded[i].filed;
        add_entry(o, &o->loaded[i].entry);
        index_entry(o, o->end - 1);
        o->filed += all_filed;
    }
    o->used = o->end > 0;
    mem_free(o->loaded);
    o->loaded = NULL;
    o->loaded_count = o->loaded_cap = 0;
}

/* ---- for the files ------------------------------------------------------------------------- */

size_t queue_once_unfiled(struct queue_once *o, struct queue_once_entry *all, size_t count,
                          uint64_t *ret_place)
{
    pthread_mutex_lock(&o->lock);
    size_t taken = 0;
    for (uint64_t n = o->filed; n < o->end && taken < count; n++)
        all[taken++] = *entry_at(o, n);
    *ret_place = o->filed + taken;
    pthread_mutex_unlock(&o->lock);
    return taken;
}

void queue_once_note_filed(struct queue_once *o, uint64_t place)
{
    pthread_mutex_lock(&o->lock);
    if (place > o->filed)
        o->filed = place;
    pthread_mutex_unlock(&o->lock);
}

void queue_once_file_again(struct queue_once *o)
{
    pthread_mutex_lock(&o->lock);
    o->filed = o->first;
    pthread_mutex_unlock(&o->lock);
}

void queue_once_set_room(struct queue_once *o, uint64_t room, bool failed)
{
    pthread_mutex_lock(&o->lock);
    o->room = room;
    o->no_more_room = failed;
    pthread_mutex_unlock(&o->lock);
}

bool queue_once_is_used(struct queue_once *o)
{
    pthread_mutex_lock(&o->lock);
    bool used = o->used;
    pthread_mutex_unlock(&o->lock);
    return used;
}

bool queue_once_is_over(struct queue_once *o, uint64_t id) { return is_over(o, id); }

uint64_t queue_once_count_unfiled(struct queue_once *o)
{
    pthread_mutex_lock(&o->lock);
    uint64_t count = o->end - o->filed;
    pthread_mutex_unlock(&o->lock);
    return count;
}

void queue_once_expire(struct queue_once *o)
{
    bool more = true;
    while (more) { /* who asks is let in between */
        pthread_mutex_lock(&o->lock);
        more = expire_some(o, BLOCK_ENTRIES);
        pthread_mutex_unlock(&o->lock);
    }
}
