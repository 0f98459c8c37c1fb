#include "account/keeper_remote.h"
#include "account/keeper_call.h"
#include "base/list.h"
#include "base/mem.h"
#include "runtime/loop.h"
#include "runtime/thread.h"
#include "secret/secret.h"
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    READ_BYTES = 16 * 1024,
    INPUT_BYTES_MAX = KEEPER_FRAME_BYTES_MAX + KEEPER_FRAME_HEADER_BYTES + READ_BYTES,
};

/* One fiber's call. While it is linked the lock guards it, and the fiber may take it away; after
 * that the thread has finished it and its note is on the way to the fiber's loop. */
struct waiting {
    struct completion done;
    struct list link;   /* in remote->waiting */
    struct list unsent; /* in remote->unsent, until its frame is taken */
    struct keeper_call *call;
    bool lost;        /* no reply will come */
    bool left_behind; /* on the fiber's loop only */
};

struct keeper_remote {
    struct keeper_caller caller;
    int fd, wake_fd;
    struct thread *thread;
    pthread_mutex_t lock; /* of the next six */
    struct list waiting, unsent;
    size_t count;
    uint32_t last_id;
    bool closing, gone;
    struct buf input, output; /* the thread's */
};

/* -- the fiber's side ------------------------------------------------------------------------- */

static void waiting_release(struct waiting *w)
{
    keeper_call_close(w->call);
    mem_free(w);
}

/* On the loop of the fiber that waits, or has gone. */
static void arrive(struct loop_note *note)
{
    struct waiting *w = CONTAINER_OF(note, struct waiting, done.note);
    completion_arrived(&w->done);
    if (w->left_behind)
        waiting_release(w);
}

static void wake(struct keeper_remote *r)
{
    uint64_t one = 1;
    ssize_t n = write(r->wake_fd, &one, sizeof one);
    (void)n; /* a full counter wakes as well */
}

/* With the lock held. */
static err enter(struct keeper_remote *r, const struct keeper_request *request, struct waiting *w)
{
    if (r->gone)
        return err_new(ERR_CLOSED, "the keeper has gone");
    if (r->count == KEEPER_CALLS_MAX)
        return err_new(ERR_LIMIT, "%d calls wait for the keeper", KEEPER_CALLS_MAX);
    struct keeper_request numbered = *request;
    numbered.id = ++r->last_id;
    TRY(keeper_call_open(&numbered, &w->call));
    list_add_last(&r->waiting, &w->link);
    list_add_last(&r->unsent, &w->unsent);
    r->count++;
    return NULL;
}

/* With the lock held. */
static void leave(struct keeper_remote *r, struct waiting *w)
{
    list_remove(&w->link);
    list_remove(&w->unsent);
    r->count--;
}

/* The wait has failed: nobody will look at the reply. */
static void give_up(struct keeper_remote *r, struct waiting *w)
{
    pthread_mutex_lock(&r->lock);
    bool ours = list_linked(&w->link);
    if (ours)
        leave(r, w);
    else
        w->left_behind = true; /* its note is on the way */
    pthread_mutex_unlock(&r->lock);
    if (!ours)
        return;
    completion_forget(&w->done);
    waiting_release(w);
}

static err ask(struct keeper_caller *caller, const struct keeper_request *request,
               struct keeper_call **ret_call, deadline until)
{
    struct keeper_remote *r = CONTAINER_OF(caller, struct keeper_remote, caller);
    struct waiting *w = MEM_NEW(struct waiting);
    completion_init(&w->done);
    w->done.note.run = arrive;
    pthread_mutex_lock(&r->lock);
    err e = enter(r, request, w);
    pthread_mutex_unlock(&r->lock);
    if (e) {
        completion_forget(&w->done);
        waiting_release(w);
        return e;
    }
    wake(r);
    e = completion_wait(&w->done, until);
    if (e && !w->done.done) {
        give_up(r, w);
        return e->kind == ERR_TIMEOUT ? err_new(ERR_TIMEOUT, "the keeper did not answer in time")
                                      : e;
    }
    if (w->lost) {
        waiting_release(w);
        return err_new(ERR_CLOSED, "the keeper has gone");
    }
    *ret_call = w->call;
    mem_free(w);
    return NULL;
}

/* -- the thread ------------------------------------------------------------------------------- */

/* With the lock held. */
static struct waiting *find(struct keeper_remote *r, uint32_t id)
{
    LIST_EACH(&r->waiting, node)
    {
        struct waiting *w = LIST_OF(node, struct waiting, link);
        if (w->call->request.id == id)
            return w;
    }
    return NULL;
}

/* With the lock held. A reply that nobody waits for any more is dropped. */
static err settle(struct keeper_remote *r, str body)
{
    uint32_t id = 0;
    for (size_t i = 0; i < 4 && i < body.len; i++)
        id = id << 8 | (unsigned char)body.ptr[i];
    struct waiting *w = find(r, id);
    if (w == NULL)
        return NULL;
    struct keeper_call *c = w->call;
    char *room;
    TRY(buf_reserve(&c->answered, body.len, &room));
    TRY(buf_add(&c->answered, body));
    TRY(keeper_wire_read_reply(buf_str(&c->answered), c->arena, &c->reply));
    if (c->reply.op != c->request.op)
        return err_new(ERR_PROTOCOL, "the keeper answered another question");
    leave(r, w);
    completion_finish(&w->done);
    return NULL;
}

static err take_replies(struct keeper_remote *r)
{
    for (;;) {
        str rest = buf_str(&r->input), body;
        bool whole;
        TRY(keeper_wire_take(&rest, &body, &whole));
        if (!whole)
            return NULL;
        pthread_mutex_lock(&r->lock);
        err e = settle(r, body);
        pthread_mutex_unlock(&r->lock);
        TRY(e);
        buf_cut_front(&r->input, r->input.len - rest.len);
        mem_wipe(r->input.ptr + r->input.len, r->input.cap - r->input.len); /* it held a secret */
    }
}

static err receive(struct keeper_remote *r)
{
    char *room;
    TRY(buf_reserve(&r->input, READ_BYTES, &room));
    ssize_t n = recv(r->fd, room, READ_BYTES, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return NULL;
    if (n <= 0)
        return err_new(ERR_CLOSED, "the keeper closed the connection");
    r->input.len += (size_t)n;
    return take_replies(r);
}

/* The oldest frame that nobody gave up, when the one before is out. */
static err next_frame(struct keeper_remote *r)
{
    if (r->output.len)
        return NULL;
    pthread_mutex_lock(&r->lock);
    struct list *node = list_take_first(&r->unsent);
    err e = NULL;
    if (node)
        e = buf_add(&r->output, buf_str(&LIST_OF(node, struct waiting, unsent)->call->asked));
    pthread_mutex_unlock(&r->lock);
    return e;
}

static err transmit(struct keeper_remote *r)
{
    for (;;) {
        TRY(next_frame(r));
        if (r->output.len == 0)
            return NULL;
        ssize_t n = send(r->fd, r->output.ptr, r->output.len, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n < 0 && errno == EAGAIN)
            return NULL;
        if (n < 0 && errno != EINTR)
            return err_new(ERR_CLOSED, "the keeper closed the connection");
        buf_cut_front(&r->output, n > 0 ? (size_t)n : 0);
        mem_wipe(r->output.ptr + r->output.len, r->output.cap - r->output.len);
    }
}

static bool is_closing(struct keeper_remote *r)
{
    pthread_mutex_lock(&r->lock);
    bool closing = r->closing;
    pthread_mutex_unlock(&r->lock);
    return closing;
}

/* One turn: wait for something to do, and do it. */
static err turn(struct keeper_remote *r)
{
    struct pollfd fds[2] = {
        {.fd = r->fd,      .events = (short)(POLLIN | (r->output.len ? POLLOUT : 0))},
        {.fd = r->wake_fd, .events = POLLIN                                         },
    };
    if (poll(fds, 2, -1) < 0 && errno != EINTR)
        return err_new(ERR_SYSTEM, "poll");
    uint64_t count;
    if (fds[1].revents && read(r->wake_fd, &count, sizeof count) < 0)
        ASSERT(errno == EAGAIN || errno == EINTR);
    TRY(transmit(r));
    return fds[0].revents & ~POLLOUT ? receive(r) : NULL;
}

static void fail_all(struct keeper_remote *r)
{
    pthread_mutex_lock(&r->lock);
    r->gone = true;
    while (!list_empty(&r->waiting)) {
        struct waiting *w = LIST_OF(r->waiting.next, struct waiting, link);
        leave(r, w);
        w->lost = true;
        completion_finish(&w->done);
    }
    pthread_mutex_unlock(&r->lock);
}

static void run(void *arg)
{
    struct keeper_remote *r = arg;
    err e = NULL;
    while (e == NULL && !is_closing(r)) {
        e = turn(r);
        if (e == NULL)
            err_forget();
    }
    fail_all(r);
    secret_wipe(&r->input);
    secret_wipe(&r->output);
}

/* -- life ------------------------------------------------------------------------------------- */

err keeper_remote_open(int fd, struct keeper_remote **ret_keeper)
{
    int wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (wake_fd < 0)
        return err_new(ERR_SYSTEM, "eventfd");
    struct keeper_remote *r = MEM_NEW(struct keeper_remote);
    char *room;
    r->fd = fd;
    r->wake_fd = wake_fd;
    pthread_mutex_init(&r->lock, NULL);
    list_init(&r->waiting);
    list_init(&r->unsent);
    buf_init(&r->input, INPUT_BYTES_MAX);
    buf_init(&r->output, KEEPER_FRAME_BYTES_MAX + KEEPER_FRAME_HEADER_BYTES);
    err e = buf_reserve(&r->input, r->input.max, &room); /* they hold secrets: never moved */
    if (e == NULL)
        e = buf_reserve(&r->output, r->output.max, &room);
    ASSERT(e == NULL);
    keeper_call_init(&r->caller, ask);
    r->thread = thread_start("keeper", run, r);
    *ret_keeper = r;
    return NULL;
}

void keeper_remote_close(struct keeper_remote *r)
{
    if (r == NULL)
        return;
    pthread_mutex_lock(&r->lock);
    ASSERT(r->count == 0);
    r->closing = true;
    pthread_mutex_unlock(&r->lock);
    wake(r);
    thread_join(r->thread);
    pthread_mutex_destroy(&r->lock);
    close(r->fd);
    close(r->wake_fd);
    mem_free(r);
}

const struct keeper *keeper_remote_seam(struct keeper_remote *r) { return &r->caller.seam; }

bool keeper_remote_alive(struct keeper_remote *r)
{
    pthread_mutex_lock(&r->lock);
    bool alive = !r->gone;
    pthread_mutex_unlock(&r->lock);
    return alive;
}
