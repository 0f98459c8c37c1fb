/* queue/queue_test.h -- what the tests of the queue share: a spool in a folder of its own */
#pragma once
#include "queue/inside.h"
#include "queue/schedule.h"
#include "tests/test.h"

enum { QUEUE_TEST_MS = 20000 };

struct queue_test {
    char folder[64];
    struct queue *queue;
    struct schedule *schedule;
    struct arena *arena;
    int8_t priority;               /* of what is committed from now on */
    int64_t ends_ms;               /* the same; 0: none */
    struct queue_once_claim *once; /* the key of what is committed next; NULL: none */
    void (*body)(struct queue_test *);
    struct event_sink sink;
    int told[EVENT_KINDS]; /* events; atomic */
};

/* For queue_options: every other batch is committed by its fiber, the others by the thread. */
bool queue_test_may_block(void);

/* A new folder; queue_test_end removes it. */
void queue_test_begin(struct queue_test *);
void queue_test_end(struct queue_test *);
/* Open the spool, run body on a loop with a schedule, close it. */
void queue_test_run(struct queue_test *, void (*body)(struct queue_test *));
int queue_test_told(struct queue_test *, enum event_kind); /* how often, since queue_test_begin */
/* A copy of the folder as a crash would leave it: from inside body. */
void queue_test_snapshot(struct queue_test *, struct queue_test *ret_copy);

/* Commit "content" from a@x to these addresses "u@host, …"; the err is returned. */
err queue_test_commit(struct queue_test *, const char *rcpts, str content, queue_id *ret_id);
/* The next delivery, or NULL when none is due. */
struct queue_delivery *queue_test_next(struct queue_test *);
/* Take it, check the content, settle all its waiting recipients; false: none was due. */
bool queue_test_deliver(struct queue_test *, str expected, const char *label);
uint64_t queue_test_messages(struct queue_test *);
str queue_test_body(struct queue_test *, size_t size); /* random, in the arena */
