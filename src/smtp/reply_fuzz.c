#include "smtp/capabilities.h"
#include "smtp/reply.h"
#include "tests/fuzz.h"

/* A reply that was read can be written, and is then read as the same. */
static void check_again(const struct smtp_reply *reply, struct arena *arena)
{
    char enhanced[SMTP_REPLY_ENHANCED_BYTES_MAX + 1];
    struct smtp_reply again;
    struct buf out;
    bool complete = false;
    ASSERT(str_to_chars(reply->enhanced, enhanced, sizeof enhanced));
    buf_init(&out, 1 << 20);
    ASSERT(!smtp_reply_format(&out, reply->code, enhanced, reply->text));
    str wire = buf_str(&out);
    ASSERT(!smtp_reply_parse(&wire, arena, &complete, &again));
    ASSERT(complete && wire.len == 0);
    ASSERT(again.code == reply->code);
    ASSERT(reply->enhanced.len == 0 || str_eq(again.enhanced, reply->enhanced));
    buf_release(&out);
}

/* Less of a good reply is an unfinished one, never a broken one. */
static void check_prefix(str whole, size_t len, struct arena *arena)
{
    struct smtp_reply reply;
    bool complete = true;
    str part = str_slice(whole, 0, len);
    ASSERT(!smtp_reply_parse(&part, arena, &complete, &reply));
    ASSERT(!complete && part.len == len);
}

FUZZ(input, arena)
{
    struct smtp_reply reply;
    bool complete = false;
    str rest = input;
    if (smtp_reply_parse(&rest, arena, &complete, &reply) || !complete) {
        ASSERT(rest.len == input.len);
        return;
    }
    ASSERT(reply.code >= 200 && reply.code <= 599);
    ASSERT(rest.len < input.len); /* progress: else a session could spin */
    for (size_t i = 0; i < reply.text.len; i++)
        ASSERT(reply.text.ptr[i] != '\0' && reply.text.ptr[i] != '\r');
    size_t bytes = input.len - rest.len;
    check_prefix(input, bytes - 1, arena);
    check_prefix(input, bytes / 2, arena);
    check_again(&reply, arena);
    struct smtp_capabilities c = smtp_capabilities_parse(&reply, arena);
    ASSERT(c.auth_names.len <= reply.text.len);
}
