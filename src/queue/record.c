#include "queue/record.h"
#include "base/crc.h"
#include "queue/bytes.h"
#include <assert.h>
#include <string.h>

enum {
    MAGIC = 0x31515453, /* "STQ1" */
    META_FIXED_BYTES = 8 + 8 + 4 + 4 + 4 + 1 + 2 + 2,
    META_END_BYTES = 8,
    META_ONCE_BYTES = QUEUE_ONCE_NAME_BYTES + 4,
    STATE_BYTES = 6 + 6 + 6 + 2 + 1,
};

static_assert((ENVELOPE_RCPTS_MAX) * (STATE_BYTES + 2 + 1 + 1) + META_FIXED_BYTES + META_END_BYTES +
                      META_ONCE_BYTES <=
                  QUEUE_RECORD_META_BYTES_MAX,
              "the state of every recipient fits in a record");

uint64_t queue_record_round(uint64_t size)
{
    return (size + QUEUE_RECORD_ALIGN - 1) / QUEUE_RECORD_ALIGN * QUEUE_RECORD_ALIGN;
}

uint32_t queue_record_bytes(const struct queue_record *r)
{
    return (uint32_t)queue_record_round((uint64_t)QUEUE_RECORD_HEADER_BYTES + r->meta_len +
                                        r->head_len + r->body_len);
}

static uint32_t header_crc(const char *bytes, uint32_t seed)
{
    return crc32c(seed, (str){bytes, QUEUE_RECORD_HEADER_BYTES - 4});
}

void queue_record_encode(const struct queue_record *r, uint32_t seed,
                         char ret_bytes[QUEUE_RECORD_HEADER_BYTES])
{
    char *b = ret_bytes;
    bytes_put32(b, MAGIC);
    b[4] = (char)r->type;
    b[5] = (char)r->flags;
    bytes_put16(b + 6, r->group);
    const uint32_t words[] = {r->meta_len, r->head_len, r->body_len,
                              r->meta_crc, r->head_crc, r->body_crc};
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        bytes_put32(b + 8 + 4 * i, words[i]);
    bytes_put64(b + 32, r->id);
    bytes_put64(b + 40, r->sequence);
    bytes_put64(b + 48, r->batch);
    bytes_put32(b + 56, r->names);
    bytes_put32(b + 60, header_crc(b, seed));
}

static bool lengths_fit(const struct queue_record *r)
{
    if (r->type == QUEUE_RECORD_MESSAGE)
        return r->meta_len <= QUEUE_RECORD_META_BYTES_MAX &&
               r->head_len <= QUEUE_RECORD_INLINE_BYTES_MAX &&
               r->body_len <= QUEUE_RECORD_INLINE_BYTES_MAX - r->head_len;
    bool has_meta = r->type == QUEUE_RECORD_UPDATE;
    return r->head_len == 0 && r->body_len == 0 &&
           r->meta_len <= (has_meta ? QUEUE_RECORD_META_BYTES_MAX : 0);
}

struct queue_record queue_record_again(const char bytes[QUEUE_RECORD_HEADER_BYTES])
{
    const char *b = bytes;
    return (struct queue_record){
        .type = (uint8_t)b[4],
        .flags = (uint8_t)b[5],
        .group = bytes_get16(b + 6),
        .meta_len = bytes_get32(b + 8),
        .head_len = bytes_get32(b + 12),
        .body_len = bytes_get32(b + 16),
        .meta_crc = bytes_get32(b + 20),
        .head_crc = bytes_get32(b + 24),
        .body_crc = bytes_get32(b + 28),
        .names = bytes_get32(b + 56),
        .id = bytes_get64(b + 32),
        .sequence = bytes_get64(b + 40),
        .batch = bytes_get64(b + 48),
    };
}

bool queue_record_decode(const char bytes[QUEUE_RECORD_HEADER_BYTES], uint32_t seed,
                         struct queue_record *ret_record)
{
    if (bytes_get32(bytes) != MAGIC || bytes_get32(bytes + 60) != header_crc(bytes, seed))
        return false;
    struct queue_record r = queue_record_again(bytes);
    if (r.type < QUEUE_RECORD_MESSAGE || r.type > QUEUE_RECORD_GROUP || !lengths_fit(&r))
        return false;
    *ret_record = r;
    return true;
}

/* Attempts and the way share two bytes; flags and the priority, of two's complement, one. */
enum { WAY_SHIFT = 12, PRIORITY_SHIFT = 3, PRIORITY_NEGATIVE = 16 };
enum { FLAGS_ALL = QUEUE_HELD | QUEUE_WARNED | QUEUE_FINISHED };
static_assert(QUEUE_ATTEMPTS_MAX < 1 << WAY_SHIFT, "both fit");
static_assert(FLAGS_ALL < 1 << PRIORITY_SHIFT, "both fit");
static_assert((int)ENVELOPE_PRIORITY_MAX < (int)PRIORITY_NEGATIVE, "it fits");

static void put_state(char *b, const struct queue_state *s)
{
    bytes_put48(b, s->due_ms < 0 ? 0 : (uint64_t)s->due_ms);
    bytes_put48(b + 6, s->first_ms < 0 ? 0 : (uint64_t)s->first_ms);
    bytes_put48(b + 12, s->last_ms < 0 ? 0 : (uint64_t)s->last_ms);
    ASSERT(s->way <= QUEUE_WAYS_MAX);
    unsigned attempts = s->attempts < QUEUE_ATTEMPTS_MAX ? s->attempts : QUEUE_ATTEMPTS_MAX;
    bytes_put16(b + 18, (uint16_t)(attempts | (unsigned)s->way << WAY_SHIFT));
    b[20] = (char)(s->flags | (unsigned)(uint8_t)s->priority << PRIORITY_SHIFT);
}

static struct queue_state get_state(const char *b)
{
    uint16_t attempts = bytes_get16(b + 18);
    uint8_t flags = (uint8_t)b[20];
    int priority = flags >> PRIORITY_SHIFT;
    return (struct queue_state){
        .due_ms = (int64_t)bytes_get48(b),
        .first_ms = (int64_t)bytes_get48(b + 6),
        .last_ms = (int64_t)bytes_get48(b + 12),
        .attempts = attempts & QUEUE_ATTEMPTS_MAX,
        .flags = flags & FLAGS_ALL,
        .way = (uint8_t)(attempts >> WAY_SHIFT),
        .priority =
            (int8_t)(priority < PRIORITY_NEGATIVE ? priority : priority - 2 * PRIORITY_NEGATIVE),
    };
}

err queue_meta_begin(struct buf *out, const struct queue_meta *m)
{
    char b[META_FIXED_BYTES];
    bytes_put64(b, (uint64_t)m->accepted_ms);
    bytes_put64(b + 8, m->content_size);
    bytes_put32(b + 16, m->content_crc);
    bytes_put32(b + 20, m->file_head_len);
    bytes_put32(b + 24, m->file_head_crc);
    b[28] = (char)m->moves;
    bytes_put16(b + 29, m->delivery_count);
    bytes_put16(b + 31, m->rcpt_count);
    TRY(buf_add(out, (str){b, sizeof b}));
    char end[META_END_BYTES], once[META_ONCE_BYTES];
    bytes_put64(end, (uint64_t)m->ends_ms);
    if (m->flags & QUEUE_RECORD_ENDS)
        TRY(buf_add(out, (str){end, sizeof end}));
    memcpy(once, m->once.name, QUEUE_ONCE_NAME_BYTES);
    bytes_put32(once + QUEUE_ONCE_NAME_BYTES, m->once.about);
    return m->flags & QUEUE_RECORD_ONCE ? buf_add(out, (str){once, sizeof once}) : NULL;
}

err queue_meta_add(struct buf *out, const struct queue_meta *m, const struct queue_meta_delivery *d)
{
    ASSERT(d->destination.len <= QUEUE_RECORD_NAME_BYTES_MAX);
    ASSERT(d->reply.len <= QUEUE_RECORD_REPLY_BYTES_MAX);
    char b[STATE_BYTES + 4];
    bytes_put16(b, d->rcpt_count);
    put_state(b + 2, &d->state);
    b[2 + STATE_BYTES] = (char)d->reply.len;
    TRY(buf_add(out, (str){b, STATE_BYTES + 3}));
    if (!(m->flags & QUEUE_RECORD_HEAD_FILE)) {
        TRY(buf_add_char(out, (char)d->destination.len));
        TRY(buf_add(out, d->destination));
    }
    return buf_add(out, d->reply);
}

err queue_meta_end(struct buf *out, str rcpt_states) { return buf_add(out, rcpt_states); }

static bool take_delivery(uint8_t flags, struct bytes *in, struct queue_meta_delivery *d)
{
    str fixed = bytes_take(in, STATE_BYTES + 3);
    if (in->bad)
        return false;
    d->rcpt_count = bytes_get16(fixed.ptr);
    d->state = get_state(fixed.ptr + 2);
    size_t reply_len = (uint8_t)fixed.ptr[2 + STATE_BYTES];
    d->destination = (str){0};
    if (!(flags & QUEUE_RECORD_HEAD_FILE))
        d->destination = bytes_take(in, bytes_take8(in));
    d->reply = bytes_take(in, reply_len);
    return !in->bad && reply_len <= QUEUE_RECORD_REPLY_BYTES_MAX && d->rcpt_count > 0;
}

err queue_meta_decode(str bytes, uint8_t flags, struct queue_meta *ret_meta)
{
    struct bytes in = bytes_of(bytes);
    str fixed = bytes_take(&in, META_FIXED_BYTES);
    str end = bytes_take(&in, flags & QUEUE_RECORD_ENDS ? META_END_BYTES : 0);
    str once = bytes_take(&in, flags & QUEUE_RECORD_ONCE ? META_ONCE_BYTES : 0);
    if (in.bad)
        return err_new(ERR_DAMAGED, "a message's meta is cut off");
    const char *b = fixed.ptr;
    struct queue_meta m = {(int64_t)bytes_get64(b),
                           bytes_get64(b + 8),
                           bytes_get32(b + 16),
                           bytes_get32(b + 20),
                           bytes_get32(b + 24),
                           (uint8_t)b[28],
                           bytes_get16(b + 29),
                           bytes_get16(b + 31),
                           flags,
                           end.len ? (int64_t)bytes_get64(end.ptr) : 0,
                           {.about = 0},
                           in.rest,
                           {0}};
    size_t rcpts = 0;
    if (once.len) {
        memcpy(m.once.name, once.ptr, QUEUE_ONCE_NAME_BYTES);
        m.once.about = bytes_get32(once.ptr + QUEUE_ONCE_NAME_BYTES);
    }
    for (size_t i = 0; i < m.delivery_count; i++) {
        struct queue_meta_delivery d;
        if (!take_delivery(flags, &in, &d))
            return err_new(ERR_DAMAGED, "a message's deliveries do not parse");
        rcpts += d.rcpt_count;
    }
    m.deliveries.len -= in.rest.len;
    m.rcpt_states = in.rest;
    bool states_fit = m.rcpt_states.len == 0 || m.rcpt_states.len == m.rcpt_count;
    if (m.delivery_count == 0 || rcpts != m.rcpt_count || rcpts > ENVELOPE_RCPTS_MAX || !states_fit)
        return err_new(ERR_DAMAGED, "a message's recipients do not add up");
    *ret_meta = m;
    return NULL;
}

bool queue_meta_next(const struct queue_meta *m, str *deliveries, struct queue_meta_delivery *ret)
{
    if (deliveries->len == 0)
        return false;
    struct bytes in = bytes_of(*deliveries);
    bool taken = take_delivery(m->flags, &in, ret);
    ASSERT(taken); /* queue_meta_decode has seen it */
    *deliveries = in.rest;
    return true;
}

err queue_update_encode(struct buf *out, const struct queue_update *u)
{
    ASSERT(u->reply.len <= QUEUE_RECORD_REPLY_BYTES_MAX);
    ASSERT(u->outcomes.len % 3 == 0);
    char b[2 + STATE_BYTES + 1];
    bytes_put16(b, u->delivery);
    put_state(b + 2, &u->state);
    b[2 + STATE_BYTES] = (char)u->reply.len;
    TRY(buf_add(out, (str){b, sizeof b}));
    TRY(buf_add(out, u->reply));
    return buf_add(out, u->outcomes);
}

err queue_update_decode(str bytes, struct queue_update *ret_update)
{
    struct bytes in = bytes_of(bytes);
    str fixed = bytes_take(&in, 2 + STATE_BYTES + 1);
    if (in.bad)
        return err_new(ERR_DAMAGED, "an update is cut off");
    size_t reply_len = (uint8_t)fixed.ptr[2 + STATE_BYTES];
    str reply = bytes_take(&in, reply_len);
    if (in.bad || reply_len > QUEUE_RECORD_REPLY_BYTES_MAX || in.rest.len % 3 != 0)
        return err_new(ERR_DAMAGED, "an update does not parse");
    for (size_t i = 2; i < in.rest.len; i += 3)
        if ((uint8_t)in.rest.ptr[i] > QUEUE_EXPIRED)
            return err_new(ERR_DAMAGED, "an update has an unknown outcome");
    *ret_update =
        (struct queue_update){bytes_get16(fixed.ptr), get_state(fixed.ptr + 2), reply, in.rest};
    return NULL;
}

void queue_update_outcome(str outcomes, size_t i, uint16_t *ret_rcpt, uint8_t *ret_state)
{
    ASSERT(i * 3 + 3 <= outcomes.len);
    *ret_rcpt = bytes_get16(outcomes.ptr + i * 3);
    *ret_state = (uint8_t)outcomes.ptr[i * 3 + 2];
}

static err add_text(struct buf *out, str text)
{
    if (text.len > UINT16_MAX)
        return err_new(ERR_LIMIT, "a text of the envelope has %zu bytes", text.len);
    char len[2];
    bytes_put16(len, (uint16_t)text.len);
    TRY(buf_add(out, (str){len, 2}));
    return buf_add(out, text);
}

/* The byte that said SMTPUTF8 alone, before there was more to say. */
enum {
    HEAD_SMTPUTF8 = 1,
    HEAD_REQUIRETLS = 2,
    HEAD_TLS_OPTIONAL = 4,
    HEAD_BY_TRACE = 8,
    HEAD_BY_RETURN = 16,
    HEAD_MORE = 32, /* times, priority and flow follow the texts */
    HEAD_ALL = 63,
    MORE_BYTES = 1 + 3 * 8,
};

static bool has_more(const struct envelope *e)
{
    return e->priority || e->not_before_ms || e->by_ms || e->expires_ms || e->flow.tenant.len ||
           e->flow.stream.len || e->flow.campaign.len;
}

static uint8_t head_asked(const struct envelope *e)
{
    return (uint8_t)((e->smtputf8 ? HEAD_SMTPUTF8 : 0) | (e->requiretls ? HEAD_REQUIRETLS : 0) |
                     (e->tls_optional ? HEAD_TLS_OPTIONAL : 0) | (e->by_trace ? HEAD_BY_TRACE : 0) |
                     (e->by_mode == BY_RETURN ? HEAD_BY_RETURN : 0) |
                     (has_more(e) ? HEAD_MORE : 0));
}

static err add_more(struct buf *out, const struct envelope *e)
{
    char b[MORE_BYTES] = {(char)e->priority};
    bytes_put64(b + 1, (uint64_t)e->not_before_ms);
    bytes_put64(b + 9, (uint64_t)e->by_ms);
    bytes_put64(b + 17, (uint64_t)e->expires_ms);
    TRY(buf_add(out, (str){b, sizeof b}));
    TRY(add_text(out, e->flow.tenant));
    TRY(add_text(out, e->flow.stream));
    return add_text(out, e->flow.campaign);
}

err queue_head_encode(struct buf *out, const struct envelope *e, const uint16_t *order)
{
    uint8_t asked = head_asked(e);
    char b[5 + 8 + 2] = {(char)e->ret, (char)e->declared, (char)e->found, (char)asked,
                         (char)e->origin};
    bytes_put64(b + 5, (uint64_t)e->accepted_at_ms);
    bytes_put16(b + 13, (uint16_t)e->rcpt_count);
    TRY(buf_add(out, (str){b, sizeof b}));
    const str texts[] = {e->sender, e->envid, e->login, e->peer, e->helo, e->message_id};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        TRY(add_text(out, texts[i]));
    if (asked & HEAD_MORE)
        TRY(add_more(out, e));
    for (size_t i = 0; i < e->rcpt_count; i++) {
        const struct envelope_rcpt *r = &e->rcpts[order[i]];
        TRY(buf_add_char(out, (char)r->notify));
        TRY(add_text(out, r->address));
        TRY(add_text(out, r->orcpt));
    }
    return NULL;
}

static str take_text(struct bytes *in, struct arena *arena)
{
    str text = bytes_take(in, bytes_take16(in));
    return in->bad ? (str){0} : arena_str(arena, text);
}

static void take_more(struct bytes *in, struct arena *arena, struct envelope *e)
{
    str fixed = bytes_take(in, MORE_BYTES);
    if (in->bad)
        return;
    e->priority = (int8_t)fixed.ptr[0];
    e->not_before_ms = (int64_t)bytes_get64(fixed.ptr + 1);
    e->by_ms = (int64_t)bytes_get64(fixed.ptr + 9);
    e->expires_ms = (int64_t)bytes_get64(fixed.ptr + 17);
    e->flow.tenant = take_text(in, arena);
    e->flow.stream = take_text(in, arena);
    e->flow.campaign = take_text(in, arena);
    bool known = e->priority >= -ENVELOPE_PRIORITY_MAX && e->priority <= ENVELOPE_PRIORITY_MAX;
    in->bad = in->bad || !known;
}

err queue_head_decode(str bytes, struct arena *arena, struct envelope *ret_envelope)
{
    struct bytes in = bytes_of(bytes);
    str fixed = bytes_take(&in, 15);
    if (in.bad || (uint8_t)fixed.ptr[0] > RET_HDRS || (uint8_t)fixed.ptr[1] > BODY_BINARYMIME ||
        (uint8_t)fixed.ptr[3] > HEAD_ALL || (uint8_t)fixed.ptr[4] > ORIGIN_DSN)
        return err_new(ERR_DAMAGED, "an envelope does not parse");
    const char *b = fixed.ptr;
    struct envelope e = {.ret = (enum envelope_ret)b[0],
                         .declared = (enum envelope_body)b[1],
                         .found = (uint8_t)b[2],
                         .smtputf8 = b[3] & HEAD_SMTPUTF8,
                         .requiretls = b[3] & HEAD_REQUIRETLS,
                         .tls_optional = b[3] & HEAD_TLS_OPTIONAL,
                         .by_trace = b[3] & HEAD_BY_TRACE,
                         .by_mode = b[3] & HEAD_BY_RETURN ? BY_RETURN : BY_NOTIFY,
                         .origin = (enum envelope_origin)b[4],
                         .accepted_at_ms = (int64_t)bytes_get64(b + 5),
                         .rcpt_count = bytes_get16(b + 13)};
    str *texts[] = {&e.sender, &e.envid, &e.login, &e.peer, &e.helo, &e.message_id};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        *texts[i] = take_text(&in, arena);
    if (b[3] & HEAD_MORE)
        take_more(&in, arena, &e);
    if (e.rcpt_count == 0 || e.rcpt_count > ENVELOPE_RCPTS_MAX)
        return err_new(ERR_DAMAGED, "an envelope has %zu recipients", e.rcpt_count);
    e.rcpts = ARENA_ARRAY(arena, struct envelope_rcpt, e.rcpt_count);
    for (size_t i = 0; i < e.rcpt_count && !in.bad; i++) {
        e.rcpts[i].notify = bytes_take8(&in);
        e.rcpts[i].address = take_text(&in, arena);
        e.rcpts[i].orcpt = take_text(&in, arena);
    }
    if (in.bad || in.rest.len > 0)
        return err_new(ERR_DAMAGED, "an envelope's recipients do not parse");
    *ret_envelope = e;
    return NULL;
}
