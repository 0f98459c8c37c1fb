#include "message/crlf.h"
#include <string.h>

static err add_line_end(struct message_crlf *c, bool mended, struct buf *out)
{
    c->mended += mended;
    c->cr_last = false;
    return buf_add(out, S("\r\n"));
}

/* Without a CR in it, as most texts are. */
static err add_lines(struct message_crlf *c, str piece, struct buf *out)
{
    while (piece.len > 0) {
        const char *lf = memchr(piece.ptr, '\n', piece.len);
        size_t len = lf ? (size_t)(lf - piece.ptr) : piece.len;
        char *room;
        TRY(buf_reserve(out, len + (lf ? 2 : 0), &room));
        memcpy(room, piece.ptr, len);
        out->len += len;
        if (lf == NULL)
            return NULL;
        room[len] = '\r';
        room[len + 1] = '\n';
        out->len += 2;
        c->mended++;
        piece = str_from(piece, len + 1);
    }
    return NULL;
}

err message_crlf_add(struct message_crlf *c, str piece, struct buf *out)
{
    if (!c->cr_last && str_find(piece, '\r') == STR_NONE)
        return add_lines(c, piece, out);
    while (piece.len > 0) {
        char byte = piece.ptr[0];
        if (c->cr_last) {
            TRY(add_line_end(c, byte != '\n', out));
            if (byte == '\n') {
                piece = str_from(piece, 1);
                continue;
            }
        }
        size_t len = 0;
        while (len < piece.len && piece.ptr[len] != '\r' && piece.ptr[len] != '\n')
            len++;
        TRY(buf_add(out, str_slice(piece, 0, len)));
        if (len == piece.len)
            return NULL;
        if (piece.ptr[len] == '\r')
            c->cr_last = true;
        else
            TRY(add_line_end(c, true, out));
        piece = str_from(piece, len + 1);
    }
    return NULL;
}

err message_crlf_end(struct message_crlf *c, struct buf *out)
{
    return c->cr_last ? add_line_end(c, true, out) : NULL;
}
