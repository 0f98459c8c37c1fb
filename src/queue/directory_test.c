#include "base/mem.h"
#include "queue/directory.h"
#include "tests/test.h"
#include <string.h>

enum { BYTES_MAX = 8 << 20, LARGE = QUEUE_DIRECTORY_META_BYTES_MAX };

struct both { /* packed, and what it must come to */
    struct queue_directory packed;
    struct buf plain;
};

static void open_both(struct both *b)
{
    queue_directory_init(&b->packed);
    buf_init(&b->plain, BYTES_MAX);
}

static void release_both(struct both *b)
{
    queue_directory_release(&b->packed);
    buf_release(&b->plain);
}

static void add(struct both *b, const char head[QUEUE_DIRECTORY_HEAD_BYTES], str meta)
{
    queue_directory_add(&b->packed, head, meta);
    CHECK(buf_add(&b->plain, (str){head, QUEUE_DIRECTORY_HEAD_BYTES}) == NULL, "room");
    CHECK(buf_add(&b->plain, meta) == NULL, "room");
}

static bool is_same(const struct both *b)
{
    CLEANUP(buf_release) struct buf all;
    buf_init(&all, BYTES_MAX);
    return queue_directory_unpack(&b->packed, &all) == NULL && b->packed.len == b->plain.len &&
           str_eq(buf_str(&all), buf_str(&b->plain));
}

/* Metas grow and shrink, are alike and are not: each length around a word, a front and a long one.
 */
TEST(directory_gives_back_what_was_added)
{
    static const uint32_t lengths[] = {0,   1,   3,   4,   5,   60,  61, 180,   187,   188, 189,
                                       190, 254, 255, 256, 257, 300, 0,  LARGE, LARGE, 60,  0};
    struct both b;
    char head[QUEUE_DIRECTORY_HEAD_BYTES], *meta = mem_alloc(LARGE);
    open_both(&b);
    CHECK(is_same(&b), "empty");
    for (unsigned round = 0; round < 4; round++)
        for (unsigned i = 0; i < ARRAY_LEN(lengths); i++) {
            memset(head, round == 1 ? 0 : (int)(i % 7), sizeof head);
            head[i % sizeof head] = (char)(round + i);
            memset(meta, round == 2 ? 0 : (int)(i % 3), lengths[i]);
            if (lengths[i])
                meta[lengths[i] - 1] = 'x';
            add(&b, head, (str){meta, lengths[i]});
        }
    CHECK(is_same(&b), "all of them");
    queue_directory_release(&b.packed);
    CHECK(b.packed.len == 0 && b.packed.taken == 0, "released");
    add(&b, head, S("again"));
    buf_clear(&b.plain);
    queue_directory_release(&b.packed);
    add(&b, head, S("again"));
    CHECK(is_same(&b), "it may be used again");
    release_both(&b);
    mem_free(meta);
}

/* As the updates of deliveries that are put off, one after another: numbers that count up, and
 * checksums. */
TEST(directory_of_updates_is_small)
{
    enum { UPDATES = 20000, META = 52 };
    struct both b;
    char head[QUEUE_DIRECTORY_HEAD_BYTES] = {0}, meta[META] = {0};
    open_both(&b);
    for (uint32_t i = 0; i < UPDATES; i++) {
        uint32_t place = i * 2, mixed = i * 2654435761u, time = i / 5;
        memcpy(head, &place, sizeof place);
        memcpy(head + 16, &mixed, sizeof mixed); /* three checksums */
        memcpy(head + 20, &mixed, sizeof mixed);
        memcpy(head + 64, &mixed, sizeof mixed);
        memcpy(head + 40, &i, sizeof i); /* message, sequence */
        memcpy(head + 48, &i, sizeof i);
        memcpy(meta + 2, &time, sizeof time);
        add(&b, head, (str){meta, META});
    }
    CHECK(is_same(&b), "the same");
    CHECK(b.packed.taken * 5 < b.packed.len * 2, "two fifths");
    release_both(&b);
}
