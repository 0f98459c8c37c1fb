#include "runtime/thread.h"
#include "base/mem.h"
#include "runtime/loop.h"
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

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

/* ---- channels --------------------------------------------------------------------------- */

struct chan {
    pthread_mutex_t lock;
    pthread_cond_t arrived;
    struct chan_item *first, **end;
    bool nudged, noted; /* noted: a note to the receiver's loop is under way */
    int signaling;      /* senders that still have to wake a thread */
    struct loop *loop;  /* of a receiving fiber that waits; NULL otherwise */
    struct loop_note note;
    struct gate gate;
};

static void chan_note(struct loop_note *note)
{
    struct chan *c = CONTAINER_OF(note, struct chan, note);
    pthread_mutex_lock(&c->lock);
    c->noted = false;
    pthread_mutex_unlock(&c->lock);
    gate_wake_all(&c->gate);
}

struct chan *chan_open(void)
{
    struct chan *c = MEM_NEW(struct chan);
    pthread_mutex_init(&c->lock, NULL);
    pthread_condattr_t steady;
    pthread_condattr_init(&steady);
    pthread_condattr_setclock(&steady, CLOCK_MONOTONIC);
    pthread_cond_init(&c->arrived, &steady);
    pthread_condattr_destroy(&steady);
    c->end = &c->first;
    c->note.run = chan_note;
    gate_init(&c->gate);
    return c;
}

static bool note_under_way(struct chan *c)
{
    pthread_mutex_lock(&c->lock);
    bool noted = c->noted;
    pthread_mutex_unlock(&c->lock);
    return noted;
}

void chan_close(struct chan *c)
{
    if (c == NULL)
        return;
    while (note_under_way(c) && fiber_current())
        (void)!fiber_yield();
    while (__atomic_load_n(&c->signaling, __ATOMIC_ACQUIRE) > 0)
        sched_yield(); /* a sender is still on its way out of chan_send() */
    pthread_cond_destroy(&c->arrived);
    pthread_mutex_destroy(&c->lock);
    mem_free(c);
}

/* With the lock held, which is let go: make the receiver look. A thread is woken after that, or it
 * would run into the lock at once. */
static void alert_and_unlock(struct chan *c)
{
    bool fiber = c->loop != NULL;
    if (fiber && !c->noted) {
        c->noted = true;
        loop_post(c->loop, &c->note);
    } else if (!fiber)
        __atomic_add_fetch(&c->signaling, 1, __ATOMIC_RELAXED);
    pthread_mutex_unlock(&c->lock);
    if (fiber)
        return;
    pthread_cond_signal(&c->arrived);
    __atomic_sub_fetch(&c->signaling, 1, __ATOMIC_RELEASE); /* the channel may be gone from here */
}

void chan_send(struct chan *c, struct chan_item *item)
{
    item->next = NULL;
    pthread_mutex_lock(&c->lock);
    *c->end = item;
    c->end = &item->next;
    alert_and_unlock(c);
}

void chan_nudge(struct chan *c)
{
    pthread_mutex_lock(&c->lock);
    c->nudged = true;
    alert_and_unlock(c);
}

struct chan_item *chan_take_all(struct chan *c)
{
    pthread_mutex_lock(&c->lock);
    struct chan_item *all = c->first;
    c->first = NULL;
    c->end = &c->first;
    pthread_mutex_unlock(&c->lock);
    return all;
}

/* One wait, with the lock held before and after. */
static err wait_on_fiber(struct chan *c, deadline until)
{
    c->loop = loop_current();
    pthread_mutex_unlock(&c->lock);
    err e = gate_wait(&c->gate, until);
    pthread_mutex_lock(&c->lock);
    c->loop = NULL;
    return e;
}

static err wait_on_thread(struct chan *c, deadline until)
{
    if (until.at_ms == INT64_MAX) {
        pthread_cond_wait(&c->arrived, &c->lock);
        return NULL;
    }
    struct timespec at = {until.at_ms / 1000, until.at_ms % 1000 * 1000000};
    if (pthread_cond_timedwait(&c->arrived, &c->lock, &at) == 0)
        return NULL;
    return err_new(ERR_TIMEOUT, "nothing came");
}

err chan_receive(struct chan *c, struct chan_item **ret_item, deadline until)
{
    err e = NULL;
    pthread_mutex_lock(&c->lock);
    while (c->first == NULL && e == NULL) {
        if (c->nudged || deadline_passed(until))
            e = err_new(ERR_TIMEOUT, "nothing came");
        else
            e = fiber_current() ? wait_on_fiber(c, until) : wait_on_thread(c, until);
    }
    c->nudged = false;
    if (c->first) {
        e = NULL;
        *ret_item = c->first;
        c->first = c->first->next;
        if (c->first == NULL)
            c->end = &c->first;
    }
    pthread_mutex_unlock(&c->lock);
    return e;
}
