#include "base/codec.h"
#include "tests/fuzz.h"

/* Any bytes come back; what is written needs no quoting in an SMTP command; what is taken is short.
 */
FUZZ(input, arena)
{
    (void)arena;
    CLEANUP(buf_release) struct buf text, bytes;
    buf_init(&text, 8 << 20);
    buf_init(&bytes, 8 << 20);
    err e = codec_xtext_encode(input, &text);
    ASSERT(e == NULL);
    for (size_t i = 0; i < text.len; i++) {
        ASSERT(text.ptr[i] >= 33);
        ASSERT(text.ptr[i] <= 126);
        ASSERT(text.ptr[i] != '=');
    }
    e = codec_xtext_decode(buf_str(&text), &bytes);
    ASSERT(e == NULL);
    ASSERT(str_eq(buf_str(&bytes), input));

    buf_clear(&bytes);
    e = codec_xtext_decode(input, &bytes);
    ASSERT(bytes.len <= input.len);
    ASSERT(e == NULL || bytes.len == 0);
}
