#include "message/decode.h"
#include "base/codec.h"
#include "message/lex.h"

static const char *const names[] = {
    [ENCODING_7BIT] = "7bit",     [ENCODING_8BIT] = "8bit",
    [ENCODING_BINARY] = "binary", [ENCODING_QP] = "quoted-printable",
    [ENCODING_BASE64] = "base64", [ENCODING_UNKNOWN] = "unknown",
};

const char *message_decode_name(enum message_encoding encoding) { return names[encoding]; }

enum message_encoding message_decode_encoding(str value, bool *ret_plain)
{
    bool ended = message_lex_skip(&value);
    str name = message_lex_run(&value, "(;");
    ended = message_lex_skip(&value) && ended;
    for (size_t i = 0; i < ENCODING_UNKNOWN; i++)
        if (str_eq_nocase(name, str_of(names[i]))) {
            *ret_plain = ended && value.len == 0;
            return (enum message_encoding)i;
        }
    *ret_plain = false;
    return ENCODING_UNKNOWN;
}

void message_decode_init(struct message_decode *d, enum message_encoding encoding)
{
    *d = (struct message_decode){.encoding = encoding};
}

static err put(struct buf *out, str bytes) { return out ? buf_add(out, bytes) : NULL; }

/* The whole bytes of the digits so far: a group's, or of what is left of one. */
static err put_digits(struct message_decode *d, struct buf *out)
{
    uint32_t word = d->word << 6 * (4 - d->digits);
    char bytes[3] = {(char)(word >> 16), (char)(word >> 8), (char)word};
    size_t count = d->digits < 2 ? 0 : d->digits - 1u;
    if (count > 0 && count < 3 && (word << (8 + 8 * count)) != 0)
        d->flags |= DECODE_BASE64_BITS;
    d->word = 0;
    d->digits = 0;
    return put(out, (str){bytes, count});
}

static err add_equals(struct message_decode *d, struct buf *out)
{
    if (d->ended && d->digits == 0) { /* the second "=" of "==", or one too many */
        if (d->equals == 0)
            d->flags |= DECODE_BASE64_ODD_EQUALS;
        else
            d->equals--;
        return NULL;
    }
    if (d->digits < 2) {
        d->flags |= DECODE_BASE64_ODD_EQUALS;
        if (d->digits == 0)
            return NULL;
    }
    d->equals = d->digits == 2;
    d->ended = true;
    return put_digits(d, out);
}

static err add_digit(struct message_decode *d, int value, struct buf *out)
{
    if (d->ended) {
        d->flags |= DECODE_BASE64_MORE;
        if (d->equals > 0)
            d->flags |= DECODE_BASE64_PADDING;
        d->ended = false;
        d->equals = 0;
    }
    d->word = d->word << 6 | (uint32_t)value;
    d->digits++;
    return d->digits == 4 ? put_digits(d, out) : NULL;
}

static err add_base64(struct message_decode *d, str piece, struct buf *out)
{
    for (size_t i = 0; i < piece.len; i++) {
        char c = piece.ptr[i];
        int value = codec_base64_value(c);
        if (value >= 0)
            TRY(add_digit(d, value, out));
        else if (c == '=')
            TRY(add_equals(d, out));
        else if (c != '\r' && c != '\n' && c != ' ' && c != '\t')
            d->flags |= DECODE_BASE64_JUNK;
    }
    return NULL;
}

/* What was held back stands for itself. */
static err put_held(struct message_decode *d, struct buf *out)
{
    if (d->held_len > 0 && d->held[0] == '=')
        d->flags |= DECODE_QP_BAD;
    str held = {d->held, d->held_len};
    d->held_len = 0;
    return put(out, held);
}

/* Behind "=": a digit, the second one, blanks up to a line end, or nothing that may stand there.
 * True: the byte was taken. */
static bool take_behind_equals(struct message_decode *d, char c, char *ret_byte, bool *ret_whole)
{
    bool has_digit = d->held_len == 2 && char_hex_value(d->held[1]) >= 0;
    *ret_whole = false;
    if (has_digit && char_hex_value(c) >= 0) {
        *ret_byte = (char)(char_hex_value(d->held[1]) << 4 | char_hex_value(c));
        *ret_whole = true;
        d->held_len = 0;
        return true;
    }
    bool blank =
        (c == ' ' || c == '\t' || c == '\r') && !has_digit && d->held[d->held_len - 1] != '\r';
    if (c == '\n' && !has_digit) {
        d->held_len = 0; /* a soft line end */
        return true;
    }
    if (!blank && !(d->held_len == 1 && char_hex_value(c) >= 0))
        return false;
    if (d->held_len == sizeof d->held)
        return false;
    d->held[d->held_len++] = c;
    return true;
}

static err add_qp_byte(struct message_decode *d, char c, struct buf *out)
{
    if (d->held_len > 0 && d->held[0] == '=') {
        char byte;
        bool whole;
        if (take_behind_equals(d, c, &byte, &whole))
            return whole ? put(out, (str){&byte, 1}) : NULL;
        TRY(put_held(d, out));
    }
    if (c == ' ' || c == '\t' || c == '=') {
        if (d->held_len == sizeof d->held || (c == '=' && d->held_len > 0))
            TRY(put_held(d, out));
        d->held[d->held_len++] = c;
        return NULL;
    }
    if (c == '\n' || c == '\r')
        d->held_len = 0; /* blanks at the end of a line are the transport's */
    else if ((unsigned char)c < ' ' || (unsigned char)c > 126)
        d->flags |= DECODE_QP_8BIT;
    TRY(put_held(d, out));
    return put(out, (str){&c, 1});
}

err message_decode_add(struct message_decode *d, str piece, struct buf *out)
{
    if (d->encoding == ENCODING_BASE64)
        return add_base64(d, piece, out);
    if (d->encoding != ENCODING_QP)
        return put(out, piece);
    for (size_t i = 0; i < piece.len; i++)
        TRY(add_qp_byte(d, piece.ptr[i], out));
    return NULL;
}

err message_decode_end(struct message_decode *d, struct buf *out)
{
    if (d->encoding == ENCODING_BASE64) {
        if (d->digits > 0 || d->equals > 0)
            d->flags |= DECODE_BASE64_PADDING;
        return put_digits(d, out);
    }
    if (d->held_len > 0 && d->held[0] != '=')
        d->held_len = 0;
    if (d->held_len == 1)
        d->held_len = 0; /* a soft line end whose line end belongs to the boundary */
    return d->encoding == ENCODING_QP ? put_held(d, out) : NULL;
}
