#include "queue/admin.h"
#include "queue/queue_test.h"
#include <string.h>

enum { MESSAGES = 130, SHARES = 3, FIRST_PAGE = 5, REMOVED = 2 * QUEUE_ADMIN_STEP / SHARES };

struct seen {
    struct queue_test *test;
    queue_id ids[MESSAGES], late, last;
    int count, stop_at;
    bool in_order, meddle, surprised;
};

static uint64_t looked(struct queue *q)
{
    struct queue_stats stats;
    queue_stats(q, &stats);
    return stats.looked;
}

/* While somebody lists, one message comes and another goes. */
static void meddle(struct seen *s)
{
    struct queue_admin_filter one = {.id = str_of(s->ids[REMOVED].text)};
    size_t count = 0;
    CHECK_DONE(queue_test_commit(s->test, "u@late.example", S("x"), &s->late), "commit");
    CHECK_DONE(queue_admin_change(s->test->queue, &one, QUEUE_REMOVE, &count, DEADLINE_NEVER),
               "remove");
    CHECK(count == SHARES, "all its deliveries");
}

static bool see(void *arg, const struct queue_admin_item *l)
{
    struct seen *s = arg;
    s->in_order = s->in_order && strcmp(s->last.text, l->id.text) <= 0;
    s->last = l->id;
    s->surprised |=
        s->meddle && s->count >= FIRST_PAGE &&
        (strcmp(l->id.text, s->late.text) == 0 || strcmp(l->id.text, s->ids[REMOVED].text) == 0);
    s->count++;
    if (s->meddle && s->count == FIRST_PAGE)
        meddle(s);
    return s->count != s->stop_at;
}

static struct seen list(struct seen s, const struct queue_admin_filter *filter)
{
    s.in_order = true;
    CHECK_DONE(queue_admin_list(s.test->queue, filter, see, &s, DEADLINE_NEVER), "list");
    CHECK(s.in_order, "oldest first");
    return s;
}

static void fill(struct queue_test *t, struct seen *s)
{
    for (int i = 0; i < MESSAGES; i++)
        CHECK_DONE(
            queue_test_commit(t, "u@a.example, u@b.example, u@c.example", S("x"), &s->ids[i]),
            "commit");
}

static void list_pages(struct queue_test *t)
{
    struct seen s = {.test = t, .stop_at = FIRST_PAGE};
    fill(t, &s);
    CHECK(list(s, &(struct queue_admin_filter){0}).count == FIRST_PAGE, "it stops when told to");
    CHECK(looked(t->queue) <= QUEUE_ADMIN_STEP, "a first page looks at no more than it needs");
    s.stop_at = 0;
    CHECK(list(s, &(struct queue_admin_filter){0}).count == MESSAGES * SHARES, "each once");
    CHECK(list(s, &(struct queue_admin_filter){.destination = S("B.example")}).count == MESSAGES,
          "those for one destination");
    uint64_t before = looked(t->queue);
    CHECK(list(s, &(struct queue_admin_filter){.id = str_of(s.ids[7].text)}).count == SHARES,
          "those of one message");
    CHECK(looked(t->queue) == before + SHARES, "found without a walk");
    CHECK(list(s, &(struct queue_admin_filter){.id = S("nonsense")}).count == 0, "no id");
}

TEST(queue_admin_list_looks_no_further_than_it_is_read)
{
    struct queue_test t;
    queue_test_begin(&t);
    queue_test_run(&t, list_pages);
    queue_test_end(&t);
}

static void list_what_changes(struct queue_test *t)
{
    struct seen s = {.test = t, .meddle = true};
    fill(t, &s);
    s = list(s, &(struct queue_admin_filter){0});
    CHECK(s.count == (MESSAGES - 1) * SHARES, "what was there and stayed, each once");
    CHECK(!s.surprised, "neither what went nor what came");
}

TEST(queue_admin_list_while_the_queue_changes)
{
    struct queue_test t;
    queue_test_begin(&t);
    queue_test_run(&t, list_what_changes);
    queue_test_end(&t);
}
