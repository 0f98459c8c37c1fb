#include "runtime/thread.h"
#include "base/mem.h"
#include "runtime/loop.h"
#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum {
    JOB_THREADS = 4,
    THREAD_STACK_BYTES = 512 * 1024,
};

struct thread {
    pthread_t id;
    char name[16];
    void (*run)(void *arg);
    void *arg;
};

static void *thread_entry(void *arg)
{
    struct thread *t = arg;
    pthread_setname_np(pthread_self(), t->name);
    t->run(t->arg);
    err_forget();
    return NULL;
}

/* Signals are the first thread's: all others block them. */
static struct thread *system_start(const char *name, void (*run)(void *arg), void *arg)
{
    struct thread *t = MEM_NEW(struct thread);
    snprintf(t->name, sizeof t->name, "%s", name);
    t->run = run;
    t->arg = arg;
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    int failed = pthread_create(&t->id, NULL, thread_entry, t);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failed) {
        fprintf(stderr, "smtptool: cannot start thread %s\n", name);
        abort();
    }
    return t;
}

static void system_join(struct thread *t)
{
    pthread_join(t->id, NULL);
    mem_free(t);
}

/* ---- the job pool ----------------------------------------------------------------------- */

struct pooled_job {
    struct pooled_job *next;
    void (*run)(void *job);
    void (*finish)(void *job);
    void *job;
};

static struct {
    pthread_mutex_t lock;
    pthread_cond_t work;
    struct pooled_job *first, **end;
    int threads, idle;
} pool = {.lock = PTHREAD_MUTEX_INITIALIZER, .work = PTHREAD_COND_INITIALIZER};

static void pool_thread(void *arg)
{
    (void)arg;
    pthread_mutex_lock(&pool.lock);
    for (;;) {
        while (pool.first == NULL) {
            pool.idle++;
            pthread_cond_wait(&pool.work, &pool.lock);
            pool.idle--;
        }
        struct pooled_job *j = pool.first;
        pool.first = j->next;
        if (pool.first == NULL)
            pool.end = &pool.first;
        pthread_mutex_unlock(&pool.lock);
        j->run(j->job);
        j->finish(j->job);
        mem_free(j);
        err_forget();
        pthread_mutex_lock(&pool.lock);
    }
}

static void system_submit(void (*run)(void *job), void (*finish)(void *job), void *job)
{
    struct pooled_job *j = MEM_NEW(struct pooled_job);
    *j = (struct pooled_job){.run = run, .finish = finish, .job = job};
    pthread_mutex_lock(&pool.lock);
    if (pool.end == NULL)
        pool.end = &pool.first;
    *pool.end = j;
    pool.end = &j->next;
    bool another = pool.idle == 0 && pool.threads < JOB_THREADS;
    pool.threads += another;
    pthread_cond_signal(&pool.work);
    pthread_mutex_unlock(&pool.lock);
    if (another)
        system_start("job", pool_thread, NULL); /* lives as long as the process */
}

const struct thread_driver thread_system = {system_start, system_join, system_submit};
static const struct thread_driver *driver = &thread_system;

void thread_use(const struct thread_driver *d) { driver = d ? d : &thread_system; }

struct thread *thread_start(const char *name, void (*run)(void *arg), void *arg)
{
    return driver->start(name, run, arg);
}

void thread_join(struct thread *t) { driver->join(t); }

/* ---- one job, awaited by a fiber ---------------------------------------------------------- */

struct awaited_job {
    struct completion done;
    void (*run)(void *job);
    void (*release)(void *job);
    void *job;
    bool left_behind; /* on the loop's thread only */
};

static void run_awaited(void *arg)
{
    struct awaited_job *a = arg;
    a->run(a->job);
}

/* On the loop's thread: the waiter is there, or it has gone and we clear up. */
static void arrive(struct loop_note *note)
{
    struct awaited_job *a = CONTAINER_OF(note, struct awaited_job, done.note);
    completion_arrived(&a->done);
    if (!a->left_behind)
        return;
    if (a->release)
        a->release(a->job);
    mem_free(a);
}

static void finish_awaited(void *arg)
{
    struct awaited_job *a = arg;
    completion_finish(&a->done);
}

err job_run(void (*run)(void *job), void *job, void (*release)(void *job), deadline until)
{
    struct awaited_job *a = MEM_NEW(struct awaited_job);
    a->run = run;
    a->release = release;
    a->job = job;
    completion_init(&a->done);
    a->done.note.run = arrive;
    driver->submit(run_awaited, finish_awaited, a);
    err e = completion_wait(&a->done, until);
    if (e && !a->done.done) {
        a->left_behind = true;
        return e;
    }
    mem_free(a);
    return NULL;
}

/* ---- work that may fail ------------------------------------------------------------------- */

enum { WORDS_CHARS = 300 };

/* An err lives in the ring of the thread that made it: what it says is carried over. */
struct work {
    err (*run)(void *work);
    void (*release)(void *work);
    void *work;
    bool failed;
    enum err_kind kind;
    int number;
    char words[WORDS_CHARS];
};

static void run_work(void *job)
{
    struct work *w = job;
    err e = w->run(w->work);
    w->failed = e != NULL;
    if (e == NULL)
        return;
    w->kind = e->kind;
    w->number = err_number(e);
    err_words(e, w->words, sizeof w->words);
}

static void release_work(void *job)
{
    struct work *w = job;
    w->release(w->work);
    mem_free(w);
}

err job_do(err (*run)(void *work), void *work, void (*release)(void *work), deadline until,
           bool *left)
{
    *left = false;
    if (fiber_current() == NULL)
        return run(work);
    struct work *w = MEM_NEW(struct work);
    *w = (struct work){.run = run, .release = release, .work = work};
    err e = job_run(run_work, w, release_work, until);
    if (e) {
        *left = true;
        return e;
    }
    if (w->failed) {
        errno = w->number;
        e = err_new(w->kind, "%s", w->words);
    }
    mem_free(w);
    return e;
}

/* ---- channels --------------------------------------------------------------------------- */

/* Senders push to a stack without a lock; the receiver takes it whole and turns it round. It says
 * how it sleeps (`sleeping`, or its loop) before it looks a last time, and a sender pushes before
 * it looks how the receiver sleeps: one of the two sees the other. */
struct chan {
    struct chan_item *pushed; /* atomic: newest first */
    struct chan_item *first;  /* the receiver's: oldest first */
    bool nudged;              /* atomic */
    bool noted;               /* atomic: a note to the receiver's loop is under way */
    uint32_t sleeping;        /* atomic: 1 while a receiving thread sleeps; a futex */
    int sending;              /* atomic: senders that may still look at the channel */
    struct loop *loop;        /* atomic: of a receiving fiber that waits; NULL otherwise */
    struct loop_note note;
    struct gate gate;
};

static void chan_note(struct loop_note *note)
{
    struct chan *c = CONTAINER_OF(note, struct chan, note);
    __atomic_store_n(&c->noted, false, __ATOMIC_SEQ_CST);
    gate_wake_all(&c->gate);
}

struct chan *chan_open(void)
{
    struct chan *c = MEM_NEW(struct chan);
    c->note.run = chan_note;
    gate_init(&c->gate);
    return c;
}

void chan_close(struct chan *c)
{
    if (c == NULL)
        return;
    while (__atomic_load_n(&c->sending, __ATOMIC_ACQUIRE) > 0)
        sched_yield(); /* a sender is still on its way out of chan_send() */
    while (__atomic_load_n(&c->noted, __ATOMIC_SEQ_CST) && fiber_current())
        (void)!fiber_yield();
    mem_free(c);
}

static void futex_wake(uint32_t *word) { syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, 1); }

/* Until somebody wakes us, the word is not 1 any more, the deadline has passed, or for no reason.
 */
static void futex_wait(uint32_t *word, deadline until)
{
    struct timespec at = {until.at_ms / 1000, until.at_ms % 1000 * 1000000};
    syscall(SYS_futex, word, FUTEX_WAIT_BITSET_PRIVATE, 1, until.at_ms == INT64_MAX ? NULL : &at,
            NULL, FUTEX_BITSET_MATCH_ANY);
}

/* Make the receiver look. */
static void alert(struct chan *c)
{
    struct loop *l = __atomic_load_n(&c->loop, __ATOMIC_SEQ_CST);
    if (l == NULL) {
        if (__atomic_exchange_n(&c->sleeping, 0, __ATOMIC_SEQ_CST) == 1)
            futex_wake(&c->sleeping);
    } else if (!__atomic_exchange_n(&c->noted, true, __ATOMIC_SEQ_CST))
        loop_post(l, &c->note);
}

void chan_send(struct chan *c, struct chan_item *item)
{
    __atomic_add_fetch(&c->sending, 1, __ATOMIC_RELAXED);
    item->next = __atomic_load_n(&c->pushed, __ATOMIC_RELAXED);
    while (!__atomic_compare_exchange_n(&c->pushed, &item->next, item, true, __ATOMIC_SEQ_CST,
                                        __ATOMIC_RELAXED))
        ;
    alert(c);
    __atomic_sub_fetch(&c->sending, 1, __ATOMIC_RELEASE); /* the channel may be gone from here */
}

void chan_nudge(struct chan *c)
{
    __atomic_add_fetch(&c->sending, 1, __ATOMIC_RELAXED);
    __atomic_store_n(&c->nudged, true, __ATOMIC_SEQ_CST);
    alert(c);
    __atomic_sub_fetch(&c->sending, 1, __ATOMIC_RELEASE);
}

/* What was pushed goes behind what the receiver has. */
static void collect(struct chan *c)
{
    struct chan_item *newest = __atomic_exchange_n(&c->pushed, NULL, __ATOMIC_SEQ_CST);
    struct chan_item *oldest = NULL;
    while (newest) {
        struct chan_item *next = newest->next;
        newest->next = oldest;
        oldest = newest;
        newest = next;
    }
    struct chan_item **end = &c->first;
    while (*end)
        end = &(*end)->next;
    *end = oldest;
}

struct chan_item *chan_take_all(struct chan *c)
{
    collect(c);
    struct chan_item *all = c->first;
    c->first = NULL;
    return all;
}

static bool has_news(struct chan *c)
{
    return __atomic_load_n(&c->pushed, __ATOMIC_SEQ_CST) ||
           __atomic_load_n(&c->nudged, __ATOMIC_SEQ_CST);
}

static err wait_on_fiber(struct chan *c, deadline until)
{
    err e = NULL;
    __atomic_store_n(&c->loop, loop_current(), __ATOMIC_SEQ_CST);
    if (!has_news(c))
        e = gate_wait(&c->gate, until);
    __atomic_store_n(&c->loop, NULL, __ATOMIC_SEQ_CST);
    return e;
}

static err wait_on_thread(struct chan *c, deadline until)
{
    __atomic_store_n(&c->sleeping, 1, __ATOMIC_SEQ_CST);
    if (!has_news(c))
        futex_wait(&c->sleeping, until);
    __atomic_store_n(&c->sleeping, 0, __ATOMIC_SEQ_CST);
    return NULL;
}

static bool take_nudge(struct chan *c)
{
    return __atomic_load_n(&c->nudged, __ATOMIC_RELAXED) &&
           __atomic_exchange_n(&c->nudged, false, __ATOMIC_SEQ_CST);
}

err chan_receive(struct chan *c, struct chan_item **ret_item, deadline until)
{
    err e = NULL;
    for (;;) {
        if (c->first == NULL)
            collect(c);
        bool nudged = take_nudge(c);
        if (c->first)
            break;
        if (e)
            return e;
        if (nudged || deadline_passed(until))
            return err_new(ERR_TIMEOUT, "nothing came");
        e = fiber_current() ? wait_on_fiber(c, until) : wait_on_thread(c, until);
    }
    *ret_item = c->first;
    c->first = c->first->next;
    return NULL;
}
