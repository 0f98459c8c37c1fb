/* Bytes of the log that anybody may have changed: decoding refuses or gives what encodes again. */
#include "queue/record.h"
#include "tests/fuzz.h"
#include <string.h>

static void try_header(str input)
{
    struct queue_record r;
    char again[QUEUE_RECORD_HEADER_BYTES];
    if (input.len < sizeof again || !queue_record_decode(input.ptr, 7, &r))
        return;
    queue_record_encode(&r, 7, again);
    ASSERT(memcmp(again, input.ptr, sizeof again) == 0);
    ASSERT(queue_record_bytes(&r) % QUEUE_RECORD_ALIGN == 0);
    ASSERT(queue_record_bytes(&r) <= QUEUE_RECORD_BYTES_MAX);
}

static void try_meta(str input, uint8_t flags)
{
    struct queue_meta m;
    struct queue_meta_delivery d;
    CLEANUP(buf_release) struct buf out;
    buf_init(&out, 1 << 20);
    if (queue_meta_decode(input, flags, &m))
        return;
    str rest = m.deliveries;
    size_t count = 0, rcpts = 0;
    ASSERT(queue_meta_begin(&out, &m) == NULL);
    while (queue_meta_next(&m, &rest, &d)) {
        count++;
        rcpts += d.rcpt_count;
        ASSERT(queue_meta_add(&out, &m, &d) == NULL);
    }
    ASSERT(queue_meta_end(&out, m.rcpt_states) == NULL);
    ASSERT(count == m.delivery_count);
    ASSERT(rcpts == m.rcpt_count);
    ASSERT(str_eq(buf_str(&out), input));
}

static void try_update(str input)
{
    struct queue_update u;
    CLEANUP(buf_release) struct buf out;
    buf_init(&out, 1 << 20);
    if (queue_update_decode(input, &u))
        return;
    ASSERT(queue_update_encode(&out, &u) == NULL);
    ASSERT(str_eq(buf_str(&out), input));
}

static void try_head(str input, struct arena *arena)
{
    struct envelope e;
    if (input.len > 64 * 1024 || queue_head_decode(input, arena, &e))
        return;
    ASSERT(e.rcpt_count > 0);
    ASSERT(e.rcpt_count <= ENVELOPE_RCPTS_MAX);
}

FUZZ(input, arena)
{
    if (input.len == 0)
        return;
    str rest = str_from(input, 1);
    try_header(rest);
    try_meta(rest, (uint8_t)(input.ptr[0] & 3));
    try_update(rest);
    try_head(rest, arena);
}
