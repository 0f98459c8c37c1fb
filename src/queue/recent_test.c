#include "base/mem.h"
#include "base/rand.h"
#include "queue/recent.h"
#include "tests/test.h"

enum { PAGE = FILE_DIRECT_ALIGN };

/* A segment that is only looked at for its order. */
static struct queue_segment segment(uint64_t order)
{
    return (struct queue_segment){.order = order};
}

/* What a byte of a segment is, so that reading tells where it came from. */
static char byte_at(uint64_t order, uint64_t offset)
{
    return (char)((order * 31 + offset * 7 + offset / 251) & 0xff);
}

static bool write_block(struct queue_recent *r, uint64_t order, uint64_t offset, size_t len)
{
    struct queue_segment s = segment(order);
    char *room = queue_recent_room(r, (len + PAGE - 1) / PAGE * PAGE);
    if (room == NULL)
        return false;
    CHECK((uintptr_t)room % PAGE == 0, "aligned");
    for (size_t i = 0; i < len; i++)
        room[i] = byte_at(order, offset + i);
    queue_recent_show(r, &s, offset, room, len);
    return true;
}

/* 1: the right bytes; 0: not here; -1: other bytes. */
static int read_back(struct queue_recent *r, uint64_t order, uint64_t offset, size_t size)
{
    static char bytes[64 * 1024];
    struct queue_segment s = segment(order);
    ASSERT(size <= sizeof bytes);
    if (!queue_recent_read(r, &s, offset, bytes, size))
        return 0;
    for (size_t i = 0; i < size; i++)
        if (bytes[i] != byte_at(order, offset + i))
            return -1;
    return 1;
}

TEST(queue_recent_reads_what_was_written)
{
    struct queue_recent *r = queue_recent_open();
    CHECK(read_back(r, 1, 0, 1) == 0, "nothing yet");
    CHECK(write_block(r, 1, 0, 5000), "write");
    CHECK(write_block(r, 1, PAGE, 9000), "the next begins with the end of the last");
    CHECK(write_block(r, 2, 0, 100), "another segment");
    CHECK(read_back(r, 1, 0, 10) == 1, "the beginning");
    CHECK(read_back(r, 1, PAGE - 10, 20) == 1, "from the first block, over the seam");
    CHECK(read_back(r, 1, PAGE, 9000) == 1, "the whole of the second");
    CHECK(read_back(r, 1, PAGE + 8999, 1) == 1, "its last byte");
    CHECK(read_back(r, 1, PAGE + 8999, 2) == 0, "one byte more");
    CHECK(read_back(r, 2, 0, 100) == 1, "the other segment");
    CHECK(read_back(r, 3, 0, 1) == 0, "one that was never written");
    CHECK(read_back(r, 0, 0, 1) == 0, "one that is not hot");
    queue_recent_close(r);
}

TEST(queue_recent_room_is_not_read_before_it_is_shown)
{
    struct queue_recent *r = queue_recent_open();
    CHECK(write_block(r, 1, 0, PAGE), "write");
    for (size_t i = 1; i < QUEUE_RECENT_BYTES / PAGE; i++)
        CHECK(queue_recent_room(r, PAGE) != NULL, "the rest of the memory");
    CHECK(read_back(r, 1, 0, PAGE) == 1, "still there");
    CHECK(queue_recent_room(r, PAGE) != NULL, "its room is needed");
    CHECK(read_back(r, 1, 0, PAGE) == 0, "forgotten before it is written over");
    CHECK(queue_recent_room(r, QUEUE_RECENT_BYTES / 2 + PAGE) == NULL, "too large to be kept");
    queue_recent_close(r);
}

/* Against a plain memory of what was written: the newest is there, nothing is ever wrong. */
TEST(queue_recent_is_never_wrong)
{
    struct queue_recent *r = queue_recent_open();
    uint64_t order = 1, end = 64;
    int hits = 0, misses = 0, wrong = 0;
    rand_seed(7);
    for (int i = 0; i < 5000; i++) {
        uint64_t from = end - end % PAGE;
        size_t len = (size_t)(end - from) + 64 * (1 + (size_t)rand_below(i % 50 ? 300 : 30000));
        if (!write_block(r, order, from, len))
            len = (size_t)(end - from);
        else if (len <= 32 * 1024)
            wrong += read_back(r, order, end, (size_t)(from + len - end)) != 1;
        end = from + len;
        uint64_t other = 1 + rand_below(order), size = 1 + rand_below(20000);
        int got = read_back(r, other, rand_below(20 << 20), (size_t)size);
        hits += got == 1;
        misses += got == 0;
        wrong += got < 0;
        if (end > 16 << 20) {
            order++;
            end = 64;
        }
    }
    rand_seed_off();
    CHECK(wrong == 0, "the newest is there, and nothing is wrong");
    CHECK(hits > 10 && misses > 10, "both happened");
    queue_recent_close(r);
}
