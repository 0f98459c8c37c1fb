#include "queue/supply.h"
#include "base/log.h"
#include "base/mem.h"
#include "queue/alarm.h"
#include "queue/once_file.h"
#include "runtime/fault.h"
#include <stdio.h>
#include <string.h>

enum {
    LOOK_AT_SPACE_MS = 1000,
    KEEP_BLOCK_BYTES = 64 * 1024,
};

enum chore_kind { CHORE_SEAL, CHORE_FREE, CHORE_QUARANTINE, CHORE_UNLINK };

struct chore {
    struct chan_item item;
    enum chore_kind kind;
    struct queue_segment *segment;
    uint64_t id;
};

static void add_chore(struct queue *q, enum chore_kind kind, struct queue_segment *s, uint64_t id)
{
    struct chore *c = MEM_NEW(struct chore);
    c->kind = kind;
    c->segment = s;
    c->id = id;
    chan_send(q->chores, &c->item);
}

void queue_supply_seal(struct queue *q, struct queue_segment *s) { add_chore(q, CHORE_SEAL, s, 0); }
void queue_supply_free(struct queue *q, struct queue_segment *s) { add_chore(q, CHORE_FREE, s, 0); }
void queue_supply_quarantine(struct queue *q, struct queue_segment *s)
{
    add_chore(q, CHORE_QUARANTINE, s, 0);
}
void queue_supply_unlink(struct queue *q, uint64_t id) { add_chore(q, CHORE_UNLINK, NULL, id); }
void queue_supply_wanted(struct queue *q) { chan_nudge(q->chores); }

static void tell(struct queue *q, enum queue_request_kind kind, struct queue_segment *s)
{
    struct queue_request *r = MEM_NEW(struct queue_request);
    r->kind = kind;
    r->segment = s;
    chan_send(q->requests, &r->item);
}

/* ---- making ------------------------------------------------------------------------------- */

struct spare_search {
    const struct queue *queue;
    char path[QUEUE_PATH_CHARS];
    bool found;
};

static bool is_spare(const char *name) { return strncmp(name, "spare-", 6) == 0; }

static err look_for_spare(void *arg, const char *name)
{
    struct spare_search *search = arg;
    struct file_facts facts;
    if (search->found || !is_spare(name))
        return NULL;
    queue_path(search->queue, search->path, "log/%s", name);
    TRY(file_look(search->path, &facts));
    bool ours = facts.regular && facts.links == 1;
    search->found = ours && facts.size == search->queue->segment_bytes;
    return ours && !search->found ? file_remove(search->path) : NULL;
}

static err fill_new(struct queue *q, const char *path)
{
    struct file *file;
    TRY(fault_point("spool.create"));
    err e = file_open(path, FILE_WRITE | FILE_CREATE | FILE_DIRECT, &file);
    if (e) { /* zeros in the page cache are of no use to direct writes, but do no harm */
        err_forget();
        TRY(file_open(path, FILE_WRITE | FILE_CREATE, &file));
    }
    e = file_resize(file, 0);
    if (e == NULL)
        e = fault_point("spool.fill");
    if (e == NULL)
        e = file_zero_fill(file, q->segment_bytes);
    if (e == NULL)
        e = file_resize(file, q->segment_bytes);
    if (e == NULL)
        e = file_sync(file);
    file_close(file);
    if (e)
        (void)!file_remove(path); /* give a full disk its room back */
    return e;
}

err queue_supply_make(struct queue *q, struct queue_segment **ret_segment)
{
    struct spare_search search = {.queue = q};
    char log[QUEUE_PATH_CHARS];
    queue_path(q, log, "log");
    TRY(folder_list(log, look_for_spare, &search));
    if (search.found) { /* the name it had in its last life must be gone before it is written to */
        TRY(fault_point("spool.folder_sync"));
        TRY(folder_sync(log));
    } else {
        queue_path(q, search.path, "log/new");
        TRY(fill_new(q, search.path));
    }
    pthread_mutex_lock(&q->lock);
    uint64_t last_id = q->last_id;
    pthread_mutex_unlock(&q->lock);
    return queue_segment_create(q->folder, search.path, q->next_segment++, last_id, ret_segment);
}

/* ---- chores ------------------------------------------------------------------------------- */

err queue_supply_free_now(struct queue *q, struct queue_segment *s)
{
    char from[QUEUE_SEGMENT_PATH_CHARS], to[QUEUE_PATH_CHARS], log[QUEUE_PATH_CHARS];
    queue_segment_path(q->folder, s->number, s->salt, from);
    queue_path(q, to, "log/spare-%08x", s->number);
    queue_path(q, log, "log");
    bool keep = !s->suspect && s->size == q->segment_bytes &&
                __atomic_load_n(&q->ready_count, __ATOMIC_RELAXED) < QUEUE_READY_TARGET;
    TRY(keep ? fault_point("spool.rename") : fault_point("spool.unlink"));
    TRY(keep ? file_rename(from, to) : file_remove(from));
    TRY(fault_point("spool.folder_sync"));
    return folder_sync(log);
}

static err quarantine(struct queue *q, struct queue_segment *s)
{
    char from[QUEUE_SEGMENT_PATH_CHARS], to[QUEUE_PATH_CHARS], folder[QUEUE_PATH_CHARS];
    queue_segment_path(q->folder, s->number, s->salt, from);
    queue_path(q, to, "quarantine/%08x-%08x.seg", s->number, s->salt);
    TRY(fault_point("spool.rename"));
    TRY(file_rename(from, to));
    queue_path(q, folder, "quarantine");
    TRY(folder_sync(folder));
    queue_path(q, folder, "log");
    TRY(fault_point("spool.folder_sync"));
    return folder_sync(folder);
}

err queue_supply_keep_bytes(struct queue *q, struct queue_segment *s, uint64_t from, uint64_t to)
{
    char path[QUEUE_PATH_CHARS];
    struct file *file;
    queue_path(q, path, "quarantine/%08x-%08x-%llx.bytes", s->number, s->salt,
               (unsigned long long)from);
    TRY(file_open(path, FILE_WRITE | FILE_CREATE, &file));
    char *block = mem_alloc(KEEP_BLOCK_BYTES);
    err e = NULL;
    for (uint64_t at = from; at < to && e == NULL; at += KEEP_BLOCK_BYTES) {
        size_t part = to - at < KEEP_BLOCK_BYTES ? (size_t)(to - at) : KEEP_BLOCK_BYTES, got = 0;
        e = file_read_at(s->file, block, part, at, &got);
        if (e == NULL && got)
            e = file_write_at(file, &(struct iovec){block, got}, 1, at - from);
    }
    mem_free(block);
    if (e == NULL)
        e = file_sync(file);
    file_close(file);
    return e;
}

/* A segment stays as long as it is all that tells the keys of its mail. */
static bool put_off(struct queue *q, struct chore *c)
{
    if (q->chores_later == NULL && queue_once_file_save(q) == NULL)
        return false;
    err_forget();
    c->item.next = q->chores_later;
    q->chores_later = &c->item;
    return true;
}

static void do_chore(struct queue *q, struct chore *c)
{
    char path[QUEUE_PATH_CHARS];
    err e = NULL;
    switch (c->kind) {
    case CHORE_SEAL:
        e = queue_segment_seal(c->segment);
        tell(q, e ? QUEUE_REQUEST_UNSEALED : QUEUE_REQUEST_SEALED, c->segment);
        break;
    case CHORE_FREE:
        if (put_off(q, c))
            return;
        e = queue_supply_free_now(q, c->segment);
        if (e == NULL)
            tell(q, QUEUE_REQUEST_GONE, c->segment);
        break; /* else it stays, as nothing in it is needed: the next opening tries again */
    case CHORE_QUARANTINE:
        if (put_off(q, c))
            return;
        e = quarantine(q, c->segment);
        if (e == NULL)
            queue_alarm_set_aside(q, c->segment->number,
                                  "it failed to sync; what was acknowledged in it is elsewhere");
        if (e == NULL)
            tell(q, QUEUE_REQUEST_GONE, c->segment);
        break;
    case CHORE_UNLINK:
        queue_body_path(q, c->id, path);
        e = fault_point("spool.unlink");
        if (e == NULL)
            e = file_remove(path);
        break; /* else the next opening removes it */
    }
    if (e)
        log_err(e, "spool %s", q->folder);
    err_forget();
    mem_free(c);
}

/* ---- the thread --------------------------------------------------------------------------- */

static void look_at_space(struct queue *q)
{
    uint64_t bytes = 0, inodes = 0;
    err e = folder_space(q->folder, &bytes, &inodes);
    if (e)
        return;
    pthread_mutex_lock(&q->lock);
    q->stats.free_bytes = inodes > 0 ? bytes : 0;
    pthread_mutex_unlock(&q->lock);
}

static uint64_t free_bytes(struct queue *q)
{
    pthread_mutex_lock(&q->lock);
    uint64_t bytes = q->stats.free_bytes;
    pthread_mutex_unlock(&q->lock);
    return bytes;
}

/* New segments may not eat the space below the floor; but the reserve must be there. */
static bool may_make(struct queue *q, int ready)
{
    if (ready < QUEUE_READY_RESERVED)
        return true;
    return free_bytes(q) > q->segment_bytes + (uint64_t)q->options.free_space_floor;
}

static bool find_spare(struct spare_search *search)
{
    char log[QUEUE_PATH_CHARS];
    queue_path(search->queue, log, "log");
    return folder_list(log, look_for_spare, search) == NULL && search->found;
}

static bool has_spare(struct queue *q)
{
    struct spare_search search = {.queue = q};
    return find_spare(&search);
}

static bool remove_spare(struct queue *q)
{
    struct spare_search search = {.queue = q};
    return find_spare(&search) && fault_point("spool.unlink") == NULL &&
           file_remove(search.path) == NULL;
}

/* True: there is more room than there was. A file system may free a file's room later, or not. */
static bool make_room(struct queue *q)
{
    uint64_t before = free_bytes(q);
    if (!remove_spare(q))
        return false;
    look_at_space(q);
    return free_bytes(q) > before;
}

/* Below the floor no mail is taken: files that are not for the reserve are better as room. */
static void give_back(struct queue *q)
{
    while (__atomic_load_n(&q->ready_count, __ATOMIC_RELAXED) >= QUEUE_READY_RESERVED &&
           free_bytes(q) < (uint64_t)q->options.free_space_floor && make_room(q))
        ;
    err_forget();
}

/* False: nothing can be made now. */
static bool stock(struct queue *q)
{
    int ready = __atomic_load_n(&q->ready_count, __ATOMIC_RELAXED);
    if (ready >= QUEUE_READY_TARGET)
        return true;
    struct queue_segment *s = NULL;
    err e = NULL;
    if (!may_make(q, ready) && !has_spare(q))
        e = err_new(ERR_LIMIT, "the file system is nearly full");
    if (e == NULL)
        e = queue_supply_make(q, &s);
    if (e) {
        tell(q, QUEUE_REQUEST_FULL, NULL);
        err_forget();
        return false;
    }
    __atomic_add_fetch(&q->ready_count, 1, __ATOMIC_RELAXED);
    tell(q, QUEUE_REQUEST_READY, s);
    return true;
}

static bool stocked(struct queue *q)
{
    return __atomic_load_n(&q->ready_count, __ATOMIC_RELAXED) >= QUEUE_READY_TARGET;
}

static void do_chores(struct queue *q, struct chan_item *item)
{
    while (item) {
        struct chan_item *next = item->next;
        do_chore(q, CONTAINER_OF(item, struct chore, item));
        item = next;
    }
}

static void do_later_ones(struct queue *q)
{
    struct chan_item *later = q->chores_later;
    if (later == NULL || queue_once_file_save(q) != NULL)
        return; /* it has told */
    q->chores_later = NULL;
    do_chores(q, later);
}

static void run(void *arg)
{
    struct queue *q = arg;
    bool can_make = true;
    for (;;) {
        struct chan_item *item;
        bool closing = __atomic_load_n(&q->supply_closing, __ATOMIC_ACQUIRE);
        bool hurry = closing || (can_make && !stocked(q));
        deadline wait = deadline_after(hurry ? 0 : LOOK_AT_SPACE_MS);
        err e = chan_receive(q->chores, &item, wait);
        if (e == NULL) {
            do_chore(q, CONTAINER_OF(item, struct chore, item));
            continue;
        }
        err_forget();
        if (__atomic_load_n(&q->supply_closing, __ATOMIC_ACQUIRE))
            return;
        look_at_space(q);
        give_back(q);
        can_make = stock(q);
        queue_once_file_tend(q);
        do_later_ones(q);
    }
}

void queue_supply_start(struct queue *q)
{
    look_at_space(q);
    q->supply_thread = thread_start("spool-supply", run, q);
}

void queue_supply_stop(struct queue *q)
{
    __atomic_store_n(&q->supply_closing, true, __ATOMIC_RELEASE);
    chan_nudge(q->chores);
    thread_join(q->supply_thread);
    do_chores(q, chan_take_all(q->chores));
    do_later_ones(q);
}

/* They are not done: the next opening does it. */
static void forget_chores(struct chan_item *item)
{
    while (item) {
        struct chan_item *next = item->next;
        mem_free(CONTAINER_OF(item, struct chore, item));
        item = next;
    }
}

void queue_supply_drop(struct queue *q)
{
    forget_chores(chan_take_all(q->chores));
    forget_chores(q->chores_later);
}
