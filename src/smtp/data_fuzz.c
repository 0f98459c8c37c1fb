#include "base/buf.h"
#include "smtp/data.h"
#include "tests/fuzz.h"

/* Read the input in pieces; the body goes to out. Returns the bytes consumed, 0: no end. */
static size_t read_pieces(str input, size_t piece, struct smtp_data_reader *r, struct buf *out)
{
    smtp_data_reader_init(r);
    for (size_t at = 0; at < input.len; at += piece) {
        str part = str_slice(input, at, piece), run;
        size_t len = part.len;
        enum smtp_data_event event;
        while ((event = smtp_data_read(r, &part, &run)) == SMTP_DATA_RUN) {
            ASSERT(run.len > 0);
            ASSERT(!buf_add(out, run));
        }
        if (event == SMTP_DATA_END)
            return at + len - part.len;
        ASSERT(part.len == 0);
    }
    smtp_scan_end(&r->scan);
    return 0;
}

static bool same_scan(const struct smtp_scan *a, const struct smtp_scan *b)
{
    return a->bytes == b->bytes && a->longest_line == b->longest_line &&
           a->header_bytes == b->header_bytes && a->line_bytes == b->line_bytes &&
           smtp_scan_found(a) == smtp_scan_found(b) && a->bare_cr == b->bare_cr &&
           a->bare_lf == b->bare_lf && a->nul == b->nul;
}

/* What was read without a bare CR or LF goes out again and reads as the same; else it is refused.
 */
static void check_again(str body, const struct smtp_data_reader *read, size_t piece)
{
    struct smtp_data_reader again;
    struct smtp_data_writer w;
    struct buf wire, back;
    str run = {0};
    buf_init(&wire, 8 << 20);
    buf_init(&back, 8 << 20);
    smtp_data_writer_init(&w);
    err e = NULL;
    for (size_t at = 0; at < body.len && !e; at += piece) {
        str part = str_slice(body, at, piece);
        do {
            e = smtp_data_write(&w, &part, &run);
            ASSERT(e || !buf_add(&wire, run));
        } while (!e && run.len > 0);
    }
    if (!e)
        e = smtp_data_write_end(&w, &run);
    ASSERT((e != NULL) == (read->scan.bare_cr || read->scan.bare_lf));
    if (!e) {
        ASSERT(!buf_add(&wire, run));
        ASSERT(read_pieces(buf_str(&wire), wire.len, &again, &back) == wire.len);
        ASSERT(str_eq(body, str_slice(buf_str(&back), 0, body.len)));
        ASSERT(back.len == body.len || back.len == body.len + 2); /* the final CRLF */
    }
    buf_release(&wire);
    buf_release(&back);
}

FUZZ(input, arena)
{
    (void)arena;
    static const size_t pieces[] = {1, 2, 3, 63, 64, 65, 1000};
    struct smtp_data_reader whole, cut;
    struct buf body, other;
    buf_init(&body, 2 << 20);
    buf_init(&other, 2 << 20);
    size_t consumed = read_pieces(input, input.len + 1, &whole, &body);
    if (consumed > 0) /* and only CRLF.CRLF ends */
        ASSERT(str_ends_nocase((str){input.ptr, consumed},
                               consumed == 3 ? S(".\r\n") : S("\r\n.\r\n")));
    for (size_t i = 0; i < ARRAY_LEN(pieces); i++) {
        buf_clear(&other);
        ASSERT(read_pieces(input, pieces[i], &cut, &other) == consumed);
        ASSERT(str_eq(buf_str(&body), buf_str(&other)));
        ASSERT(same_scan(&whole.scan, &cut.scan));
    }
    check_again(buf_str(&body), &whole, 1 + input.len % 7);
    buf_release(&body);
    buf_release(&other);
}
