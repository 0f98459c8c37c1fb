#include "base/order.h"
#include "base/rand.h"
#include "tests/test.h"

enum { KEYS = 5000 };

/* Keys may be anything: objects are addresses in here, found again by their index. */
static char objects[KEYS];

static size_t count_walk(const struct order *o, uint64_t from, const char *label)
{
    struct order_place place = order_begin(o, from);
    size_t count = 0;
    char *before = NULL, *object;
    while ((object = order_next(o, &place)) != NULL) {
        CHECK(before == NULL || object > before, label);
        CHECK((uint64_t)(object - objects) >= from, label);
        before = object;
        count++;
    }
    return count;
}

TEST(order_of_what_comes_in_order_is_dense)
{
    struct order o;
    order_init(&o);
    CHECK(order_find(&o, 0) == NULL && count_walk(&o, 0, "nothing") == 0, "empty");
    CHECK(order_remove(&o, 0) == NULL, "nothing to remove");
    for (uint64_t i = 0; i < KEYS; i++)
        order_add(&o, i, &objects[i]);
    CHECK(o.len == KEYS, "counted");
    CHECK(o.run_count == (KEYS + ORDER_RUN_MAX - 1) / ORDER_RUN_MAX, "every run is full");
    CHECK(count_walk(&o, 0, "all in order") == KEYS, "from the start");
    CHECK(count_walk(&o, 1234, "the rest") == KEYS - 1234, "from the middle");
    CHECK(count_walk(&o, KEYS, "nothing") == 0, "behind the end");
    order_release(&o);
    CHECK(o.len == 0 && order_bytes(&o) == 0, "released");
}

/* As ids of messages that are under way at the same time: each a few places early or late. */
TEST(order_of_what_comes_nearly_in_order_is_nearly_dense)
{
    enum { WINDOW = 40 };
    struct order o;
    uint64_t waiting[WINDOW], next = 0;
    order_init(&o);
    while (next < WINDOW) {
        waiting[next] = next;
        next++;
    }
    for (size_t left = WINDOW; left > 0;) {
        size_t i = rand_below(left);
        order_add(&o, waiting[i], &objects[waiting[i]]);
        waiting[i] = next < KEYS ? next++ : waiting[--left];
    }
    CHECK(count_walk(&o, 0, "all in order") == KEYS, "each once");
    CHECK(o.run_count <= KEYS * 29 / 20 / ORDER_RUN_MAX, "seven tenths are in use");
    order_release(&o);
}

TEST(order_at_the_ends_of_the_range)
{
    struct order o;
    order_init(&o);
    order_add(&o, UINT64_MAX, &objects[1]);
    order_add(&o, 0, &objects[0]);
    CHECK(order_find(&o, 0) == &objects[0], "the first");
    CHECK(order_find(&o, UINT64_MAX) == &objects[1], "the last");
    CHECK(count_walk(&o, 0, "in order") == 2, "both");
    CHECK(order_remove(&o, 0) == &objects[0] && order_remove(&o, 0) == NULL, "once");
    CHECK(order_remove(&o, UINT64_MAX) == &objects[1] && o.len == 0, "and the other");
    CHECK(o.run_count == 0, "an empty one has no runs");
    order_release(&o);
}

TEST(order_survives_any_addition_and_removal)
{
    struct order o;
    order_init(&o);
    static bool there[KEYS];
    size_t count = 0;
    for (int step = 0; step < 60000; step++) {
        uint64_t key = rand_below(KEYS);
        bool fill = step / 15000 % 2 == 0; /* grow and shrink in turns */
        if (!there[key] && (fill || rand_below(4) == 0)) {
            order_add(&o, key, &objects[key]);
            there[key] = true;
            count++;
        } else if (there[key] && (!fill || rand_below(4) == 0)) {
            CHECK(order_remove(&o, key) == &objects[key], "the right one");
            there[key] = false;
            count--;
        }
        CHECK(order_find(&o, key) == (there[key] ? &objects[key] : NULL), "there or not");
        CHECK(o.len == count, "counted");
    }
    CHECK(count_walk(&o, 0, "in order after all that") == count, "each once");
    CHECK(o.run_count <= count * 3 / ORDER_RUN_MAX + 1, "runs are joined when they get empty");
    for (uint64_t key = 0; key < KEYS; key++)
        CHECK(order_remove(&o, key) == (there[key] ? &objects[key] : NULL), "all out again");
    CHECK(o.len == 0 && o.run_count == 0, "nothing is left");
    order_release(&o);
    CHECK(order_bytes(&o) == 0, "released");
}
