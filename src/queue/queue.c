#include "queue/queue.h"
#include "base/log.h"
#include "base/mem.h"
#include "queue/accept.h"
#include "queue/commit.h"
#include "queue/index.h"
#include "queue/log.h"
#include "queue/once_file.h"
#include "queue/recent.h"
#include "queue/recover.h"
#include "queue/request.h"
#include "queue/supply.h"
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
    PINS_WAIT_MS = 10,
    DSN_MEMORY_BYTES_MAX = 64 * 1024, /* of all in one settle; more goes to files */
    AGAIN_MS = 60 * 1000,             /* after a settle that could not be written */
};

/* ---- opening
 * ------------------------------------------------------------------------------------- */

void queue_path(const struct queue *q, char ret_path[QUEUE_PATH_CHARS], const char *fmt, ...)
{
    va_list args;
    int n = snprintf(ret_path, QUEUE_PATH_CHARS, "%s/", q->folder);
    va_start(args, fmt);
    vsnprintf(ret_path + n, QUEUE_PATH_CHARS - (size_t)n, fmt, args);
    va_end(args);
}

void queue_body_path(const struct queue *q, uint64_t id, char ret_path[QUEUE_PATH_CHARS])
{
    queue_path(q, ret_path, "body/%s", queue_id_format(id).text);
}

static err check_folder(const char *path)
{
    struct file_facts facts;
    TRY(file_look(path, &facts));
    if (!facts.folder)
        return err_new(ERR_CONFIG, "%s is not a folder", path);
    if (facts.others_may_write)
        return err_new(ERR_CONFIG, "%s can be written by others: chmod 700", path);
    if (facts.owner != geteuid())
        return err_new(ERR_CONFIG, "%s belongs to another user", path);
    return NULL;
}

/* The name of a folder that was just made is kept by the folder it is in. */
static err sync_parent(const char *path)
{
    char parent[QUEUE_FOLDER_CHARS];
    str p = str_of(path);
    while (p.len > 1 && p.ptr[p.len - 1] == '/')
        p.len--;
    size_t slash = str_find_last(p, '/');
    if (slash == STR_NONE)
        return folder_sync(".");
    str_to_chars(str_slice(p, 0, slash ? slash : 1), parent, sizeof parent);
    return folder_sync(parent);
}

static err make_folders(struct queue *q)
{
    static const char *const parts[] = {"log", "body", "quarantine"};
    char path[QUEUE_PATH_CHARS];
    bool fresh = !file_exists(q->folder);
    TRY(folder_make(q->folder));
    TRY(check_folder(q->folder));
    err e = sync_parent(q->folder); /* a crash may have come between making it and this */
    if (e && fresh)
        return e;
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        queue_path(q, path, "%s", parts[i]);
        TRY(folder_make(path));
        TRY(check_folder(path));
    }
    return folder_sync(q->folder);
}

static err lock_spool(struct queue *q)
{
    char path[QUEUE_PATH_CHARS];
    queue_path(q, path, "lock");
    TRY(file_open(path, FILE_WRITE | FILE_CREATE, &q->lock_file));
    err e = file_lock(q->lock_file);
    return e ? err_wrap(e, "the spool %s is in use", q->folder) : NULL;
}

static err choose_segment_bytes(struct queue *q)
{
    uint64_t bytes = q->options.segment_bytes, free_bytes, inodes;
    TRY(folder_space(q->folder, &free_bytes, &inodes));
    if (bytes == 0)
        bytes =
            free_bytes / 16 < QUEUE_SEGMENT_BYTES_MAX ? free_bytes / 16 : QUEUE_SEGMENT_BYTES_MAX;
    uint64_t size = QUEUE_SEGMENT_BYTES_MIN;
    while (size * 2 <= bytes && size < QUEUE_SEGMENT_BYTES_MAX)
        size *= 2;
    q->segment_bytes = size;
    return NULL;
}

static void release(struct queue *q)
{
    struct queue_committer *c = q->committer;
    for (uint32_t i = 0; i < q->segment_count; i++)
        queue_segment_close(q->segments[i]);
    if (c)
        queue_commit_release(q);
    queue_index_release(q);
    queue_recent_close(q->recent);
    queue_once_file_close(q);
    queue_once_close(q->once);
    mem_free(q->segments);
    mem_free(q->inboxes);
    queue_supply_drop(q);
    chan_close(q->requests);
    chan_close(q->chores);
    file_close(q->lock_file);
    pthread_mutex_destroy(&q->lock);
    mem_free(q);
}

static err open_spool(struct queue *q)
{
    TRY(make_folders(q));
    TRY(lock_spool(q));
    TRY(choose_segment_bytes(q));
    return queue_recover(q);
}

err queue_open(const struct queue_options *options, struct queue **ret_queue)
{
    ASSERT(options->once_keys_max <= QUEUE_ONCE_KEYS_MAX);
    ASSERT(options->workers > 0 && options->workers <= QUEUE_WORKERS_MAX);
    if (strlen(options->folder) >= QUEUE_FOLDER_CHARS)
        return err_new(ERR_CONFIG, "the spool's path is too long");
    struct queue *q = MEM_NEW(struct queue);
    q->recent = queue_recent_open();
    q->once = queue_once_open(options->once_window_ms, options->once_keys_max);
    q->options = *options;
    q->options.folder = q->folder;
    snprintf(q->folder, sizeof q->folder, "%s", options->folder);
    pthread_mutex_init(&q->lock, NULL);
    queue_index_init(q);
    q->inboxes = mem_alloc((size_t)options->workers * sizeof *q->inboxes);
    for (int i = 0; i < options->workers; i++)
        q->inboxes[i].end = &q->inboxes[i].first;
    q->requests = chan_open();
    q->chores = chan_open();
    queue_commit_init(q);
    err e = open_spool(q);
    if (e) {
        release(q);
        return e;
    }
    queue_supply_start(q);
    queue_commit_start(q);
    *ret_queue = q;
    return NULL;
}

/* ---- closing
 * -------------------------------------------------------------------------------------- */

static bool pinned(struct queue *q)
{
    bool any = false;
    pthread_mutex_lock(&q->lock);
    for (uint32_t i = 0; i < q->segment_count; i++)
        any |= q->segments[i]->pins > 0;
    pthread_mutex_unlock(&q->lock);
    return any;
}

/* What the threads left in their channels. */
static void take_late(struct queue *q)
{
    struct chan_item *item = chan_take_all(q->requests);
    while (item) {
        struct chan_item *next = item->next;
        struct queue_request *r = CONTAINER_OF(item, struct queue_request, item);
        if (r->kind == QUEUE_REQUEST_READY)
            queue_segment_close(r->segment);
        if (r->kind == QUEUE_REQUEST_GONE)
            queue_log_gone(q, r->segment);
        r->failed = true;
        if (r->kind <= QUEUE_REQUEST_CHANGE)
            queue_request_free(r);
        else
            mem_free(r);
        item = next;
    }
}

/* Deliveries that no schedule will look at any more. */
static void empty_inboxes(struct queue *q)
{
    for (int i = 0; i < q->options.workers; i++) {
        struct queue_delivery *d = q->inboxes[i].first;
        while (d) {
            struct queue_delivery *next = d->inbox_next;
            d->in_inbox = false;
            if (d->gone || d->flags & QUEUE_FINISHED)
                queue_index_unref(q, queue_entry_of(d));
            d = next;
        }
    }
}

void queue_close(struct queue *q)
{
    if (q == NULL)
        return;
    struct chan *pause = chan_open();
    while (pinned(q)) { /* a read that was left behind */
        struct chan_item *none;
        err e = chan_receive(pause, &none, deadline_after(PINS_WAIT_MS));
        if (e && e->kind == ERR_CANCELED)
            break;
        err_forget();
    }
    chan_close(pause);
    queue_commit_stop(q);
    queue_supply_stop(q);
    take_late(q);
    empty_inboxes(q);
    release(q);
}

/* ---- committing
 * ------------------------------------------------------------------------------------ */

bool queue_stopped(struct queue *q)
{
    pthread_mutex_lock(&q->lock);
    bool stopped = q->stopped;
    pthread_mutex_unlock(&q->lock);
    return stopped;
}

bool queue_has_room(struct queue *q)
{
    int64_t drafts = __atomic_load_n(&q->draft_memory, __ATOMIC_RELAXED);
    pthread_mutex_lock(&q->lock);
    bool room =
        !q->stopped && !q->full && q->stats.free_bytes >= (uint64_t)q->options.free_space_floor;
    pthread_mutex_unlock(&q->lock);
    return room && drafts < q->options.draft_memory_max;
}

err queue_commit(struct queue *q, struct queue_draft **draft, const struct envelope *e, str prefix,
                 queue_id *ret_id, deadline until)
{
    struct queue_request *r = queue_request_make(q, QUEUE_REQUEST_COMMIT);
    r->news = MEM_NEW(struct queue_new);
    err failed = queue_stopped(q) ? err_new(ERR_CLOSED, "the spool has stopped") : NULL;
    if (failed == NULL)
        failed = queue_accept_prepare(q, draft, e, prefix, false, r->news, until);
    if (failed) {
        queue_draft_abandon(draft);
        queue_request_free(r);
        return failed;
    }
    r->new_count = 1;
    queue_id id = queue_id_format(r->news[0].record.id);
    TRY(queue_request_run(r, until));
    *ret_id = id;
    return NULL;
}

/* ---- deliveries
 * ------------------------------------------------------------------------------------- */

queue_id queue_delivery_id(const struct queue_delivery *d)
{
    return queue_id_format(queue_entry_of(d)->id);
}

str queue_delivery_destination(const struct queue_delivery *d)
{
    return (str){d->destination->name, d->destination->name_len};
}

size_t queue_delivery_rcpts(const struct queue_delivery *d) { return d->rcpt_count; }

struct queue_state queue_delivery_state(struct queue *q, const struct queue_delivery *d)
{
    pthread_mutex_lock(&q->lock);
    struct queue_state state = queue_index_state(d);
    pthread_mutex_unlock(&q->lock);
    return state;
}

static err prepare_dsns(struct queue *q, struct queue_request *r, const struct queue_settlement *s,
                        deadline until)
{
    size_t inline_bytes = 0;
    r->news = mem_alloc((s->dsn_count + 1) * sizeof *r->news);
    for (size_t i = 0; i < s->dsn_count; i++) {
        const struct queue_new_message *dsn = &s->dsns[i];
        struct queue_draft *draft = NULL;
        inline_bytes += dsn->content.len;
        TRY(queue_draft_open(q, &draft));
        err e = queue_draft_write(draft, dsn->content, until);
        if (e == NULL)
            e = queue_accept_prepare(q, &draft, dsn->envelope, (str){0},
                                     inline_bytes > DSN_MEMORY_BYTES_MAX, &r->news[i], until);
        queue_draft_abandon(&draft);
        TRY(e);
        r->new_count++;
    }
    return NULL;
}

static void fill_settle(struct queue_request *r, struct queue_delivery *d,
                        const struct queue_settlement *s)
{
    int64_t now = clock_real_ms();
    r->state = queue_delivery_state(r->queue, d);
    r->state.due_ms = s->due_ms;
    if (s->tried) {
        if (r->state.attempts < QUEUE_ATTEMPTS_MAX)
            r->state.attempts++;
        r->state.way = s->way;
        r->state.last_ms = now;
        r->state.first_ms = r->state.first_ms ? r->state.first_ms : now;
    }
    r->state.flags = (uint8_t)(r->state.flags | (s->warned ? QUEUE_WARNED : 0));
    r->outcomes = mem_alloc((s->outcome_count + 1) * sizeof *r->outcomes);
    r->outcome_count = s->outcome_count;
    for (size_t i = 0; i < s->outcome_count; i++) {
        ASSERT(s->outcomes[i].state >= QUEUE_DONE && s->outcomes[i].state <= QUEUE_EXPIRED);
        r->outcomes[i] = s->outcomes[i];
    }
    str reply = str_slice(s->reply, 0, QUEUE_RECORD_REPLY_BYTES_MAX);
    r->has_reply = s->tried || reply.len > 0; /* why it waits, be it something of ours */
    r->reply_len = (uint8_t)reply.len;
    if (reply.len)
        memcpy(r->reply, reply.ptr, reply.len);
}

static void give_back(struct queue *q, struct queue_delivery *d)
{
    pthread_mutex_lock(&q->lock);
    d->taken = false;
    d->due_ms = clock_real_ms() + AGAIN_MS;
    queue_index_tell(q, d);
    queue_index_unlock(q);
}

err queue_settle(struct queue *q, struct queue_delivery **delivery,
                 const struct queue_settlement *s, deadline until)
{
    struct queue_delivery *d = *delivery;
    ASSERT(s->dsn_count <= QUEUE_DSNS_MAX);
    *delivery = NULL;
    struct queue_request *r = queue_request_make(q, QUEUE_REQUEST_SETTLE);
    err e = prepare_dsns(q, r, s, until);
    if (e) {
        give_back(q, d);
        queue_request_free(r);
        return e;
    }
    fill_settle(r, d, s);
    r->delivery = d;
    return queue_request_run(r, until);
}

void queue_stats(struct queue *q, struct queue_stats *ret_stats)
{
    pthread_mutex_lock(&q->lock);
    *ret_stats = q->stats;
    pthread_mutex_unlock(&q->lock);
}
