#include "smtp/scan.h"
#include <string.h>

/* The content is looked at in blocks: for each a mask has one bit a byte for CR, for LF, for NUL
 * and for what is above 127. Shifts then tell which CR and LF belong together, and work for each
 * byte is left only at the ends of lines. */
enum { BLOCK_BYTES = 64 };

struct masks {
    uint64_t cr, lf, nul, high;
};

#ifdef __SSE2__
#include <emmintrin.h>

static uint64_t bits(__m128i v) { return (uint64_t)(uint32_t)_mm_movemask_epi8(v); }

static struct masks block_masks(const char *p)
{
    const __m128i cr = _mm_set1_epi8('\r'), lf = _mm_set1_epi8('\n'), nul = _mm_setzero_si128();
    struct masks m = {0};
    for (int i = 0; i < BLOCK_BYTES; i += 16) {
        __m128i v = _mm_loadu_si128((const __m128i *)(const void *)(p + i));
        m.cr |= bits(_mm_cmpeq_epi8(v, cr)) << i;
        m.lf |= bits(_mm_cmpeq_epi8(v, lf)) << i;
        m.nul |= bits(_mm_cmpeq_epi8(v, nul)) << i;
        m.high |= bits(v) << i;
    }
    return m;
}
#else
#define EACH_BYTE(x) (0x0101010101010101u * (uint64_t)(x))

/* The top bit of each byte, gathered into eight bits. */
static uint64_t bits(uint64_t v)
{
    return ((v & EACH_BYTE(0x80)) >> 7) * 0x0102040810204080u >> 56;
}

static uint64_t equal(uint64_t word, char c)
{
    uint64_t x = word ^ EACH_BYTE(c);
    return bits(~(((x & EACH_BYTE(0x7f)) + EACH_BYTE(0x7f)) | x));
}

static struct masks block_masks(const char *p)
{
    struct masks m = {0};
    for (int i = 0; i < BLOCK_BYTES; i += 8) {
        uint64_t word;
        memcpy(&word, p + i, sizeof word);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
        word = __builtin_bswap64(word);
#endif
        m.cr |= equal(word, '\r') << i;
        m.lf |= equal(word, '\n') << i;
        m.nul |= equal(word, '\0') << i;
        m.high |= bits(word) << i;
    }
    return m;
}
#endif

static void note_line(struct smtp_scan *s, uint64_t bytes)
{
    if (bytes > s->longest_line)
        s->longest_line = bytes;
}

/* The bits from..to-1. */
static uint64_t range(unsigned from, unsigned to)
{
    uint64_t below = to >= 64 ? UINT64_MAX : (UINT64_C(1) << to) - 1;
    return from >= 64 ? 0 : below & ~((UINT64_C(1) << from) - 1);
}

/* Bytes above 127 in a part of a block belong to the header or to the body. */
static void note_high(struct smtp_scan *s, uint64_t high)
{
    if (high == 0)
        return;
    if (s->header_bytes == 0)
        s->eight_bit_header = true;
    else
        s->eight_bit_body = true;
}

/* Walk the ends of the lines in one block of len bytes. */
static void walk_lines(struct smtp_scan *s, uint64_t ends, uint64_t high, unsigned len)
{
    unsigned from = 0;
    while (ends) {
        unsigned at = (unsigned)__builtin_ctzll(ends); /* the LF */
        uint64_t line = s->line_bytes + at + 1 - from - 2;
        note_line(s, line);
        note_high(s, high & range(from, at + 1));
        if (line == 0 && s->header_bytes == 0)
            s->header_bytes = s->bytes + at + 1;
        s->line_bytes = 0;
        from = at + 1;
        ends &= ends - 1;
    }
    note_high(s, high & range(from, len));
    s->line_bytes += len - from;
}

static void feed_block(struct smtp_scan *s, const struct masks *m, unsigned len)
{
    uint64_t after_cr = m->cr << 1 | (s->last_was_cr ? 1u : 0u);
    uint64_t all = range(0, len);
    s->bare_lf |= (m->lf & ~after_cr) != 0;
    s->bare_cr |= (after_cr & ~m->lf & all) != 0;
    s->nul |= m->nul != 0;
    walk_lines(s, m->lf & after_cr, m->high, len);
    s->last_was_cr = m->cr >> (len - 1) & 1;
    s->bytes += len;
}

void smtp_scan_feed(struct smtp_scan *s, str bytes)
{
    size_t i = 0;
    for (; bytes.len - i >= BLOCK_BYTES; i += BLOCK_BYTES) {
        struct masks m = block_masks(bytes.ptr + i);
        feed_block(s, &m, BLOCK_BYTES);
    }
    if (i == bytes.len)
        return;
    unsigned left = (unsigned)(bytes.len - i);
    char tail[BLOCK_BYTES];
    memset(tail, 'x', sizeof tail); /* none of the bytes that are looked for */
    memcpy(tail, bytes.ptr + i, left);
    struct masks m = block_masks(tail);
    feed_block(s, &m, left);
}

void smtp_scan_end(struct smtp_scan *s)
{
    s->bare_cr |= s->last_was_cr;
    note_line(s, s->line_bytes);
}

uint8_t smtp_scan_found(const struct smtp_scan *s)
{
    unsigned found = 0;
    if (s->eight_bit_body)
        found |= FOUND_8BIT;
    if (s->eight_bit_header)
        found |= FOUND_8BIT_HEADER;
    if (s->nul || s->bare_cr || s->bare_lf)
        found |= FOUND_BINARY;
    if (s->longest_line > SMTP_SCAN_LINE_BYTES_MAX)
        found |= FOUND_LONG_LINES;
    if (s->line_bytes > 0)
        found |= FOUND_NO_FINAL_CRLF;
    return (uint8_t)found;
}
