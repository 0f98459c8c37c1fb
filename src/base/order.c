#include "base/order.h"
#include "base/assert.h"
#include "base/mem.h"
#include <assert.h>
#include <string.h>

struct item {
    uint64_t key;
    void *object;
};

struct run {
    uint32_t count; /* never 0 */
    struct item items[ORDER_RUN_MAX];
};
static_assert(sizeof(struct run) <= POOL_OBJECT_BYTES_MAX, "runs are packed");

struct order_run_at {
    uint64_t first; /* the run's first key, so that looking for a run does not touch runs */
    struct run *run;
};

void order_init(struct order *o)
{
    *o = (struct order){0};
    pool_init(&o->pool);
}

static void free_run(struct order *o, struct run *r) { pool_free(&o->pool, r, sizeof *r); }

static void free_row(struct order *o)
{
    mem_free(o->runs);
    o->runs = NULL;
    o->run_cap = 0;
}

void order_release(struct order *o)
{
    for (size_t i = 0; i < o->run_count; i++)
        free_run(o, o->runs[i].run);
    free_row(o);
    pool_release(&o->pool);
    order_init(o);
}

size_t order_bytes(const struct order *o)
{
    return o->pool.bytes + o->run_cap * sizeof(struct order_run_at);
}

/* The last run that begins at or before the key; the first one when none does. */
static size_t find_run(const struct order *o, uint64_t key)
{
    size_t low = 0, high = o->run_count;
    if (high > 0 && o->runs[high - 1].first <= key)
        return high - 1; /* what is new comes last */
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (o->runs[middle].first <= key)
            low = middle;
        else
            high = middle;
    }
    return low;
}

/* How many keys of the run are below this one. */
static uint32_t find_item(const struct run *r, uint64_t key)
{
    uint32_t low = 0, high = r->count;
    if (r->items[high - 1].key < key)
        return high;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (r->items[middle].key < key)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static struct item *find(const struct order *o, uint64_t key, struct order_place *ret_place)
{
    if (o->run_count == 0)
        return NULL;
    size_t run = find_run(o, key);
    struct run *r = o->runs[run].run;
    uint32_t at = find_item(r, key);
    *ret_place = (struct order_place){run, at};
    return at < r->count && r->items[at].key == key ? &r->items[at] : NULL;
}

void *order_find(const struct order *o, uint64_t key)
{
    struct order_place place;
    const struct item *found = find(o, key, &place);
    return found ? found->object : NULL;
}

/* ---- adding ------------------------------------------------------------------------------- */

static void move_items(struct item *to, const struct item *from, uint32_t count)
{
    if (count)
        memmove(to, from, count * sizeof *to);
}

/* A new, empty run at this place of the row; its first key is set by who fills it. */
static struct run *insert_run(struct order *o, size_t place)
{
    if (o->run_count == o->run_cap) {
        o->run_cap = o->run_cap ? o->run_cap + o->run_cap / 2 : 8;
        o->runs = mem_resize(o->runs, o->run_cap * sizeof *o->runs);
    }
    memmove(o->runs + place + 1, o->runs + place, (o->run_count - place) * sizeof *o->runs);
    o->run_count++;
    struct run *r = pool_alloc(&o->pool, sizeof *r);
    o->runs[place].run = r;
    return r;
}

static void put_item(struct order *o, struct order_place place, uint64_t key, void *object)
{
    struct run *r = o->runs[place.run].run;
    uint32_t at = (uint32_t)place.at;
    move_items(&r->items[at + 1], &r->items[at], r->count - at);
    r->items[at] = (struct item){key, object};
    r->count++;
    o->runs[place.run].first = r->items[0].key;
    o->len++;
}

static bool has_room(const struct order *o, size_t run)
{
    return run < o->run_count && o->runs[run].run->count < ORDER_RUN_MAX;
}

/* The last item of the run becomes the first of the next one. */
static void pass_on(struct order *o, size_t run)
{
    struct run *r = o->runs[run].run, *next = o->runs[run + 1].run;
    move_items(&next->items[1], next->items, next->count);
    next->items[0] = r->items[--r->count];
    next->count++;
    o->runs[run + 1].first = next->items[0].key;
}

/* Room in a full run. Behind its end nothing moves: what comes in order fills each run to its end.
 * Else its last item goes to the next run, so that what comes nearly in order does as well. When
 * that is full, too, its upper half moves into a new run, and the place with it. */
static struct order_place make_room(struct order *o, struct order_place place)
{
    struct run *full = o->runs[place.run].run;
    size_t next = place.run + 1;
    if (place.at == full->count) {
        if (!has_room(o, next))
            insert_run(o, next);
        return (struct order_place){next, 0};
    }
    if (has_room(o, next)) {
        pass_on(o, place.run);
        return place;
    }
    uint32_t kept = full->count / 2;
    struct run *upper = insert_run(o, next);
    upper->count = full->count - kept;
    move_items(upper->items, &full->items[kept], upper->count);
    full->count = kept;
    o->runs[next].first = upper->items[0].key;
    if (place.at <= kept)
        return place;
    return (struct order_place){next, place.at - kept};
}

void order_add(struct order *o, uint64_t key, void *object)
{
    struct order_place place = {0, 0};
    ASSERT(object != NULL);
    if (o->run_count == 0) {
        insert_run(o, 0);
    } else {
        const struct item *there = find(o, key, &place);
        ASSERT(there == NULL);
        if (o->runs[place.run].run->count == ORDER_RUN_MAX)
            place = make_room(o, place);
    }
    put_item(o, place, key, object);
}

/* ---- removing ----------------------------------------------------------------------------- */

static void remove_run(struct order *o, size_t place)
{
    free_run(o, o->runs[place].run);
    o->run_count--;
    memmove(o->runs + place, o->runs + place + 1, (o->run_count - place) * sizeof *o->runs);
    if (o->run_count == 0)
        free_row(o);
}

/* The run behind goes into this one when both together leave a quarter of a run free. */
static void join(struct order *o, size_t place)
{
    if (place + 1 >= o->run_count)
        return;
    struct run *r = o->runs[place].run, *next = o->runs[place + 1].run;
    if (r->count + next->count > ORDER_RUN_MAX * 3 / 4)
        return;
    move_items(&r->items[r->count], next->items, next->count);
    r->count += next->count;
    remove_run(o, place + 1);
}

void *order_remove(struct order *o, uint64_t key)
{
    struct order_place place;
    const struct item *found = find(o, key, &place);
    if (found == NULL)
        return NULL;
    void *object = found->object;
    struct run *r = o->runs[place.run].run;
    uint32_t at = (uint32_t)place.at;
    r->count--;
    o->len--;
    move_items(&r->items[at], &r->items[at + 1], r->count - at);
    if (r->count == 0) {
        remove_run(o, place.run);
        return object;
    }
    o->runs[place.run].first = r->items[0].key;
    join(o, place.run);
    if (place.run > 0)
        join(o, place.run - 1);
    return object;
}

/* ---- walking ------------------------------------------------------------------------------ */

struct order_place order_begin(const struct order *o, uint64_t key)
{
    struct order_place place = {0, 0};
    (void)find(o, key, &place);
    return place;
}

void *order_next(const struct order *o, struct order_place *place)
{
    while (place->run < o->run_count) {
        const struct run *r = o->runs[place->run].run;
        if (place->at < r->count)
            return r->items[place->at++].object;
        *place = (struct order_place){place->run + 1, 0};
    }
    return NULL;
}
