/* Jobs, completions and channels between real threads, with the lives of all of them kept short:
 * what is wrong here shows under the sanitizers. */
#include "base/mem.h"
#include "runtime/loop.h"
#include "runtime/thread.h"
#include "tests/test.h"
#include <errno.h>
#include <unistd.h>

enum {
    ROUNDS = 60,
    FIBERS = 20,
    SENDERS = 4,
    ITEMS = 500,
};

/* ---- jobs --------------------------------------------------------------------------------- */

struct work {
    int micros, ran;
    int *released; /* counted on the loop's thread */
};

static void do_work(void *job)
{
    struct work *w = job;
    usleep((useconds_t)w->micros);
    w->ran++;
}

static void release_work(void *job)
{
    struct work *w = job;
    ++*w->released;
    mem_free(w);
}

struct job_round {
    int number, done, left, released;
};

static void ask_for_work(void *arg)
{
    struct job_round *round = arg;
    struct work *w = MEM_NEW(struct work);
    w->micros = (round->number * 37 + round->done * 11) % 400;
    w->released = &round->released;
    err e = job_run(do_work, w, release_work, deadline_after(round->number % 2));
    if (e) {
        round->left++;
        return;
    }
    CHECK(w->ran == 1, "a job that was awaited has run");
    round->done++;
    mem_free(w);
}

static void run_jobs(void *arg)
{
    struct job_round *round = arg;
    struct group g;
    group_init(&g);
    for (int i = 0; i < FIBERS; i++)
        fiber_spawn(&g, "job", ask_for_work, round);
    if (round->number % 3 == 0)
        (void)!fiber_yield();
    else
        (void)!group_wait(&g, DEADLINE_NEVER);
    group_close(&g);
}

/* The loop ends only after the last job that was left behind has come home. */
static void jobs_of_a_thread(void *arg)
{
    (void)arg;
    for (int i = 0; i < ROUNDS; i++) {
        struct job_round round = {.number = i};
        struct loop *loop = loop_open(NULL);
        loop_run(loop, "jobs", run_jobs, &round);
        loop_close(loop);
        CHECK(round.done + round.left == FIBERS, "every job was asked for");
        CHECK(round.released == round.left, "those that were left were released by the end");
    }
}

TEST(thread_jobs_outlive_who_asked)
{
    struct thread *threads[3];
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        threads[i] = thread_start("jobs", jobs_of_a_thread, NULL);
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        thread_join(threads[i]);
}

/* ---- work that may fail ------------------------------------------------------------------- */

struct failing {
    enum err_kind kind;
    int micros, *released;
    bool done;
};

static err fail_as_told(void *arg)
{
    struct failing *f = arg;
    usleep((useconds_t)f->micros);
    f->done = true;
    if (f->kind == ERR_PROTOCOL)
        return NULL;
    errno = EXDEV;
    err e = err_new(f->kind, "move it");
    return err_wrap(e, "tidy up");
}

static void release_failing(void *arg)
{
    struct failing *f = arg;
    ++*f->released;
    mem_free(f);
}

static void check_outcome(const struct failing *f, err e, const char *where)
{
    char words[40] = "";
    CHECK(f->done, where);
    CHECK((e == NULL) == (f->kind == ERR_PROTOCOL), where);
    if (e == NULL)
        return;
    err_words(e, words, sizeof words);
    CHECK(e->kind == f->kind, where);
    CHECK(err_number(e) == (f->kind == ERR_SYSTEM ? EXDEV : 0), where);
    CHECK_STR(str_of(words), "tidy up: move it", where);
}

static void do_each(void *arg)
{
    static const enum err_kind kinds[] = {ERR_PROTOCOL, ERR_SYSTEM, ERR_TIMEOUT, ERR_DAMAGED};
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        struct failing f = {.kind = kinds[i]};
        bool left = true;
        err e = job_do(fail_as_told, &f, release_failing, DEADLINE_NEVER, &left);
        CHECK(!left, arg);
        check_outcome(&f, e, arg);
        err_forget();
    }
}

static void leave_work(void *arg)
{
    struct failing *f = MEM_NEW(struct failing);
    bool left = false;
    *f = (struct failing){.kind = ERR_DAMAGED, .micros = 20000, .released = arg};
    err e = job_do(fail_as_told, f, release_failing, deadline_after(0), &left);
    CHECK(left, "left behind");
    CHECK(e && e->kind == ERR_TIMEOUT, "by who waited, whatever it comes to");
}

TEST(thread_work_tells_its_err_on_a_fiber_and_elsewhere)
{
    int released = 0;
    do_each("here");
    struct loop *loop = loop_open(NULL);
    loop_run(loop, "work", do_each, "on a fiber");
    loop_run(loop, "left work", leave_work, &released);
    loop_close(loop);
    CHECK(released == 1, "what was left is released once");
}

/* ---- completions -------------------------------------------------------------------------- */

struct answer {
    struct chan_item item;
    struct completion done;
};

static void answer_all(void *arg)
{
    struct chan *questions = arg;
    for (;;) {
        struct chan_item *item;
        if (chan_receive(questions, &item, DEADLINE_NEVER)) {
            err_forget();
            return; /* nudged: the end */
        }
        completion_finish(&CONTAINER_OF(item, struct answer, item)->done);
    }
}

static void ask_once(void *arg)
{
    struct chan *questions = arg;
    struct answer a = {0};
    completion_init(&a.done);
    chan_send(questions, &a.item);
    CHECK_DONE(completion_wait(&a.done, DEADLINE_NEVER), "answered");
}

static void ask_from_loops(void *arg)
{
    for (int i = 0; i < 10 * ROUNDS; i++) {
        struct loop *loop = loop_open(NULL);
        loop_run(loop, "ask", ask_once, arg);
        loop_close(loop);
    }
}

/* The last note of a loop and its end: the one who posts may still be at it. */
TEST(thread_loop_ends_right_after_its_last_note)
{
    struct chan *questions = chan_open();
    struct thread *answers = thread_start("answers", answer_all, questions);
    struct thread *askers[2];
    for (size_t i = 0; i < ARRAY_LEN(askers); i++)
        askers[i] = thread_start("asker", ask_from_loops, questions);
    for (size_t i = 0; i < ARRAY_LEN(askers); i++)
        thread_join(askers[i]);
    chan_nudge(questions);
    thread_join(answers);
    chan_close(questions);
}

/* ---- channels ----------------------------------------------------------------------------- */

struct number {
    struct chan_item item;
    int sender, value;
};

struct sending {
    struct chan *to;
    int sender;
};

static void send_numbers(void *arg)
{
    struct sending *s = arg;
    for (int i = 0; i < ITEMS; i++) {
        struct number *n = MEM_NEW(struct number);
        n->sender = s->sender;
        n->value = i;
        chan_send(s->to, &n->item);
        if (i % 16 == 0)
            chan_nudge(s->to);
    }
}

static void receive_all(struct chan *c)
{
    int next[SENDERS] = {0};
    for (int had = 0; had < SENDERS * ITEMS;) {
        struct chan_item *item;
        err e = chan_receive(c, &item, deadline_after(had % 3));
        if (e) {
            err_forget(); /* nudged, or too early */
            continue;
        }
        struct number *n = CONTAINER_OF(item, struct number, item);
        CHECK(n->value == next[n->sender], "each sender's items stay in order");
        next[n->sender] = n->value + 1;
        mem_free(n);
        had++;
    }
}

static void receive_on_a_fiber(void *arg)
{
    struct chan *c = arg;
    receive_all(c);
    chan_close(c); /* the last sender may still be on its way out */
}

static void run_channel(bool on_fiber)
{
    struct chan *c = chan_open();
    struct sending sending[SENDERS];
    struct thread *threads[SENDERS];
    for (int i = 0; i < SENDERS; i++) {
        sending[i] = (struct sending){c, i};
        threads[i] = thread_start("sender", send_numbers, &sending[i]);
    }
    if (on_fiber) {
        struct loop *loop = loop_open(NULL);
        loop_run(loop, "receiver", receive_on_a_fiber, c);
        loop_close(loop);
    } else {
        receive_all(c);
    }
    for (int i = 0; i < SENDERS; i++)
        thread_join(threads[i]);
    if (!on_fiber)
        chan_close(c);
}

TEST(thread_channel_loses_nothing)
{
    for (int i = 0; i < 10; i++) {
        run_channel(true);
        run_channel(false);
    }
}

/* ---- cancellation ------------------------------------------------------------------------- */

struct nested {
    struct group inner;
    struct gate never, turn;
    int ended, turns;
    bool free;
};

static void wait_for_ever(void *arg)
{
    struct nested *n = arg;
    err e = gate_wait(&n->never, DEADLINE_NEVER);
    CHECK(e && e->kind == ERR_CANCELED, "canceled, not woken");
    e = fiber_yield(); /* lets the others run all the same */
    CHECK(e && e->kind == ERR_CANCELED, "a canceled fiber's yield says so");
    n->ended++;
}

static void open_inner_group(void *arg)
{
    struct nested *n = arg;
    group_init(&n->inner);
    for (int i = 0; i < FIBERS; i++)
        fiber_spawn(&n->inner, "inner", wait_for_ever, n);
    err e = fiber_sleep(DEADLINE_NEVER);
    CHECK(e && e->kind == ERR_CANCELED, "canceled");
    group_close(&n->inner); /* a canceled fiber closes its groups like any other */
    CHECK(n->ended == FIBERS, "all have ended when it returns");
}

static void take_turn(void *arg)
{
    struct nested *n = arg;
    while (!n->free)
        if (gate_wait(&n->turn, DEADLINE_NEVER))
            return;
    n->free = false;
    n->turns++;
}

/* One wake for two, and the first of them is canceled after it was woken. */
static void pass_the_wake_on(struct nested *n)
{
    struct group first, second;
    group_init(&first);
    group_init(&second);
    gate_init(&n->turn);
    fiber_spawn(&first, "first", take_turn, n);
    fiber_spawn(&second, "second", take_turn, n);
    (void)!fiber_yield();
    n->free = true;
    gate_wake_one(&n->turn);
    group_close(&first);
    CHECK_DONE(group_wait(&second, deadline_after(2000)), "the wake went to the second");
    CHECK(n->turns == 1, "exactly one had the turn");
    group_close(&second);
}

static void cancel_things(void *arg)
{
    struct nested *n = arg;
    struct group outer;
    gate_init(&n->never);
    group_init(&outer);
    fiber_spawn(&outer, "outer", open_inner_group, n);
    (void)!fiber_yield();
    (void)!fiber_yield();
    group_close(&outer);
    pass_the_wake_on(n);
    CHECK(deadline_after(INT64_MAX).at_ms == INT64_MAX, "a deadline does not overflow");
    err e = fiber_sleep((deadline){-1});
    CHECK(e == NULL, "a deadline before all time has passed");
}

TEST(thread_cancellation_reaches_all)
{
    struct nested n = {0};
    struct loop *loop = loop_open(NULL);
    loop_run(loop, "cancel", cancel_things, &n);
    loop_close(loop);
}
