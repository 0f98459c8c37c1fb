#include "message/downgrade.h"
#include "message/envelope.h"
#include "message/mime_range_test.h"
#include "tests/fuzz.h"

/* What was converted has the same parts, and none of them has octets above 127. */
static void check_downgrade(str input, const struct message_mime_part *parts, size_t count,
                            struct arena *arena)
{
    CLEANUP(buf_release) struct buf out;
    struct message_downgrade plan;
    size_t after_count;
    buf_init(&out, 8 << 20);
    if (!message_downgrade_plan(parts, count, arena, &plan))
        return;
    message_downgrade_begin(&plan);
    err e = message_downgrade_add(&plan, input, &out);
    ASSERT(e == NULL);
    e = message_downgrade_end(&plan, &out);
    ASSERT(e == NULL);
    const struct message_mime_part *after = message_mime_parse(buf_str(&out), arena, &after_count);
    ASSERT(after_count == count);
    for (size_t i = 0; i < count; i++) {
        ASSERT(str_eq(after[i].type, parts[i].type));
        ASSERT((after[i].found & FOUND_8BIT) == 0);
    }
}

FUZZ(input, arena)
{
    (void)arena;
    if (input.len > 64 << 10)
        return;
    CLEANUP(arena_cleanup) struct arena *own = arena_open(4 * MESSAGE_MIME_ARENA_BYTES);
    size_t count;
    const struct message_mime_part *parts = message_mime_parse(input, own, &count);
    ASSERT(count >= 1);
    ASSERT(count <= MESSAGE_MIME_PARTS_MAX);
    ASSERT(mime_range_holds(input, parts, count));
    ASSERT(mime_range_pieces_agree(input, parts, count, 1, own));
    ASSERT(mime_range_pieces_agree(input, parts, count, 3 + input.len % 61, own));
    check_downgrade(input, parts, count, own);
    for (size_t i = 0; i < count; i++) {
        CLEANUP(buf_release) struct buf text;
        bool exact;
        buf_init(&text, 1 << 20);
        err e = message_mime_text(&parts[i], input, &text, &exact);
        ASSERT(e == NULL);
        ASSERT(str_is_utf8(buf_str(&text)));
        ASSERT(parts[i].depth <= MESSAGE_MIME_DEPTH_MAX);
    }
}
