#include "base/heap.h"
#include "base/mem.h"

void heap_release(struct heap *h)
{
    mem_free(h->nodes);
    *h = (struct heap){0};
}

struct heap_node *heap_first(const struct heap *h) { return h->len ? h->nodes[0] : NULL; }

static void put(struct heap *h, uint32_t i, struct heap_node *node)
{
    h->nodes[i] = node;
    node->place = i + 1;
}

static void sift_up(struct heap *h, uint32_t i, struct heap_node *node)
{
    while (i > 0 && h->nodes[(i - 1) / 2]->key > node->key) {
        put(h, i, h->nodes[(i - 1) / 2]);
        i = (i - 1) / 2;
    }
    put(h, i, node);
}

static void sift_down(struct heap *h, uint32_t i, struct heap_node *node)
{
    for (;;) {
        uint32_t child = 2 * i + 1;
        if (child >= h->len)
            break;
        if (child + 1 < h->len && h->nodes[child + 1]->key < h->nodes[child]->key)
            child++;
        if (h->nodes[child]->key >= node->key)
            break;
        put(h, i, h->nodes[child]);
        i = child;
    }
    put(h, i, node);
}

void heap_add(struct heap *h, struct heap_node *node, int64_t key)
{
    ASSERT(!heap_linked(node));
    if (h->len == h->cap) {
        h->cap = h->cap ? h->cap * 2 : 16;
        h->nodes = mem_resize(h->nodes, h->cap * sizeof(struct heap_node *));
    }
    node->key = key;
    sift_up(h, h->len++, node);
}

void heap_remove(struct heap *h, struct heap_node *node)
{
    if (!heap_linked(node))
        return;
    uint32_t i = node->place - 1;
    ASSERT(i < h->len);
    ASSERT(h->nodes[i] == node);
    node->place = 0;
    struct heap_node *last = h->nodes[--h->len];
    if (last == node)
        return;
    if (i > 0 && h->nodes[(i - 1) / 2]->key > last->key)
        sift_up(h, i, last);
    else
        sift_down(h, i, last);
}

void heap_move(struct heap *h, struct heap_node *node, int64_t key)
{
    heap_remove(h, node);
    heap_add(h, node, key);
}
