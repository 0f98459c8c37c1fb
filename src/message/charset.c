#include "message/charset.h"
#include "base/mem.h"
#include "message/text.h"
#include <errno.h>
#include <iconv.h>
#include <string.h>

enum { CARRY_BYTES_MAX = 16, STEP_BYTES = 512 };

struct message_charset {
    iconv_t iconv;
    char carry[CARRY_BYTES_MAX]; /* the front of a character whose end is still to come */
    size_t carry_len;
    size_t bad;
};

/* The name in mail, in lower case, and libc's name where that is another one. */
static const struct {
    const char *name, *iconv;
} charsets[] = {
    {"utf-8",          NULL        },
    {"utf8",           "UTF-8"     },
    {"us-ascii",       NULL        },
    {"ascii",          NULL        },
    {"ansi_x3.4-1968", NULL        },
    {"utf-7",          NULL        },
    {"utf-16",         NULL        },
    {"utf-16be",       NULL        },
    {"utf-16le",       NULL        },
    {"utf-32",         NULL        },
    {"iso-8859-1",     NULL        },
    {"latin1",         NULL        },
    {"iso8859-1",      NULL        },
    {"iso_8859-1",     NULL        },
    {"iso-8859-2",     NULL        },
    {"iso-8859-3",     NULL        },
    {"iso-8859-4",     NULL        },
    {"iso-8859-5",     NULL        },
    {"iso-8859-6",     NULL        },
    {"iso-8859-7",     NULL        },
    {"iso-8859-8",     NULL        },
    {"iso-8859-8-i",   "ISO-8859-8"},
    {"iso-8859-9",     NULL        },
    {"iso-8859-10",    NULL        },
    {"iso-8859-11",    NULL        },
    {"iso-8859-13",    NULL        },
    {"iso-8859-14",    NULL        },
    {"iso-8859-15",    NULL        },
    {"iso-8859-16",    NULL        },
    {"windows-874",    "CP874"     },
    {"windows-1250",   "CP1250"    },
    {"windows-1251",   "CP1251"    },
    {"windows-1252",   "CP1252"    },
    {"windows-1253",   "CP1253"    },
    {"windows-1254",   "CP1254"    },
    {"windows-1255",   "CP1255"    },
    {"windows-1256",   "CP1256"    },
    {"windows-1257",   "CP1257"    },
    {"windows-1258",   "CP1258"    },
    {"cp1250",         NULL        },
    {"cp1251",         NULL        },
    {"cp1252",         NULL        },
    {"cp437",          NULL        },
    {"ibm437",         NULL        },
    {"ibm850",         NULL        },
    {"ibm852",         NULL        },
    {"cp866",          NULL        },
    {"ibm866",         NULL        },
    {"koi8-r",         NULL        },
    {"koi8-u",         NULL        },
    {"macintosh",      NULL        },
    {"tis-620",        NULL        },
    {"gb2312",         "GBK"       }, /* its superset: what writes "gb2312" writes that */
    {"gbk",            NULL        },
    {"cp936",          NULL        },
    {"gb18030",        NULL        },
    {"big5",           NULL        },
    {"big5-hkscs",     NULL        },
    {"euc-tw",         NULL        },
    {"shift_jis",      "CP932"     }, /* likewise */
    {"shift-jis",      "CP932"     },
    {"cp932",          NULL        },
    {"windows-31j",    "CP932"     },
    {"euc-jp",         NULL        },
    {"iso-2022-jp",    NULL        },
    {"euc-kr",         NULL        },
    {"ks_c_5601-1987", "CP949"     },
    {"cp949",          NULL        },
    {"iso-2022-kr",    NULL        },
};

static const char *find_name(str name)
{
    for (size_t i = 0; i < ARRAY_LEN(charsets); i++)
        if (str_eq_nocase(name, str_of(charsets[i].name)))
            return charsets[i].iconv ? charsets[i].iconv : charsets[i].name;
    return NULL;
}

struct message_charset *message_charset_open(str name)
{
    const char *from = find_name(str_trim(name));
    if (from == NULL)
        return NULL;
    iconv_t iconv = iconv_open("UTF-8", from);
    if (iconv == (iconv_t)-1)
        return NULL; /* this libc came without its table */
    struct message_charset *c = MEM_NEW(struct message_charset);
    c->iconv = iconv;
    return c;
}

void message_charset_close(struct message_charset *c)
{
    if (c == NULL)
        return;
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

/* As much of *text as can be; an unfinished character stays in it. */
static err convert(struct message_charset *c, str *text, struct buf *out)
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
    ASSERT(c != NULL); /* libc has that one built in */
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
