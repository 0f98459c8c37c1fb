#include "message/alignment.h"
#include "message/header.h"
#include "message/recipients.h"
#include "tests/fuzz.h"

/* Who was meant to be hidden stays so, and a domain agrees with itself. */
FUZZ(input, arena)
{
    CLEANUP(buf_release) struct buf without;
    struct message_recipients found;
    struct message_alignment a;
    input = str_slice(input, 0, 16 << 10);
    buf_init(&without, 1 << 20);
    if (message_recipients_read(input, arena, &found) == NULL)
        for (size_t i = 0; i < found.count; i++)
            ASSERT(str_find(found.addresses[i], '@') != STR_NONE);
    ASSERT(message_recipients_add_without_bcc(input, &without) == NULL);
    ASSERT(message_header_count(buf_str(&without), S("Bcc")) == 0);
    ASSERT(without.len <= input.len);
    message_alignment_read(input, S("a@x.example"), arena, &a);
    ASSERT(a.from.len == 0 || message_alignment_agree(a.from, a.from));
    ASSERT(a.signature_agrees || a.signature_count > 0);
}
