/* A spool that anybody has written: a segment with records of any fields, whose checksums are right
 * (or, where the input says so, wrong). The queue opens it or says why not, whatever is in it can
 * be asked for, and what was opened once opens again.
 *
 * The input is a list of records: a form, then the bytes of meta, head and body. */
#include "base/crc.h"
#include "base/log.h"
#include "queue/schedule.h"
#include "queue/segment.h"
#include "runtime/sim.h"
#include "runtime/sim_fs.h"
#include "tests/fuzz.h"

enum {
    FORM_BYTES = 12,
    RECORDS_MAX = 24,
    DELIVERIES_MAX = 40,
    INPUT_BYTES_MAX = 16 * 1024,
    NUMBER = 3,
    MS = 1000,
};

enum wrong { WRONG_HEADER = 1, WRONG_META = 2, WRONG_HEAD = 4, WRONG_BODY = 8, WRONG_GROUP = 16 };

struct written {
    struct queue_record record;
    unsigned wrong;
    str meta, head, body;
};

/* ---- the segment -------------------------------------------------------------------------- */

static str take(str *input, size_t len)
{
    str part = str_slice(*input, 0, len);
    *input = str_from(*input, part.len);
    return part;
}

static struct written take_record(str *input, uint32_t number)
{
    str form = take(input, FORM_BYTES);
    const unsigned char *b = (const unsigned char *)form.ptr;
    struct written w = {.wrong = b[11]};
    w.meta = take(input, b[3] | (b[4] & 3) << 8);
    w.head = take(input, b[5]);
    w.body = take(input, b[6]);
    w.record = (struct queue_record){.type = b[0] % 7,
                                     .flags = b[1],
                                     .group = b[2],
                                     .meta_len = (uint32_t)w.meta.len,
                                     .head_len = (uint32_t)w.head.len,
                                     .body_len = (uint32_t)w.body.len,
                                     .meta_crc = crc32c(w.wrong & WRONG_META, w.meta),
                                     .head_crc = crc32c(w.wrong & WRONG_HEAD, w.head),
                                     .body_crc = crc32c(w.wrong & WRONG_BODY, w.body),
                                     .id = b[7],
                                     .sequence = b[8],
                                     .batch = b[9],
                                     .names = b[10] == 255 ? number : b[10]};
    return w;
}

/* What a GROUP says of the records behind it. */
static void mend_group(struct written *all, size_t i, size_t count, uint32_t seed)
{
    struct queue_record *group = &all[i].record;
    if (group->type != QUEUE_RECORD_GROUP || (all[i].wrong & WRONG_GROUP))
        return;
    group->id = 0;
    group->body_crc = 0;
    for (size_t n = i + 1; n < count && n <= i + group->group; n++) {
        char bytes[QUEUE_RECORD_HEADER_BYTES];
        queue_record_encode(&all[n].record, seed, bytes);
        group->id += queue_record_bytes(&all[n].record);
        group->body_crc = crc32c(group->body_crc, (str){bytes, sizeof bytes});
    }
}

static void write_records(struct queue_segment *s, str input)
{
    static struct written all[RECORDS_MAX];
    size_t count = 0;
    uint64_t offset = s->end;
    while (input.len >= FORM_BYTES && count < RECORDS_MAX)
        all[count++] = take_record(&input, s->number);
    for (size_t i = count; i-- > 0;)
        mend_group(all, i, count, s->seed);
    for (size_t i = 0; i < count; i++) {
        char header[QUEUE_RECORD_HEADER_BYTES];
        queue_record_encode(&all[i].record, s->seed ^ (all[i].wrong & WRONG_HEADER), header);
        struct iovec parts[] = {
            {header,                  sizeof header  },
            {(void *)all[i].meta.ptr, all[i].meta.len},
            {(void *)all[i].head.ptr, all[i].head.len},
            {(void *)all[i].body.ptr, all[i].body.len},
        };
        err e = file_write_at(s->file, parts, ARRAY_LEN(parts), offset);
        ASSERT(e == NULL);
        offset += queue_record_bytes(&all[i].record);
    }
}

static void make_segment(str input)
{
    struct file *file;
    struct queue_segment *s;
    err e = file_open("/spool/spare", FILE_WRITE | FILE_CREATE, &file);
    ASSERT(e == NULL);
    e = file_resize(file, QUEUE_SEGMENT_BYTES_MIN);
    ASSERT(e == NULL);
    file_close(file);
    e = queue_segment_create("/spool", "/spool/spare", NUMBER, 0, &s);
    ASSERT(e == NULL);
    write_records(s, input);
    queue_segment_close(s);
}

/* ---- what a queue makes of it --------------------------------------------------------------- */

static bool open_queue(struct queue **ret_queue)
{
    struct queue_options options = {.folder = "/spool",
                                    .workers = 1,
                                    .draft_memory_max = 1 << 20,
                                    .segment_bytes = QUEUE_SEGMENT_BYTES_MIN};
    err e = queue_open(&options, ret_queue);
    return e == NULL;
}

static void read_content(struct queue_message *m)
{
    char bytes[512];
    uint64_t offset = 0;
    size_t got = 1;
    while (got > 0 && !queue_message_read(m, offset, bytes, sizeof bytes, &got, deadline_after(MS)))
        offset += got;
    ASSERT(offset <= m->size);
}

/* Every recipient of it is done. */
static void settle(struct queue *q, struct queue_delivery **d, const struct queue_message *m)
{
    static struct queue_outcome outcomes[ENVELOPE_RCPTS_MAX];
    struct queue_settlement s = {.outcomes = outcomes,
                                 .outcome_count = m->envelope->rcpt_count,
                                 .tried = true,
                                 .reply = S("250 ok")};
    ASSERT(m->envelope->rcpt_count > 0);
    for (size_t i = 0; i < s.outcome_count; i++)
        outcomes[i] = (struct queue_outcome){m->rcpt_indexes[i], QUEUE_DONE};
    err e = queue_settle(q, d, &s, deadline_after(60 * MS));
    ASSERT(e == NULL);
}

static void drain(struct queue *q, struct schedule *schedule)
{
    struct queue_delivery *d;
    for (int i = 0; i < DELIVERIES_MAX && !schedule_next(schedule, &d, deadline_after(MS)); i++) {
        struct queue_message m;
        struct arena *arena = arena_open(64 << 20);
        err e = queue_message_open(q, d, arena, &m, deadline_after(MS));
        if (e) {
            schedule_put_back(schedule, &d, clock_real_ms() + 3600 * MS);
        } else {
            read_content(&m);
            settle(q, &d, &m);
            queue_message_close(&m);
        }
        arena_close(arena);
        err_forget();
    }
}

static uint64_t messages(struct queue *q)
{
    struct queue_stats stats;
    queue_stats(q, &stats);
    return stats.messages;
}

static void hear_nothing(void *arg, enum log_level level, str line)
{
    (void)arg, (void)level, (void)line;
}

static void story(void *arg)
{
    struct queue *q;
    struct schedule *schedule;
    if (!open_queue(&q))
        ASSERT(false); /* an empty one */
    queue_close(q);
    make_segment(*(str *)arg);
    if (!open_queue(&q))
        return; /* refusing is always fine */
    queue_attach(q, 0, &schedule);
    ASSERT(messages(q) <= RECORDS_MAX);
    drain(q, schedule);
    uint64_t left = messages(q);
    schedule_close(schedule);
    queue_close(q);
    ASSERT(open_queue(&q));
    ASSERT(messages(q) == left);
    queue_close(q);
}

FUZZ(input, arena)
{
    (void)arena;
    struct sim_fs *fs = sim_fs_open();
    log_set_sink(hear_nothing, NULL); /* of every damage a line */
    sim_fs_use(fs);
    input = str_slice(input, 0, INPUT_BYTES_MAX);
    sim_run(1, story, &input);
    sim_fs_use(NULL);
    sim_fs_close(fs);
}
