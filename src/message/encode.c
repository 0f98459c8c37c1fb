#include "message/encode.h"
#include "base/codec.h"

enum { LINE_BYTES_MAX = 76 };

void message_encode_init(struct message_encode *e, enum message_encoding encoding)
{
    ASSERT(encoding == ENCODING_QP || encoding == ENCODING_BASE64);
    *e = (struct message_encode){.encoding = encoding};
}

static err add_group(struct message_encode *e, struct buf *out)
{
    if (e->column == LINE_BYTES_MAX) {
        TRY(buf_add(out, S("\r\n")));
        e->column = 0;
    }
    TRY(codec_base64_encode((str){e->held, e->held_len}, out));
    e->held_len = 0;
    e->column += 4;
    return NULL;
}

/* One octet as it stands or as =XX; a soft line end before it when it does not fit. There is always
 * room left for the "=" of one. */
static err add_octet(struct message_encode *e, char octet, bool escaped, struct buf *out)
{
    static const char digits[] = "0123456789ABCDEF";
    unsigned char c = (unsigned char)octet;
    char form[3] = {'=', digits[c >> 4], digits[c & 15]};
    str text = escaped ? (str){form, 3} : (str){&octet, 1};
    if (e->column + text.len > LINE_BYTES_MAX - 1) {
        TRY(buf_add(out, S("=\r\n")));
        e->column = 0;
    }
    e->column += text.len;
    return buf_add(out, text);
}

static bool is_plain(unsigned char c) { return c >= 33 && c <= 126 && c != '='; }

/* What was held back is no line end's: a CR alone is encoded, a blank stands unless it ends the
 * line. */
static err put_held(struct message_encode *e, bool line_ends, struct buf *out)
{
    for (size_t i = 0; i < e->held_len; i++) {
        bool blank = e->held[i] == ' ' || e->held[i] == '\t';
        bool last = i + 1 == e->held_len;
        TRY(add_octet(e, e->held[i], !blank || (last && line_ends), out));
    }
    e->held_len = 0;
    return NULL;
}

static err add_qp(struct message_encode *e, char c, struct buf *out)
{
    bool cr_held = e->held_len > 0 && e->held[e->held_len - 1] == '\r';
    if (c == '\n' && cr_held) {
        e->held_len--;
        TRY(put_held(e, true, out));
        e->column = 0;
        return buf_add(out, S("\r\n"));
    }
    if (c == '\r' && !cr_held) {
        e->held[e->held_len++] = c;
        return NULL;
    }
    TRY(put_held(e, false, out));
    if (c == ' ' || c == '\t' || c == '\r') {
        e->held[e->held_len++] = c;
        return NULL;
    }
    return add_octet(e, c, !is_plain((unsigned char)c), out);
}

err message_encode_add(struct message_encode *e, str piece, struct buf *out)
{
    for (size_t i = 0; i < piece.len; i++) {
        if (e->encoding == ENCODING_QP) {
            TRY(add_qp(e, piece.ptr[i], out));
            continue;
        }
        e->held[e->held_len++] = piece.ptr[i];
        if (e->held_len == 3)
            TRY(add_group(e, out));
    }
    return NULL;
}

err message_encode_end(struct message_encode *e, struct buf *out)
{
    if (e->encoding == ENCODING_QP)
        return put_held(e, true, out);
    return e->held_len > 0 ? add_group(e, out) : NULL;
}
