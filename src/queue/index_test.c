#include "base/mem.h"
#include "queue/index.h"
#include "tests/test.h"

enum { MESSAGES = 100000 };

/* A million waiting deliveries take less than 250 MB (docs/performance.md): counted are bytes that
 * were asked for, not what the system calls resident. */
TEST(index_bytes_of_a_waiting_delivery)
{
    struct queue *q = MEM_NEW(struct queue);
    struct queue_inbox inbox = {.end = &inbox.first};
    q->options.workers = 1;
    q->inboxes = &inbox;
    queue_index_init(q);
    for (uint64_t id = 1; id <= MESSAGES; id++) {
        struct queue_entry *e = queue_index_make(q, id, 1, 1);
        queue_index_name(q, &e->deliveries[0], S("unreachable.example"));
        queue_index_add(q, e);
    }
    CHECK(q->messages.len == MESSAGES && q->destinations.len == 1, "all are there");
    CHECK(q->entries.bytes <= (size_t)MESSAGES * 138, "an entry, its delivery and its recipient");
    CHECK(order_bytes(&q->messages) <= (size_t)MESSAGES * 18 + (256 << 10),
          "17 bytes in the order, and a block");
    queue_index_release(q);
    CHECK(q->entries.bytes == 0, "and all of it goes");
    mem_free(q);
}
