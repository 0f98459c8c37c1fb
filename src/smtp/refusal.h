/* smtp/refusal.h -- a command that is answered with "no", as data
 *
 * A parser that judges what a client said returns one of these instead of an err: nothing went
 * wrong here, and the session goes on. NULL means that there is nothing to refuse. All of them
 * are constants; the texts never repeat what the client sent.
 */
#pragma once
#include "base/str.h"

struct smtp_refusal {
    int code;             /* 500..555 */
    const char *enhanced; /* "5.5.4" (RFC 3463) */
    const char *text;
};

typedef const struct smtp_refusal *smtp_refusal; /* NULL: accepted */
