/* Whatever a provider answers: what is taken can be sent, shown and kept. */
#include "oauth/answer.h"
#include "oauth/entry.h"
#include "oauth/url.h"
#include "tests/fuzz.h"

static void check_visible(str text)
{
    for (size_t i = 0; i < text.len; i++)
        ASSERT(text.ptr[i] >= 0x20 && text.ptr[i] <= 0x7e);
}

static void check_token(str input, int status, struct arena *arena)
{
    struct oauth_token_answer a;
    struct oauth_refusal r;
    if (oauth_answer_token(status, input, arena, &a, &r))
        return;
    check_visible(r.code);
    check_visible(r.description);
    ASSERT(r.kind == OAUTH_NOT_REFUSED || r.code.len > 0);
    if (r.kind != OAUTH_NOT_REFUSED)
        return;
    ASSERT(a.access.len > 0 && a.access.len <= OAUTH_TOKEN_BYTES_MAX);
    ASSERT(a.life_s >= 0 && a.life_s <= OAUTH_LIFE_S_MAX);
    check_visible(a.access);
    check_visible(a.refresh);
    check_visible(a.scope);
}

FUZZ(input, arena)
{
    struct oauth_device_answer d;
    struct oauth_discovery discovery;
    struct oauth_refusal r;
    struct oauth_entry entry;
    check_token(input, 200, arena);
    check_token(input, 400, arena);
    if (oauth_answer_device(200, input, arena, &d, &r) == NULL && r.kind == OAUTH_NOT_REFUSED) {
        ASSERT(oauth_url_check(d.url) == NULL);
        ASSERT(d.interval_s <= OAUTH_DEVICE_INTERVAL_S_MAX);
        check_visible(d.user_code);
    }
    if (oauth_answer_discovery(200, input, S("https://i.example"), arena, &discovery) == NULL)
        ASSERT(oauth_url_check(discovery.token) == NULL);
    if (oauth_entry_read(input, arena, &entry) == NULL)
        ASSERT(entry.token.len > 0);
    err_forget();
}
