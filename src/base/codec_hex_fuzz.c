#include "base/codec.h"
#include "tests/fuzz.h"

/* Any bytes come back; what is taken has two digits for each byte. */
FUZZ(input, arena)
{
    (void)arena;
    CLEANUP(buf_release) struct buf text, bytes;
    buf_init(&text, 8 << 20);
    buf_init(&bytes, 8 << 20);
    err e = codec_hex_encode(input, &text);
    ASSERT(e == NULL);
    e = codec_hex_decode(buf_str(&text), &bytes);
    ASSERT(e == NULL);
    ASSERT(str_eq(buf_str(&bytes), input));

    buf_clear(&bytes);
    e = codec_hex_decode(input, &bytes);
    ASSERT(e == NULL ? bytes.len * 2 == input.len : bytes.len == 0);
}
