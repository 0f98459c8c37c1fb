/* Frames of the keeper: whatever is read can be written again, byte by byte the same; and taking
 * frames off a stream always moves forward. */
#include "account/keeper_wire.h"
#include "tests/fuzz.h"

static void request(str body, struct buf *out)
{
    struct keeper_request r;
    if (keeper_wire_read_request(body, &r))
        return;
    err e = keeper_wire_add_request(&r, out);
    ASSERT(e == NULL);
    ASSERT(str_eq(str_from(buf_str(out), KEEPER_FRAME_HEADER_BYTES), body));
}

static void reply(str body, struct arena *arena, struct buf *out)
{
    struct keeper_reply r;
    if (keeper_wire_read_reply(body, arena, &r))
        return;
    err e = keeper_wire_add_reply(&r, out);
    ASSERT(e == NULL);
    ASSERT(str_eq(str_from(buf_str(out), KEEPER_FRAME_HEADER_BYTES), body));
}

FUZZ(input, arena)
{
    struct buf out;
    buf_init(&out, KEEPER_FRAME_BYTES_MAX + KEEPER_FRAME_HEADER_BYTES);
    if (input.len && input.len <= KEEPER_FRAME_BYTES_MAX) {
        request(str_from(input, 1), &out);
        buf_clear(&out);
        reply(str_from(input, 1), arena, &out);
    }
    str rest = input, body;
    bool whole = true;
    while (whole && keeper_wire_take(&rest, &body, &whole) == NULL && whole)
        ASSERT(body.len > 0);
    ASSERT(rest.len <= input.len);
    buf_release(&out);
}
