/* template/escape.h -- a value made harmless for the place where it stands
 *
 * In a header and in an address a value that cannot be harmless is refused, never mended: a row
 * whose name holds a line end is a row that somebody has tampered with.
 */
#pragma once
#include "base/buf.h"

enum template_escape {
    ESCAPE_NONE,     /* plain text; and {{{raw}}} in HTML */
    ESCAPE_HEADER,   /* one line: CR, LF, NUL and other control bytes are refused */
    ESCAPE_PHRASE,   /* the name of an address: quoted where it must be */
    ESCAPE_QUOTED,   /* the same inside quotes that the template has */
    ESCAPE_ADDRESS,  /* a whole "local@domain" and nothing else */
    ESCAPE_HTML,     /* text and quoted attributes */
    ESCAPE_URL,      /* a whole URL: http, https, mailto, tel or relative; else "#" */
    ESCAPE_URL_PART, /* percent-encoded */
    ESCAPE_HTML_URL, /* ESCAPE_URL, then ESCAPE_HTML */
};

/* ERR_PROTOCOL: refused; the text says why, without the value. ERR_LIMIT: out is full. */
must_use err template_escape_add(enum template_escape, str value, struct buf *out);
