#include "message/arf.h"
#include "message/dsn_read.h"
#include "tests/fuzz.h"

static void check_dsn(str input, const struct message_mime_part *parts, size_t count,
                      struct arena *arena)
{
    struct message_dsn_read d;
    if (message_dsn_read(input, parts, count, arena, &d))
        return;
    ASSERT(d.rcpt_count > 0);
    ASSERT(d.rcpt_count <= MESSAGE_DSN_READ_RCPTS_MAX);
    for (size_t i = 0; i < d.rcpt_count; i++) {
        ASSERT(d.rcpts[i].final_rcpt.len > 0);
        ASSERT(str_is_utf8(d.rcpts[i].diagnostic));
        ASSERT(str_find(d.rcpts[i].diagnostic, '\n') == STR_NONE);
        ASSERT(str_is_ascii(d.rcpts[i].status));
    }
}

/* A complaint that was read can be written, and says the same then. */
static void check_arf(str input, const struct message_mime_part *parts, size_t count,
                      struct arena *arena)
{
    CLEANUP(buf_release) struct buf out;
    struct message_arf *a = ARENA_NEW(arena, struct message_arf);
    struct message_arf *back = ARENA_NEW(arena, struct message_arf);
    buf_init(&out, 4 << 20);
    if (message_arf_read(input, parts, count, arena, a))
        return;
    struct message_arf_letter letter = {.report = a,
                                        .from = S("a@b.example"),
                                        .to = S("c@d.example"),
                                        .unique = S("1.2"),
                                        .hostname = S("b.example"),
                                        .original = input};
    err e = message_arf_build(&letter, &out);
    ASSERT(e == NULL);
    ASSERT(str_is_ascii(buf_str(&out)));
    size_t again;
    const struct message_mime_part *written = message_mime_parse(buf_str(&out), arena, &again);
    e = message_arf_read(buf_str(&out), written, again, arena, back);
    ASSERT(e == NULL);
    ASSERT(back->original_rcpt_count == a->original_rcpt_count);
}

FUZZ(input, arena)
{
    (void)arena;
    CLEANUP(arena_cleanup) struct arena *own = arena_open(4 * MESSAGE_MIME_ARENA_BYTES);
    size_t count;
    if (input.len > 64 << 10)
        return;
    const struct message_mime_part *parts = message_mime_parse(input, own, &count);
    check_dsn(input, parts, count, own);
    check_arf(input, parts, count, own);
}
