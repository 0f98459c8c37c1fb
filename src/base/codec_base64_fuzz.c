#include "base/codec.h"
#include "tests/fuzz.h"

/* Any bytes come back; and a text that is taken is the only text for its bytes. */
FUZZ(input, arena)
{
    (void)arena;
    CLEANUP(buf_release) struct buf text, bytes;
    buf_init(&text, 8 << 20);
    buf_init(&bytes, 8 << 20);
    err e = codec_base64_encode(input, &text);
    ASSERT(e == NULL);
    e = codec_base64_decode(buf_str(&text), &bytes);
    ASSERT(e == NULL);
    ASSERT(str_eq(buf_str(&bytes), input));

    buf_clear(&bytes);
    buf_clear(&text);
    if (codec_base64_decode(input, &bytes)) {
        ASSERT(bytes.len == 0);
        return;
    }
    e = codec_base64_encode(buf_str(&bytes), &text);
    ASSERT(e == NULL);
    ASSERT(str_eq(buf_str(&text), input));
}
