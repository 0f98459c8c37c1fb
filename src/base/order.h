/* base/order.h -- objects in the order of 64-bit numbers
 *
 * Keys and pointers stand side by side in runs, and the runs in a row: what follows a key is found
 * without looking at all the rest, and what comes in order (ids that were just given out) touches
 * the last run only, however many lie before it. The order stores pointers to objects that belong
 * to somebody else. With a million objects it takes 17 bytes for each that came in order, 20 when
 * each came a few places early or late, at most three times that after any removals.
 */
#pragma once
#include "base/pool.h"
#include <stdint.h>

enum { ORDER_RUN_MAX = 31 };

struct order {
    struct order_run_at *runs; /* by their first keys */
    size_t run_count, run_cap;
    size_t len;
    struct pool pool; /* for runs */
};

struct order_place { /* good until the order changes */
    size_t run, at;
};

void order_init(struct order *);
void order_release(struct order *);                         /* the objects stay their owners' */
void order_add(struct order *, uint64_t key, void *object); /* the key must not be there yet */
void *order_find(const struct order *, uint64_t key);       /* NULL: not there */
void *order_remove(struct order *, uint64_t key);           /* what was removed, or NULL */

/* Walk: begin at the smallest key that is not below this one; next gives NULL at the end. */
struct order_place order_begin(const struct order *, uint64_t key);
void *order_next(const struct order *, struct order_place *);
size_t order_bytes(const struct order *); /* what it takes */
