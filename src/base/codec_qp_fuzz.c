#include "base/codec.h"
#include "tests/fuzz.h"

static void check_lines(str text)
{
    while (text.len > 0) {
        str line, rest;
        str_split(text, '\n', &line, &rest);
        size_t len = line.len;
        if (len > 0 && line.ptr[len - 1] == '\r')
            len--;
        ASSERT(len <= 76); /* RFC 2045 section 6.7, rule 5 */
        ASSERT(len == 0 || line.ptr[len - 1] != ' ');
        text = rest;
    }
}

/* Any bytes come back, over lines that every server takes. */
FUZZ(input, arena)
{
    (void)arena;
    CLEANUP(buf_release) struct buf text, bytes;
    buf_init(&text, 8 << 20);
    buf_init(&bytes, 8 << 20);
    err e = codec_qp_encode(input, &text);
    ASSERT(e == NULL);
    check_lines(buf_str(&text));
    ASSERT(str_is_ascii(buf_str(&text)));
    e = codec_qp_decode(buf_str(&text), &bytes);
    ASSERT(e == NULL);
    ASSERT(str_eq(buf_str(&bytes), input));

    buf_clear(&bytes);
    e = codec_qp_decode(input, &bytes);
    ASSERT(bytes.len <= input.len);
    ASSERT(e == NULL || bytes.len == 0);
}
