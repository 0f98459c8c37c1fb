/* smtp/scan.h -- what a message holds, learned while it passes by
 *
 * Feed the content as it will be stored (without dot-stuffing), in pieces of any size: the answer
 * does not depend on how it was cut. A line ends at CRLF and nowhere else.
 */
#pragma once
#include "message/envelope.h"

enum { SMTP_SCAN_LINE_BYTES_MAX = 998 }; /* RFC 5322 section 2.1.1, without CRLF */

struct smtp_scan {
    uint64_t bytes;        /* fed so far */
    uint64_t line_bytes;   /* of the line that is not finished */
    uint64_t longest_line; /* without CRLF */
    uint64_t header_bytes; /* with the empty line that ends it; 0: not ended yet */
    bool bare_cr, bare_lf, nul;
    bool eight_bit_header, eight_bit_body;
    bool last_was_cr; /* the last byte fed: is it half a CRLF? */
};

/* All zero is a scan that has seen nothing. */
void smtp_scan_feed(struct smtp_scan *, str bytes);
void smtp_scan_end(struct smtp_scan *);            /* nothing more will come */
uint8_t smtp_scan_found(const struct smtp_scan *); /* enum envelope_found; after smtp_scan_end() */
