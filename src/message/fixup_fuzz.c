/* Any header through the mending that submission does: what comes out has what it must, lacks what
 * it may not have, and is mended no further. */
#include "message/fixup.h"
#include "tests/fuzz.h"

static const struct message_fixup_facts facts = {
    .login = {"alice",              5 },
    .hostname = {"mail.example",       12},
    .message_id = {"<1.2@mail.example>", 18},
    .now_ms = 1700000000000,
};

static void check_fields(str header)
{
    ASSERT(message_header_count(header, S("From")) >= 1);
    ASSERT(message_header_count(header, S("Date")) >= 1);
    ASSERT(message_header_count(header, S("Message-ID")) >= 1);
    ASSERT(message_header_count(header, S("Bcc")) == 0);
    ASSERT(message_header_count(header, S("Resent-Bcc")) == 0);
    ASSERT(message_header_count(header, S("Return-Path")) == 0);
}

FUZZ(input, arena)
{
    struct message_scan scan;
    struct message_fixup fixup, again;
    struct message_refusal refusal = message_scan(input, &message_scan_defaults, &scan);
    if (refusal.code)
        return;
    str header = str_slice(input, 0, scan.header_bytes);
    CLEANUP(buf_release) struct buf first, second;
    buf_init(&first, 8 << 20);
    buf_init(&second, 8 << 20);
    err e = message_fixup(header, &facts, arena, &first, &fixup);
    ASSERT(e == NULL);
    if (fixup.refusal.code) {
        ASSERT(first.len == 0);
        return;
    }
    ASSERT(fixup.from_count > 0);
    check_fields(buf_str(&first));
    e = message_fixup(buf_str(&first), &facts, arena, &second, &again);
    ASSERT(e == NULL);
    ASSERT(again.refusal.code == 0);
    ASSERT(again.from_count == fixup.from_count);
    ASSERT(str_eq(buf_str(&first), buf_str(&second)));
}
