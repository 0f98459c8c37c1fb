#include "bulk/journal.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/crc.h"
#include "base/mem.h"
#include "base/table.h"
#include "runtime/file.h"
#include "runtime/thread.h"
#include <assert.h>
#include <errno.h>
#include <string.h>

#define MAGIC "smtptool bulk 1\n"

enum {
    HEAD_BYTES = 24,
    RECORD_BYTES = 24,
    READ_RECORDS = 4096,
    COLLECT_BYTES_FLUSH = 96 << 10, /* more is written at once */
    COLLECT_BYTES_MAX = 4 << 20,    /* while a sync goes on */
    ZERO_BYTES = 32 << 10,
    ZERO_PARTS = 8, /* so much is written ahead */
    CREW_WAIT_MS = 1,
};
static_assert(HEAD_BYTES == RECORD_BYTES, "a place in the file is a number of records");

struct bulk_journal {
    struct file *file;
    struct buf collected;              /* goes behind what was written */
    uint64_t written, synced, resting; /* bytes; the last one: of the file, zeros and all */
    int crew, waiting;
    bool led; /* a fiber sees to the next sync, and to this one when syncing */
    bool syncing, broken;
    struct gate done, full;
};

/* ---- bytes ------------------------------------------------------------------------------- */

static void put(unsigned char *at, uint64_t value, int bytes)
{
    for (int i = 0; i < bytes; i++)
        at[i] = (unsigned char)(value >> (8 * i));
}

static uint64_t get(const unsigned char *at, int bytes)
{
    uint64_t value = 0;
    for (int i = bytes; i-- > 0;)
        value = value << 8 | at[i];
    return value;
}

static void encode(const struct bulk_entry *e, uint64_t synced, unsigned char out[RECORD_BYTES])
{
    memset(out, 0, RECORD_BYTES);
    put(out, e->key, 8);
    put(out + 8, e->at_s, 4);
    put(out + 12, e->code, 2);
    out[14] = (unsigned char)e->kind;
    out[15] = e->group;
    put(out + 16, synced / RECORD_BYTES, 4);
    put(out + 20, crc32c(0, (str){(const char *)out, 20}), 4);
}

static bool decode(const unsigned char in[RECORD_BYTES], struct bulk_entry *ret_entry)
{
    if (get(in + 20, 4) != crc32c(0, (str){(const char *)in, 20}) || in[14] < BULK_ENTRY_BEGIN ||
        in[14] > BULK_ENTRY_END)
        return false;
    *ret_entry = (struct bulk_entry){.kind = (enum bulk_entry_kind)in[14],
                                     .code = (uint16_t)get(in + 12, 2),
                                     .group = in[15],
                                     .key = get(in, 8),
                                     .at_s = (uint32_t)get(in + 8, 4)};
    return true;
}

/* ---- reading ----------------------------------------------------------------------------- */

struct reading {
    void (*each)(void *arg, const struct bulk_entry *);
    void *arg;
    uint64_t good; /* bytes up to here are sound */
    bool torn;     /* and behind them they are not */
    bool growing;  /* somebody writes meanwhile */
};

/* A sound record behind an unreadable one: was that one relied on? A record that does not say what
 * had been synced was written by itself, and what was before it had to be whole. */
static bool relies_on_torn(const struct reading *r, const unsigned char *record)
{
    uint64_t synced = get(record + 16, 4) * RECORD_BYTES;
    return synced == 0 || synced > r->good;
}

static err take_block(struct reading *r, const unsigned char *bytes, size_t len)
{
    for (size_t at = 0; at + RECORD_BYTES <= len; at += RECORD_BYTES) {
        struct bulk_entry e;
        bool sound = decode(bytes + at, &e);
        if (sound && r->torn && relies_on_torn(r, bytes + at))
            return err_new(ERR_DAMAGED, "the journal is damaged at byte %llu",
                           (unsigned long long)r->good);
        r->torn = r->torn || !sound;
        if (r->torn && r->growing)
            return NULL;
        if (r->torn)
            continue;
        r->good += RECORD_BYTES;
        r->each(r->arg, &e);
    }
    return NULL;
}

static err read_all(struct file *file, struct reading *r)
{
    size_t count = 0;
    uint64_t offset = HEAD_BYTES;
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(READ_RECORDS * RECORD_BYTES + 64);
    unsigned char *bytes = arena_alloc(arena, READ_RECORDS * RECORD_BYTES);
    r->good = HEAD_BYTES;
    do {
        TRY(file_read_at(file, bytes, READ_RECORDS * RECORD_BYTES, offset, &count));
        TRY(take_block(r, bytes, count));
        offset += count;
    } while (count == READ_RECORDS * RECORD_BYTES && !(r->torn && r->growing));
    return NULL;
}

static void make_head(str campaign, unsigned char head[HEAD_BYTES])
{
    memcpy(head, MAGIC, 16);
    put(head + 16, hash_fixed(campaign), 8);
}

static err check_head(struct file *file, const char *path, const str *campaign)
{
    unsigned char head[HEAD_BYTES], wanted[HEAD_BYTES];
    size_t count;
    TRY(file_read_at(file, head, HEAD_BYTES, 0, &count));
    make_head(campaign ? *campaign : (str){0}, wanted);
    if (count < HEAD_BYTES || memcmp(head, wanted, 16) != 0)
        return err_new(ERR_DAMAGED, "%s: is no journal", path);
    if (campaign && memcmp(head, wanted, HEAD_BYTES) != 0)
        return err_new(ERR_CONFIG, "%s: belongs to another campaign than %.*s", path,
                       STR_ARG(*campaign));
    return NULL;
}

/* ---- life --------------------------------------------------------------------------------- */

static err write_head(struct file *file, str campaign)
{
    unsigned char head[HEAD_BYTES];
    make_head(campaign, head);
    struct iovec part = {head, HEAD_BYTES};
    TRY(file_write_at(file, &part, 1, 0));
    return file_sync(file);
}

static err open_file(const char *path, str campaign, struct reading *r, struct file *file)
{
    struct file_facts facts;
    err e = file_lock(file);
    if (e)
        return e->kind == ERR_LIMIT ? err_new(ERR_LIMIT, "this mailing is running already") : e;
    TRY(file_facts(file, &facts));
    r->good = HEAD_BYTES;
    if (facts.size < HEAD_BYTES) {
        TRY(file_resize(file, 0));
        return write_head(file, campaign);
    }
    TRY(check_head(file, path, &campaign));
    TRY(read_all(file, r));
    if (r->good < facts.size)
        TRY(file_resize(file, r->good));
    return file_sync(file); /* what was read may have been written only, and will be relied on */
}

err bulk_journal_open(const char *path, str campaign,
                      void (*each)(void *arg, const struct bulk_entry *), void *arg,
                      struct bulk_journal **ret_journal)
{
    struct reading r = {.each = each, .arg = arg};
    struct file *file;
    TRY(file_open(path, FILE_WRITE | FILE_CREATE, &file));
    err e = open_file(path, campaign, &r, file);
    if (e) {
        file_close(file);
        return e;
    }
    struct bulk_journal *j = MEM_NEW(struct bulk_journal);
    *j = (struct bulk_journal){
        .file = file, .written = r.good, .synced = r.good, .resting = r.good, .crew = 1};
    buf_init(&j->collected, COLLECT_BYTES_MAX);
    gate_init(&j->done);
    gate_init(&j->full);
    *ret_journal = j;
    return NULL;
}

err bulk_journal_read(const char *path, void (*each)(void *arg, const struct bulk_entry *),
                      void *arg, bool *ret_running)
{
    struct reading r = {.each = each, .arg = arg};
    struct file *file;
    TRY(file_open(path, FILE_WRITE, &file));
    err e = file_lock(file);
    bool running = e && e->kind == ERR_LIMIT;
    if (running)
        e = NULL;
    r.growing = running;
    if (e == NULL)
        e = check_head(file, path, NULL);
    if (e == NULL)
        e = read_all(file, &r);
    file_close(file);
    if (e == NULL)
        *ret_running = running;
    return e;
}

void bulk_journal_close(struct bulk_journal *j)
{
    if (j == NULL)
        return;
    err e = j->file ? bulk_journal_flush(j) : NULL;
    if (e == NULL && j->file && j->resting > j->written)
        e = file_resize(j->file, j->written);
    if (e == NULL && j->file)
        e = file_sync(j->file);
    (void)e; /* what a run says of itself was synced by bulk_journal_sync() */
    file_close(j->file);
    buf_release(&j->collected);
    mem_free(j);
}

/* ---- writing ------------------------------------------------------------------------------ */

/* Behind what was written, and zeros behind it when the file would grow. */
static err write_records(struct file *file, str records, uint64_t at, uint64_t resting)
{
    static const char zeros[ZERO_BYTES];
    struct iovec parts[1 + ZERO_PARTS] = {
        {(void *)(uintptr_t)records.ptr, records.len}
    };
    int count = 1;
    while (at + records.len > resting && count < 1 + ZERO_PARTS)
        parts[count++] = (struct iovec){(void *)(uintptr_t)zeros, ZERO_BYTES};
    return file_write_at(file, parts, count, at);
}

static void note_written(struct bulk_journal *j, size_t len)
{
    j->written += len;
    if (j->written > j->resting)
        j->resting = j->written + (uint64_t)ZERO_PARTS * ZERO_BYTES;
}

err bulk_journal_flush(struct bulk_journal *j)
{
    if (j->syncing || j->broken || j->collected.len == 0)
        return NULL; /* whoever syncs writes, too */
    TRY(write_records(j->file, buf_str(&j->collected), j->written, j->resting));
    note_written(j, j->collected.len);
    buf_clear(&j->collected);
    return NULL;
}

err bulk_journal_add(struct bulk_journal *j, const struct bulk_entry *e, uint64_t *ret_place)
{
    unsigned char record[RECORD_BYTES];
    if (j->collected.len >= COLLECT_BYTES_FLUSH)
        TRY(bulk_journal_flush(j));
    encode(e, j->synced, record);
    TRY(buf_add(&j->collected, (str){(const char *)record, RECORD_BYTES}));
    if (ret_place)
        *ret_place = bulk_journal_end(j);
    return NULL;
}

/* It owns what it writes: who waits for it may be canceled. */
struct sync_job {
    struct file *file;
    struct buf records;
    uint64_t at, resting;
    bool failed, left; /* left: nobody waits, and the file is the job's */
    int number;
};

static void run_sync(void *arg)
{
    struct sync_job *job = arg;
    err e = job->records.len == 0
                ? NULL
                : write_records(job->file, buf_str(&job->records), job->at, job->resting);
    if (e == NULL)
        e = file_sync(job->file);
    job->failed = e != NULL;
    job->number = err_number(e);
}

static void free_job(void *arg)
{
    struct sync_job *job = arg;
    if (job->left)
        file_close(job->file);
    buf_release(&job->records);
    mem_free(job);
}

static err run_job(struct bulk_journal *j, struct sync_job *job)
{
    err e = job_run(run_sync, job, free_job, DEADLINE_NEVER);
    if (e) {
        job->left = true;
        j->file = NULL;
        return e;
    }
    bool failed = job->failed;
    errno = job->number;
    free_job(job);
    return failed ? err_new(ERR_SYSTEM, "sync the journal") : NULL;
}

static err sync_now(struct bulk_journal *j)
{
    struct sync_job *job = MEM_NEW(struct sync_job);
    uint64_t upto = j->written + j->collected.len;
    *job = (struct sync_job){
        .file = j->file, .records = j->collected, .at = j->written, .resting = j->resting};
    buf_init(&j->collected, COLLECT_BYTES_MAX);
    note_written(j, job->records.len);
    j->syncing = true;
    err e = run_job(j, job);
    j->syncing = false;
    j->broken = e != NULL; /* nobody knows what of it is there */
    if (e == NULL)
        j->synced = upto;
    return e;
}

/* Others are about to ask for the same. */
static err wait_for_crew(struct bulk_journal *j, deadline until)
{
    deadline soon = deadline_sooner(until, deadline_after(CREW_WAIT_MS));
    while (j->waiting < j->crew && !deadline_passed(soon)) {
        err e = gate_wait(&j->full, soon);
        if (e && e->kind != ERR_TIMEOUT)
            return e;
    }
    return NULL;
}

static err lead(struct bulk_journal *j, deadline until)
{
    j->led = true;
    err e = wait_for_crew(j, until);
    if (e == NULL)
        e = sync_now(j);
    j->led = false;
    gate_wake_all(&j->done);
    return e;
}

static err sync_up_to(struct bulk_journal *j, uint64_t place, deadline until)
{
    while (j->synced < place) {
        if (j->broken)
            return err_new(ERR_SYSTEM, "the journal cannot be written");
        TRY(j->led ? gate_wait(&j->done, until) : lead(j, until));
    }
    return NULL;
}

err bulk_journal_sync(struct bulk_journal *j, uint64_t place, deadline until)
{
    j->waiting++;
    if (j->waiting >= j->crew)
        gate_wake_all(&j->full);
    err e = sync_up_to(j, place, until);
    j->waiting--;
    return e;
}

uint64_t bulk_journal_end(const struct bulk_journal *j) { return j->written + j->collected.len; }

void bulk_journal_set_crew(struct bulk_journal *j, int fibers) { j->crew = fibers; }
