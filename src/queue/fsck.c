#include "queue/fsck.h"
#include "base/crc.h"
#include "base/mem.h"
#include "queue/id.h"
#include "queue/recover.h"
#include "queue/segment.h"
#include <errno.h>
#include <stdio.h>

enum { BLOCK_BYTES = 256 * 1024 };

struct check {
    const char *folder;
    void (*tell)(void *arg, const char *where, err);
    void *arg;
    struct queue_fsck result;
    uint64_t last_batch;
    struct queue_segment *segment;
    bool sealed;
};

static void found(struct check *c, const char *where, err e)
{
    c->result.damaged++;
    c->tell(c->arg, where, e);
    err_forget();
}

static err compare_crc(struct file *f, uint64_t offset, uint64_t size, uint32_t crc, char *block)
{
    uint32_t sum = 0;
    for (uint64_t at = 0; at < size;) {
        size_t part = size - at < BLOCK_BYTES ? (size_t)(size - at) : BLOCK_BYTES, got = 0;
        TRY(file_read_at(f, block, part, offset + at, &got));
        if (got < part)
            return err_new(ERR_DAMAGED, "the file is too short");
        sum = crc32c(sum, (str){block, got});
        at += got;
    }
    return sum == crc ? NULL : err_new(ERR_DAMAGED, "the checksum differs");
}

static void check_file(struct check *c, const struct queue_segment_entry *at)
{
    char path[512];
    struct queue_meta m;
    struct file *f;
    snprintf(path, sizeof path, "%s/body/%s", c->folder, queue_id_format(at->record.id).text);
    if (queue_meta_decode(at->meta, at->record.flags, &m))
        return; /* told already */
    err e = file_open(path, 0, &f);
    if (e && err_number(e) == ENOENT)
        return; /* a message that was forgotten since */
    if (e) {
        found(c, path, e);
        return;
    }
    char *block = mem_alloc(BLOCK_BYTES);
    e = compare_crc(f, 0, m.content_size, m.content_crc, block);
    if (e == NULL && m.file_head_len)
        e = compare_crc(f, m.content_size, m.file_head_len, m.file_head_crc, block);
    mem_free(block);
    file_close(f);
    c->result.files++;
    if (e)
        found(c, path, e);
}

static void check_record(struct check *c, const struct queue_segment_entry *at, struct buf *scratch)
{
    char where[96];
    const struct queue_record *r = &at->record;
    struct queue_meta m;
    snprintf(where, sizeof where, "segment %08x at %llu", c->segment->number,
             (unsigned long long)at->offset);
    c->result.records++;
    c->result.messages += r->type == QUEUE_RECORD_MESSAGE;
    c->result.bytes += queue_record_bytes(r);
    err e = queue_segment_verify(c->segment, at, scratch);
    if (e == NULL && r->type == QUEUE_RECORD_MESSAGE)
        e = queue_meta_decode(at->meta, r->flags, &m);
    bool torn = !c->sealed && r->batch == c->last_batch;
    if (e && torn)
        c->result.torn += queue_record_bytes(r);
    else if (e)
        found(c, where, e);
    else if (r->flags & QUEUE_RECORD_FILE)
        check_file(c, at);
    err_forget();
}

static void note_gap(void *arg, const struct queue_segment_gap *gap)
{
    struct check *c = arg;
    char where[96];
    if (gap->batch_after >= c->last_batch && !gap->first_after) {
        c->result.torn += gap->to - gap->from;
        return;
    }
    snprintf(where, sizeof where, "segment %08x at %llu", c->segment->number,
             (unsigned long long)gap->from);
    found(c, where, err_new(ERR_DAMAGED, "invalid bytes are followed by valid records"));
}

static err check_segment(struct check *c, struct queue_segment *s, struct buf *directory,
                         struct buf *scratch)
{
    struct queue_segment_entry at;
    c->segment = s;
    err e = queue_segment_load(s, directory);
    c->sealed = e == NULL;
    if (e && e->kind == ERR_DAMAGED) {
        e = queue_segment_scan(s, note_gap, c);
        if (e == NULL)
            e = queue_directory_unpack(&s->directory, directory);
    }
    TRY(e);
    str rest = buf_str(directory);
    while (queue_segment_next(&rest, &at))
        check_record(c, &at, scratch);
    c->result.segments++;
    return NULL;
}

/* The last batch of all, from footers and scans: what it wrote may be torn. */
static err find_last(struct check *c, const uint32_t name[2], struct buf *directory)
{
    struct queue_segment *s;
    bool damaged;
    TRY(queue_segment_open(c->folder, name[0], name[1], false, &s, &damaged));
    err e = queue_segment_load(s, directory);
    if (e && e->kind == ERR_DAMAGED)
        e = queue_segment_scan(s, NULL, NULL);
    if (s->last_batch > c->last_batch)
        c->last_batch = s->last_batch;
    queue_segment_close(s);
    return e;
}

static err check_all(struct check *c, const uint32_t (*names)[2], size_t count)
{
    CLEANUP(buf_release) struct buf directory;
    CLEANUP(buf_release) struct buf scratch;
    buf_init(&directory, QUEUE_SEGMENT_DIRECTORY_BYTES_MAX);
    buf_init(&scratch, QUEUE_RECORD_BYTES_MAX);
    for (size_t i = 0; i < count; i++) {
        err e = find_last(c, names[i], &directory);
        if (e && e->kind != ERR_DAMAGED)
            return e;
        err_forget();
    }
    for (size_t i = 0; i < count; i++) {
        char where[32];
        struct queue_segment *s;
        bool damaged = false;
        snprintf(where, sizeof where, "segment %08x", names[i][0]);
        err e = queue_segment_open(c->folder, names[i][0], names[i][1], false, &s, &damaged);
        if (e) {
            found(c, where, e);
            continue;
        }
        if (damaged)
            found(c, where, err_new(ERR_DAMAGED, "the header is damaged"));
        e = check_segment(c, s, &directory, &scratch);
        queue_segment_close(s);
        TRY(e);
    }
    return NULL;
}

err queue_fsck(const char *folder, void (*tell)(void *arg, const char *where, err), void *arg,
               struct queue_fsck *ret_result)
{
    struct check c = {.folder = folder, .tell = tell, .arg = arg};
    uint32_t(*names)[2];
    size_t count;
    char path[512];
    struct file *lock;
    snprintf(path, sizeof path, "%s/lock", folder);
    TRY(file_open(path, FILE_WRITE, &lock));
    err e = file_lock(lock);
    if (e == NULL)
        e = queue_recover_list(folder, &names, &count);
    if (e == NULL) {
        e = check_all(&c, (const uint32_t(*)[2])names, count);
        mem_free(names);
    }
    file_close(lock);
    if (e == NULL)
        *ret_result = c.result;
    return e;
}
