#include "message/text.h"

bool message_text_next(str *text, uint32_t *ret_code)
{
    static const uint32_t masks[] = {0x7f, 0x1f, 0x0f, 0x07};
    ASSERT(text->len > 0);
    size_t len = 1;
    while (len <= 4 && len <= text->len && !str_is_utf8(str_slice(*text, 0, len)))
        len++;
    bool valid = len <= 4 && len <= text->len;
    *ret_code = valid ? (unsigned char)text->ptr[0] & masks[len - 1] : 0xfffd;
    for (size_t i = 1; valid && i < len; i++)
        *ret_code = *ret_code << 6 | ((unsigned char)text->ptr[i] & 0x3f);
    *text = str_from(*text, valid ? len : 1);
    return valid;
}

static err add_char(uint32_t code, bool valid, str bytes, struct buf *out)
{
    if (code == '\n' || code == '\t')
        return buf_add_char(out, ' ');
    if (code == '\r')
        return NULL; /* the LF behind it becomes the blank */
    if (!valid || code < ' ' || (code >= 127 && code < 160))
        return buf_add_char(out, '?');
    return buf_add(out, bytes);
}

err message_text_add_clean(str text, size_t max, bool utf8, struct buf *out)
{
    str left = text;
    while (left.len > 0) {
        uint32_t code;
        str before = left;
        bool valid = message_text_next(&left, &code);
        if (text.len - left.len > max)
            return buf_add(out, S("..."));
        if (valid && code >= 160 && !utf8)
            TRY(buf_addf(out, "\\x{%X}", code));
        else
            TRY(add_char(code, valid, str_slice(before, 0, before.len - left.len), out));
    }
    return NULL;
}

/* The next word off the front, and the blanks behind it; one that is too long comes in pieces. */
static str take_word(str *text)
{
    while (str_skip(text, S(" ")))
        ;
    str word = str_slice(*text, 0, str_find(*text, ' '));
    word = str_slice(word, 0, MESSAGE_TEXT_WORD_MAX);
    *text = str_from(*text, word.len);
    return word;
}

err message_text_add_wrapped(str lead, str text, str indent, struct buf *out)
{
    TRY(buf_add(out, lead));
    size_t column = lead.len;
    str word = take_word(&text);
    for (bool first = true; word.len > 0; first = false, word = take_word(&text)) {
        bool wraps = !first && column + 1 + word.len > MESSAGE_TEXT_LINE_WANTED;
        if (wraps) {
            TRY(buf_add(out, S("\r\n")));
            TRY(buf_add(out, indent));
            column = indent.len;
        } else if (!first) {
            TRY(buf_add_char(out, ' '));
            column++;
        }
        TRY(buf_add(out, word));
        column += word.len;
    }
    return buf_add(out, S("\r\n"));
}
