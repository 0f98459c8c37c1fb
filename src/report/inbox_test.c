#include "base/mem.h"
#include "report/inbox.h"
#include "tests/test.h"

struct counted {
    struct report_inbox_item inbox;
    int number;
};

static void put(struct report_inbox *b, int number, size_t bytes)
{
    struct counted *c = MEM_NEW(struct counted);
    *c = (struct counted){.inbox.bytes = bytes, .number = number};
    report_inbox_put(b, &c->inbox);
}

static size_t take(struct report_inbox *b, int first)
{
    size_t count = 99, seen = 0;
    struct report_inbox_item *next, *i = report_inbox_take(b, &count);
    for (; i; i = next) {
        next = report_inbox_next(i);
        CHECK(CONTAINER_OF(i, struct counted, inbox)->number == first + (int)seen, "in order");
        mem_free(i);
        seen++;
    }
    CHECK(count == seen, "as many as it says");
    return seen;
}

TEST(report_inbox_loses_what_has_no_room_and_says_so)
{
    struct report_inbox b;
    report_inbox_init(&b);
    CHECK(report_inbox_is_empty(&b) && take(&b, 0) == 0, "empty");
    for (int i = 0; i < 10; i++)
        put(&b, i, REPORT_INBOX_BYTES_MAX / 4);
    CHECK(!report_inbox_is_empty(&b), "something is there");
    CHECK(take(&b, 0) == 4, "exactly what fits");
    CHECK(report_inbox_is_empty(&b), "taken");
    report_inbox_lose(&b, 2);
    CHECK(report_inbox_lost(&b) == 6 + 2, "the others, and what was taken in vain");
    CHECK(report_inbox_lost(&b) == 0, "told");
    put(&b, 10, REPORT_INBOX_BYTES_MAX);
    CHECK(take(&b, 10) == 1, "there is room again");
    report_inbox_release(&b);
}
