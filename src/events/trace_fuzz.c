#include "events/event.h"
#include "events/trace.h"
#include "tests/fuzz.h"

/* Any bytes as a line, and any bytes as an event's text: what was written is found again. */
FUZZ(input, arena)
{
    (void)arena;
    str value;
    if (events_trace_member(input, S("queue_id"), &value))
        ASSERT(value.len < input.len);

    CLEANUP(buf_release) struct buf line, text;
    buf_init(&line, EVENT_LINE_BYTES_MAX);
    buf_init(&text, EVENT_LINE_BYTES_MAX);
    struct event e = {.kind = EVENT_HOLD, .helo = input, .queue_id = input, .reason = input};
    ASSERT(event_to_json(&e, &line) == NULL);
    ASSERT(event_json_text(input, &text) == NULL);
    ASSERT(str_find(buf_str(&line), '\n') == line.len - 1);
    ASSERT(str_is_utf8(buf_str(&line)));
    ASSERT(events_trace_member(buf_str(&line), S("queue_id"), &value));
    ASSERT(str_eq(value, str_slice(buf_str(&text), 1, text.len - 2)));
}
