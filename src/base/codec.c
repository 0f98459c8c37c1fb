#include "base/codec.h"
#include <string.h>

static const char base64_digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

err codec_base64_encode(str bytes, struct buf *out)
{
    char *to;
    TRY(buf_reserve(out, (bytes.len + 2) / 3 * 4, &to));
    const unsigned char *p = (const unsigned char *)bytes.ptr;
    for (size_t left = bytes.len; left > 0; left -= left < 3 ? left : 3, p += 3) {
        unsigned a = p[0], b = left > 1 ? p[1] : 0, c = left > 2 ? p[2] : 0;
        *to++ = base64_digits[a >> 2];
        *to++ = base64_digits[(a & 3) << 4 | b >> 4];
        *to++ = (char)(left > 1 ? base64_digits[(b & 15) << 2 | c >> 6] : '=');
        *to++ = (char)(left > 2 ? base64_digits[c & 63] : '=');
    }
    out->len += (bytes.len + 2) / 3 * 4;
    return NULL;
}

err codec_base64_encode_lines(str bytes, struct buf *out)
{
    size_t before = out->len;
    while (bytes.len > 0) {
        err e = codec_base64_encode(str_slice(bytes, 0, 57), out);
        if (e == NULL)
            e = buf_add(out, S("\r\n"));
        if (e) {
            out->len = before;
            return e;
        }
        bytes = str_from(bytes, 57);
    }
    return NULL;
}

/* 0..63, or -1. */
static int base64_value(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Four digits become one to three bytes; padding only where the last group allows it. */
static bool decode_group(const char *digits, bool last, char *ret_bytes, size_t *ret_count)
{
    size_t pad = 0;
    if (last && digits[3] == '=')
        pad = digits[2] == '=' ? 2 : 1;
    uint32_t word = 0;
    for (size_t i = 0; i < 4; i++) {
        int value = i >= 4 - pad ? 0 : base64_value(digits[i]);
        if (value < 0)
            return false;
        word = word << 6 | (uint32_t)value;
    }
    if ((pad == 1 && word & 0xff) || (pad == 2 && word & 0xffff))
        return false; /* bits that no encoder sets: two texts would mean the same bytes */
    ret_bytes[0] = (char)(word >> 16);
    ret_bytes[1] = (char)(word >> 8);
    ret_bytes[2] = (char)word;
    *ret_count = 3 - pad;
    return true;
}

err codec_base64_decode(str text, struct buf *out)
{
    if (text.len % 4 != 0)
        return err_new(ERR_PROTOCOL, "base64 of %zu digits: not a multiple of four", text.len);
    char *to;
    TRY(buf_reserve(out, text.len / 4 * 3, &to));
    size_t used = 0;
    for (size_t i = 0; i < text.len; i += 4) {
        size_t count;
        if (!decode_group(text.ptr + i, i + 4 == text.len, to + used, &count))
            return err_new(ERR_PROTOCOL, "not base64 at byte %zu", i);
        used += count;
    }
    out->len += used;
    return NULL;
}

static int hex_value(char c)
{
    if (char_is_digit(c))
        return c - '0';
    c = char_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

err codec_hex_encode(str bytes, struct buf *out)
{
    static const char digits[] = "0123456789abcdef";
    char *to;
    TRY(buf_reserve(out, bytes.len * 2, &to));
    for (size_t i = 0; i < bytes.len; i++) {
        unsigned char c = (unsigned char)bytes.ptr[i];
        *to++ = digits[c >> 4];
        *to++ = digits[c & 15];
    }
    out->len += bytes.len * 2;
    return NULL;
}

err codec_hex_decode(str text, struct buf *out)
{
    if (text.len % 2 != 0)
        return err_new(ERR_PROTOCOL, "hex of %zu digits: not even", text.len);
    char *to;
    TRY(buf_reserve(out, text.len / 2, &to));
    for (size_t i = 0; i < text.len; i += 2) {
        int high = hex_value(text.ptr[i]), low = hex_value(text.ptr[i + 1]);
        if (high < 0 || low < 0)
            return err_new(ERR_PROTOCOL, "not hex at byte %zu", i);
        to[i / 2] = (char)(high << 4 | low);
    }
    out->len += text.len / 2;
    return NULL;
}

enum { QP_LINE_MAX = 76 };

/* Does the octet at i have to be written as =XX? A blank only at the end of a line. */
static bool qp_must_escape(str text, size_t i)
{
    unsigned char c = (unsigned char)text.ptr[i];
    if (c == ' ' || c == '\t')
        return i + 1 == text.len || str_starts(str_from(text, i + 1), S("\r\n"));
    return c < 33 || c > 126 || c == '=';
}

err codec_qp_encode(str text, struct buf *out)
{
    static const char digits[] = "0123456789ABCDEF";
    size_t before = out->len, column = 0;
    err e = NULL;
    for (size_t i = 0; i < text.len && e == NULL; i++) {
        if (str_starts(str_from(text, i), S("\r\n"))) {
            e = buf_add(out, S("\r\n"));
            column = 0;
            i++;
            continue;
        }
        bool escaped = qp_must_escape(text, i);
        size_t width = escaped ? 3 : 1;
        bool line_ends = i + 1 == text.len || str_starts(str_from(text, i + 1), S("\r\n"));
        if (column + width > QP_LINE_MAX - (line_ends ? 0u : 1u)) {
            e = buf_add(out, S("=\r\n"));
            column = 0;
        }
        unsigned char c = (unsigned char)text.ptr[i];
        char form[3] = {'=', digits[c >> 4], digits[c & 15]};
        if (e == NULL)
            e = buf_add(out, escaped ? (str){form, 3} : str_slice(text, i, 1));
        column += width;
    }
    if (e)
        out->len = before;
    return e;
}

err codec_qp_decode(str text, struct buf *out)
{
    char *to;
    TRY(buf_reserve(out, text.len, &to));
    size_t used = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] != '=') {
            to[used++] = text.ptr[i];
            continue;
        }
        str rest = str_from(text, i + 1);
        if (str_starts(rest, S("\r\n"))) { /* soft line break */
            i += 2;
            continue;
        }
        int high = rest.len >= 2 ? hex_value(rest.ptr[0]) : -1;
        int low = rest.len >= 2 ? hex_value(rest.ptr[1]) : -1;
        if (high < 0 || low < 0)
            return err_new(ERR_PROTOCOL, "not quoted-printable at byte %zu", i);
        to[used++] = (char)(high << 4 | low);
        i += 2;
    }
    out->len += used;
    return NULL;
}

err codec_xtext_encode(str bytes, struct buf *out)
{
    static const char digits[] = "0123456789ABCDEF";
    char *to;
    TRY(buf_reserve(out, bytes.len * 3, &to));
    size_t used = 0;
    for (size_t i = 0; i < bytes.len; i++) {
        unsigned char c = (unsigned char)bytes.ptr[i];
        if (c >= 33 && c <= 126 && c != '+' && c != '=') {
            to[used++] = (char)c;
            continue;
        }
        to[used++] = '+';
        to[used++] = digits[c >> 4];
        to[used++] = digits[c & 15];
    }
    out->len += used;
    return NULL;
}

/* Upper case only, as RFC 3461 has it. */
static int xtext_hex_value(char c) { return char_is_alpha(c) && c > 'F' ? -1 : hex_value(c); }

err codec_xtext_decode(str text, struct buf *out)
{
    char *to;
    TRY(buf_reserve(out, text.len, &to));
    size_t used = 0;
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        if (c < 33 || c > 126 || c == '=')
            return err_new(ERR_PROTOCOL, "not xtext at byte %zu", i);
        if (c != '+') {
            to[used++] = (char)c;
            continue;
        }
        int high = i + 2 < text.len ? xtext_hex_value(text.ptr[i + 1]) : -1;
        int low = i + 2 < text.len ? xtext_hex_value(text.ptr[i + 2]) : -1;
        if (high < 0 || low < 0)
            return err_new(ERR_PROTOCOL, "not xtext at byte %zu", i);
        to[used++] = (char)(high << 4 | low);
        i += 2;
    }
    out->len += used;
    return NULL;
}
