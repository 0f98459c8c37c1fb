#include "base/codec.h"
#include <string.h>

static const char base64_digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

err codec_base64_encode(str bytes, struct buf *out)
{
    char *to;
    TRY(buf_reserve(out, (bytes.len + 2) / 3 * 4, &to));
    const unsigned char *p = (const unsigned char *)bytes.ptr;
    for (size_t i = 0; i < bytes.len; i += 3) {
        size_t left = bytes.len - i;
        unsigned a = p[i], b = left > 1 ? p[i + 1] : 0, c = left > 2 ? p[i + 2] : 0;
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

int codec_base64_value(char c)
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
        int value = i >= 4 - pad ? 0 : codec_base64_value(digits[i]);
        if (value < 0)
            return false;
        word = word << 6 | (uint32_t)value;
    }
    if ((pad == 1 && word & 0xff) || (pad == 2 && word & 0xffff))
        return false; /* bits that no encoder sets: two texts would mean the same bytes */
    for (size_t i = 0; i < 3 - pad; i++)
        ret_bytes[i] = (char)(word >> (16 - 8 * i));
    *ret_count = 3 - pad;
    return true;
}

err codec_base64_decode(str text, struct buf *out)
{
    if (text.len % 4 != 0)
        return err_new(ERR_PROTOCOL, "base64 of %zu digits: not a multiple of four", text.len);
    size_t pad = str_ends_nocase(text, S("==")) ? 2 : str_ends_nocase(text, S("="));
    char *to;
    TRY(buf_reserve(out, text.len / 4 * 3 - pad, &to));
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
        int high = char_hex_value(text.ptr[i]), low = char_hex_value(text.ptr[i + 1]);
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

/* One line without its CRLF; ended: there was one. Blanks at its end are the transport's. */
static err qp_decode_line(str line, bool ended, struct buf *out)
{
    while (line.len > 0 && (line.ptr[line.len - 1] == ' ' || line.ptr[line.len - 1] == '\t'))
        line.len--;
    bool soft = ended && line.len > 0 && line.ptr[line.len - 1] == '=';
    line.len -= soft;
    for (size_t i = 0; i < line.len; i++) {
        char c = line.ptr[i];
        if (c == '=') {
            int high = i + 2 < line.len ? char_hex_value(line.ptr[i + 1]) : -1;
            int low = i + 2 < line.len ? char_hex_value(line.ptr[i + 2]) : -1;
            if (high < 0 || low < 0)
                return err_new(ERR_PROTOCOL, "not quoted-printable: \"=\" without two hex digits");
            c = (char)(high << 4 | low);
            i += 2;
        } else if (c != '\t' && (c < ' ' || c > '~')) {
            return err_new(ERR_PROTOCOL, "not quoted-printable: octet %d bare", (unsigned char)c);
        }
        TRY(buf_add_char(out, c));
    }
    return ended && !soft ? buf_add(out, S("\r\n")) : NULL;
}

err codec_qp_decode(str text, struct buf *out)
{
    size_t before = out->len;
    err e = NULL;
    while (text.len > 0 && e == NULL) {
        size_t lf = str_find(text, '\n');
        bool ended = lf != STR_NONE && lf > 0 && text.ptr[lf - 1] == '\r';
        str line = str_slice(text, 0, ended ? lf - 1 : text.len);
        e = qp_decode_line(line, ended, out);
        text = str_from(text, line.len + (ended ? 2 : 0));
    }
    if (e)
        out->len = before;
    return e;
}

static bool xtext_is_plain(unsigned char c) { return c >= 33 && c <= 126 && c != '+' && c != '='; }

err codec_xtext_encode(str bytes, struct buf *out)
{
    static const char digits[] = "0123456789ABCDEF";
    size_t size = 0;
    for (size_t i = 0; i < bytes.len; i++)
        size += xtext_is_plain((unsigned char)bytes.ptr[i]) ? 1 : 3;
    char *to;
    TRY(buf_reserve(out, size, &to));
    for (size_t i = 0; i < bytes.len; i++) {
        unsigned char c = (unsigned char)bytes.ptr[i];
        if (xtext_is_plain(c)) {
            *to++ = (char)c;
            continue;
        }
        *to++ = '+';
        *to++ = digits[c >> 4];
        *to++ = digits[c & 15];
    }
    out->len += size;
    return NULL;
}

/* Upper case only, as RFC 3461 has it. */
static int xtext_hex_value(char c) { return char_is_alpha(c) && c > 'F' ? -1 : char_hex_value(c); }

/* The octet that stands at *at, which is moved to its last character; -1: not xtext. */
static int xtext_octet(str text, size_t *at)
{
    size_t i = *at;
    if (text.ptr[i] != '+')
        return xtext_is_plain((unsigned char)text.ptr[i]) ? text.ptr[i] : -1;
    int high = i + 2 < text.len ? xtext_hex_value(text.ptr[i + 1]) : -1;
    int low = i + 2 < text.len ? xtext_hex_value(text.ptr[i + 2]) : -1;
    *at = i + 2;
    return high < 0 || low < 0 ? -1 : high << 4 | low;
}

err codec_xtext_decode(str text, struct buf *out)
{
    size_t before = out->len;
    err e = NULL;
    for (size_t i = 0; i < text.len && e == NULL; i++) {
        size_t start = i;
        int octet = xtext_octet(text, &i);
        e = octet < 0 ? err_new(ERR_PROTOCOL, "not xtext at byte %zu", start)
                      : buf_add_char(out, (char)octet);
    }
    if (e)
        out->len = before;
    return e;
}
