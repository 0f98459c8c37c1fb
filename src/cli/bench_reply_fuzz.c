/* Replies as the load generator reads them: what the strict reader takes is taken alike, and less
 * of it is unfinished. */
#include "cli/bench_reply.h"
#include "smtp/reply.h"
#include "tests/fuzz.h"

FUZZ(input, arena)
{
    struct bench_reply quick;
    struct smtp_reply strict;
    bool complete = false;
    str rest = input, strict_rest = input;
    enum bench_reply_event event = bench_reply_take(&rest, &quick);
    ASSERT((event == BENCH_REPLY_READY) == (rest.len < input.len));
    if (event == BENCH_REPLY_READY) {
        ASSERT(quick.code >= 200 && quick.code <= 599);
        ASSERT(quick.all.len == input.len - rest.len);
        (void)bench_reply_offers(&quick, S("PIPELINING"));
    }
    if (smtp_reply_parse(&strict_rest, arena, &complete, &strict) || !complete)
        return;
    ASSERT(event == BENCH_REPLY_READY);
    ASSERT(quick.code == strict.code);
    ASSERT(rest.len == strict_rest.len);
    str part = str_slice(input, 0, quick.all.len - 1);
    ASSERT(bench_reply_take(&part, &quick) == BENCH_REPLY_MORE);
}
