#include "secret/netrc.h"
#include "tests/fuzz.h"

/* What is found lies in the text; on refusal nothing is left behind. A login that is asked for
 * finds no more than any would. */
FUZZ(input, arena)
{
    struct buf any, own;
    (void)arena;
    buf_init(&any, 1 << 20);
    buf_init(&own, 1 << 20);
    err e = secret_netrc_find(input, S("host"), S(""), &any);
    ASSERT(e == NULL || any.len == 0);
    ASSERT(any.len <= input.len);
    err f = secret_netrc_find(input, S("host"), S("me"), &own);
    ASSERT(f == NULL || own.len == 0);
    ASSERT(f || str_contains(input, S("me")) || str_contains(input, S("\\")));
    buf_release(&any);
    buf_release(&own);
}
