/* Lines out of a stream: what is found does not depend on how the stream was cut. The first byte
 * chooses the limit and the cuts. */
#include "base/buf.h"
#include "smtp/line.h"
#include "tests/fuzz.h"

static void note(struct buf *found, enum smtp_line_event event, str line)
{
    ASSERT(!buf_add_char(found, (char)('0' + (int)event)));
    ASSERT(!buf_add(found, line));
    ASSERT(!buf_add_char(found, '\n'));
}

/* Take what can be taken; false: the session would end here. */
static bool take_all(struct smtp_line_reader *r, size_t limit, str *input, struct buf *found)
{
    for (;;) {
        str line = {0};
        size_t before = input->len;
        enum smtp_line_event event = smtp_line_take(r, limit, input, &line);
        ASSERT(input->len <= before);
        if (event == SMTP_LINE_MORE)
            return true;
        if (event == SMTP_LINE_READY) {
            ASSERT(line.len + 2 <= SMTP_LINE_AUTH_BYTES_MAX);
            ASSERT(line.len + 2 <= limit || str_starts_nocase(line, S("AUTH ")));
            ASSERT(str_find(line, '\r') == STR_NONE && str_find(line, '\n') == STR_NONE);
        }
        note(found, event, line);
        if (event == SMTP_LINE_BARE || event == SMTP_LINE_ENDLESS)
            return false;
        ASSERT(input->len < before); /* progress: else a session could spin */
    }
}

/* As a session does it: what was not taken stands in front of what comes next. */
static void read_pieces(str input, size_t limit, size_t piece, struct buf *found)
{
    struct smtp_line_reader r = {0};
    struct buf waiting;
    buf_init(&waiting, 4 << 20);
    for (size_t at = 0; at < input.len; at += piece) {
        ASSERT(!buf_add(&waiting, str_slice(input, at, piece)));
        str rest = buf_str(&waiting);
        bool goes_on = take_all(&r, limit, &rest, found);
        buf_cut_front(&waiting, waiting.len - rest.len);
        if (!goes_on)
            break;
    }
    buf_release(&waiting);
}

FUZZ(input, arena)
{
    (void)arena;
    static const size_t limits[] = {16, 64, SMTP_LINE_BASE_BYTES, SMTP_LINE_BYTES_MAX};
    struct buf whole, cut;
    if (input.len == 0)
        return;
    unsigned first = (unsigned char)input.ptr[0];
    size_t limit = limits[first % ARRAY_LEN(limits)], piece = 2 + first / ARRAY_LEN(limits);
    str lines = str_from(input, 1);
    buf_init(&whole, 8 << 20);
    buf_init(&cut, 8 << 20);
    read_pieces(lines, limit, lines.len + 1, &whole);
    read_pieces(lines, limit, piece, &cut);
    ASSERT(str_eq(buf_str(&whole), buf_str(&cut)));
    if (lines.len <= 4096) {
        buf_clear(&cut);
        read_pieces(lines, limit, 1, &cut);
        ASSERT(str_eq(buf_str(&whole), buf_str(&cut)));
    }
    buf_release(&whole);
    buf_release(&cut);
}
