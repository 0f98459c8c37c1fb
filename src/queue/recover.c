#include "queue/recover.h"
#include "base/crc.h"
#include "base/log.h"
#include "base/mem.h"
#include "queue/alarm.h"
#include "queue/bytes.h"
#include "queue/clean.h"
#include "queue/ends.h"
#include "queue/index.h"
#include "queue/log.h"
#include "queue/once_file.h"
#include "queue/supply.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct numbers { /* a growing array */
    uint64_t *all;
    size_t len, cap;
};

struct recovery {
    struct queue *queue;
    struct numbers done, aborted;
    struct queue_segment **unsealed;
    size_t unsealed_count;
    uint64_t last_batch, last_sequence;
    struct queue_segment *scanning;
    struct queue_segment_gap *gaps;
    size_t gap_count;
};

static void numbers_add(struct numbers *n, uint64_t value)
{
    if (n->len == n->cap) {
        n->cap = n->cap ? n->cap * 2 : 64;
        n->all = mem_resize(n->all, n->cap * sizeof *n->all);
    }
    n->all[n->len++] = value;
}

static int compare_numbers(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

static void numbers_sort(struct numbers *n)
{
    if (n->len)
        qsort(n->all, n->len, sizeof *n->all, compare_numbers);
}

static bool numbers_hold(const struct numbers *n, uint64_t value)
{
    return n->len && bsearch(&value, n->all, n->len, sizeof value, compare_numbers) != NULL;
}

/* ---- finding the segments ----------------------------------------------------------------------
 */

static err add_name(void *arg, const char *name)
{
    uint32_t number, salt;
    if (queue_segment_parse_name(name, &number, &salt))
        numbers_add(arg, (uint64_t)number << 32 | salt);
    return NULL;
}

err queue_recover_list(const char *folder, uint32_t (**ret_names)[2], size_t *ret_count)
{
    struct numbers found = {0};
    char path[QUEUE_PATH_CHARS];
    snprintf(path, sizeof path, "%s/log", folder);
    err e = folder_list(path, add_name, &found);
    if (e) {
        mem_free(found.all);
        return e;
    }
    numbers_sort(&found);
    uint32_t(*names)[2] = mem_alloc(found.len * sizeof *names);
    for (size_t i = 0; i < found.len; i++) {
        names[i][0] = (uint32_t)(found.all[i] >> 32);
        names[i][1] = (uint32_t)found.all[i];
    }
    mem_free(found.all);
    *ret_names = names;
    *ret_count = found.len;
    return NULL;
}

static void alarm_at(struct queue *q, const char *what, uint32_t number)
{
    log_error("spool %s: DAMAGED: segment %08x: %s", q->folder, number, what);
    pthread_mutex_lock(&q->lock);
    q->stats.damaged++;
    pthread_mutex_unlock(&q->lock);
    queue_alarm_set_aside(q, number, what);
}

static void note_gap(void *arg, const struct queue_segment_gap *gap)
{
    struct recovery *r = arg;
    r->gaps = mem_resize(r->gaps, (r->gap_count + 1) * sizeof *r->gaps);
    r->gaps[r->gap_count++] = *gap;
}

/* A gap before later records of the last batch is that batch's torn part; any other is damage. */
static void judge_gaps(struct recovery *r, struct queue_segment *s, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++) {
        const struct queue_segment_gap *g = &r->gaps[i];
        if (g->batch_after == r->last_batch && !g->first_after)
            continue;
        alarm_at(r->queue, "invalid bytes are followed by valid records", s->number);
        err e = queue_supply_keep_bytes(r->queue, s, g->from, g->to);
        if (e)
            log_err(e, "spool %s: quarantine", r->queue->folder);
        err_forget();
    }
}

/* A crash between the two halves of a rename into quarantine/ left both names. By then all that was
 * in the segment had been written again. */
static err finish_quarantine(struct queue *q, const uint32_t name[2], bool *ret_gone)
{
    char path[QUEUE_PATH_CHARS], log[QUEUE_PATH_CHARS];
    queue_path(q, path, "quarantine/%08x-%08x.seg", name[0], name[1]);
    *ret_gone = file_exists(path);
    if (!*ret_gone)
        return NULL;
    queue_path(q, log, "log");
    queue_path(q, path, "log/%08x-%08x.seg", name[0], name[1]);
    TRY(file_remove(path));
    return folder_sync(log);
}

static void note_aborts(struct recovery *r, str directory)
{
    struct queue_segment_entry at;
    while (queue_segment_next(&directory, &at))
        if (at.record.type == QUEUE_RECORD_ABORT)
            numbers_add(&r->aborted, at.record.id);
}

static err open_segment(struct recovery *r, const uint32_t name[2], struct buf *scratch)
{
    struct queue *q = r->queue;
    struct queue_segment *s;
    bool damaged = false, gone;
    TRY(finish_quarantine(q, name, &gone));
    if (gone)
        return NULL;
    err e = queue_segment_open(q->folder, name[0], name[1], true, &s, &damaged);
    if (e && e->kind == ERR_DAMAGED) {
        log_err(e, "spool %s", q->folder);
        alarm_at(q, "refused", name[0]);
        return NULL;
    }
    TRY(e);
    if (damaged)
        alarm_at(q, "its header is damaged", name[0]);
    queue_log_add(q, s);
    s->status = QUEUE_SEGMENT_SEALED;
    e = queue_segment_load(s, scratch);
    if (e && e->kind == ERR_DAMAGED) {
        s->status = QUEUE_SEGMENT_ACTIVE;
        e = queue_segment_scan(s, note_gap, r);
        if (e == NULL)
            e = queue_directory_unpack(&s->directory, scratch);
        r->unsealed = mem_resize(r->unsealed, (r->unsealed_count + 1) * sizeof(void *));
        r->unsealed[r->unsealed_count++] = s;
    }
    TRY(e);
    note_aborts(r, buf_str(scratch));
    if (s->last_batch > r->last_batch)
        r->last_batch = s->last_batch;
    if (s->last_sequence > r->last_sequence)
        r->last_sequence = s->last_sequence;
    if (s->last_id > q->last_id)
        q->last_id = s->last_id;
    return NULL;
}

/* ---- what was not synced for certain ------------------------------------------------------------
 */

/* Are all members of a group in the directory, unharmed? */
static bool group_whole(struct queue_segment *s, const struct queue_segment_entry *group,
                        str directory, struct buf *scratch)
{
    uint64_t offset = group->offset + QUEUE_RECORD_HEADER_BYTES, bytes = 0;
    uint32_t crc = 0;
    struct queue_segment_entry at;
    for (uint16_t i = 0; i < group->record.group; i++) {
        char header[QUEUE_RECORD_HEADER_BYTES];
        if (!queue_segment_next(&directory, &at) || at.offset != offset + bytes)
            return false;
        if (queue_segment_verify(s, &at, scratch))
            return false;
        queue_record_encode(&at.record, s->seed, header);
        crc = crc32c(crc, (str){header, sizeof header});
        bytes += queue_record_bytes(&at.record);
    }
    return crc == group->record.body_crc && bytes == group->record.id;
}

/* Take out what was aborted and what of the last batch is torn. */
static err sift(struct recovery *r, struct queue_segment *s)
{
    CLEANUP(buf_release) struct buf all;
    CLEANUP(buf_release) struct buf scratch;
    buf_init(&all, QUEUE_SEGMENT_DIRECTORY_BYTES_MAX);
    buf_init(&scratch, QUEUE_RECORD_BYTES_MAX);
    TRY(queue_directory_unpack(&s->directory, &all));
    queue_directory_release(&s->directory);
    s->count = s->updates = 0;
    str rest = buf_str(&all);
    struct queue_segment_entry at;
    uint64_t good_end = 0, skip_end = 0; /* of a group whose members are being taken or left */
    while (queue_segment_next(&rest, &at)) {
        bool last = at.record.batch == r->last_batch;
        bool keep = !numbers_hold(&r->aborted, at.record.batch);
        if (at.offset < skip_end) {
            keep = false;
        } else if (last && keep && at.record.type == QUEUE_RECORD_GROUP) {
            keep = group_whole(s, &at, rest, &scratch);
            *(keep ? &good_end : &skip_end) = at.offset + QUEUE_RECORD_HEADER_BYTES + at.record.id;
        } else if (last && keep && at.offset >= good_end) {
            bool alone = !(at.record.flags & QUEUE_RECORD_MEMBER);
            keep = alone && queue_segment_verify(s, &at, &scratch) == NULL;
        }
        err_forget();
        if (keep)
            queue_segment_note(s, at.offset, &at.record, at.meta);
    }
    return NULL;
}

/* ---- the index
 * ----------------------------------------------------------------------------------- */

static err read_names(struct queue *q, uint64_t id, const struct queue_meta *m, struct buf *out)
{
    char path[QUEUE_PATH_CHARS], *room;
    struct file *file;
    size_t got = 0;
    queue_body_path(q, id, path);
    TRY(buf_reserve(out, m->file_head_len, &room));
    TRY(file_open(path, 0, &file));
    err e = file_read_at(file, room, m->file_head_len, m->content_size, &got);
    file_close(file);
    TRY(e);
    out->len = got;
    if (got != m->file_head_len || crc32c(0, buf_str(out)) != m->file_head_crc)
        return err_new(ERR_DAMAGED, "the envelope in %s is damaged", path);
    return NULL;
}

static err fill_entry(struct queue *q, struct queue_entry *e, const struct queue_meta *m)
{
    CLEANUP(buf_release) struct buf names;
    struct queue_meta_delivery d;
    str rest = m->deliveries;
    uint16_t first = 0;
    buf_init(&names, 64 << 20);
    if (m->flags & QUEUE_RECORD_HEAD_FILE)
        TRY(read_names(q, e->id, m, &names));
    struct bytes in = bytes_of(buf_str(&names));
    for (uint16_t i = 0; queue_meta_next(m, &rest, &d); i++) {
        struct queue_delivery *to = &e->deliveries[i];
        if (m->flags & QUEUE_RECORD_HEAD_FILE)
            d.destination = bytes_take(&in, bytes_take8(&in));
        to->rcpt_first = first;
        to->rcpt_count = d.rcpt_count;
        first = (uint16_t)(first + d.rcpt_count);
        queue_index_name(q, to, d.destination);
        queue_index_note_state(to, &d.state);
        if (d.state.flags & QUEUE_FINISHED)
            e->left--;
    }
    if (m->flags & QUEUE_RECORD_ENDS)
        queue_ends_note(q, e, m->ends_ms);
    e->content_size = m->content_size;
    e->accepted_ms = m->accepted_ms;
    e->moves = m->moves;
    if (m->rcpt_states.len)
        memcpy(queue_entry_states(e), m->rcpt_states.ptr, m->rcpt_states.len);
    return NULL;
}

static uint64_t sequence_of(const struct queue_entry *e)
{
    char header[QUEUE_RECORD_HEADER_BYTES];
    struct queue_record r;
    size_t got = 0;
    err failed = file_read_at(e->segment->file, header, sizeof header,
                              (uint64_t)e->offset * QUEUE_RECORD_ALIGN, &got);
    bool valid =
        failed == NULL && got == sizeof header && queue_record_decode(header, e->segment->seed, &r);
    return valid ? r.sequence : 0;
}

static void add_message(struct recovery *r, struct queue_segment *s,
                        const struct queue_segment_entry *at)
{
    struct queue *q = r->queue;
    struct queue_meta m;
    struct queue_entry *before = queue_index_find(q, at->record.id);
    if (before && sequence_of(before) > at->record.sequence) {
        queue_segment_set_add(&before->segment->sources, s->number);
        return;
    }
    err e = queue_meta_decode(at->meta, at->record.flags, &m);
    struct queue_entry *entry = NULL;
    if (e == NULL && m.flags & QUEUE_RECORD_ONCE)
        queue_once_load(q->once, &(struct queue_once_entry){m.once, at->record.id}, false);
    if (e == NULL) {
        entry = queue_index_make(q, at->record.id, m.delivery_count, m.rcpt_count);
        e = fill_entry(q, entry, &m);
    }
    if (e) {
        log_err(e, "spool %s: DAMAGED: message %s", q->folder, queue_id_format(at->record.id).text);
        queue_alarm_damaged(q, at->record.id, e);
        q->stats.damaged++;
        s->suspect = true;
        s->live += queue_record_bytes(&at->record); /* its bytes stay */
        if (entry)
            queue_index_drop(q, entry);
        return;
    }
    if (before) {
        entry->segment = before->segment; /* so that the copy there is counted out */
        entry->offset = before->offset;
        entry->meta_len = before->meta_len;
        entry->head_len = before->head_len;
        entry->body_len = before->body_len;
        (void)order_remove(&q->messages, before->id);
        queue_index_drop(q, before);
    }
    queue_log_copy_at(q, entry, s, at->offset, &at->record);
    queue_index_insert(q, entry);
}

static void add_update(struct recovery *r, struct queue_segment *s,
                       const struct queue_segment_entry *at)
{
    struct queue_update u;
    struct queue_entry *e = queue_index_find(r->queue, at->record.id);
    if (e == NULL || e->segment->number != at->record.names || queue_update_decode(at->meta, &u) ||
        u.delivery >= e->delivery_count)
        return;
    struct queue_delivery *d = &e->deliveries[u.delivery];
    for (size_t i = 0; i * 3 < u.outcomes.len; i++) {
        uint16_t rcpt;
        uint8_t state;
        queue_update_outcome(u.outcomes, i, &rcpt, &state);
        if (rcpt < e->rcpt_count)
            queue_entry_states(e)[rcpt] = state;
    }
    bool was = (d->flags & QUEUE_FINISHED) != 0, is = (u.state.flags & QUEUE_FINISHED) != 0;
    e->left = (uint16_t)(e->left + was - is);
    queue_index_note_state(d, &u.state);
    queue_log_update_at(d, s, at->offset, queue_record_bytes(&at->record));
}

enum pass { PASS_MESSAGES, PASS_UPDATES };

static void add_entry(struct recovery *r, struct queue_segment *s,
                      const struct queue_segment_entry *at, enum pass pass)
{
    const struct queue_record *record = &at->record;
    if (pass == PASS_MESSAGES && record->type == QUEUE_RECORD_MESSAGE)
        add_message(r, s, at);
    if (pass == PASS_MESSAGES && record->type == QUEUE_RECORD_DONE)
        numbers_add(&r->done, record->id);
    bool names = record->type == QUEUE_RECORD_DONE || record->type == QUEUE_RECORD_ABORT;
    if (pass == PASS_MESSAGES && names)
        queue_log_name(r->queue, s, record->names);
    if (pass == PASS_UPDATES && record->type == QUEUE_RECORD_UPDATE)
        add_update(r, s, at);
}

static err read_segment(struct recovery *r, struct queue_segment *s, enum pass pass,
                        struct buf *scratch)
{
    bool sealed = s->status == QUEUE_SEGMENT_SEALED;
    if (sealed && pass == PASS_UPDATES && s->updates == 0)
        return NULL;
    TRY(sealed ? queue_segment_load(s, scratch) : queue_directory_unpack(&s->directory, scratch));
    str directory = buf_str(scratch);
    struct queue_segment_entry at;
    while (queue_segment_next(&directory, &at))
        add_entry(r, s, &at, pass);
    err_forget();
    return NULL;
}

static err read_all(struct recovery *r, enum pass pass, struct buf *scratch)
{
    for (uint32_t i = 0; i < r->queue->segment_count; i++) {
        err e = read_segment(r, r->queue->segments[i], pass, scratch);
        if (e)
            return err_wrap(e, "read segment %08x", r->queue->segments[i]->number);
    }
    return NULL;
}

static int by_sequence(const void *a, const void *b)
{
    const struct queue_segment *x = *(struct queue_segment *const *)a;
    const struct queue_segment *y = *(struct queue_segment *const *)b;
    return x->last_sequence < y->last_sequence ? -1 : x->last_sequence > y->last_sequence;
}

/* What is done goes. */
static void settle_index(struct recovery *r)
{
    struct queue *q = r->queue;
    for (size_t i = 0; i < r->done.len; i++) {
        struct queue_entry *e = order_remove(&q->messages, r->done.all[i]);
        if (e == NULL)
            continue;
        queue_log_forget(e);
        queue_index_drop(q, e);
    }
}

/* Oldest first: that is the order in which they will be tried. */
static void publish(struct queue *q)
{
    struct order_place place = order_begin(&q->messages, 0);
    struct queue_entry *e;
    while ((e = order_next(&q->messages, &place)) != NULL)
        queue_index_publish(q, e);
}

/* ---- afterwards
 * ------------------------------------------------------------------------------------ */

/* The records of the last batch in this segment, written again elsewhere. */
static err rewrite_last(struct recovery *r, struct queue_segment *s)
{
    CLEANUP(buf_release) struct buf all;
    CLEANUP(buf_release) struct buf part;
    buf_init(&all, QUEUE_SEGMENT_DIRECTORY_BYTES_MAX);
    buf_init(&part, QUEUE_SEGMENT_DIRECTORY_BYTES_MAX);
    TRY(queue_directory_unpack(&s->directory, &all));
    str rest = buf_str(&all);
    struct queue_segment_entry at;
    for (str before = rest; queue_segment_next(&rest, &at); before = rest)
        if (at.record.batch == r->last_batch)
            TRY(buf_add(&part, str_slice(before, 0, before.len - rest.len)));
    return queue_clean_out(r->queue, s, buf_str(&part));
}

/* Nothing in it counts, as it was made and never used: what is to be written next goes there, which
 * on a full disk is the only place. */
static err free_unused(struct recovery *r)
{
    size_t kept = 0;
    for (size_t i = 0; i < r->unsealed_count; i++) {
        struct queue_segment *s = r->unsealed[i];
        if (s->count > 0 || s->suspect) {
            r->unsealed[kept++] = s;
            continue;
        }
        TRY(queue_supply_free_now(r->queue, s));
        queue_log_gone(r->queue, s);
    }
    r->unsealed_count = kept;
    return NULL;
}

/* First of all it is said which records count: were a new batch written before that and the power
 * went again, what is torn here would no more be of the last batch, and be taken for damage, or for
 * members of a group that never was whole. */
static err seal_tails(struct recovery *r)
{
    for (size_t i = 0; i < r->unsealed_count; i++) {
        err e = queue_segment_seal(r->unsealed[i]);
        if (e && e->kind == ERR_DAMAGED)
            log_err(e, "spool %s", r->queue->folder); /* it is read from front to back again */
        else if (e)
            return e;
    }
    return NULL;
}

static err close_tails(struct recovery *r)
{
    TRY(free_unused(r));
    TRY(seal_tails(r));
    for (size_t i = 0; i < r->unsealed_count; i++) {
        err e = rewrite_last(r, r->unsealed[i]);
        if (e && e->kind == ERR_LIMIT) /* full: it can be emptied only when it is open */
            log_err(e, "spool %s: the last batch stays where it is", r->queue->folder);
        else if (e)
            return e;
    }
    for (size_t i = 0; i < r->unsealed_count; i++) {
        r->unsealed[i]->status = QUEUE_SEGMENT_SEALED;
        queue_directory_release(&r->unsealed[i]->directory);
    }
    return NULL;
}

static err drop_orphan(void *arg, const char *name)
{
    struct queue *q = arg;
    char path[QUEUE_PATH_CHARS];
    struct file_facts facts;
    uint64_t id;
    queue_path(q, path, "body/%s", name);
    TRY(file_look(path, &facts));
    if (!queue_id_parse(str_of(name), &id) || !facts.regular || facts.links > 1) {
        log_error("spool %s: body/%s is not ours: left alone", q->folder, name);
        q->stats.damaged++;
        return NULL;
    }
    struct queue_entry *e = queue_index_find(q, id);
    if (id > q->last_id)
        q->last_id = id;
    if (e && e->flags & QUEUE_RECORD_FILE)
        return NULL;
    return file_remove(path);
}

static err run(struct recovery *r, const uint32_t (*names)[2], size_t count, struct buf *scratch)
{
    struct queue *q = r->queue;
    size_t gaps[2] = {0, 0};
    size_t *gap_ends = mem_alloc((count + 1) * sizeof *gap_ends);
    err e = NULL;
    for (size_t i = 0; i < count && e == NULL; i++) {
        e = open_segment(r, names[i], scratch);
        if (r->unsealed_count)
            gap_ends[r->unsealed_count - 1] = r->gap_count;
        if (e == NULL)
            err_forget();
    }
    for (size_t i = 0; i < r->unsealed_count && e == NULL; i++) {
        gaps[1] = gap_ends[i];
        judge_gaps(r, r->unsealed[i], gaps[0], gaps[1]);
        gaps[0] = gaps[1];
    }
    mem_free(gap_ends);
    TRY(e);
    q->next_segment = count ? names[count - 1][0] + 1 : 1;
    q->committer->next_batch = r->last_batch + 1;
    q->committer->next_sequence = r->last_sequence + 1;
    numbers_sort(&r->aborted);
    for (size_t i = 0; i < r->unsealed_count; i++)
        TRY(sift(r, r->unsealed[i]));
    if (q->segment_count)
        qsort(q->segments, q->segment_count, sizeof(struct queue_segment *), by_sequence);
    TRY(queue_once_file_open(q));
    TRY(read_all(r, PASS_MESSAGES, scratch));
    queue_once_settle(q->once);
    settle_index(r);
    TRY(read_all(r, PASS_UPDATES, scratch));
    publish(q);
    q->committer->make_now = true;
    TRY(close_tails(r));
    q->committer->make_now = false;
    char body[QUEUE_PATH_CHARS];
    queue_path(q, body, "body");
    return folder_list(body, drop_orphan, q);
}

err queue_recover(struct queue *q)
{
    uint32_t(*names)[2];
    size_t count;
    CLEANUP(buf_release) struct buf scratch;
    buf_init(&scratch, QUEUE_SEGMENT_DIRECTORY_BYTES_MAX);
    TRY(queue_recover_list(q->folder, &names, &count));
    struct recovery r = {.queue = q};
    err e = run(&r, (const uint32_t(*)[2])names, count, &scratch);
    mem_free(names);
    mem_free(r.done.all);
    mem_free(r.aborted.all);
    mem_free(r.unsealed);
    mem_free(r.gaps);
    return e;
}
