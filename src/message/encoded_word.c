#include "message/encoded_word.h"
#include "base/codec.h"
#include "message/charset.h"
#include "message/decode.h"
#include "message/text.h"

enum { WORD_FRAME_BYTES = sizeof "=?utf-8?B?" - 1 + sizeof "?=" - 1 };

/* "=?charset*language?E?text?=" */
struct word {
    str charset, text;
    char encoding; /* 'b' or 'q' */
    size_t len;
};

/* Words of one charset in a row are one text: a character may begin in one and end in the next. */
struct decoder {
    struct buf *out;
    struct buf bytes; /* of the run, decoded but still in its charset */
    str charset;      /* of the run; empty: none is open */
    uint8_t flags;
};

static bool is_space(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

static bool is_word_text(str text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] <= ' ' || text.ptr[i] > 126)
            return false;
    return true;
}

/* Up to the next "?", which is cut off as well; false: there is none near. */
static bool take_up_to_mark(str *rest, str *ret_text)
{
    size_t mark = str_find(str_slice(*rest, 0, MESSAGE_ENCODED_WORD_READ_BYTES_MAX), '?');
    if (mark == STR_NONE)
        return false;
    *ret_text = str_slice(*rest, 0, mark);
    *rest = str_from(*rest, mark + 1);
    return true;
}

/* The word in front, if there is one. */
static bool read_word(str text, struct word *ret_word)
{
    struct word w;
    str rest = text, charset, language, encoding;
    if (!str_skip(&rest, S("=?")) || !take_up_to_mark(&rest, &charset) ||
        !take_up_to_mark(&rest, &encoding) || !take_up_to_mark(&rest, &w.text) ||
        !str_skip(&rest, S("=")))
        return false;
    str_split(charset, '*', &w.charset, &language);
    w.encoding = encoding.len == 1 ? char_lower(encoding.ptr[0]) : '\0';
    w.len = text.len - rest.len;
    if (w.charset.len == 0 || (w.encoding != 'b' && w.encoding != 'q') || !is_word_text(w.text) ||
        !is_word_text(charset))
        return false;
    *ret_word = w;
    return true;
}

/* RFC 2047 section 4.2: "_" is a blank, whatever the charset; no line ends. */
static err add_q(str text, struct buf *out, uint8_t *ret_flags)
{
    struct message_decode d;
    message_decode_init(&d, ENCODING_QP);
    for (size_t i = 0; i < text.len; i++) {
        str one = str_slice(text, i, 1);
        TRY(message_decode_add(&d, one.ptr[0] == '_' ? S("=20") : one, out));
    }
    bool open = d.held_len > 0; /* "=" or "=4" at the end */
    TRY(message_decode_end(&d, out));
    *ret_flags = open ? DECODE_QP_BAD : d.flags;
    return NULL;
}

static err add_b(str text, struct buf *out, uint8_t *ret_flags)
{
    struct message_decode d;
    message_decode_init(&d, ENCODING_BASE64);
    TRY(message_decode_add(&d, text, out));
    TRY(message_decode_end(&d, out));
    *ret_flags = d.flags & ~(DECODE_BASE64_PADDING | DECODE_BASE64_BITS); /* all read these alike */
    return NULL;
}

static bool is_control(unsigned char c) { return c < ' ' || c == 127; }

/* Text of a word: controls are made harmless, for who asked wants one line. */
static err add_shown(struct decoder *d, str text)
{
    for (size_t i = 0; i < text.len; i++) {
        bool control = is_control((unsigned char)text.ptr[i]) && text.ptr[i] != '\t';
        if (control)
            d->flags |= ENCODED_WORD_CONTROL;
        TRY(buf_add(d->out, control ? S("\xef\xbf\xbd") : str_slice(text, i, 1)));
    }
    return NULL;
}

/* Write down the run of words that is open. */
static err end_run(struct decoder *d)
{
    if (d->charset.len == 0)
        return NULL;
    CLEANUP(buf_release) struct buf text;
    buf_init(&text, d->bytes.len * 4 + 64);
    bool exact;
    TRY(message_charset_to_utf8(d->charset, buf_str(&d->bytes), &text, &exact));
    if (!exact)
        d->flags |= ENCODED_WORD_BYTES;
    buf_clear(&d->bytes);
    d->charset = (str){0};
    return add_shown(d, buf_str(&text));
}

static bool charset_is_known(str name)
{
    CLEANUP(message_charset_cleanup) struct message_charset *c = message_charset_open(name);
    return c != NULL;
}

/* *ret_done false: it is not right and stays as it is. */
static err add_word(struct decoder *d, const struct word *w, bool *ret_done)
{
    *ret_done = false;
    bool same = d->charset.len > 0 && str_eq_nocase(d->charset, w->charset);
    if (!same && !charset_is_known(w->charset)) {
        d->flags |= ENCODED_WORD_CHARSET;
        return NULL;
    }
    if (!same)
        TRY(end_run(d));
    uint8_t wrong = 0;
    size_t before = d->bytes.len;
    TRY(w->encoding == 'b' ? add_b(w->text, &d->bytes, &wrong) : add_q(w->text, &d->bytes, &wrong));
    if (wrong) {
        d->flags |= ENCODED_WORD_BROKEN;
        d->bytes.len = before;
        return NULL;
    }
    if (w->len > MESSAGE_ENCODED_WORD_BYTES_MAX)
        d->flags |= ENCODED_WORD_LONG;
    d->charset = w->charset;
    *ret_done = true;
    return NULL;
}

/* One character that is in no word. A fold goes, and the blank behind it stays. */
static err add_plain(struct decoder *d, str *rest)
{
    str before = *rest;
    uint32_t code;
    char c = rest->ptr[0];
    if (c == '\r' || c == '\n') {
        *rest = str_from(*rest, str_starts(*rest, S("\r\n")) ? 2 : 1);
        bool folded = rest->len > 0 && (rest->ptr[0] == ' ' || rest->ptr[0] == '\t');
        return folded || rest->len == 0 ? NULL : buf_add_char(d->out, ' ');
    }
    bool valid = message_text_next(rest, &code);
    if (code > 127 || !valid)
        d->flags |= ENCODED_WORD_RAW;
    if (!valid || code == 0)
        return buf_add(d->out, S("\xef\xbf\xbd"));
    return buf_add(d->out, str_slice(before, 0, before.len - rest->len));
}

/* Take a word with the blanks in front of it when a word came before; false: none is there. */
static err take_word(struct decoder *d, str *rest, bool apart, bool *ret_taken)
{
    struct word w;
    str left = *rest;
    *ret_taken = false;
    while (d->charset.len > 0 && left.len > 0 && is_space(left.ptr[0]))
        left = str_from(left, 1);
    if (!str_starts(left, S("=?")))
        return NULL;
    if (!read_word(left, &w)) {
        d->flags |= ENCODED_WORD_BROKEN;
        return NULL;
    }
    bool done;
    TRY(add_word(d, &w, &done));
    if (!done)
        return NULL;
    str behind = str_from(left, w.len);
    if (!apart || (behind.len > 0 && !is_space(behind.ptr[0]) && behind.ptr[0] != ')'))
        d->flags |= ENCODED_WORD_JOINED;
    *rest = behind;
    *ret_taken = true;
    return NULL;
}

static err decode_all(struct decoder *d, str text)
{
    bool apart = true; /* a blank or the beginning stands in front */
    while (text.len > 0) {
        bool taken = false;
        if (text.ptr[0] == '=' || (d->charset.len > 0 && is_space(text.ptr[0])))
            TRY(take_word(d, &text, apart, &taken));
        if (taken) {
            apart = true; /* what follows has its own look back */
            continue;
        }
        TRY(end_run(d));
        apart = is_space(text.ptr[0]) || text.ptr[0] == '(' || text.ptr[0] == '"';
        TRY(add_plain(d, &text));
    }
    return end_run(d);
}

err message_encoded_word_decode(str text, struct buf *out, uint8_t *ret_flags)
{
    size_t before = out->len;
    struct decoder d = {.out = out};
    buf_init(&d.bytes, text.len + 1);
    err e = decode_all(&d, text);
    buf_release(&d.bytes);
    if (e) {
        out->len = before;
        return e;
    }
    *ret_flags = d.flags;
    return NULL;
}

bool message_encoded_word_needed(str text)
{
    size_t word = 0;
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        if (c > 126 || (c < ' ' && c != '\t') || str_starts(str_from(text, i), S("=?")))
            return true;
        word = c == ' ' ? 0 : word + 1;
        if (word > MESSAGE_TEXT_WORD_MAX)
            return true; /* no place to fold it */
    }
    return false;
}

/* As many whole characters as fit into max bytes; one at least. */
static str take_piece(str *text, size_t max)
{
    str left = *text;
    uint32_t code;
    while (left.len > 0) {
        str next = left;
        message_text_next(&next, &code);
        if (left.len < text->len && text->len - next.len > max)
            break;
        left = next;
    }
    str piece = str_slice(*text, 0, text->len - left.len);
    *text = left;
    return piece;
}

/* Blanks between words are not shown, so the words carry the text's. */
err message_encoded_word_add(str text, size_t column, struct buf *out)
{
    while (text.len > 0) {
        size_t used = column + WORD_FRAME_BYTES;
        if (used + 8 > MESSAGE_ENCODED_WORD_LINE_BYTES_MAX) { /* no room for one character */
            TRY(buf_add(out, S("\r\n ")));
            used = 1 + WORD_FRAME_BYTES;
        }
        TRY(buf_add(out, S("=?utf-8?B?")));
        str piece = take_piece(&text, (MESSAGE_ENCODED_WORD_LINE_BYTES_MAX - used) / 4 * 3);
        TRY(codec_base64_encode(piece, out));
        TRY(buf_add(out, S("?=")));
        column = MESSAGE_ENCODED_WORD_LINE_BYTES_MAX;
    }
    return NULL;
}
