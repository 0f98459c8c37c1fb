#include "message/charset.h"
#include "base/mem.h"
#include "message/text.h"
#include <errno.h>
#include <iconv.h>
#include <string.h>

enum { CARRY_BYTES_MAX = 16, STEP_BYTES = 512 };

/* What is in most mail needs no libc. */
enum way { WAY_LIBC, WAY_UTF8, WAY_ASCII, WAY_LATIN1, WAY_WINDOWS };

struct message_charset {
    enum way way;
    iconv_t iconv;               /* of WAY_LIBC */
    char carry[CARRY_BYTES_MAX]; /* the front of a character whose end is still to come */
    size_t carry_len;
    size_t bad;
};

static bool confined;

void message_charset_confine(bool yes) { confined = yes; }

/* The name in mail, in lower case, libc's name where that is another one, and our own way. */
static const struct charset {
    const char *name, *iconv;
    enum way way;
} charsets[] = {
    {"utf-8",          NULL,         WAY_UTF8   },
    {"utf8",           "UTF-8",      WAY_UTF8   },
    {"us-ascii",       NULL,         WAY_ASCII  },
    {"ascii",          NULL,         WAY_ASCII  },
    {"ansi_x3.4-1968", NULL,         WAY_ASCII  },
    {"utf-7",          NULL,         WAY_LIBC   },
    {"utf-16",         NULL,         WAY_LIBC   },
    {"utf-16be",       NULL,         WAY_LIBC   },
    {"utf-16le",       NULL,         WAY_LIBC   },
    {"utf-32",         NULL,         WAY_LIBC   },
    {"iso-8859-1",     NULL,         WAY_LATIN1 },
    {"latin1",         NULL,         WAY_LATIN1 },
    {"iso8859-1",      NULL,         WAY_LATIN1 },
    {"iso_8859-1",     NULL,         WAY_LATIN1 },
    {"iso-8859-2",     NULL,         WAY_LIBC   },
    {"iso-8859-3",     NULL,         WAY_LIBC   },
    {"iso-8859-4",     NULL,         WAY_LIBC   },
    {"iso-8859-5",     NULL,         WAY_LIBC   },
    {"iso-8859-6",     NULL,         WAY_LIBC   },
    {"iso-8859-7",     NULL,         WAY_LIBC   },
    {"iso-8859-8",     NULL,         WAY_LIBC   },
    {"iso-8859-8-i",   "ISO-8859-8", WAY_LIBC   },
    {"iso-8859-9",     NULL,         WAY_LIBC   },
    {"iso-8859-10",    NULL,         WAY_LIBC   },
    {"iso-8859-11",    NULL,         WAY_LIBC   },
    {"iso-8859-13",    NULL,         WAY_LIBC   },
    {"iso-8859-14",    NULL,         WAY_LIBC   },
    {"iso-8859-15",    NULL,         WAY_LIBC   },
    {"iso-8859-16",    NULL,         WAY_LIBC   },
    {"windows-874",    "CP874",      WAY_LIBC   },
    {"windows-1250",   "CP1250",     WAY_LIBC   },
    {"windows-1251",   "CP1251",     WAY_LIBC   },
    {"windows-1252",   "CP1252",     WAY_WINDOWS},
    {"windows-1253",   "CP1253",     WAY_LIBC   },
    {"windows-1254",   "CP1254",     WAY_LIBC   },
    {"windows-1255",   "CP1255",     WAY_LIBC   },
    {"windows-1256",   "CP1256",     WAY_LIBC   },
    {"windows-1257",   "CP1257",     WAY_LIBC   },
    {"windows-1258",   "CP1258",     WAY_LIBC   },
    {"cp1250",         NULL,         WAY_LIBC   },
    {"cp1251",         NULL,         WAY_LIBC   },
    {"cp1252",         NULL,         WAY_WINDOWS},
    {"cp437",          NULL,         WAY_LIBC   },
    {"ibm437",         NULL,         WAY_LIBC   },
    {"ibm850",         NULL,         WAY_LIBC   },
    {"ibm852",         NULL,         WAY_LIBC   },
    {"cp866",          NULL,         WAY_LIBC   },
    {"ibm866",         NULL,         WAY_LIBC   },
    {"koi8-r",         NULL,         WAY_LIBC   },
    {"koi8-u",         NULL,         WAY_LIBC   },
    {"macintosh",      NULL,         WAY_LIBC   },
    {"tis-620",        NULL,         WAY_LIBC   },
    {"gb2312",         "GBK",        WAY_LIBC   }, /* its superset: what writes "gb2312" writes that */
    {"gbk",            NULL,         WAY_LIBC   },
    {"cp936",          NULL,         WAY_LIBC   },
    {"gb18030",        NULL,         WAY_LIBC   },
    {"big5",           NULL,         WAY_LIBC   },
    {"big5-hkscs",     NULL,         WAY_LIBC   },
    {"euc-tw",         NULL,         WAY_LIBC   },
    {"shift_jis",      "CP932",      WAY_LIBC   }, /* likewise */
    {"shift-jis",      "CP932",      WAY_LIBC   },
    {"cp932",          NULL,         WAY_LIBC   },
    {"windows-31j",    "CP932",      WAY_LIBC   },
    {"euc-jp",         NULL,         WAY_LIBC   },
    {"iso-2022-jp",    NULL,         WAY_LIBC   },
    {"euc-kr",         NULL,         WAY_LIBC   },
    {"ks_c_5601-1987", "CP949",      WAY_LIBC   },
    {"cp949",          NULL,         WAY_LIBC   },
    {"iso-2022-kr",    NULL,         WAY_LIBC   },
};

static const struct charset *find(str name)
{
    for (size_t i = 0; i < ARRAY_LEN(charsets); i++)
        if (str_eq_nocase(name, str_of(charsets[i].name)))
            return &charsets[i];
    return NULL;
}

struct message_charset *message_charset_open(str name)
{
    const struct charset *from = find(str_trim(name));
    iconv_t iconv = (iconv_t)-1;
    if (from == NULL || (from->way == WAY_LIBC && confined))
        return NULL;
    if (from->way == WAY_LIBC) {
        iconv = iconv_open("UTF-8", from->iconv ? from->iconv : from->name);
        if (iconv == (iconv_t)-1)
            return NULL; /* this libc came without its table */
    }
    struct message_charset *c = MEM_NEW(struct message_charset);
    c->way = from->way;
    c->iconv = iconv;
    return c;
}

void message_charset_close(struct message_charset *c)
{
    if (c == NULL)
        return;
    if (c->way == WAY_LIBC)
        iconv_close(c->iconv);
    mem_free(c);
}

void message_charset_cleanup(struct message_charset **c) { message_charset_close(*c); }

size_t message_charset_bad(const struct message_charset *c) { return c->bad; }

/* Whole characters, as libc wrote them: it lets code points pass that are none (RFC 3629). */
static err add_checked(struct message_charset *c, str text, struct buf *out)
{
    if (str_is_utf8(text))
        return buf_add(out, text);
    while (text.len > 0) {
        str before = text;
        uint32_t code;
        bool valid = message_text_next(&text, &code);
        c->bad += !valid;
        TRY(buf_add(out, valid ? str_slice(before, 0, before.len - text.len) : S("\xef\xbf\xbd")));
    }
    return NULL;
}

/* 0x80 to 0x9f of windows-1252; 0: not used. */
static const uint16_t windows[32] = {0x20ac, 0,      0x201a, 0x192,  0x201e, 0x2026, 0x2020, 0x2021,
                                     0x2c6,  0x2030, 0x160,  0x2039, 0x152,  0,      0x17d,  0,
                                     0,      0x2018, 0x2019, 0x201c, 0x201d, 0x2022, 0x2013, 0x2014,
                                     0x2dc,  0x2122, 0x161,  0x203a, 0x153,  0,      0x17e,  0x178};

static err add_code(struct message_charset *c, uint32_t code, struct buf *out)
{
    if (code == 0xfffd)
        c->bad++;
    if (code < 0x80)
        return buf_add_char(out, (char)code);
    char bytes[3] = {(char)(0xe0 | code >> 12), (char)(0x80 | (code >> 6 & 0x3f)),
                     (char)(0x80 | (code & 0x3f))};
    if (code >= 0x800)
        return buf_add(out, (str){bytes, 3});
    bytes[1] = (char)(0xc0 | code >> 6);
    return buf_add(out, (str){bytes + 1, 2});
}

static err convert_bytes(struct message_charset *c, str *text, struct buf *out)
{
    for (; text->len > 0; *text = str_from(*text, 1)) {
        uint32_t code = (unsigned char)text->ptr[0];
        if (c->way == WAY_ASCII && code > 127)
            code = 0xfffd;
        if (c->way == WAY_WINDOWS && code >= 0x80 && code < 0xa0)
            code = windows[code - 0x80] ? windows[code - 0x80] : 0xfffd;
        TRY(add_code(c, code, out));
    }
    return NULL;
}

/* More bytes could make one character of it. */
static bool is_unfinished(str text)
{
    unsigned char first = (unsigned char)text.ptr[0];
    size_t wanted = first >= 0xf0 && first < 0xf5 ? 4 : first >= 0xe0 ? 3 : 2;
    if (first < 0xc2 || first > 0xf4 || text.len >= wanted)
        return false;
    for (size_t i = 1; i < text.len; i++)
        if (((unsigned char)text.ptr[i] & 0xc0) != 0x80)
            return false;
    return true;
}

static err convert_utf8(struct message_charset *c, str *text, struct buf *out)
{
    size_t plain = 0;
    while (plain < text->len && (unsigned char)text->ptr[plain] < 0x80)
        plain++;
    TRY(buf_add(out, str_slice(*text, 0, plain)));
    *text = str_from(*text, plain);
    while (text->len > 0 && !is_unfinished(*text)) {
        str before = *text;
        uint32_t code;
        bool valid = message_text_next(text, &code);
        c->bad += !valid;
        TRY(buf_add(out, valid ? str_slice(before, 0, before.len - text->len) : S("\xef\xbf\xbd")));
    }
    return NULL;
}

static err convert_by_libc(struct message_charset *c, str *text, struct buf *out)
{
    while (text->len > 0) {
        char room[STEP_BYTES];
        char *to = room, *from = (char *)text->ptr;
        size_t to_left = sizeof room, from_left = text->len;
        size_t result = iconv(c->iconv, &from, &from_left, &to, &to_left);
        int why = result == (size_t)-1 ? errno : 0;
        TRY(add_checked(c, (str){room, sizeof room - to_left}, out));
        *text = str_from(*text, text->len - from_left);
        if (why == EINVAL)
            return NULL;
        if (why == 0 || why == E2BIG)
            continue;
        TRY(buf_add(out, S("\xef\xbf\xbd")));
        *text = str_from(*text, 1);
        c->bad++;
    }
    return NULL;
}

/* As much of *text as can be; an unfinished character stays in it. */
static err convert(struct message_charset *c, str *text, struct buf *out)
{
    if (c->way == WAY_UTF8)
        return convert_utf8(c, text, out);
    return c->way == WAY_LIBC ? convert_by_libc(c, text, out) : convert_bytes(c, text, out);
}

/* The carried bytes with as many of the piece as fit, until none is carried any more. */
static err convert_carry(struct message_charset *c, str *piece, struct buf *out)
{
    while (c->carry_len > 0 && piece->len > 0) {
        c->carry[c->carry_len++] = piece->ptr[0];
        *piece = str_from(*piece, 1);
        str text = {c->carry, c->carry_len};
        TRY(convert(c, &text, out));
        if (text.len == CARRY_BYTES_MAX) { /* no character is that long */
            TRY(buf_add(out, S("\xef\xbf\xbd")));
            text = str_from(text, 1);
            c->bad++;
        }
        if (text.len > 0)
            memmove(c->carry, text.ptr, text.len);
        c->carry_len = text.len;
    }
    return NULL;
}

err message_charset_add(struct message_charset *c, str piece, struct buf *out)
{
    TRY(convert_carry(c, &piece, out));
    TRY(convert(c, &piece, out));
    while (piece.len >= CARRY_BYTES_MAX) { /* cannot be one unfinished character */
        TRY(buf_add(out, S("\xef\xbf\xbd")));
        c->bad++;
        piece = str_from(piece, 1);
        TRY(convert(c, &piece, out));
    }
    if (piece.len > 0) {
        memcpy(c->carry, piece.ptr, piece.len);
        c->carry_len = piece.len;
    }
    return NULL;
}

err message_charset_end(struct message_charset *c, struct buf *out)
{
    char room[STEP_BYTES];
    char *to = room;
    size_t to_left = sizeof room;
    if (c->way == WAY_LIBC)
        iconv(c->iconv, NULL, NULL, &to, &to_left); /* what a converter held back */
    TRY(add_checked(c, (str){room, sizeof room - to_left}, out));
    if (c->carry_len == 0)
        return NULL;
    c->bad += c->carry_len;
    c->carry_len = 0;
    return buf_add(out, S("\xef\xbf\xbd"));
}

err message_charset_to_utf8(str name, str bytes, struct buf *out, bool *ret_exact)
{
    size_t before = out->len;
    CLEANUP(message_charset_cleanup) struct message_charset *c = message_charset_open(name);
    bool known = c != NULL;
    if (!known)
        c = message_charset_open(S("utf-8"));
    ASSERT(c != NULL);
    err e = message_charset_add(c, bytes, out);
    if (e == NULL)
        e = message_charset_end(c, out);
    if (e) {
        out->len = before;
        return e;
    }
    *ret_exact = known && c->bad == 0;
    return NULL;
}
