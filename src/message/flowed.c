#include "message/flowed.h"

/* RFC 3676 section 4.4: what begins so would be taken for something else. */
static bool needs_stuffing(str line)
{
    return str_starts(line, S(" ")) || str_starts(line, S("From ")) || str_starts(line, S(">"));
}

/* The front of a line up to a blank, which is kept: as many words as fit, one at least. */
static str take_front(str *line)
{
    size_t cut = 0;
    for (size_t i = 0; i < line->len; i++) {
        if (i > MESSAGE_FLOWED_LINE_BYTES_WANTED && cut > 0)
            break;
        if (line->ptr[i] == ' ' && i + 1 < line->len && line->ptr[i + 1] != ' ')
            cut = i + 1;
    }
    bool whole = cut == 0 || line->len <= MESSAGE_FLOWED_LINE_BYTES_WANTED;
    str front = whole ? *line : str_slice(*line, 0, cut);
    *line = str_from(*line, front.len);
    return front;
}

static err add_line(str line, struct buf *out)
{
    if (str_eq(line, S("-- ")) || str_starts(line, S(">"))) {
        TRY(buf_add(out, line));
        return buf_add(out, S("\r\n"));
    }
    while (line.len > 0 && line.ptr[line.len - 1] == ' ')
        line.len--; /* a blank there would join the next line to this one */
    do {
        str front = take_front(&line);
        if (needs_stuffing(front))
            TRY(buf_add_char(out, ' '));
        TRY(buf_add(out, front));
        TRY(buf_add(out, S("\r\n")));
    } while (line.len > 0);
    return NULL;
}

err message_flowed_add(str text, struct buf *out)
{
    size_t before = out->len;
    err e = NULL;
    while (text.len > 0 && e == NULL) {
        str line;
        str_split(text, '\n', &line, &text);
        if (line.len > 0 && line.ptr[line.len - 1] == '\r')
            line.len--;
        e = add_line(line, out);
    }
    if (e)
        out->len = before;
    return e;
}
