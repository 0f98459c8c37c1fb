/* cli/bench_reply.h -- a server's reply, as cheaply as a load generator can have it
 *
 * Only the code and where the text stands: nothing is copied, nothing allocated. What a reply may
 * hold is judged by smtp/reply.h; here a server is measured, not trusted and not diagnosed.
 */
#pragma once
#include "base/str.h"

enum bench_reply_event {
    BENCH_REPLY_MORE,   /* not whole yet; nothing was taken */
    BENCH_REPLY_READY,  /* taken off the input */
    BENCH_REPLY_BROKEN, /* not a reply */
};

struct bench_reply {
    int code; /* 200..599 */
    str text; /* of its last line, without the code; points into the input */
    str all;  /* every line, with codes and line ends; points into the input */
};

enum bench_reply_event bench_reply_take(str *input, struct bench_reply *ret_reply);

/* Does this answer to EHLO offer the keyword? */
bool bench_reply_offers(const struct bench_reply *, str keyword);
