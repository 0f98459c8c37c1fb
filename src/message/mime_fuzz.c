#include "message/mime_range_test.h"
#include "tests/fuzz.h"

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
