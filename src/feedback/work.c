#include "base/mem.h"
#include "feedback/own.h"
#include "runtime/fiber.h"
#include "runtime/thread.h"
#include <errno.h>

static void count_job(struct feedback *f, int more)
{
    pthread_mutex_lock(&f->jobs_lock);
    f->jobs += more;
    pthread_cond_broadcast(&f->jobs_changed);
    pthread_mutex_unlock(&f->jobs_lock);
}

struct feedback_work *feedback_work_new(struct feedback *f, err (*run)(struct feedback_work *))
{
    struct feedback_work *w = MEM_NEW(struct feedback_work);
    w->feedback = f;
    w->arena = arena_open(FEEDBACK_WORK_ARENA_BYTES);
    w->run = run;
    count_job(f, 1);
    return w;
}

static void free_work(void *work)
{
    struct feedback_work *w = work;
    struct feedback *f = w->feedback;
    arena_close(w->arena);
    mem_free(w);
    count_job(f, -1); /* the last that is done with it */
}

void feedback_work_cleanup(struct feedback_work **work)
{
    if (*work)
        free_work(*work);
    *work = NULL;
}

static void run_work(void *work)
{
    struct feedback_work *w = work;
    err e = w->run(w);
    w->failed = e != NULL;
    if (e == NULL)
        return;
    w->kind = e->kind;
    w->error_number = err_number(e);
    err_words(e, w->words, sizeof w->words);
}

err feedback_work_do(struct feedback_work **work, deadline until)
{
    struct feedback_work *w = *work;
    if (fiber_current()) {
        *work = NULL;
        TRY(job_run(run_work, w, free_work, until));
        *work = w;
    } else {
        run_work(w);
    }
    if (!w->failed)
        return NULL;
    errno = w->error_number;
    return err_new(w->kind, "%s", w->words);
}
