#include "outbound/transcript.h"
#include "base/clock.h"
#include "base/mem.h"
#include <string.h>

enum {
    STAMP_BYTES_MAX = 16,
    MARK_BYTES = 2,
    OPENING_BYTES_MAX = OUTBOUND_TRANSCRIPT_BYTES_MAX / 2
};

static size_t memory; /* atomic; of all */

size_t outbound_transcript_memory(void) { return __atomic_load_n(&memory, __ATOMIC_RELAXED); }

static void set_cap(struct outbound_transcript *t, uint32_t cap)
{
    __atomic_add_fetch(&memory, (size_t)cap - t->cap, __ATOMIC_RELAXED);
    t->bytes = mem_resize(t->bytes, cap);
    t->cap = cap;
}

void outbound_transcript_release(struct outbound_transcript *t)
{
    __atomic_sub_fetch(&memory, t->cap, __ATOMIC_RELAXED);
    mem_free(t->bytes);
    *t = (struct outbound_transcript){0};
}

/* Whole lines in front of the mail's go until half of its room is free. */
static void drop_old(struct outbound_transcript *t)
{
    uint32_t from = t->opening, until = from + (t->cap - from) / 2;
    while (until < t->len && t->bytes[until - 1] != '\n')
        until++;
    until = until < t->len ? until : t->len;
    t->left_out += until - from;
    memmove(t->bytes + from, t->bytes + until, t->len - until);
    t->len -= until - from;
}

/* True: there is room for so many bytes more. */
static bool make_room(struct outbound_transcript *t, uint32_t size)
{
    uint32_t cap = t->cap ? t->cap : OUTBOUND_TRANSCRIPT_BYTES_MIN;
    while (cap < t->len + size && cap < OUTBOUND_TRANSCRIPT_BYTES_MAX)
        cap *= 2;
    if (cap > t->cap &&
        outbound_transcript_memory() + cap - t->cap <= OUTBOUND_TRANSCRIPT_MEMORY_MAX)
        set_cap(t, cap);
    if (t->len + size > t->cap && t->len > t->opening)
        drop_old(t);
    return t->len + size <= t->cap;
}

/* "    12.345 ": seconds since the connection began. */
static char *put_stamp(char *at, int64_t ms)
{
    char digits[STAMP_BYTES_MAX];
    size_t n = sizeof digits, width = 10;
    if (ms > 999999999) /* eleven days: longer than any connection */
        ms = 999999999;
    for (int i = 0; i < 3; i++, ms /= 10)
        digits[--n] = (char)('0' + ms % 10);
    digits[--n] = '.';
    do {
        digits[--n] = (char)('0' + ms % 10);
    } while ((ms /= 10) > 0);
    for (size_t i = sizeof digits - n; i < width; i++)
        *at++ = ' ';
    memcpy(at, digits + n, sizeof digits - n);
    at += sizeof digits - n;
    *at++ = ' ';
    return at;
}

void outbound_transcript_line(void *transcript, const char *mark, str line)
{
    struct outbound_transcript *t = transcript;
    int64_t now = clock_steady_ms();
    if (t->began_ms == 0)
        t->began_ms = now;
    line = str_slice(line, 0, OUTBOUND_TRANSCRIPT_LINE_BYTES_MAX);
    uint32_t size = (uint32_t)line.len + STAMP_BYTES_MAX + MARK_BYTES + 2;
    if (!make_room(t, size)) {
        t->left_out += line.len;
        return;
    }
    char *at = put_stamp(t->bytes + t->len, now - t->began_ms);
    memcpy(at, mark, MARK_BYTES);
    at[MARK_BYTES] = ' ';
    at = str_put(at + MARK_BYTES + 1, line);
    *at++ = '\n';
    t->len = (uint32_t)(at - t->bytes);
}

void outbound_transcript_opened(struct outbound_transcript *t)
{
    t->opening = t->len;
    while (t->opening > OPENING_BYTES_MAX ||
           (t->opening > 0 && t->opening < t->len && t->bytes[t->opening - 1] != '\n'))
        t->opening--;
}

void outbound_transcript_begin(struct outbound_transcript *t)
{
    t->len = t->opening;
    t->left_out = 0;
}

void outbound_transcript_rest(struct outbound_transcript *t)
{
    outbound_transcript_begin(t);
    uint32_t cap = OUTBOUND_TRANSCRIPT_BYTES_MIN;
    while (cap < t->len)
        cap *= 2;
    if (t->cap > OUTBOUND_TRANSCRIPT_IDLE_BYTES_MAX && cap < t->cap)
        set_cap(t, cap);
}

/* ---- the book -------------------------------------------------------------------------------- */

void outbound_transcript_book_init(struct outbound_transcript_book *b)
{
    buf_init(&b->text, OUTBOUND_TRANSCRIPT_BOOK_BYTES_MAX);
}

void outbound_transcript_book_release(struct outbound_transcript_book *b) { buf_release(&b->text); }

static err add_all(struct buf *out, str host, str ip, const struct outbound_transcript *t, str why)
{
    str all = {t->bytes, t->len};
    TRY(buf_addf(out, "== %.*s [%.*s]\n", STR_ARG(host), STR_ARG(ip)));
    TRY(buf_add(out, str_slice(all, 0, t->opening)));
    if (t->left_out > 0)
        TRY(buf_addf(out, "== (%llu bytes are left out)\n", (unsigned long long)t->left_out));
    TRY(buf_add(out, str_from(all, t->opening)));
    return why.len ? buf_addf(out, "== %.*s\n", STR_ARG(why)) : NULL;
}

void outbound_transcript_book_add(struct outbound_transcript_book *b, str host, str ip,
                                  const struct outbound_transcript *t, str why)
{
    if (b == NULL)
        return;
    size_t before = b->text.len;
    if (add_all(&b->text, host, ip, t, why) == NULL)
        return;
    b->text.len = before; /* several hosts with much to say: the first are kept */
    err_forget();
}
