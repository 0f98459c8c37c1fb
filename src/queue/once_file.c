#include "queue/once_file.h"
#include "base/crc.h"
#include "base/log.h"
#include "base/mem.h"
#include "queue/bytes.h"
#include "queue/once.h"
#include "runtime/fault.h"
#include <stdio.h>
#include <stdlib.h>

enum {
    CRC_AT = QUEUE_ONCE_FILE_SLOT_BYTES - 4,
    SAVE_SLOTS = 2048, /* written at once */
    ROOM_SLOTS = 2 * QUEUE_ONCE_FILE_WHEN,
    NAME_CHARS = 32,
    FILES_WITH_ROOM = 2, /* at most */
};

struct keyfile {
    uint32_t number;
    uint32_t used; /* slots, from the front */
    uint64_t last_id;
    bool closed; /* nothing more is written to it */
};

struct queue_once_files {
    struct keyfile *all; /* in the order of their numbers; the last two may have room */
    size_t count, cap;
    uint32_t next;
    bool has_folder;
    bool told; /* that they cannot be saved */
};

static void file_path(const struct queue *q, uint32_t number, char ret_path[QUEUE_PATH_CHARS])
{
    queue_path(q, ret_path, "once/%08x.keys", number);
}

static bool parse_name(const char *name, uint32_t *ret_number)
{
    char again[NAME_CHARS];
    char *end;
    unsigned long number = strtoul(name, &end, 16);
    snprintf(again, sizeof again, "%08lx.keys", number);
    if (number > UINT32_MAX || strcmp(again, name) != 0)
        return false;
    *ret_number = (uint32_t)number;
    return true;
}

/* ---- slots --------------------------------------------------------------------------------- */

static uint32_t slot_crc(const char *slot, uint32_t number)
{
    char seed[4];
    bytes_put32(seed, number);
    return crc32c(crc32c(0, (str){seed, sizeof seed}), (str){slot, CRC_AT});
}

static void encode(const struct queue_once_entry *e, uint32_t number, char *slot)
{
    memset(slot, 0, QUEUE_ONCE_FILE_SLOT_BYTES);
    memcpy(slot, e->key.name, QUEUE_ONCE_NAME_BYTES);
    bytes_put32(slot + 12, e->key.about);
    bytes_put64(slot + 16, e->id);
    bytes_put32(slot + CRC_AT, slot_crc(slot, number));
}

static bool decode(const char *slot, uint32_t number, struct queue_once_entry *ret_entry)
{
    if (bytes_get32(slot + CRC_AT) != slot_crc(slot, number))
        return false;
    memcpy(ret_entry->key.name, slot, QUEUE_ONCE_NAME_BYTES);
    ret_entry->key.about = bytes_get32(slot + 12);
    ret_entry->id = bytes_get64(slot + 16);
    return true;
}

static bool is_empty(const char *slot)
{
    static const char zeros[QUEUE_ONCE_FILE_SLOT_BYTES];
    return memcmp(slot, zeros, sizeof zeros) == 0;
}

/* ---- opening ------------------------------------------------------------------------------- */

static struct keyfile *add_file(struct queue_once_files *f, uint32_t number)
{
    if (f->count == f->cap) {
        f->cap = f->cap ? f->cap * 2 : 16;
        f->all = mem_resize(f->all, f->cap * sizeof *f->all);
    }
    if (f->next <= number)
        f->next = number + 1;
    f->all[f->count] = (struct keyfile){.number = number};
    return &f->all[f->count++];
}

static err note_name(void *arg, const char *name)
{
    struct queue_once_files *f = arg;
    uint32_t number;
    if (parse_name(name, &number))
        add_file(f, number);
    return NULL;
}

static int by_number(const void *a, const void *b)
{
    const struct keyfile *x = a, *y = b;
    return x->number < y->number ? -1 : x->number > y->number;
}

static void take_slots(struct queue *q, struct keyfile *k, str bytes)
{
    unsigned unreadable = 0;
    struct queue_once_entry e;
    for (uint32_t i = 0; (i + 1) * (size_t)QUEUE_ONCE_FILE_SLOT_BYTES <= bytes.len; i++) {
        const char *slot = bytes.ptr + i * (size_t)QUEUE_ONCE_FILE_SLOT_BYTES;
        if (is_empty(slot))
            continue;
        k->used = i + 1;
        if (!decode(slot, k->number, &e)) {
            unreadable++;
            continue;
        }
        k->last_id = e.id > k->last_id ? e.id : k->last_id;
        queue_once_load(q->once, &e, true);
    }
    if (unreadable) /* where the power went while they were written, the log has them too */
        log_warn("spool %s: once/%08x.keys: %u keys cannot be read", q->folder, k->number,
                 unreadable);
}

/* What was written last may not be on the disk yet, if our process was killed. */
static err read_file(struct queue *q, struct keyfile *k, bool last, char *room)
{
    char path[QUEUE_PATH_CHARS];
    struct file *file;
    struct file_facts facts;
    size_t got = 0;
    k->closed = true;
    file_path(q, k->number, path);
    TRY(file_look(path, &facts));
    if (!facts.regular || facts.links != 1) {
        log_error("spool %s: once/%08x.keys is not ours: left alone", q->folder, k->number);
        k->last_id = UINT64_MAX;
        return NULL;
    }
    TRY(file_open(path, FILE_WRITE, &file));
    err e = last ? file_sync(file) : NULL;
    if (e == NULL)
        e = file_read_at(file, room, QUEUE_ONCE_FILE_BYTES, 0, &got);
    file_close(file);
    TRY(e);
    take_slots(q, k, (str){room, got});
    k->closed = got < QUEUE_ONCE_FILE_BYTES || !last;
    return NULL;
}

static err read_files(struct queue *q)
{
    struct queue_once_files *f = q->once_files;
    char *room = mem_alloc(QUEUE_ONCE_FILE_BYTES);
    err e = NULL;
    for (size_t i = 0; i < f->count && e == NULL; i++)
        e = read_file(q, &f->all[i], i + FILES_WITH_ROOM >= f->count, room);
    mem_free(room);
    return e;
}

err queue_once_file_open(struct queue *q)
{
    char folder[QUEUE_PATH_CHARS];
    struct queue_once_files *f = MEM_NEW(struct queue_once_files);
    q->once_files = f;
    f->next = 1;
    queue_path(q, folder, "once");
    f->has_folder = file_exists(folder);
    if (!f->has_folder)
        return NULL;
    TRY(folder_list(folder, note_name, f));
    if (f->count)
        qsort(f->all, f->count, sizeof *f->all, by_number);
    TRY(folder_sync(folder));
    return read_files(q);
}

void queue_once_file_close(struct queue *q)
{
    if (q->once_files)
        mem_free(q->once_files->all);
    mem_free(q->once_files);
    q->once_files = NULL;
}

/* ---- room ---------------------------------------------------------------------------------- */

static uint64_t room_of(const struct keyfile *k)
{
    return k->closed ? 0 : QUEUE_ONCE_FILE_SLOTS - k->used;
}

static uint64_t room_in(const struct queue_once_files *f)
{
    uint64_t room = 0;
    for (size_t i = 0; i < f->count; i++)
        room += room_of(&f->all[i]);
    return room;
}

static err fill_new(const char *path)
{
    struct file *file;
    TRY(fault_point("once.create"));
    TRY(file_open(path, FILE_WRITE | FILE_NEW, &file));
    err e = file_zero_fill(file, QUEUE_ONCE_FILE_BYTES);
    if (e == NULL)
        e = file_resize(file, QUEUE_ONCE_FILE_BYTES);
    if (e == NULL)
        e = file_sync(file);
    file_close(file);
    if (e)
        (void)!file_remove(path); /* give a full disk its room back */
    return e;
}

static err make_folder(struct queue *q, char folder[QUEUE_PATH_CHARS])
{
    queue_path(q, folder, "once");
    if (q->once_files->has_folder)
        return NULL;
    TRY(folder_make(folder));
    TRY(folder_sync(q->folder));
    q->once_files->has_folder = true;
    return NULL;
}

static err make_file(struct queue *q)
{
    char folder[QUEUE_PATH_CHARS], path[QUEUE_PATH_CHARS];
    TRY(make_folder(q, folder));
    uint32_t number = q->once_files->next++;
    file_path(q, number, path);
    TRY(fill_new(path));
    err e = fault_point("once.folder_sync");
    if (e == NULL)
        e = folder_sync(folder);
    if (e) {
        (void)!file_remove(path);
        return e;
    }
    add_file(q->once_files, number);
    return NULL;
}

static void drop_file(struct queue *q, struct keyfile *k)
{
    struct queue_once_files *f = q->once_files;
    size_t i = (size_t)(k - f->all);
    memmove(k, k + 1, (f->count - i - 1) * sizeof *k);
    f->count--;
}

/* ---- saving -------------------------------------------------------------------------------- */

static struct keyfile *file_with_room(struct queue_once_files *f)
{
    for (size_t i = 0; i < f->count; i++)
        if (room_of(&f->all[i]) > 0)
            return &f->all[i];
    return NULL;
}

static err write_slots(struct queue *q, const struct keyfile *k, char *bytes, size_t size)
{
    char path[QUEUE_PATH_CHARS];
    struct file *file;
    file_path(q, k->number, path);
    TRY(fault_point("once.write"));
    TRY(file_open(path, FILE_WRITE, &file));
    err e = file_write_at(file, &(struct iovec){bytes, size}, 1,
                          (uint64_t)k->used * QUEUE_ONCE_FILE_SLOT_BYTES);
    if (e == NULL)
        e = fault_point("once.sync");
    if (e == NULL)
        e = file_sync(file);
    file_close(file);
    return e;
}

/* Nobody knows what of it is on the disk: all is to be written again, elsewhere. */
static void give_up(struct queue *q, struct keyfile *k)
{
    char path[QUEUE_PATH_CHARS];
    k->closed = true;
    queue_once_file_again(q->once);
    if (k->used > 0)
        return;
    file_path(q, k->number, path); /* a disk that stays broken is not filled up with tries */
    (void)!file_remove(path);
    drop_file(q, k);
}

/* As many as the file has room for. */
static err save_some(struct queue *q, struct keyfile *k, struct queue_once_entry *all, char *bytes,
                     bool *ret_more)
{
    uint64_t place, room = room_of(k);
    size_t count =
        queue_once_unfiled(q->once, all, room < SAVE_SLOTS ? (size_t)room : SAVE_SLOTS, &place);
    *ret_more = count > 0;
    if (count == 0)
        return NULL;
    for (size_t i = 0; i < count; i++) {
        encode(&all[i], k->number, bytes + i * QUEUE_ONCE_FILE_SLOT_BYTES);
        k->last_id = all[i].id > k->last_id ? all[i].id : k->last_id;
    }
    err e = write_slots(q, k, bytes, count * QUEUE_ONCE_FILE_SLOT_BYTES);
    if (e) {
        give_up(q, k);
        return e;
    }
    k->used += (uint32_t)count;
    queue_once_note_filed(q->once, place);
    return NULL;
}

err queue_once_file_save(struct queue *q)
{
    bool more = queue_once_count_unfiled(q->once) > 0;
    if (!more)
        return NULL;
    struct queue_once_entry *all = mem_alloc(SAVE_SLOTS * sizeof *all);
    char *bytes = mem_alloc((size_t)SAVE_SLOTS * QUEUE_ONCE_FILE_SLOT_BYTES);
    err e = NULL;
    while (more && e == NULL) {
        struct keyfile *k = file_with_room(q->once_files);
        if (k == NULL)
            e = make_file(q);
        else
            e = save_some(q, k, all, bytes, &more);
    }
    mem_free(all);
    mem_free(bytes);
    if (e && !q->once_files->told)
        log_err(e, "spool %s: the keys of accepted mail cannot be saved", q->folder);
    q->once_files->told = e != NULL;
    return e;
}

/* ---- tending ------------------------------------------------------------------------------- */

/* A file that nothing was ever written to is not over: it is the room. */
static bool may_go(struct queue *q, const struct keyfile *k)
{
    return k->closed || k->used > 0 ? queue_once_is_over(q->once, k->last_id) : false;
}

static err drop_over(struct queue *q)
{
    struct queue_once_files *f = q->once_files;
    char path[QUEUE_PATH_CHARS];
    for (size_t i = 0; i < f->count; i++) {
        if (!may_go(q, &f->all[i]))
            continue;
        file_path(q, f->all[i].number, path);
        TRY(fault_point("once.unlink"));
        TRY(file_remove(path));
        drop_file(q, &f->all[i--]);
    }
    return NULL;
}

static bool below_floor(struct queue *q)
{
    pthread_mutex_lock(&q->lock);
    bool below = q->stats.free_bytes <
                 (uint64_t)q->options.free_space_floor + (uint64_t)QUEUE_ONCE_FILE_BYTES;
    pthread_mutex_unlock(&q->lock);
    return below;
}

static void make_room(struct queue *q)
{
    uint64_t room = room_in(q->once_files);
    bool failed = false;
    if (room < ROOM_SLOTS) {
        err e =
            below_floor(q) ? err_new(ERR_LIMIT, "the file system is nearly full") : make_file(q);
        failed = e != NULL;
        err_forget();
        room = room_in(q->once_files);
    }
    queue_once_set_room(q->once, room, failed);
}

void queue_once_file_tend(struct queue *q)
{
    if (!queue_once_is_used(q->once))
        return;
    err e = NULL;
    queue_once_expire(q->once);
    if (queue_once_count_unfiled(q->once) >= QUEUE_ONCE_FILE_WHEN)
        e = queue_once_file_save(q); /* it has told */
    err_forget();
    e = drop_over(q);
    if (e)
        log_err(e, "spool %s", q->folder);
    err_forget();
    make_room(q);
}
