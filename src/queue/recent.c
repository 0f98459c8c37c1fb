#include "queue/recent.h"
#include "base/mem.h"
#include <pthread.h>
#include <string.h>

enum { BLOCKS_MAX = QUEUE_RECENT_BYTES / FILE_DIRECT_ALIGN };

struct block { /* bytes of one segment, in one piece */
    uint64_t order, offset;
    const char *at;
    size_t len;
};

struct queue_recent {
    char *memory; /* used round and round */
    size_t next;  /* where the next room begins */

    pthread_mutex_t lock;            /* guards the blocks, and the memory that they name */
    struct block blocks[BLOCKS_MAX]; /* a ring; the oldest is the first, and first in memory too */
    size_t first, count;
};

struct queue_recent *queue_recent_open(void)
{
    struct queue_recent *r = MEM_NEW(struct queue_recent);
    r->memory = mem_map(QUEUE_RECENT_BYTES);
    pthread_mutex_init(&r->lock, NULL);
    return r;
}

void queue_recent_close(struct queue_recent *r)
{
    if (r == NULL)
        return;
    mem_unmap(r->memory, QUEUE_RECENT_BYTES);
    pthread_mutex_destroy(&r->lock);
    mem_free(r);
}

static struct block *block_of(struct queue_recent *r, size_t i)
{
    return &r->blocks[(r->first + i) % BLOCKS_MAX];
}

static void forget_first(struct queue_recent *r)
{
    r->first = (r->first + 1) % BLOCKS_MAX;
    r->count--;
}

/* Forget what lies in this part of the memory; the oldest block is the first that can. */
static void forget(struct queue_recent *r, size_t from, size_t to)
{
    while (r->count > 0) {
        size_t at = (size_t)(block_of(r, 0)->at - r->memory);
        if (at >= to || at + block_of(r, 0)->len <= from)
            return;
        forget_first(r);
    }
}

char *queue_recent_room(struct queue_recent *r, size_t size)
{
    ASSERT(size % FILE_DIRECT_ALIGN == 0);
    if (size > QUEUE_RECENT_BYTES / 2)
        return NULL;
    pthread_mutex_lock(&r->lock);
    if (QUEUE_RECENT_BYTES - r->next < size) {
        forget(r, r->next, QUEUE_RECENT_BYTES);
        r->next = 0;
    }
    char *room = r->memory + r->next;
    r->next += size;
    forget(r, r->next - size, r->next);
    pthread_mutex_unlock(&r->lock);
    return room;
}

void queue_recent_show(struct queue_recent *r, const struct queue_segment *s, uint64_t offset,
                       const char *at, size_t len)
{
    pthread_mutex_lock(&r->lock);
    if (r->count == BLOCKS_MAX)
        forget_first(r);
    *block_of(r, r->count++) = (struct block){s->order, offset, at, len};
    pthread_mutex_unlock(&r->lock);
}

static bool is_before(const struct block *b, uint64_t order, uint64_t offset)
{
    return b->order < order || (b->order == order && b->offset <= offset);
}

/* The last block that begins at or before the place; NULL: none. */
static const struct block *find(struct queue_recent *r, uint64_t order, uint64_t offset)
{
    size_t low = 0, high = r->count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (is_before(block_of(r, middle), order, offset))
            low = middle + 1;
        else
            high = middle;
    }
    return low > 0 ? block_of(r, low - 1) : NULL;
}

bool queue_recent_read(struct queue_recent *r, const struct queue_segment *s, uint64_t offset,
                       void *to, size_t size)
{
    if (s->order == 0)
        return false;
    pthread_mutex_lock(&r->lock);
    const struct block *b = find(r, s->order, offset);
    bool here = b && b->order == s->order && size <= b->len && offset - b->offset <= b->len - size;
    if (here && size > 0)
        memcpy(to, b->at + (offset - b->offset), size);
    pthread_mutex_unlock(&r->lock);
    return here;
}
