/* Whatever a browser, or anybody on this machine, sends: without our state it is no answer. */
#include "oauth/redirect.h"
#include "tests/fuzz.h"

FUZZ(input, arena)
{
    struct oauth_redirect_wanted wanted = {
        .host = S("127.0.0.1:4711"), .path = S("/"), .state = S("s3cr3t"), .issuer = S("i")};
    struct oauth_redirect r;
    if (oauth_redirect_read(input, &wanted, arena, &r))
        return;
    ASSERT(input.len <= OAUTH_REDIRECT_BYTES_MAX);
    ASSERT(str_starts(input, S("GET /?")));
    ASSERT((r.code.len > 0) != (r.error.len > 0));
    for (size_t i = 0; i < r.code.len; i++)
        ASSERT(r.code.ptr[i] > 0x20 && r.code.ptr[i] <= 0x7e);
    wanted.state = S("another");
    ASSERT(oauth_redirect_read(input, &wanted, arena, &r) != NULL);
}
