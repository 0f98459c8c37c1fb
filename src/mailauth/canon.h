/* mailauth/canon.h -- the two forms in which a message is hashed (RFC 6376 section 3.4)
 *
 * "simple" keeps what was sent, "relaxed" forgives changes in blanks. A body comes in pieces cut
 * anywhere, and what comes out does not depend on the cuts. Only CRLF ends a line of a body: a CR
 * or LF alone is a byte as any other, which nobody may take for a line end.
 */
#pragma once
#include "message/header.h"

enum mailauth_canon { MAILAUTH_CANON_SIMPLE, MAILAUTH_CANON_RELAXED };

enum { MAILAUTH_CANON_OUT_BYTES = 1024 };

/* Takes canonical bytes in their order; the pieces have no meaning. */
typedef void mailauth_canon_take(void *arg, str bytes);

struct mailauth_canon_out {
    mailauth_canon_take *take;
    void *arg;
    size_t len;
    char bytes[MAILAUTH_CANON_OUT_BYTES];
};

struct mailauth_canon_body {
    enum mailauth_canon how;
    bool cr;            /* the last byte was a CR */
    bool blank;         /* relaxed: blanks are held back */
    bool empty;         /* no line that counts was seen */
    uint64_t line_ends; /* held back: at the end of a body they do not count */
    struct mailauth_canon_out out;
};

void mailauth_canon_body_init(struct mailauth_canon_body *, enum mailauth_canon,
                              mailauth_canon_take *, void *arg);
void mailauth_canon_body_add(struct mailauth_canon_body *, str bytes);
void mailauth_canon_body_end(struct mailauth_canon_body *);

/* One field of a header, with its line end: CRLF, whatever it had. */
void mailauth_canon_field(enum mailauth_canon, const struct message_field *, mailauth_canon_take *,
                          void *arg);
/* The same without the line end: how the field that holds the signature ends. */
void mailauth_canon_field_open(enum mailauth_canon, const struct message_field *,
                               mailauth_canon_take *, void *arg);
