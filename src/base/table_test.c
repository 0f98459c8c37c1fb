#include "base/mem.h"
#include "base/table.h"
#include "tests/test.h"

enum { OBJECTS = 3000 };

struct object {
    char name[12];
    bool seen;
};

static str name_of(const void *object) { return str_of(((const struct object *)object)->name); }

static struct object *make_objects(void)
{
    struct object *objects = mem_alloc(OBJECTS * sizeof *objects);
    for (int i = 0; i < OBJECTS; i++)
        snprintf(objects[i].name, sizeof objects[i].name, "n%u", (unsigned)i % OBJECTS);
    return objects;
}

static void release_objects(struct object **objects) { mem_free(*objects); }

TEST(table_finds_what_was_added)
{
    CLEANUP(release_objects) struct object *objects = make_objects();
    CLEANUP(table_release) struct table t;
    table_init(&t, name_of);
    CHECK(table_find(&t, S("n1")) == NULL, "empty");
    CHECK(table_remove(&t, S("n1")) == NULL, "nothing to remove");
    for (int i = 0; i < OBJECTS; i++)
        table_add(&t, &objects[i]);
    CHECK(t.len == OBJECTS, "counted");
    for (int i = 0; i < OBJECTS; i++)
        CHECK(table_find(&t, name_of(&objects[i])) == &objects[i], objects[i].name);
    CHECK(table_find(&t, S("n")) == NULL, "a prefix is another key");
    CHECK(table_find(&t, S("n1\0")) == NULL, "so is one with a NUL");
    CHECK(table_find(&t, S("")) == NULL, "and the empty one");
}

TEST(table_removal_leaves_the_others)
{
    CLEANUP(release_objects) struct object *objects = make_objects();
    CLEANUP(table_release) struct table t;
    table_init(&t, name_of);
    for (int i = 0; i < OBJECTS; i++)
        table_add(&t, &objects[i]);
    for (int i = 0; i < OBJECTS; i += 2)
        CHECK(table_remove(&t, name_of(&objects[i])) == &objects[i], objects[i].name);
    for (int i = 0; i < OBJECTS; i++)
        CHECK(table_find(&t, name_of(&objects[i])) == (i % 2 ? &objects[i] : NULL),
              objects[i].name);
    size_t position = 0, walked = 0;
    for (struct object *o; (o = table_next(&t, &position)) != NULL; walked++) {
        CHECK(!o->seen, "once each");
        o->seen = true;
        table_remove(&t, name_of(o)); /* as the header allows */
    }
    CHECK(walked == OBJECTS / 2 && t.len == 0, "all were walked");
}

/* Adding and removing for days must neither fill the table nor let it grow. */
TEST(table_stays_small_under_churn)
{
    CLEANUP(release_objects) struct object *objects = make_objects();
    CLEANUP(table_release) struct table t;
    table_init(&t, name_of);
    for (int i = 0; i < 200000; i++) {
        table_add(&t, &objects[i % OBJECTS]);
        if (i >= 10)
            CHECK(table_remove(&t, name_of(&objects[(i - 10) % OBJECTS])) != NULL, "oldest of ten");
    }
    CHECK(t.len == 10, "ten are left");
    CHECK(t.cap <= 64, "and not many slots");
}

TEST(table_hash_is_siphash_1_3)
{
    static const uint64_t want[] = {
        [0] = 0xabac0158050fc4dc, [1] = 0xc9f49bf37d57ca93,  [7] = 0xd3927d989bb11140,
        [8] = 0x369095118d299a8e, [15] = 0xd320d86d2a519956, [63] = 0x9d199062b7bbb3a8};
    char bytes[64];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (char)i;
    for (size_t len = 0; len < ARRAY_LEN(want); len++)
        CHECK(want[len] == 0 || hash_fixed((str){bytes, len}) == want[len],
              "the reference's value");
    CHECK(table_hash(S("a")) == table_hash(S("a")), "the same in one process");
    CHECK(table_hash(S("a")) != hash_fixed(S("a")), "under another key");
}

/* Keys whose hashes share their low bits land in one run of slots (an attack, were the key known).
 */
TEST(table_collisions)
{
    CLEANUP(release_objects) struct object *objects = make_objects();
    CLEANUP(table_release) struct table t;
    struct object *same[8];
    size_t count = 0;
    table_init(&t, name_of);
    for (int i = 0; i < OBJECTS && count < ARRAY_LEN(same); i++)
        if ((table_hash(name_of(&objects[i])) & 15) == 15) /* the last slot: the run wraps around */
            same[count++] = &objects[i];
    for (size_t i = 0; i < count; i++)
        table_add(&t, same[i]);
    CHECK(t.cap == 16, "still of the first size");
    CHECK(table_remove(&t, name_of(same[3])) == same[3], "from the middle of the run");
    for (size_t i = 0; i < count; i++)
        CHECK(table_find(&t, name_of(same[i])) == (i == 3 ? NULL : same[i]), same[i]->name);
    table_add(&t, same[3]);
    CHECK(table_find(&t, name_of(same[3])) == same[3], "and back into the gap");
}
