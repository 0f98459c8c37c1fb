/* base/heap.h -- a binary heap of nodes ordered by a 64-bit key, smallest first
 *
 * The node lives inside its object and knows its place, so any node can be removed or moved in
 * O(log n). The heap owns its array only.
 */
#pragma once
#include "base/assert.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct heap_node {
    int64_t key;
    uint32_t place; /* index + 1; 0: in no heap */
};

struct heap {
    struct heap_node **nodes;
    uint32_t len, cap;
};

void heap_release(struct heap *); /* the nodes stay their owners' */
static inline bool heap_linked(const struct heap_node *node) { return node->place != 0; }
struct heap_node *heap_first(const struct heap *); /* NULL when empty */
void heap_add(struct heap *, struct heap_node *, int64_t key);
void heap_remove(struct heap *, struct heap_node *); /* does nothing when in no heap */
void heap_move(struct heap *, struct heap_node *, int64_t key);
