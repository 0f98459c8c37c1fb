#include "queue/segment.h"
#include "base/crc.h"
#include "base/mem.h"
#include "base/rand.h"
#include "queue/bytes.h"
#include "runtime/fault.h"
#include <assert.h>
#include <stdio.h>
#include <string.h>

enum {
    TRAILER_MAGIC = 0x46515453,      /* "STQF" */
    FOOTER_BLOCK_BYTES = 256 * 1024, /* that it is written in, at least */
    SCAN_BLOCK_BYTES = 64 * 1024,
};
static const char header_magic[16] = "smtptool spool\n";

static_assert(QUEUE_SEGMENT_ENTRY_BYTES == (int)QUEUE_DIRECTORY_HEAD_BYTES, "an entry's head");
static_assert(QUEUE_RECORD_META_BYTES_MAX <= (int)QUEUE_DIRECTORY_META_BYTES_MAX,
              "an entry's meta");
static_assert(QUEUE_RECORD_BYTES_MAX <= QUEUE_SEGMENT_BYTES_MIN / 2 + QUEUE_RECORD_ALIGN,
              "the largest record is at most half the smallest segment");

bool queue_segment_path(const char *folder, uint32_t number, uint32_t salt,
                        char ret_path[QUEUE_SEGMENT_PATH_CHARS])
{
    int n =
        snprintf(ret_path, QUEUE_SEGMENT_PATH_CHARS, "%s/log/%08x-%08x.seg", folder, number, salt);
    return n > 0 && n < QUEUE_SEGMENT_PATH_CHARS;
}

static bool parse_hex(const char *text, uint32_t *ret_value)
{
    static const char digits[] = "0123456789abcdef";
    uint32_t value = 0;
    for (int i = 0; i < 8; i++) {
        const char *digit = text[i] ? strchr(digits, text[i]) : NULL;
        if (digit == NULL)
            return false;
        value = value << 4 | (uint32_t)(digit - digits);
    }
    *ret_value = value;
    return true;
}

bool queue_segment_parse_name(const char *name, uint32_t *ret_number, uint32_t *ret_salt)
{
    return strlen(name) == 21 && name[8] == '-' && strcmp(name + 17, ".seg") == 0 &&
           parse_hex(name, ret_number) && parse_hex(name + 9, ret_salt) && *ret_number > 0;
}

void queue_segment_set_add(struct queue_segment_set *s, uint32_t number)
{
    for (uint32_t i = s->len; i-- > 0;)
        if (s->numbers[i] == number)
            return;
    if (s->len == s->cap) {
        s->cap = s->cap ? s->cap * 2 : 4;
        s->numbers = mem_resize(s->numbers, s->cap * sizeof *s->numbers);
    }
    s->numbers[s->len++] = number;
}

void queue_segment_set_drop(struct queue_segment_set *s, uint32_t number)
{
    for (uint32_t i = 0; i < s->len; i++)
        if (s->numbers[i] == number)
            s->numbers[i--] = s->numbers[--s->len];
}

static struct queue_segment *make(uint32_t number, uint32_t salt, struct file *file, uint64_t size)
{
    struct queue_segment *s = MEM_NEW(struct queue_segment);
    char seed[8];
    bytes_put32(seed, number);
    bytes_put32(seed + 4, salt);
    s->number = number;
    s->salt = salt;
    s->seed = crc32c(0, (str){seed, sizeof seed});
    s->file = file;
    s->size = size;
    s->end = QUEUE_SEGMENT_HEADER_BYTES;
    s->refs = 1;
    queue_directory_init(&s->directory);
    return s;
}

void queue_segment_close(struct queue_segment *s)
{
    if (s == NULL)
        return;
    file_close(s->file);
    file_close(s->direct);
    queue_directory_release(&s->directory);
    mem_free(s->tail);
    mem_free(s->names.numbers);
    mem_free(s->sources.numbers);
    mem_free(s);
}

static err write_header(struct queue_segment *s)
{
    char b[QUEUE_SEGMENT_HEADER_BYTES] = {0};
    memcpy(b, header_magic, sizeof header_magic);
    bytes_put32(b + 16, QUEUE_RECORD_VERSION);
    bytes_put32(b + 20, s->number);
    bytes_put64(b + 24, s->size);
    bytes_put64(b + 32, s->last_id);
    bytes_put32(b + 60, crc32c(0, (str){b, 60}));
    TRY(fault_point("segment.write"));
    memcpy(s->tail, b, sizeof b);
    return file_write_at(s->file, &(struct iovec){b, sizeof b}, 1, 0);
}

static err name_segment(struct queue_segment *s, const char *folder, const char *spare)
{
    char path[QUEUE_SEGMENT_PATH_CHARS], log[QUEUE_SEGMENT_PATH_CHARS];
    struct file_facts facts;
    if (!queue_segment_path(folder, s->number, s->salt, path))
        return err_new(ERR_CONFIG, "the spool's path is too long");
    snprintf(log, sizeof log, "%s/log", folder);
    TRY(file_facts(s->file, &facts));
    s->size = facts.size;
    TRY(write_header(s));
    TRY(fault_point("segment.sync"));
    TRY(file_sync(s->file));
    TRY(fault_point("spool.rename"));
    TRY(file_rename(spare, path));
    err e = fault_point("spool.folder_sync");
    if (e == NULL)
        e = folder_sync(log);
    if (e) /* else each try would leave a segment behind: the next one takes this file again */
        (void)!file_rename(path, spare);
    return e;
}

err queue_segment_create(const char *folder, const char *spare, uint32_t number, uint64_t last_id,
                         struct queue_segment **ret_segment)
{
    struct file *file;
    TRY(file_open(spare, FILE_WRITE, &file));
    struct queue_segment *s = make(number, (uint32_t)rand_u64(), file, 0);
    s->last_id = last_id;
    s->tail = mem_alloc(FILE_DIRECT_ALIGN);
    if (file_open(spare, FILE_WRITE | FILE_DIRECT, &s->direct))
        err_forget(); /* slower, and as good */
    err e = name_segment(s, folder, spare);
    if (e) {
        queue_segment_close(s);
        return e;
    }
    *ret_segment = s;
    return NULL;
}

static err read_header(struct queue_segment *s, bool *ret_damaged)
{
    char b[QUEUE_SEGMENT_HEADER_BYTES];
    size_t got;
    TRY(file_read_at(s->file, b, sizeof b, 0, &got));
    bool valid = got == sizeof b && memcmp(b, header_magic, sizeof header_magic) == 0 &&
                 bytes_get32(b + 60) == crc32c(0, (str){b, 60});
    if (valid && bytes_get32(b + 16) != QUEUE_RECORD_VERSION)
        return err_new(ERR_CONFIG,
                       "the spool has format %u and this program knows %d only: run the program "
                       "that wrote it",
                       bytes_get32(b + 16), QUEUE_RECORD_VERSION);
    *ret_damaged = !valid || bytes_get32(b + 20) != s->number;
    if (!*ret_damaged)
        s->last_id = bytes_get64(b + 32);
    return NULL;
}

/* A name planted by somebody else (a link, a device) is not followed. */
static err check_regular(struct file *file, const char *path, uint64_t *ret_size)
{
    struct file_facts facts;
    TRY(file_facts(file, &facts));
    if (!facts.regular || facts.links > 1)
        return err_new(ERR_DAMAGED, "%s is not a plain file with one name", path);
    *ret_size = facts.size;
    return NULL;
}

err queue_segment_open(const char *folder, uint32_t number, uint32_t salt, bool for_writing,
                       struct queue_segment **ret_segment, bool *ret_damaged)
{
    char path[QUEUE_SEGMENT_PATH_CHARS];
    if (!queue_segment_path(folder, number, salt, path))
        return err_new(ERR_CONFIG, "the spool's path is too long");
    struct file *file;
    uint64_t size = 0;
    TRY(file_open(path, for_writing ? FILE_WRITE : 0, &file));
    struct queue_segment *s = make(number, salt, file, 0);
    err e = check_regular(file, path, &size);
    s->size = size;
    if (e == NULL)
        e = read_header(s, ret_damaged);
    if (e) {
        queue_segment_close(s);
        return e;
    }
    *ret_segment = s;
    return NULL;
}

bool queue_segment_fits(const struct queue_segment *s, uint64_t bytes, uint32_t records,
                        uint64_t meta_len)
{
    uint64_t footer = s->directory.len + (uint64_t)records * QUEUE_SEGMENT_ENTRY_BYTES + meta_len;
    return s->end + bytes + queue_record_round(footer) + QUEUE_SEGMENT_TRAILER_BYTES <= s->size;
}

static size_t tail_bytes(const struct queue_segment *s) { return s->end % FILE_DIRECT_ALIGN; }

err queue_segment_write(struct queue_segment *s, const char *bytes, size_t size, bool *ret_reached)
{
    ASSERT(s->tail && memcmp(bytes, s->tail, tail_bytes(s)) == 0);
    *ret_reached = s->direct != NULL;
    return file_write_at(s->direct ? s->direct : s->file, &(struct iovec){(void *)bytes, size}, 1,
                         s->end - tail_bytes(s));
}

err queue_segment_sync(struct queue_segment *s)
{
    return file_sync(s->direct ? s->direct : s->file);
}

void queue_segment_advance(struct queue_segment *s, const char *bytes, size_t len)
{
    size_t rest = len % FILE_DIRECT_ALIGN;
    memcpy(s->tail, bytes + len - rest, rest);
    s->end += len - tail_bytes(s);
}

/* An entry of a footer is never taken for a record, wherever in the file it stands. */
static uint32_t entry_seed(const struct queue_segment *s) { return s->seed + 1; }

void queue_segment_note(struct queue_segment *s, uint64_t offset, const struct queue_record *r,
                        str meta)
{
    char b[QUEUE_SEGMENT_ENTRY_BYTES];
    bytes_put32(b, (uint32_t)(offset / QUEUE_RECORD_ALIGN));
    queue_record_encode(r, entry_seed(s), b + 4);
    queue_directory_add(&s->directory, b, meta);
    s->count++;
    s->updates += r->type == QUEUE_RECORD_UPDATE;
    if (r->batch > s->last_batch)
        s->last_batch = r->batch;
    if (r->sequence > s->last_sequence)
        s->last_sequence = r->sequence;
    bool has_id = r->type != QUEUE_RECORD_ABORT && r->type != QUEUE_RECORD_GROUP;
    if (has_id && r->id > s->last_id)
        s->last_id = r->id;
}

static void encode_trailer(const struct queue_segment *s, char b[QUEUE_SEGMENT_TRAILER_BYTES])
{
    bytes_put32(b, TRAILER_MAGIC);
    bytes_put32(b + 4, s->number);
    bytes_put64(b + 8, s->footer_offset);
    bytes_put32(b + 16, (uint32_t)s->footer_len);
    bytes_put32(b + 20, s->count);
    bytes_put32(b + 24, s->updates);
    bytes_put32(b + 28, s->footer_crc);
    bytes_put64(b + 32, s->last_batch);
    bytes_put64(b + 40, s->last_sequence);
    bytes_put64(b + 48, s->last_id);
    bytes_put32(b + 56, s->stream);
    bytes_put32(b + 60, crc32c(s->seed, (str){b, 60}));
}

/* In blocks; *ret_crc is that of all of it. */
static err write_footer(struct queue_segment *s, uint32_t *ret_crc)
{
    CLEANUP(buf_release) struct buf block;
    buf_init(&block, FOOTER_BLOCK_BYTES + QUEUE_SEGMENT_ENTRY_BYTES + QUEUE_RECORD_META_BYTES_MAX);
    struct queue_directory_walk walk = queue_directory_begin(&s->directory);
    uint64_t offset = s->footer_offset;
    uint32_t crc = crc32c(0, (str){0});
    bool more = true;
    while (more) {
        TRY(queue_directory_next(&walk, &block, &more));
        if (block.len == 0 || (more && block.len < FOOTER_BLOCK_BYTES))
            continue;
        crc = crc32c(crc, buf_str(&block));
        TRY(file_write_at(s->file, &(struct iovec){block.ptr, block.len}, 1, offset));
        offset += block.len;
        buf_clear(&block);
    }
    ASSERT(offset == s->footer_offset + s->footer_len);
    *ret_crc = crc;
    return NULL;
}

err queue_segment_seal(struct queue_segment *s)
{
    uint64_t room = queue_record_round(s->directory.len) + QUEUE_SEGMENT_TRAILER_BYTES;
    if (s->end + room > s->size)
        return err_new(ERR_DAMAGED, "segment %08x has no room for its footer", s->number);
    s->footer_offset = s->size - room;
    s->footer_len = s->directory.len;
    TRY(fault_point("seal.write"));
    TRY(write_footer(s, &s->footer_crc));
    char trailer[QUEUE_SEGMENT_TRAILER_BYTES];
    encode_trailer(s, trailer);
    struct iovec last = {trailer, sizeof trailer};
    TRY(file_write_at(s->file, &last, 1, s->size - sizeof trailer));
    TRY(fault_point("seal.sync"));
    return file_sync(s->file);
}

static err read_trailer(struct queue_segment *s)
{
    char b[QUEUE_SEGMENT_TRAILER_BYTES];
    size_t got = 0;
    if (s->size < QUEUE_SEGMENT_HEADER_BYTES + QUEUE_SEGMENT_TRAILER_BYTES)
        return err_new(ERR_DAMAGED, "segment %08x is too short", s->number);
    TRY(file_read_at(s->file, b, sizeof b, s->size - sizeof b, &got));
    bool valid = got == sizeof b && bytes_get32(b) == TRAILER_MAGIC &&
                 bytes_get32(b + 60) == crc32c(s->seed, (str){b, 60}) &&
                 bytes_get32(b + 4) == s->number;
    uint64_t offset = bytes_get64(b + 8), len = bytes_get32(b + 16);
    if (!valid || offset > s->size - sizeof b || len > s->size - sizeof b - offset ||
        bytes_get32(b + 56) >= QUEUE_STREAMS)
        return err_new(ERR_DAMAGED, "segment %08x has no footer", s->number);
    s->footer_offset = offset;
    s->footer_len = len;
    s->count = bytes_get32(b + 20);
    s->updates = bytes_get32(b + 24);
    uint32_t crc = bytes_get32(b + 28);
    s->footer_valid = s->footer_valid && s->footer_crc == crc;
    s->footer_crc = crc;
    s->last_batch = bytes_get64(b + 32);
    s->last_sequence = bytes_get64(b + 40);
    s->last_id = bytes_get64(b + 48);
    s->stream = (enum queue_stream)bytes_get32(b + 56);
    s->end = offset;
    return NULL;
}

/* Every entry must decode and lie inside: then queue_segment_next needs no checks. */
static bool directory_valid(const struct queue_segment *s, str directory, uint64_t end)
{
    while (directory.len > 0) {
        struct queue_record r;
        if (directory.len < QUEUE_SEGMENT_ENTRY_BYTES ||
            !queue_record_decode(directory.ptr + 4, entry_seed(s), &r))
            return false;
        uint64_t offset = (uint64_t)bytes_get32(directory.ptr) * QUEUE_RECORD_ALIGN;
        if (offset < QUEUE_SEGMENT_HEADER_BYTES || offset + queue_record_bytes(&r) > end)
            return false;
        directory = str_from(directory, QUEUE_SEGMENT_ENTRY_BYTES);
        if (directory.len < r.meta_len)
            return false;
        if (crc32c(0, str_slice(directory, 0, r.meta_len)) != r.meta_crc)
            return false;
        directory = str_from(directory, r.meta_len);
    }
    return true;
}

err queue_segment_load(struct queue_segment *s, struct buf *ret_directory)
{
    TRY(read_trailer(s));
    char *room;
    size_t got = 0;
    buf_clear(ret_directory);
    TRY(buf_reserve(ret_directory, s->footer_len, &room));
    if (s->footer_len)
        TRY(file_read_at(s->file, room, s->footer_len, s->footer_offset, &got));
    str directory = {room, got};
    if (got != s->footer_len || crc32c(0, directory) != s->footer_crc ||
        !(s->footer_valid || directory_valid(s, directory, s->footer_offset)))
        return err_new(ERR_DAMAGED, "segment %08x: its footer is damaged", s->number);
    s->footer_valid = true;
    ret_directory->len = got;
    return NULL;
}

bool queue_segment_next(str *directory, struct queue_segment_entry *ret_entry)
{
    if (directory->len == 0)
        return false;
    ASSERT(directory->len >= QUEUE_SEGMENT_ENTRY_BYTES);
    ret_entry->offset = (uint64_t)bytes_get32(directory->ptr) * QUEUE_RECORD_ALIGN;
    ret_entry->record = queue_record_again(directory->ptr + 4);
    str rest = str_from(*directory, QUEUE_SEGMENT_ENTRY_BYTES);
    ASSERT(ret_entry->record.meta_len <= rest.len);
    ret_entry->meta = str_slice(rest, 0, ret_entry->record.meta_len);
    *directory = str_from(rest, ret_entry->record.meta_len);
    return true;
}

static err read_part(struct queue_segment *s, uint64_t offset, size_t size, struct buf *into,
                     str *ret_bytes)
{
    char *room;
    size_t got = 0;
    buf_clear(into);
    TRY(buf_reserve(into, size, &room));
    if (size)
        TRY(file_read_at(s->file, room, size, offset, &got));
    *ret_bytes = (str){room, got};
    return NULL;
}

/* The record at this offset, as far as its head goes; false: none that is valid. */
static err read_record(struct queue_segment *s, uint64_t offset, struct buf *scratch,
                       struct queue_segment_entry *entry, bool *ret_valid)
{
    char header[QUEUE_RECORD_HEADER_BYTES];
    size_t got = 0;
    *ret_valid = false;
    TRY(file_read_at(s->file, header, sizeof header, offset, &got));
    if (got < sizeof header || !queue_record_decode(header, s->seed, &entry->record))
        return NULL;
    const struct queue_record *r = &entry->record;
    if (offset + queue_record_bytes(r) > s->size)
        return NULL;
    str both;
    TRY(read_part(s, offset + sizeof header, (size_t)r->meta_len + r->head_len, scratch, &both));
    entry->offset = offset;
    entry->meta = str_slice(both, 0, r->meta_len);
    *ret_valid = both.len == (size_t)r->meta_len + r->head_len &&
                 crc32c(0, entry->meta) == r->meta_crc &&
                 crc32c(0, str_from(both, r->meta_len)) == r->head_crc;
    return NULL;
}

/* The next valid record behind an invalid one; *ret_offset is the file's end when none follows. */
static err find_next(struct queue_segment *s, uint64_t from, struct buf *scratch,
                     uint64_t *ret_offset, struct queue_record *ret_record)
{
    static const char zeros[QUEUE_RECORD_ALIGN];
    char *block = mem_alloc(SCAN_BLOCK_BYTES);
    err e = NULL;
    bool valid = false;
    while (from < s->size && !valid && e == NULL) {
        size_t got = 0;
        e = file_read_at(s->file, block, SCAN_BLOCK_BYTES, from, &got);
        if (got < QUEUE_RECORD_ALIGN)
            break;
        for (size_t at = 0; at + QUEUE_RECORD_ALIGN <= got && e == NULL; at += QUEUE_RECORD_ALIGN) {
            struct queue_segment_entry entry;
            struct queue_record r;
            if (memcmp(block + at, zeros, sizeof zeros) == 0 ||
                !queue_record_decode(block + at, s->seed, &r))
                continue;
            e = read_record(s, from + at, scratch, &entry, &valid);
            if (!valid)
                continue;
            *ret_offset = from + at;
            *ret_record = entry.record;
            break;
        }
        from += SCAN_BLOCK_BYTES;
    }
    mem_free(block);
    if (!valid)
        *ret_offset = s->size;
    return e;
}

err queue_segment_scan(struct queue_segment *s,
                       void (*gap)(void *arg, const struct queue_segment_gap *), void *arg)
{
    CLEANUP(buf_release) struct buf scratch;
    buf_init(&scratch, QUEUE_RECORD_BYTES_MAX);
    uint64_t offset = QUEUE_SEGMENT_HEADER_BYTES;
    queue_directory_release(&s->directory);
    s->count = s->updates = 0;
    s->end = offset;
    while (offset < s->size) {
        struct queue_segment_entry entry;
        bool valid;
        TRY(read_record(s, offset, &scratch, &entry, &valid));
        if (valid) {
            queue_segment_note(s, offset, &entry.record, entry.meta);
            offset += queue_record_bytes(&entry.record);
            s->end = offset;
            continue;
        }
        struct queue_segment_gap g = {.from = offset, .batch_before = s->last_batch};
        struct queue_record next = {0};
        TRY(find_next(s, offset + QUEUE_RECORD_ALIGN, &scratch, &g.to, &next));
        g.batch_after = next.batch;
        g.first_after = next.flags & QUEUE_RECORD_FIRST;
        if (g.to < s->size && gap)
            gap(arg, &g);
        offset = g.to;
    }
    return NULL;
}

err queue_segment_verify(struct queue_segment *s, const struct queue_segment_entry *entry,
                         struct buf *scratch)
{
    const struct queue_record *r = &entry->record;
    char header[QUEUE_RECORD_HEADER_BYTES], expected[QUEUE_RECORD_HEADER_BYTES];
    size_t got = 0;
    TRY(file_read_at(s->file, header, sizeof header, entry->offset, &got));
    queue_record_encode(r, s->seed, expected);
    if (got != sizeof header || memcmp(header, expected, sizeof header) != 0)
        return err_new(ERR_DAMAGED, "record at %08x+%llx: its header differs from the footer's",
                       s->number, (unsigned long long)entry->offset);
    if (r->type == QUEUE_RECORD_GROUP)
        return NULL;
    str all;
    TRY(read_part(s, entry->offset + sizeof header, (size_t)r->meta_len + r->head_len + r->body_len,
                  scratch, &all));
    str head = str_from(all, r->meta_len);
    if (crc32c(0, str_slice(all, 0, r->meta_len)) != r->meta_crc ||
        crc32c(0, str_slice(head, 0, r->head_len)) != r->head_crc ||
        crc32c(0, str_from(head, r->head_len)) != r->body_crc)
        return err_new(ERR_DAMAGED, "record at %08x+%llx: a checksum differs", s->number,
                       (unsigned long long)entry->offset);
    return NULL;
}
