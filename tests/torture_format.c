/* Attacks 200, 201, 202: a spool of an older version opens, one of a newer version is refused and
 * left as it is, as is one that is in use; what only saves time may be deleted.
 *
 * tests/golden/spool-N.txt is a spool as the first program with format N wrote it, with what had
 * been promised for it. UPDATE=1 writes the one of the present format anew.
 */
#include "base/crc.h"
#include "base/mem.h"
#include "queue/bytes.h"
#include "tests/torture.h"
#include <stdio.h>
#include <stdlib.h>

enum {
    TEXT_BYTES_MAX = 4 << 20,
    LINE_BYTES = 32,
    VERSION_AT = 16, /* in a segment's header */
    HEADER_CRC_AT = 60,
};

enum lack { /* what is missing in the copy */
            NOTHING,
            LOCK,
            UNUSED,  /* spares and segments that hold no record */
            FOOTERS, /* they repeat what the records say */
            QUARANTINE,
            ALL_OF_IT,
            LACKS
};
static const char *const lack_names[LACKS] = {"nothing", "lock",       "unused segments",
                                              "footers", "quarantine", "all of it"};

struct format {
    const struct torture_options *options;
    struct torture_verdict verdict;
    struct buf text;
    struct torture_ledger *ledger;
    uint64_t checks, failed;
};

static void check(struct format *f, bool good, const char *what, const char *which)
{
    f->checks++;
    f->failed += !good;
    if (!good)
        printf("    WRONG format: %s: %s\n", which, what);
}

static void must(err e) { ASSERT(e == NULL); }

/* ---- from a disk to a text
 * ------------------------------------------------------------------------ */

struct dump {
    struct buf *out;
    const char *folder;
};

static bool all_zero(const char *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (bytes[i])
            return false;
    return true;
}

static void dump_bytes(struct buf *out, const char *bytes, size_t size)
{
    for (size_t at = 0; at < size; at += LINE_BYTES) {
        size_t part = size - at < LINE_BYTES ? size - at : LINE_BYTES;
        if (all_zero(bytes + at, part))
            continue;
        must(buf_addf(out, "at %zu ", at));
        for (size_t i = 0; i < part; i++)
            must(buf_addf(out, "%02x", (uint8_t)bytes[at + i]));
        must(buf_add_char(out, '\n'));
    }
}

static err dump_file(void *arg, const char *name)
{
    struct dump *d = arg;
    char path[128];
    struct file *file;
    struct file_facts facts;
    snprintf(path, sizeof path, "%s/%s", d->folder, name);
    TRY(file_look(path, &facts));
    if (!facts.regular)
        return NULL;
    TRY(file_open(path, 0, &file));
    char *bytes = mem_alloc((size_t)facts.size + 1);
    size_t got = 0;
    err e = file_read_at(file, bytes, (size_t)facts.size, 0, &got);
    must(buf_addf(d->out, "file %s %zu\n", path, got));
    dump_bytes(d->out, bytes, got);
    mem_free(bytes);
    file_close(file);
    return e;
}

static void dump_disk(struct buf *out)
{
    static const char *const folders[] = {"/spool", "/spool/log", "/spool/body",
                                          "/spool/quarantine"};
    for (size_t i = 0; i < ARRAY_LEN(folders); i++) {
        struct dump d = {out, folders[i]};
        must(buf_addf(out, "folder %s\n", folders[i]));
        must(folder_list(folders[i], dump_file, &d));
    }
}

static void dump_ledger(struct buf *out, const struct torture_ledger *l)
{
    for (int i = 0; i < l->count; i++) {
        const struct torture_message *m = &l->messages[i];
        must(buf_addf(out, "message %d %d %d\n", m->fate, (int)m->size, m->delivery_count));
        for (int d = 0; d < m->delivery_count; d++) {
            const struct torture_delivery *at = &m->deliveries[d];
            must(buf_addf(out, "delivery %d %d %d %d %d %d %lld\n", at->rcpt_count, at->rcpts[0],
                          at->rcpts[1], at->rcpts[2], at->state_known, (int)at->attempts,
                          (long long)at->due_ms));
        }
    }
}

/* ---- and back
 * -------------------------------------------------------------------------------------- */

static long long next_number(str *rest)
{
    str word;
    uint64_t number = 0;
    str_split(*rest, ' ', &word, rest);
    ASSERT(str_to_u64(word, INT64_MAX, &number));
    return (long long)number;
}

/* The few records of these spools stand far from the end. */
static bool is_footer(uint64_t at, uint64_t file_size)
{
    return file_size >= QUEUE_SEGMENT_BYTES_MIN && at >= file_size / 2;
}

struct load {
    struct file *file;
    uint64_t size;
    enum lack lack;
    char path[128];
};

static void load_file(struct load *l, str rest)
{
    str path;
    str_split(rest, ' ', &path, &rest);
    str_to_chars(path, l->path, sizeof l->path);
    l->size = (uint64_t)next_number(&rest);
    file_close(l->file);
    l->file = NULL;
    bool any = l->lack == ALL_OF_IT;
    bool lock = str_eq(path, S("/spool/lock")), spare = str_contains(path, S("/spare-"));
    if ((lock && (any || l->lack == LOCK)) || (spare && (any || l->lack == UNUSED)))
        return;
    must(file_open(l->path, FILE_WRITE | FILE_NEW, &l->file));
    must(file_resize(l->file, l->size));
}

static void load_bytes(struct load *l, str rest)
{
    char bytes[LINE_BYTES];
    uint64_t at = (uint64_t)next_number(&rest);
    size_t count = 0;
    for (; count < LINE_BYTES && rest.len >= 2 * (count + 1); count++) {
        unsigned value = 0;
        char digits[3] = {rest.ptr[2 * count], rest.ptr[2 * count + 1], 0};
        ASSERT(sscanf(digits, "%2x", &value) == 1);
        bytes[count] = (char)value;
    }
    bool footer = l->lack == FOOTERS || l->lack == ALL_OF_IT;
    if (l->file && !(footer && is_footer(at, l->size)))
        must(file_write_at(l->file, &(struct iovec){bytes, count}, 1, at));
}

static void load_message(struct torture_ledger *l, str rest)
{
    struct torture_message *m = &l->messages[l->count++];
    *m = (struct torture_message){.reports = -1};
    m->fate = (uint8_t)next_number(&rest);
    m->size = (uint32_t)next_number(&rest);
}

static void load_delivery(struct torture_ledger *l, str rest)
{
    struct torture_message *m = &l->messages[l->count - 1];
    struct torture_delivery *d = &m->deliveries[m->delivery_count++];
    d->rcpt_count = (uint8_t)next_number(&rest);
    for (int i = 0; i < TORTURE_RCPTS_MAX; i++)
        d->rcpts[i] = (uint8_t)next_number(&rest);
    d->state_known = next_number(&rest) != 0;
    d->attempts = (uint32_t)next_number(&rest);
    d->due_ms = next_number(&rest);
}

/* A disk as the text says, in use. */
static struct sim_fs *load_disk(struct format *f, enum lack lack)
{
    struct load l = {.lack = lack};
    struct sim_fs *fs = sim_fs_open();
    str text = buf_str(&f->text), line;
    sim_fs_use(fs);
    f->ledger->count = 0;
    while (text.len > 0) {
        str_split(text, '\n', &line, &text);
        bool folder = str_skip(&line, S("folder "));
        bool left_out =
            (lack == QUARANTINE || lack == ALL_OF_IT) && str_eq(line, S("/spool/quarantine"));
        char path[128];
        str_to_chars(line, path, sizeof path);
        if (folder && !left_out)
            must(folder_make(path));
        else if (str_skip(&line, S("file ")))
            load_file(&l, line);
        else if (str_skip(&line, S("at ")))
            load_bytes(&l, line);
        else if (str_skip(&line, S("message ")))
            load_message(f->ledger, line);
        else if (str_skip(&line, S("delivery ")))
            load_delivery(f->ledger, line);
    }
    file_close(l.file);
    sim_fs_settle(fs);
    return fs;
}

static void drop_disk(struct sim_fs *fs)
{
    sim_fs_use(NULL);
    sim_fs_close(fs);
}

/* ---- what must be true
 * ------------------------------------------------------------------------------ */

static void opens_without(struct format *f, const char *which)
{
    for (int lack = 0; lack < LACKS; lack++) {
        char replay[128];
        snprintf(replay, sizeof replay, "torture format (%s without %s)", which, lack_names[lack]);
        struct sim_fs *fs = load_disk(f, (enum lack)lack);
        struct torture_claim claim = {.ledger = f->ledger, .again = true, .replay = replay};
        bool good = torture_judge(fs, &claim, &f->verdict);
        check(f, good, "attack 202: it opens, and all is there", replay);
        drop_disk(fs);
    }
}

static err raise_version(void *arg, const char *name)
{
    char path[128], header[64];
    struct file *file;
    size_t got;
    int *left = arg;
    if (!str_contains(str_of(name), S(".seg")) || (*left)-- <= 0)
        return NULL;
    snprintf(path, sizeof path, "/spool/log/%s", name);
    TRY(file_open(path, FILE_WRITE, &file));
    must(file_read_at(file, header, sizeof header, 0, &got));
    bytes_put32(header + VERSION_AT, QUEUE_RECORD_VERSION + 1);
    bytes_put32(header + HEADER_CRC_AT, crc32c(0, (str){header, HEADER_CRC_AT}));
    must(file_write_at(file, &(struct iovec){header, sizeof header}, 1, 0));
    file_close(file);
    return NULL;
}

/* Folders are listed in no order, so each line of one must be in the other. */
static bool same_lines(const struct buf *a, const struct buf *b)
{
    str text = buf_str(a), line;
    bool same = a->len == b->len;
    while (same && text.len > 0) {
        str_split(text, '\n', &line, &text);
        same = str_contains(buf_str(b), line);
    }
    return same;
}

static void refuses(struct format *f, const char *which, int segments)
{
    struct buf before, after;
    struct queue *q = NULL;
    struct queue_options o = {.folder = "/spool", .workers = 1, .draft_memory_max = 1 << 20};
    struct sim_fs *fs = load_disk(f, NOTHING);
    must(folder_list("/spool/log", raise_version, &segments));
    sim_fs_settle(fs);
    buf_init(&before, TEXT_BYTES_MAX);
    buf_init(&after, TEXT_BYTES_MAX);
    dump_disk(&before);
    err e = queue_open(&o, &q);
    check(f, e && e->kind == ERR_CONFIG, "attack 200: a newer version is refused", which);
    dump_disk(&after);
    check(f, same_lines(&before, &after), "attack 200: and nothing is changed", which);
    buf_release(&before);
    buf_release(&after);
    drop_disk(fs);
}

static void refuses_a_second(struct format *f, const char *which)
{
    struct queue *first = NULL, *second = NULL;
    struct queue_options o = {.folder = "/spool", .workers = 1, .draft_memory_max = 1 << 20};
    struct sim_fs *fs = load_disk(f, NOTHING);
    must(queue_open(&o, &first));
    err e = queue_open(&o, &second);
    check(f, e && e->kind == ERR_LIMIT, "attack 201: a second one is refused", which);
    struct torture_ledger *ledger = torture_ledger_copy(f->ledger);
    queue_close(first);
    struct torture_claim claim = {.ledger = ledger, .replay = "torture format (a second one)"};
    check(f, torture_judge(fs, &claim, &f->verdict), "attack 201: and harms nothing", which);
    mem_free(ledger);
    drop_disk(fs);
}

/* ---- the golden spool of today
 * ------------------------------------------------------------------------ */

static void settle(struct torture_run *r, int message, int delivery, enum torture_outcome outcome)
{
    struct torture_settlement s = {message, delivery, outcome, 1, 3600 * 1000, 200};
    torture_settle(r, &s);
}

static void write_golden(struct format *f)
{
    struct torture_run r;
    torture_run_open(&r);
    must(torture_queue_open(&r));
    for (int i = 0; i < 5; i++)
        torture_commit(&r, &(struct torture_plan){(uint32_t)(150 * i), (uint8_t)(1 + i % 3),
                                                  (uint8_t)(1 + i % 2), false});
    settle(&r, 0, 0, TORTURE_DEFER);
    settle(&r, 1, 0, TORTURE_DELIVER);
    settle(&r, 2, 1, TORTURE_BOUNCE);
    settle(&r, 3, 0, TORTURE_EXPIRE);
    torture_queue_close(&r); /* now there is a sealed one */
    must(torture_queue_open(&r));
    settle(&r, 4, 0, TORTURE_DELIVER);
    torture_commit(&r, &(struct torture_plan){77, 2, 1, false});
    struct sim_fs *running = sim_fs_clone_running(r.fs);
    torture_queue_close(&r);
    struct sim_fs *disk = sim_fs_crash(running, SIM_FS_EVERYTHING, 0);
    sim_fs_use(disk);
    buf_clear(&f->text);
    dump_disk(&f->text);
    dump_ledger(&f->text, r.ledger);
    sim_fs_use(NULL);
    sim_fs_close(disk);
    sim_fs_close(running);
    torture_run_close(&r);
}

static bool read_golden(struct format *f, const char *path)
{
    char *room;
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        return false;
    buf_clear(&f->text);
    must(buf_reserve(&f->text, TEXT_BYTES_MAX / 2, &room));
    f->text.len = fread(room, 1, TEXT_BYTES_MAX / 2, file);
    fclose(file);
    return f->text.len > 0;
}

static void judge_text(struct format *f, const char *which)
{
    opens_without(f, which);
    refuses(f, which, 1);
    refuses(f, which, 1000);
    refuses_a_second(f, which);
}

static void run(void *arg)
{
    struct format *f = arg;
    char path[64];
    write_golden(f);
    snprintf(path, sizeof path, "tests/golden/spool-%d.txt", QUEUE_RECORD_VERSION);
    FILE *file = getenv("UPDATE") ? fopen(path, "wb") : NULL;
    if (file) {
        check(f, fwrite(f->text.ptr, 1, f->text.len, file) == f->text.len, "written", path);
        fclose(file);
    }
    judge_text(f, "a spool of today");
    for (int version = 1; version <= QUEUE_RECORD_VERSION; version++) {
        snprintf(path, sizeof path, "tests/golden/spool-%d.txt", version);
        bool there = read_golden(f, path);
        check(f, there, "attack 200: the golden spool can be read", path);
        if (there)
            judge_text(f, path);
    }
}

void torture_format(const struct torture_options *o, struct torture_counts *counts)
{
    struct format f = {.options = o};
    buf_init(&f.text, TEXT_BYTES_MAX);
    f.ledger = mem_alloc(sizeof *f.ledger + TORTURE_MESSAGES_MAX * sizeof(struct torture_message));
    sim_run(o->seed, run, &f);
    printf("    format %d versions; %llu spools opened, without their lock, footers and all that "
           "can be made again\n",
           QUEUE_RECORD_VERSION, (unsigned long long)f.verdict.states);
    buf_release(&f.text);
    mem_free(f.ledger);
    counts->passed += f.checks - f.failed;
    counts->failed += f.failed;
}
