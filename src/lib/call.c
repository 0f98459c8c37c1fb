#include "lib/call.h"
#include "base/log.h"
#include "base/mem.h"
#include "runtime/loop.h"
#include "runtime/thread.h"
#include <pthread.h>
#include <stdio.h>

/* ---- once in a process ------------------------------------------------------------------ */

static void say_nothing(void *arg, enum log_level level, str line)
{
    (void)arg;
    (void)level;
    (void)line;
}

struct job_note {
    struct loop_note note;
    void (*run)(void *job);
    void (*finish)(void *job);
    void *job;
};

static void run_job(struct loop_note *note)
{
    struct job_note *n = CONTAINER_OF(note, struct job_note, note);
    n->run(n->job);
    n->finish(n->job);
    mem_free(n);
}

/* A job is done by the caller's own thread, on its large stack, when the fiber waits: a pool of
 * threads would stay behind in the host and be missing after its fork(). */
static void submit(void (*run)(void *job), void (*finish)(void *job), void *job)
{
    struct job_note *n = MEM_NEW(struct job_note);
    *n = (struct job_note){
        {NULL, run_job},
        run, finish, job
    };
    loop_post(loop_current(), &n->note);
}

static void set_up(void)
{
    static struct thread_driver driver;
    driver = thread_system;
    driver.submit = submit;
    thread_use(&driver);
    log_set_sink(say_nothing, NULL);
}

/* ---- one call --------------------------------------------------------------------------- */

static int fail(struct smtptool_error **ret_error, const struct smtptool_error *error)
{
    if (ret_error == NULL)
        return error->kind;
    *ret_error = MEM_NEW(struct smtptool_error);
    **ret_error = *error;
    return error->kind;
}

int lib_call_misuse(struct smtptool_error **ret_error, const char *what)
{
    struct smtptool_error error = {.kind = SMTPTOOL_MISUSE};
    snprintf(error.text, sizeof error.text, "%s", what);
    return fail(ret_error, &error);
}

bool lib_call_begin(struct lib_call *call, bool *busy, struct smtptool_error **ret_error)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, set_up);
    if (busy && __atomic_exchange_n(busy, true, __ATOMIC_ACQUIRE)) {
        lib_call_misuse(ret_error, "the handle is in use by another call");
        return false;
    }
    *call = (struct lib_call){err_ring_swap(NULL), busy, ret_error};
    if (ret_error)
        *ret_error = NULL;
    return true;
}

static void leave(struct lib_call *call)
{
    err_ring_release(err_ring_swap(call->ring));
    if (call->busy)
        __atomic_store_n(call->busy, false, __ATOMIC_RELEASE);
}

int lib_call_kind_of(err e)
{
    static const int kinds[] = {
        [ERR_SYSTEM] = SMTPTOOL_SYSTEM,    [ERR_TIMEOUT] = SMTPTOOL_LATER,
        [ERR_CANCELED] = SMTPTOOL_LATER,   [ERR_CLOSED] = SMTPTOOL_LATER,
        [ERR_PROTOCOL] = SMTPTOOL_INVALID, [ERR_LIMIT] = SMTPTOOL_TOO_LARGE,
        [ERR_CONFIG] = SMTPTOOL_INVALID,   [ERR_TLS] = SMTPTOOL_INVALID,
        [ERR_DAMAGED] = SMTPTOOL_INVALID,
    };
    return e ? kinds[e->kind] : SMTPTOOL_OK;
}

int lib_call_end_with(struct lib_call *call, const struct smtptool_error *error)
{
    leave(call);
    return error->kind == SMTPTOOL_OK ? SMTPTOOL_OK : fail(call->ret_error, error);
}

int lib_call_end(struct lib_call *call, err e)
{
    struct smtptool_error error = {.kind = lib_call_kind_of(e)};
    if (e)
        err_reason(e, error.text, sizeof error.text);
    return lib_call_end_with(call, &error);
}
