#include "base/mem.h"
#include "base/rand.h"
#include "queue/queue_test.h"
#include "runtime/fault.h"
#include <stdlib.h>
#include <unistd.h>

static void shell(const char *fmt, const char *a, const char *b)
{
    char command[256];
    snprintf(command, sizeof command, fmt, a, b);
    CHECK(system(command) == 0, command); // NOLINT(cert-env33-c): the words are ours
}

bool queue_test_may_block(void)
{
    static unsigned asked;
    return __atomic_fetch_add(&asked, 1, __ATOMIC_RELAXED) % 2;
}

void queue_test_begin(struct queue_test *t)
{
    *t = (struct queue_test){.folder = "/tmp/queue-test-XXXXXX"};
    CHECK(mkdtemp(t->folder) != NULL, "a folder");
    t->arena = arena_open(64 << 20);
}

void queue_test_end(struct queue_test *t)
{
    shell("rm -rf %s%s", t->folder, "");
    arena_close(t->arena);
    fault_clear();
}

static void entry(void *arg)
{
    struct queue_test *t = arg;
    queue_attach(t->queue, 0, &t->schedule);
    t->body(t);
    schedule_close(t->schedule);
    t->schedule = NULL;
}

static void count_event(void *arg, const struct event *e)
{
    struct queue_test *t = arg;
    __atomic_add_fetch(&t->told[e->kind], 1, __ATOMIC_RELAXED);
}

int queue_test_told(struct queue_test *t, enum event_kind kind)
{
    return __atomic_load_n(&t->told[kind], __ATOMIC_RELAXED);
}

void queue_test_run(struct queue_test *t, void (*body)(struct queue_test *))
{
    struct queue_options options = {.folder = t->folder,
                                    .workers = 1,
                                    .draft_memory_max = 64 << 20,
                                    .segment_bytes = QUEUE_SEGMENT_BYTES_MIN,
                                    .may_block = queue_test_may_block,
                                    .events = &t->sink};
    t->sink = (struct event_sink){count_event, t};
    err e = queue_open(&options, &t->queue);
    CHECK_DONE(e, "open the spool");
    if (e)
        return;
    t->body = body;
    struct loop *loop = loop_open(NULL);
    loop_run(loop, "test", entry, t);
    queue_close(t->queue);
    loop_close(loop);
    t->queue = NULL;
}

void queue_test_snapshot(struct queue_test *t, struct queue_test *ret_copy)
{
    for (int i = 0; i < 100; i++) { /* until the supply thread renames nothing more */
        bool calm = __atomic_load_n(&t->queue->ready_count, __ATOMIC_RELAXED) >= QUEUE_READY_TARGET;
        CHECK_DONE(fiber_sleep(deadline_after(calm ? 50 : 20)), "sleep");
        if (calm)
            break;
    }
    queue_test_begin(ret_copy);
    shell("cp -r --sparse=always %s/. %s/", t->folder, ret_copy->folder);
}

static size_t parse_rcpts(struct arena *arena, const char *text, struct envelope_rcpt *rcpts)
{
    str rest = str_of(text), one;
    size_t count = 0;
    while (rest.len > 0) {
        str_split(rest, ',', &one, &rest);
        one = arena_str(arena, str_trim(one));
        rcpts[count].address = one;
        rcpts[count++].destination = str_from(one, str_find(one, '@') + 1);
    }
    return count;
}

err queue_test_commit(struct queue_test *t, const char *rcpts, str content, queue_id *ret_id)
{
    struct envelope_rcpt list[64] = {0};
    struct envelope e = {.sender = S("a@x.example"),
                         .helo = S("client"),
                         .priority = t->priority,
                         .expires_ms = t->ends_ms,
                         .accepted_at_ms = clock_real_ms(),
                         .rcpts = list};
    struct queue_draft *draft;
    queue_id id;
    e.rcpt_count = parse_rcpts(t->arena, rcpts, list);
    TRY(queue_draft_open(t->queue, &draft));
    deadline until = deadline_after(QUEUE_TEST_MS);
    queue_draft_once(draft, &t->once);
    err failed = queue_draft_write(draft, content, until);
    if (failed) {
        queue_draft_abandon(&draft);
        return failed;
    }
    return queue_commit(t->queue, &draft, &e, S("Received: here\r\n"), ret_id ? ret_id : &id,
                        until);
}

struct queue_delivery *queue_test_next(struct queue_test *t)
{
    struct queue_delivery *d = NULL;
    err e = schedule_next(t->schedule, &d, deadline_after(100));
    (void)e;
    return d;
}

static void check_content(struct queue_message *m, str expected, const char *label)
{
    CHECK(m->size == expected.len, label);
    CHECK(str_eq(m->prefix, S("Received: here\r\n")) || m->prefix.len == 0, label);
    char *bytes = mem_alloc(expected.len);
    size_t done = 0, got = 1;
    while (done < expected.len && got > 0) {
        err e = queue_message_read(m, done, bytes + done, expected.len - done, &got,
                                   deadline_after(QUEUE_TEST_MS));
        CHECK_DONE(e, label);
        if (e)
            break;
        done += got;
    }
    CHECK(str_eq((str){bytes, done}, expected), label);
    mem_free(bytes);
}

bool queue_test_deliver(struct queue_test *t, str expected, const char *label)
{
    struct queue_delivery *d = queue_test_next(t);
    struct queue_message m;
    if (d == NULL)
        return false;
    struct arena *arena = arena_open(32 << 20);
    err e = queue_message_open(t->queue, d, arena, &m, deadline_after(QUEUE_TEST_MS));
    CHECK_DONE(e, label);
    if (e) {
        schedule_put_back(t->schedule, &d, 0);
        arena_close(arena);
        return false;
    }
    check_content(&m, expected, label);
    struct queue_outcome outcomes[64];
    struct queue_settlement s = {.outcomes = outcomes,
                                 .outcome_count = m.envelope->rcpt_count,
                                 .tried = true,
                                 .reply = S("250 ok")};
    for (size_t i = 0; i < s.outcome_count; i++)
        outcomes[i] = (struct queue_outcome){m.rcpt_indexes[i], QUEUE_DONE};
    queue_message_close(&m);
    CHECK_DONE(queue_settle(t->queue, &d, &s, deadline_after(QUEUE_TEST_MS)), label);
    arena_close(arena);
    return true;
}

uint64_t queue_test_messages(struct queue_test *t)
{
    struct queue_stats stats;
    queue_stats(t->queue, &stats);
    return stats.messages;
}

str queue_test_body(struct queue_test *t, size_t size)
{
    char *bytes = arena_alloc(t->arena, size ? size : 1);
    rand_bytes(bytes, size);
    return (str){bytes, size};
}
