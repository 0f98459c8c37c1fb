#include "outbound/transcript_store.h"
#include "base/buf.h"
#include "base/log.h"
#include "base/mem.h"
#include "runtime/file.h"
#include "runtime/thread.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    FILES_MAX = 4096,
    HEAD_BYTES_MAX = 80,
    LOOK_MS = 10 * 60 * 1000, /* how often what is too old is looked for */
    NAME_DIGITS = 8,
};

struct item {
    struct chan_item link;
    bool stop;
    queue_id id;
    int64_t attempt, time_ms;
    size_t len;
    char text[];
};

struct stored { /* one file; sorted, the oldest first */
    uint32_t number;
    uint64_t size;
    int64_t newest_ms;
};

struct outbound_transcript_store {
    char folder[OUTBOUND_TRANSCRIPT_STORE_PATH_CHARS];
    struct chan *items;
    struct thread *thread;
    int64_t keep_ms, bytes_max; /* atomic, as the next two */
    size_t pending;
    uint64_t dropped;
    /* The thread's own. */
    struct stored *files;
    size_t count;
    struct file *file; /* the newest; NULL: not open */
    bool troubled;     /* it could not be written, and that was told */
};

/* ---- files ------------------------------------------------------------------------------- */

static void path_of(const char *folder, uint32_t number,
                    char ret_path[OUTBOUND_TRANSCRIPT_STORE_PATH_CHARS])
{
    int n = snprintf(ret_path, OUTBOUND_TRANSCRIPT_STORE_PATH_CHARS, "%s/t%08x", folder, number);
    ASSERT(n > 0 && n < OUTBOUND_TRANSCRIPT_STORE_PATH_CHARS);
}

struct list {
    uint32_t *numbers;
    size_t count;
};

static err note_name(void *arg, const char *name)
{
    struct list *l = arg;
    char *end;
    if (name[0] != 't' || strlen(name) != 1 + NAME_DIGITS || l->count == FILES_MAX)
        return NULL;
    unsigned long number = strtoul(name + 1, &end, 16);
    if (*end == '\0' && number > 0)
        l->numbers[l->count++] = (uint32_t)number;
    return NULL;
}

static int by_number(const void *left, const void *right)
{
    uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;
    return a < b ? -1 : a > b;
}

/* The numbers of all files, oldest first; the caller frees them. */
static err list_files(const char *folder, struct list *ret_list)
{
    struct list l = {mem_alloc(FILES_MAX * sizeof *l.numbers), 0};
    err e = folder_list(folder, note_name, &l);
    if (e) {
        mem_free(l.numbers);
        return e;
    }
    qsort(l.numbers, l.count, sizeof *l.numbers, by_number);
    *ret_list = l;
    return NULL;
}

static err find_stored(struct outbound_transcript_store *s)
{
    struct list l;
    char path[OUTBOUND_TRANSCRIPT_STORE_PATH_CHARS];
    TRY(list_files(s->folder, &l));
    for (size_t i = 0; i < l.count; i++) {
        struct file_facts facts;
        path_of(s->folder, l.numbers[i], path);
        if (file_look(path, &facts) == NULL && facts.regular)
            s->files[s->count++] = (struct stored){l.numbers[i], facts.size, facts.changed_ms};
    }
    mem_free(l.numbers);
    err_forget();
    return NULL;
}

/* ---- writing: the thread ----------------------------------------------------------------- */

static struct stored *newest(struct outbound_transcript_store *s)
{
    return s->count > 0 ? &s->files[s->count - 1] : NULL;
}

static void remove_oldest(struct outbound_transcript_store *s)
{
    char path[OUTBOUND_TRANSCRIPT_STORE_PATH_CHARS];
    path_of(s->folder, s->files[0].number, path);
    if (s->count == 1) {
        file_close(s->file);
        s->file = NULL;
    }
    err e = file_remove(path);
    (void)e; /* it is found again at the next start */
    s->count--;
    memmove(s->files, s->files + 1, s->count * sizeof *s->files);
}

static void clean(struct outbound_transcript_store *s)
{
    int64_t oldest_ms = clock_real_ms() - __atomic_load_n(&s->keep_ms, __ATOMIC_RELAXED);
    uint64_t most = (uint64_t)__atomic_load_n(&s->bytes_max, __ATOMIC_RELAXED), all = 0;
    for (size_t i = 0; i < s->count; i++)
        all += s->files[i].size;
    while (s->count > 0 && (all > most || s->files[0].newest_ms < oldest_ms)) {
        all -= s->files[0].size;
        remove_oldest(s);
    }
    err_forget();
}

/* The newest file, or another when it is full. */
static err open_file(struct outbound_transcript_store *s, size_t size)
{
    char path[OUTBOUND_TRANSCRIPT_STORE_PATH_CHARS];
    struct stored *last = newest(s);
    bool fits = last && last->size + size <= OUTBOUND_TRANSCRIPT_STORE_FILE_BYTES;
    if (fits && s->file)
        return NULL;
    file_close(s->file);
    s->file = NULL;
    if (!fits && s->count == FILES_MAX)
        remove_oldest(s);
    uint32_t number = fits ? last->number : last ? last->number + 1 : 1;
    path_of(s->folder, number, path);
    TRY(file_open(path, FILE_WRITE | FILE_CREATE, &s->file));
    if (!fits)
        s->files[s->count++] = (struct stored){number, 0, clock_real_ms()};
    return NULL;
}

static err write_item(struct outbound_transcript_store *s, struct item *i)
{
    char head[HEAD_BYTES_MAX];
    int n = snprintf(head, sizeof head, "\nT1 %s %lld %lld %zu\n", i->id.text,
                     (long long)i->attempt, (long long)i->time_ms, i->len);
    size_t size = (size_t)n + i->len;
    if (!file_leaves_enough(s->folder))
        return err_new(ERR_LIMIT, "what is left of the disk is for the queue");
    TRY(open_file(s, size));
    struct stored *last = newest(s);
    struct iovec parts[] = {
        {head,    (size_t)n},
        {i->text, i->len   }
    };
    TRY(file_write_at(s->file, parts, ARRAY_LEN(parts), last->size));
    last->size += size;
    last->newest_ms = i->time_ms;
    return NULL;
}

/* Trouble is told once; mail goes on without. */
static void store(struct outbound_transcript_store *s, struct item *i)
{
    err e = write_item(s, i);
    if (e) {
        if (!s->troubled)
            log_err(e, "transcripts are not kept");
        __atomic_add_fetch(&s->dropped, 1, __ATOMIC_RELAXED);
        file_close(s->file);
        s->file = NULL;
    }
    s->troubled = e != NULL;
    err_forget();
}

static void run(void *arg)
{
    struct outbound_transcript_store *s = arg;
    bool stop = false;
    while (!stop) {
        struct chan_item *link = NULL;
        err e = chan_receive(s->items, &link, deadline_after(LOOK_MS));
        stop = e && e->kind != ERR_TIMEOUT;
        if (e == NULL) {
            struct item *i = CONTAINER_OF(link, struct item, link);
            stop = i->stop;
            if (!stop)
                store(s, i);
            __atomic_sub_fetch(&s->pending, i->len, __ATOMIC_RELAXED);
            mem_free(i);
        }
        clean(s);
        err_forget();
    }
    file_close(s->file);
}

/* ---- for others -------------------------------------------------------------------------- */

err outbound_transcript_store_open(const char *folder, int64_t keep_ms, int64_t bytes_max,
                                   struct outbound_transcript_store **ret_store)
{
    if (strlen(folder) + NAME_DIGITS + 3 > OUTBOUND_TRANSCRIPT_STORE_PATH_CHARS)
        return err_new(ERR_CONFIG, "the path of the transcripts' folder is too long");
    TRY(folder_make(folder));
    struct outbound_transcript_store *s = MEM_NEW(struct outbound_transcript_store);
    snprintf(s->folder, sizeof s->folder, "%s", folder);
    s->keep_ms = keep_ms;
    s->bytes_max = bytes_max;
    s->files = mem_alloc(FILES_MAX * sizeof *s->files);
    err e = find_stored(s);
    if (e) {
        mem_free(s->files);
        mem_free(s);
        return e;
    }
    s->items = chan_open();
    s->thread = thread_start("transcripts", run, s);
    *ret_store = s;
    return NULL;
}

void outbound_transcript_store_close(struct outbound_transcript_store *s)
{
    if (s == NULL)
        return;
    struct item *last = MEM_NEW(struct item);
    last->stop = true;
    chan_send(s->items, &last->link);
    thread_join(s->thread);
    chan_close(s->items);
    mem_free(s->files);
    mem_free(s);
}

void outbound_transcript_store_keep(struct outbound_transcript_store *s, int64_t keep_ms,
                                    int64_t bytes_max)
{
    __atomic_store_n(&s->keep_ms, keep_ms, __ATOMIC_RELAXED);
    __atomic_store_n(&s->bytes_max, bytes_max, __ATOMIC_RELAXED);
}

void outbound_transcript_store_add(struct outbound_transcript_store *s,
                                   const struct outbound_transcript_record *r)
{
    size_t pending = __atomic_add_fetch(&s->pending, r->text.len, __ATOMIC_RELAXED);
    if (pending > OUTBOUND_TRANSCRIPT_STORE_PENDING_BYTES_MAX) {
        __atomic_sub_fetch(&s->pending, r->text.len, __ATOMIC_RELAXED);
        __atomic_add_fetch(&s->dropped, 1, __ATOMIC_RELAXED);
        return;
    }
    struct item *i = mem_alloc(sizeof *i + r->text.len);
    i->id = r->id;
    i->attempt = r->attempt;
    i->time_ms = r->time_ms;
    i->len = r->text.len;
    memcpy(i->text, r->text.ptr, r->text.len);
    chan_send(s->items, &i->link);
}

uint64_t outbound_transcript_store_dropped(struct outbound_transcript_store *s)
{
    return __atomic_load_n(&s->dropped, __ATOMIC_RELAXED);
}

/* ---- reading ----------------------------------------------------------------------------- */

struct search {
    const queue_id *id;
    bool (*each)(void *arg, const struct outbound_transcript_record *);
    void *arg;
    size_t count;
    bool over;
};

/* The head of a record off the front of the text. False: that is none. */
static bool take_head(str *text, struct outbound_transcript_record *ret, size_t *ret_len)
{
    str line, rest, id, attempt, time, len;
    uint64_t numbers[3], ignored;
    str_split(*text, '\n', &line, &rest);
    if (!str_skip(&line, S("T1 ")))
        return false;
    str_split(line, ' ', &id, &line);
    str_split(line, ' ', &attempt, &line);
    str_split(line, ' ', &time, &len);
    if (!queue_id_parse(id, &ignored) || !str_to_u64(attempt, INT64_MAX, &numbers[0]) ||
        !str_to_u64(time, INT64_MAX, &numbers[1]) || !str_to_u64(len, rest.len, &numbers[2]))
        return false;
    str behind = str_from(rest, (size_t)numbers[2]);
    if (behind.len > 0 && !str_starts(behind, S("\nT1 ")))
        return false; /* only a part of it was written */
    str_to_chars(id, ret->id.text, sizeof ret->id.text);
    ret->attempt = (int64_t)numbers[0];
    ret->time_ms = (int64_t)numbers[1];
    *ret_len = (size_t)numbers[2];
    *text = rest;
    return true;
}

/* What a power cut has left of a record is passed over, up to the next one: no line of a text
 * begins like a head. */
static void search_text(struct search *s, str text)
{
    while (text.len > 0 && !s->over) {
        struct outbound_transcript_record r;
        size_t len;
        str line;
        if (!take_head(&text, &r, &len)) {
            str_split(text, '\n', &line, &text);
            continue;
        }
        r.text = str_slice(text, 0, len);
        text = str_from(text, len);
        if (!str_eq(str_of(r.id.text), str_of(s->id->text)))
            continue;
        s->count++;
        s->over = !s->each(s->arg, &r);
    }
}

static err search_file(struct search *s, const char *path, struct buf *room)
{
    struct file *f;
    size_t got = 0;
    char *at;
    if (!file_exists(path)) /* too old meanwhile */
        return NULL;
    TRY(file_open(path, 0, &f));
    buf_clear(room);
    err e = buf_reserve(room, OUTBOUND_TRANSCRIPT_STORE_FILE_BYTES, &at);
    if (e == NULL)
        e = file_read_at(f, at, OUTBOUND_TRANSCRIPT_STORE_FILE_BYTES, 0, &got);
    file_close(f);
    if (e == NULL)
        search_text(s, (str){at, got});
    return e;
}

err outbound_transcript_store_find(const char *folder, const queue_id *id,
                                   bool (*each)(void *arg,
                                                const struct outbound_transcript_record *),
                                   void *arg, size_t *ret_count)
{
    struct search s = {.id = id, .each = each, .arg = arg};
    char path[OUTBOUND_TRANSCRIPT_STORE_PATH_CHARS];
    struct list l;
    *ret_count = 0;
    if (!file_exists(folder))
        return NULL;
    TRY(list_files(folder, &l));
    struct buf room;
    buf_init(&room, OUTBOUND_TRANSCRIPT_STORE_FILE_BYTES);
    err e = NULL;
    for (size_t i = 0; i < l.count && e == NULL && !s.over; i++) {
        path_of(folder, l.numbers[i], path);
        e = search_file(&s, path, &room);
    }
    buf_release(&room);
    mem_free(l.numbers);
    if (e == NULL)
        *ret_count = s.count;
    return e;
}
