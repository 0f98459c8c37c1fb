#include "message/crlf.h"
#include "tests/fuzz.h"

static void mend(str input, size_t piece, struct buf *out, size_t *ret_mended)
{
    struct message_crlf crlf = {0};
    for (size_t at = 0; at < input.len; at += piece)
        ASSERT(!message_crlf_add(&crlf, str_slice(input, at, piece), out));
    ASSERT(!message_crlf_end(&crlf, out));
    *ret_mended = crlf.mended;
}

/* No bare CR or LF is left, whatever the cuts; and what is right stays as it is. */
FUZZ(input, arena)
{
    (void)arena;
    static const size_t pieces[] = {1, 2, 3, 64};
    size_t mended, other_mended;
    CLEANUP(buf_release) struct buf whole, other;
    buf_init(&whole, 8 << 20);
    buf_init(&other, 8 << 20);
    mend(input, input.len + 1, &whole, &mended);
    str text = buf_str(&whole);
    for (size_t i = 0; i < text.len; i++) {
        ASSERT(text.ptr[i] != '\n' || (i > 0 && text.ptr[i - 1] == '\r'));
        ASSERT(text.ptr[i] != '\r' || (i + 1 < text.len && text.ptr[i + 1] == '\n'));
    }
    ASSERT(text.len == input.len + mended);
    for (size_t i = 0; i < ARRAY_LEN(pieces); i++) {
        buf_clear(&other);
        mend(input, pieces[i], &other, &other_mended);
        ASSERT(str_eq(text, buf_str(&other)));
        ASSERT(mended == other_mended);
    }
    buf_clear(&other);
    mend(text, text.len + 1, &other, &other_mended);
    ASSERT(other_mended == 0);
    ASSERT(str_eq(text, buf_str(&other)));
}
