#include "runtime/file_job.h"
#include "base/mem.h"
#include "runtime/file.h"
#include "runtime/thread.h"
#include <string.h>

/* It owns what it works with, for a fiber that is canceled leaves it behind. */
struct job {
    char *path;
    int flags;
    struct buf text;
    bool failed;
    enum err_kind kind;
    char words[240];
};

static void release(void *arg)
{
    struct job *j = arg;
    mem_free(j->path);
    buf_release(&j->text);
    mem_free(j);
}

static void run(void *arg)
{
    struct job *j = arg;
    err e = file_replace(j->path, j->flags, buf_str(&j->text));
    j->failed = e != NULL;
    if (e == NULL)
        return;
    j->kind = e->kind;
    err_words(e, j->words, sizeof j->words);
}

err file_job_replace(const char *path, int flags, struct buf *text, deadline until)
{
    struct job *j = MEM_NEW(struct job);
    size_t size = strlen(path) + 1;
    j->path = mem_alloc(size);
    memcpy(j->path, path, size);
    j->flags = flags;
    j->text = *text;
    *text = (struct buf){0};
    TRY(job_run(run, j, release, until));
    err e = j->failed ? err_new(j->kind, "%s", j->words) : NULL;
    release(j);
    return e;
}
