#include "bulk/journal.h"
#include "base/arena.h"
#include "base/crc.h"
#include "base/mem.h"
#include "base/table.h"
#include "runtime/file.h"
#include "runtime/thread.h"
#include <errno.h>
#include <string.h>

#define MAGIC "smtptool bulk 1\n"

enum { HEAD_BYTES = 24, RECORD_BYTES = 24, READ_RECORDS = 4096 };

struct bulk_journal {
    struct file *file;
    uint64_t written, synced; /* bytes */
    bool syncing;
    struct gate done;
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

static void encode(const struct bulk_entry *e, unsigned char out[RECORD_BYTES])
{
    memset(out, 0, RECORD_BYTES);
    put(out, e->key, 8);
    put(out + 8, e->at_s, 4);
    put(out + 12, e->code, 2);
    out[14] = (unsigned char)e->kind;
    out[15] = e->group;
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
    bool torn;
};

static err take_block(struct reading *r, const unsigned char *bytes, size_t len)
{
    for (size_t at = 0; at + RECORD_BYTES <= len; at += RECORD_BYTES) {
        struct bulk_entry e;
        bool sound = decode(bytes + at, &e);
        if (sound && r->torn)
            return err_new(ERR_DAMAGED, "the journal is damaged at byte %llu",
                           (unsigned long long)r->good);
        r->torn = !sound;
        if (!sound)
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
    } while (count == READ_RECORDS * RECORD_BYTES);
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
    return r->good < facts.size ? file_resize(file, r->good) : NULL;
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
    *j = (struct bulk_journal){.file = file, .written = r.good, .synced = r.good};
    gate_init(&j->done);
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
    err e = file_sync(j->file);
    (void)e; /* what a run says of itself was synced by bulk_journal_sync() */
    file_close(j->file);
    mem_free(j);
}

/* ---- writing ------------------------------------------------------------------------------ */

err bulk_journal_add(struct bulk_journal *j, const struct bulk_entry *e, uint64_t *ret_place)
{
    unsigned char record[RECORD_BYTES];
    encode(e, record);
    struct iovec part = {record, RECORD_BYTES};
    TRY(file_write_at(j->file, &part, 1, j->written));
    j->written += RECORD_BYTES;
    if (ret_place)
        *ret_place = j->written;
    return NULL;
}

struct sync_job {
    struct file *file;
    bool failed;
    int number;
};

static void run_sync(void *arg)
{
    struct sync_job *job = arg;
    err e = file_sync(job->file);
    job->failed = e != NULL;
    job->number = err_number(e);
}

static err sync_now(struct bulk_journal *j)
{
    struct sync_job *job = MEM_NEW(struct sync_job);
    uint64_t upto = j->written;
    job->file = j->file;
    TRY(job_run(run_sync, job, mem_free, DEADLINE_NEVER));
    bool failed = job->failed;
    errno = job->number;
    mem_free(job);
    if (failed)
        return err_new(ERR_SYSTEM, "sync the journal");
    j->synced = upto;
    return NULL;
}

err bulk_journal_sync(struct bulk_journal *j, uint64_t place, deadline until)
{
    while (j->synced < place) {
        if (j->syncing) {
            TRY(gate_wait(&j->done, until));
            continue;
        }
        j->syncing = true;
        err e = sync_now(j);
        j->syncing = false;
        gate_wake_all(&j->done);
        TRY(e);
    }
    return NULL;
}
