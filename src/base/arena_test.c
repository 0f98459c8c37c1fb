#include "base/arena.h"
#include "tests/test.h"
#include <stdalign.h>

TEST(arena_gives_zeroed_aligned_memory)
{
    CLEANUP(arena_cleanup) struct arena *a = arena_open(1 << 20);
    for (size_t size = 0; size < 3000; size += 7) {
        char *p = arena_alloc(a, size);
        CHECK((uintptr_t)p % alignof(max_align_t) == 0, "aligned");
        for (size_t i = 0; i < size; i++)
            CHECK(p[i] == 0, "zeroed");
        memset(p, 0xaa, size); /* what comes next must not lie in here */
    }
}

TEST(arena_holds_what_was_promised)
{
    CLEANUP(arena_cleanup) struct arena *a = arena_open(1000);
    char *whole = arena_alloc(a, 999); /* odd: rounding must not count against the caller */
    whole[998] = 'x';
    CHECK(arena_used(a) <= 1000, "at most its maximum");
    arena_reset(a);
    CHECK(arena_used(a) == 0, "reset gives all back");
    CHECK(*(char *)arena_alloc(a, 1000) == 0, "and all of it is there again");
}

TEST(arena_larger_than_a_chunk)
{
    CLEANUP(arena_cleanup) struct arena *a = arena_open(1 << 20);
    char *large = arena_alloc(a, 300000), *small = arena_alloc(a, 10);
    large[299999] = 'x';
    CHECK(small < large || small >= large + 300000, "apart");
}

TEST(arena_copies)
{
    CLEANUP(arena_cleanup) struct arena *a = arena_open(4096);
    char bytes[] = "a\0b";
    str copy = arena_str(a, (str){bytes, 3});
    char *chars = arena_chars(a, S("plain"));
    str printed = arena_printf(a, "%d-%s", 42, "x");
    bytes[0] = 'z';
    CHECK(copy.len == 3 && memcmp(copy.ptr, "a\0b", 3) == 0, "any byte, and its own");
    CHECK(strcmp(chars, "plain") == 0, "NUL-terminated");
    CHECK_STR(printed, "42-x", "printed");
    CHECK(arena_str(a, S("")).ptr == NULL, "the empty str takes nothing");
    CHECK(strcmp(arena_chars(a, (str){0}), "") == 0, "empty chars");
}

static struct {
    char order[8];
    int count;
} released;

static void release(void *object) { released.order[released.count++] = *(char *)object; }

TEST(arena_releases_newest_first)
{
    struct arena *a = arena_open(4096);
    char names[] = "ab";
    released.count = 0;
    arena_defer(a, release, &names[0]);
    arena_defer(a, release, &names[1]);
    arena_reset(a);
    CHECK(released.count == 2 && memcmp(released.order, "ba", 2) == 0, "reset, newest first");
    arena_reset(a);
    CHECK(released.count == 2, "once only");
    arena_defer(a, release, &names[0]);
    arena_close(a);
    CHECK(released.count == 3, "close releases too");
    arena_close(NULL);
}

TEST(arena_clear)
{
    struct arena *a = arena_open(1 << 20);
    char name = 'c';
    released.count = 0;
    arena_clear(a); /* nothing is there yet */
    for (int round = 0; round < 3; round++) {
        arena_defer(a, release, &name);
        for (int i = 0; i < 50; i++) {
            char *bytes = arena_alloc(a, 100);
            for (int k = 0; k < 100; k++)
                CHECK(bytes[k] == 0, "zeroed, though it was used before");
            memset(bytes, 'x', 100);
        }
        CHECK(arena_used(a) >= 5000, "counted");
        arena_clear(a);
        CHECK(arena_used(a) == 0 && released.count == round + 1, "empty, and all was released");
    }
    (void)arena_alloc(a, 200000);
    arena_clear(a);
    char *after = arena_alloc(a, 200000);
    CHECK(after[0] == 0 && after[199999] == 0, "a big one is given back");
    arena_close(a);
}
