#include "smtp/scan.h"
#include "tests/fuzz.h"

/* The same, told byte by byte and without cleverness. */
static void scan_slowly(str s, struct smtp_scan *scan)
{
    uint64_t line = 0;
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        bool after_cr = i > 0 && s.ptr[i - 1] == '\r';
        bool before_lf = i + 1 < s.len && s.ptr[i + 1] == '\n';
        scan->nul |= c == '\0';
        scan->bare_lf |= c == '\n' && !after_cr;
        scan->bare_cr |= c == '\r' && !before_lf;
        bool high = (unsigned char)c > 127;
        scan->eight_bit_header |= high && scan->header_bytes == 0;
        scan->eight_bit_body |= high && scan->header_bytes > 0;
        bool ends = c == '\n' && after_cr;
        line++;
        uint64_t content = ends ? line - 2 : line - (c == '\r' && before_lf);
        if (content > scan->longest_line)
            scan->longest_line = content;
        if (ends && line == 2 && scan->header_bytes == 0)
            scan->header_bytes = i + 1;
        if (ends)
            line = 0;
    }
    scan->line_bytes = line;
    scan->bytes = s.len;
}

FUZZ(input, arena)
{
    (void)arena;
    static const size_t pieces[] = {1, 3, 63, 64, 65, SIZE_MAX / 2};
    struct smtp_scan slow = {0};
    scan_slowly(input, &slow);
    for (size_t i = 0; i < ARRAY_LEN(pieces); i++) {
        struct smtp_scan s = {0};
        for (size_t at = 0; at < input.len; at += pieces[i])
            smtp_scan_feed(&s, str_slice(input, at, pieces[i]));
        smtp_scan_end(&s);
        ASSERT(s.bytes == slow.bytes);
        ASSERT(s.line_bytes == slow.line_bytes);
        ASSERT(s.longest_line == slow.longest_line);
        ASSERT(s.header_bytes == slow.header_bytes);
        ASSERT(s.nul == slow.nul && s.bare_cr == slow.bare_cr && s.bare_lf == slow.bare_lf);
        ASSERT(s.eight_bit_header == slow.eight_bit_header);
        ASSERT(s.eight_bit_body == slow.eight_bit_body);
        ASSERT(smtp_scan_found(&s) == smtp_scan_found(&slow));
    }
}
