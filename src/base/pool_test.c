#include "base/mem.h"
#include "base/pool.h"
#include "tests/test.h"
#include <string.h>

enum { OBJECTS = 10000 };

static size_t size_of(size_t i)
{
    static const size_t sizes[] = {1, 8, 129, 136, 500, 512, 513, 4000};
    return sizes[i % ARRAY_LEN(sizes)];
}

static bool holds(const unsigned char *object, size_t size, unsigned char value)
{
    for (size_t i = 0; i < size; i++)
        if (object[i] != value)
            return false;
    return true;
}

static void add(struct pool *p, unsigned char **objects, size_t i)
{
    objects[i] = pool_alloc(p, size_of(i));
    CHECK(holds(objects[i], size_of(i), 0), "it comes zeroed");
    memset(objects[i], (int)(i % 255), size_of(i));
}

static void drop(struct pool *p, unsigned char **objects, size_t i)
{
    CHECK(holds(objects[i], size_of(i), (unsigned char)(i % 255)), "nobody wrote over it");
    pool_free(p, objects[i], size_of(i));
    objects[i] = NULL;
}

TEST(pool_objects_do_not_overlap)
{
    struct pool p;
    pool_init(&p);
    unsigned char **objects = mem_alloc(OBJECTS * sizeof *objects);
    for (size_t i = 0; i < OBJECTS; i++)
        add(&p, objects, i);
    for (size_t i = 0; i < OBJECTS; i += 3)
        drop(&p, objects, i);
    for (size_t i = 0; i < OBJECTS; i += 3)
        add(&p, objects, i);
    for (size_t i = 0; i < OBJECTS; i++)
        drop(&p, objects, i);
    pool_free(&p, NULL, 8);
    pool_release(&p);
    mem_free(objects);
}

TEST(pool_is_packed_and_gives_back)
{
    enum { SIZE = 136 };
    struct pool p;
    pool_init(&p);
    unsigned char **objects = mem_alloc(OBJECTS * sizeof *objects);
    for (size_t i = 0; i < OBJECTS; i++)
        objects[i] = pool_alloc(&p, SIZE - 7);
    CHECK(p.bytes < (size_t)OBJECTS * SIZE + 300 * 1024, "no room between");
    for (size_t i = 0; i < OBJECTS; i++)
        pool_free(&p, objects[i], SIZE - 7);
    CHECK(p.bytes <= 256 * 1024, "one block is kept for the next object");
    pool_release(&p);
    mem_free(objects);
}
