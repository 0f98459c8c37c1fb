#include "base/mem.h"
#include "feedback/own.h"
#include "runtime/thread.h"

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

static err run_work(void *work)
{
    struct feedback_work *w = work;
    return w->run(w);
}

err feedback_work_do(struct feedback_work **work, deadline until)
{
    bool left;
    err e = job_do(run_work, *work, free_work, until, &left);
    if (left)
        *work = NULL;
    return e;
}
