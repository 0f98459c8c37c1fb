#include "base/heap.h"
#include "base/rand.h"
#include "tests/test.h"

enum { NODES = 500 };

static void check_order(struct heap *h, size_t count, const char *label)
{
    int64_t before = INT64_MIN;
    size_t taken = 0;
    for (struct heap_node *node; (node = heap_first(h)) != NULL; taken++) {
        CHECK(node->key >= before, label);
        before = node->key;
        heap_remove(h, node);
        CHECK(!heap_linked(node), label);
    }
    CHECK(taken == count, label);
}

TEST(heap_gives_the_smallest_first)
{
    struct heap h = {0};
    struct heap_node nodes[NODES] = {0};
    CHECK(heap_first(&h) == NULL, "empty");
    for (size_t i = 0; i < NODES; i++)
        heap_add(&h, &nodes[i], (int64_t)(i * 7919 % 101) - 50); /* many equal, some negative */
    check_order(&h, NODES, "in order");
    heap_remove(&h, &nodes[0]);
    CHECK(h.len == 0, "what is in no heap is not removed twice");
    heap_add(&h, &nodes[0], INT64_MAX);
    heap_add(&h, &nodes[1], INT64_MIN);
    CHECK(heap_first(&h) == &nodes[1], "the ends of the range");
    heap_release(&h);
    CHECK(h.nodes == NULL, "released");
}

TEST(heap_survives_any_removal_and_move)
{
    struct heap h = {0};
    struct heap_node nodes[NODES] = {0};
    size_t linked = 0;
    for (int step = 0; step < 20000; step++) {
        struct heap_node *node = &nodes[rand_below(NODES)];
        int64_t key = (int64_t)rand_below(1000);
        if (!heap_linked(node)) {
            heap_add(&h, node, key);
            linked++;
        } else if (key % 2) {
            heap_move(&h, node, key);
        } else {
            heap_remove(&h, node);
            linked--;
        }
        CHECK(h.len == linked, "counted");
    }
    for (uint32_t i = 1; i < h.len; i++) {
        CHECK(h.nodes[(i - 1) / 2]->key <= h.nodes[i]->key, "a parent is not larger");
        CHECK(h.nodes[i]->place == i + 1, "every node knows its place");
    }
    check_order(&h, linked, "in order after all that");
    heap_release(&h);
}
