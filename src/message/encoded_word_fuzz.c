#include "message/encoded_word.h"
#include "message/text.h"
#include "tests/fuzz.h"
#include <string.h>

/* Whatever is decoded is one line of UTF-8; what is encoded comes back. */
FUZZ(input, arena)
{
    (void)arena;
    CLEANUP(buf_release) struct buf text, words, back;
    buf_init(&text, 4 << 20);
    buf_init(&words, 16 << 20);
    buf_init(&back, 16 << 20);
    uint8_t flags;
    if (input.len > 256 << 10 || message_encoded_word_decode(input, &text, &flags))
        return;
    ASSERT(str_is_utf8(buf_str(&text)));
    for (size_t i = 0; i < text.len; i++)
        ASSERT(text.ptr[i] != '\r' && text.ptr[i] != '\n' && text.ptr[i] != '\0');

    err e = message_encoded_word_add(buf_str(&text), 9, &words);
    ASSERT(e == NULL);
    e = message_encoded_word_decode(buf_str(&words), &back, &flags);
    ASSERT(e == NULL);
    ASSERT((flags & ~ENCODED_WORD_CONTROL) == 0);
    if (flags == 0)
        ASSERT(str_eq(buf_str(&text), buf_str(&back)));
    str rest = buf_str(&words);
    while (rest.len > 0) {
        str line;
        str_split(rest, '\n', &line, &rest);
        ASSERT(line.len <= MESSAGE_ENCODED_WORD_LINE_BYTES_MAX + 1);
    }
}
