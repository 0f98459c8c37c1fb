#include "events/event.h"
#include "base/clock.h"
#include "events/schema.h"
#include "message/text.h"
#include <assert.h>
#include <string.h>

static_assert(EVENTS_FIELDS * (EVENT_TEXT_BYTES_MAX * 6 + 64) + 256 <= EVENT_LINE_BYTES_MAX,
              "the longest line");

str event_kind_name(enum event_kind kind) { return str_of(events_kinds[kind].name); }

void event_emit(const struct event_sink *sink, const struct event *event)
{
    if (sink == NULL || sink->emit == NULL)
        return;
    struct event now = *event;
    if (now.time_ms == 0)
        now.time_ms = clock_real_ms();
    sink->emit(sink->arg, &now);
}

/* What a terminal or a reader of lines could take for more than a letter: controls, line and
 * paragraph separators, and marks that turn the direction of writing. */
static bool is_escaped(uint32_t code)
{
    return code < ' ' || (code >= 127 && code < 160) || (code >= 0x200e && code <= 0x200f) ||
           (code >= 0x2028 && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069);
}

/* How many bytes from the front stand in the line as they are. */
static size_t plain_length(str text)
{
    size_t len = 0;
    while (len < text.len && text.ptr[len] >= ' ' && text.ptr[len] < 127 && text.ptr[len] != '"' &&
           text.ptr[len] != '\\')
        len++;
    return len;
}

static err add_text(str text, struct buf *out)
{
    TRY(buf_add_char(out, '"'));
    size_t plain = plain_length(str_slice(text, 0, EVENT_TEXT_BYTES_MAX));
    TRY(buf_add(out, str_slice(text, 0, plain)));
    str left = str_from(text, plain);
    while (left.len > 0) {
        uint32_t code;
        str before = left;
        bool valid = message_text_next(&left, &code);
        str bytes = str_slice(before, 0, before.len - left.len);
        if (text.len - left.len > EVENT_TEXT_BYTES_MAX) {
            TRY(buf_add(out, S("\xe2\x80\xa6")));
            break;
        }
        if (!valid || is_escaped(code))
            TRY(buf_addf(out, "\\u%04x", code));
        else if (code == '"' || code == '\\')
            TRY(buf_addf(out, "\\%c", (int)code));
        else
            TRY(buf_add(out, bytes));
    }
    return buf_add_char(out, '"');
}

err event_json_text(str text, struct buf *out)
{
    size_t before = out->len;
    err e = add_text(text, out);
    if (e)
        out->len = before;
    return e;
}

/* A text of ours, in which nothing needs an escape. */
static err add_quoted(const char *text, struct buf *out)
{
    TRY(buf_add_char(out, '"'));
    TRY(buf_add(out, str_of(text)));
    return buf_add_char(out, '"');
}

static err add_time(int64_t real_ms, struct buf *out)
{
    char text[CLOCK_RFC3339_BYTES];
    clock_rfc3339(real_ms, text);
    return add_quoted(text, out);
}

/* A member of the line; without a value it is there only when its kind always has it. */
static err add_field(const struct event *e, const struct events_field *f, struct buf *out)
{
    const char *at = (const char *)e + f->offset;
    bool always = events_always(e->kind) >> (f - events_fields) & 1;
    str text = {0};
    int64_t number = 0;
    if (f->type == EVENTS_TEXT)
        memcpy(&text, at, sizeof text);
    else if (f->type == EVENTS_LOGIN_FAILURE)
        number = e->login_failure;
    else
        memcpy(&number, at, sizeof number);
    if (!always && text.len == 0 && number == 0)
        return NULL;
    TRY(buf_add(out, S(",\"")));
    TRY(buf_add(out, str_of(f->name)));
    TRY(buf_add(out, S("\":")));
    if (f->type == EVENTS_TEXT)
        return add_text(text, out);
    if (f->type == EVENTS_TIME)
        return add_time(number, out);
    if (f->type == EVENTS_LOGIN_FAILURE)
        return add_quoted(events_login_failures[e->login_failure], out);
    return buf_add_number(out, number);
}

static err add_line(const struct event *e, struct buf *out)
{
    TRY(buf_add(out, S("{\"time\":")));
    TRY(add_time(e->time_ms, out));
    TRY(buf_add(out, S(",\"event\":")));
    TRY(add_quoted(events_kinds[e->kind].name, out));
    for (size_t i = 0; i < EVENTS_FIELDS; i++)
        TRY(add_field(e, &events_fields[i], out));
    return buf_add(out, S("}\n"));
}

err event_to_json(const struct event *event, struct buf *out)
{
    ASSERT(event->kind < EVENT_KINDS);
    ASSERT(event->login_failure < EVENT_LOGIN_FAILURES);
    size_t before = out->len;
    err e = add_line(event, out);
    if (e)
        out->len = before;
    return e;
}
