/* smtp/line.h -- one command line out of what has arrived
 *
 * A line ends at CRLF. One that is too long is thrown away up to its end and reported once, so that
 * its tail is never read as a command of its own; one with a bare CR or LF inside ends the session,
 * since two programs could see different commands in it.
 */
#pragma once
#include "base/str.h"
#include <assert.h>

enum {
    SMTP_LINE_BASE_BYTES = 512,       /* RFC 5321 section 4.5.3.1.4, with CRLF */
    SMTP_LINE_SIZE_BYTES = 26,        /* RFC 1870 section 3 */
    SMTP_LINE_BODY_BYTES = 17,        /* RFC 6152 section 2, RFC 3030 section 3 */
    SMTP_LINE_AUTH_PARAM_BYTES = 500, /* RFC 4954 section 3 */
    SMTP_LINE_UTF8_BYTES = 10,        /* RFC 6531 section 3.1 */
    SMTP_LINE_DSN_BYTES = 531,        /* RFC 3461 section 4: RCPT grows most, by NOTIFY and ORCPT */
    SMTP_LINE_BYTES_MAX = 2048,       /* with CRLF */
    SMTP_LINE_AUTH_BYTES_MAX = 12288, /* RFC 4954 section 4: AUTH, and the answers it asks for */
    SMTP_LINE_DISCARD_BYTES_MAX = 1 << 20, /* of one line that is too long */
};
static_assert(SMTP_LINE_BASE_BYTES + SMTP_LINE_SIZE_BYTES + SMTP_LINE_BODY_BYTES +
                      SMTP_LINE_AUTH_PARAM_BYTES + SMTP_LINE_UTF8_BYTES + SMTP_LINE_DSN_BYTES <=
                  SMTP_LINE_BYTES_MAX,
              "all extensions at once fit into a line");

enum smtp_line_event {
    SMTP_LINE_MORE,     /* no whole line yet */
    SMTP_LINE_READY,    /* *ret_line is one, without CRLF */
    SMTP_LINE_TOO_LONG, /* one was thrown away: 500 5.5.6, and go on */
    SMTP_LINE_BARE,     /* CR or LF alone: 500 5.5.2, and close */
    SMTP_LINE_ENDLESS,  /* more than DISCARD_BYTES_MAX without an end: close */
};

struct smtp_line_reader {
    size_t discarded; /* bytes of the line that is being thrown away; 0: none is */
};

/* Judge what has arrived; *input is cut behind what was consumed. limit counts CRLF and is raised
 * to SMTP_LINE_AUTH_BYTES_MAX for a line that starts with "AUTH ". The input must be able to hold
 * that much, for MORE takes nothing unless a line is being thrown away. */
enum smtp_line_event smtp_line_take(struct smtp_line_reader *, size_t limit, str *input,
                                    str *ret_line);
