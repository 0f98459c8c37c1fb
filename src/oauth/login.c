#include "oauth/login.h"
#include "base/clock.h"
#include "http/client.h"
#include "oauth/device.h"
#include "oauth/form.h"
#include "oauth/listener.h"
#include "oauth/pkce.h"
#include "oauth/url.h"
#include "secret/secret.h"
#include <poll.h>

/* ---- device code (RFC 8628) ---------------------------------------------------------------- */

static void wait_until(int64_t at_ms)
{
    for (int64_t left; (left = at_ms - clock_steady_ms()) > 0;)
        poll(NULL, 0, left > 60000 ? 60000 : (int)left);
}

/* One question. What is worth keeping goes to the arena; the rest goes with its own. */
static err ask_once(const struct oauth_login *l, str form, struct arena *arena,
                    struct oauth_token_answer *ret_answer, struct oauth_refusal *ret_refusal)
{
    CLEANUP(arena_cleanup) struct arena *scratch = arena_open(OAUTH_GRANT_ARENA_BYTES);
    struct oauth_token_answer a = {0};
    TRY(oauth_grant_token(&l->client, l->provider->token, form, scratch, &a, ret_refusal));
    ret_refusal->code = arena_str(arena, ret_refusal->code);
    ret_refusal->description = arena_str(arena, ret_refusal->description);
    if (ret_refusal->kind == OAUTH_NOT_REFUSED)
        *ret_answer = (struct oauth_token_answer){.access = arena_str(arena, a.access),
                                                  .refresh = arena_str(arena, a.refresh),
                                                  .scope = arena_str(arena, a.scope),
                                                  .life_s = a.life_s};
    return NULL;
}

static bool is_networks_trouble(err e)
{
    return e->kind == ERR_TIMEOUT || e->kind == ERR_SYSTEM || e->kind == ERR_CLOSED;
}

static err poll_for_token(const struct oauth_login *l, struct oauth_device *d, str form,
                          struct arena *arena, struct oauth_token_answer *ret_answer,
                          struct oauth_refusal *ret_refusal)
{
    while (d->state == OAUTH_DEVICE_WAITING) {
        wait_until(d->next_ms);
        err e = ask_once(l, form, arena, ret_answer, ret_refusal);
        if (e && !is_networks_trouble(e))
            return e;
        if (e)
            oauth_device_unheard(d, clock_steady_ms());
        else
            oauth_device_heard(d, ret_refusal, clock_steady_ms());
        err_forget();
    }
    if (d->state == OAUTH_DEVICE_EXPIRED)
        *ret_refusal = (struct oauth_refusal){OAUTH_EXPIRED, S("expired_token"),
                                              S("the code was not entered in time")};
    return NULL;
}

static err by_device(const struct oauth_login *l, struct arena *arena,
                     struct oauth_token_answer *ret_answer, struct oauth_refusal *ret_refusal)
{
    const struct oauth_provider *p = l->provider;
    struct oauth_device_answer code;
    struct oauth_device d;
    struct buf form;
    if (p->device.len == 0)
        return err_new(ERR_CONFIG, "%.*s",
                       STR_ARG(p->device_no.len ? p->device_no
                                                : S("this provider has no device flow: use "
                                                    "--loopback")));
    TRY(oauth_grant_device_code(&l->client, p->device, l->scopes, arena, &code, ret_refusal));
    if (ret_refusal->kind != OAUTH_NOT_REFUSED)
        return NULL;
    oauth_device_begin(&d, &code, clock_steady_ms());
    int64_t most_ms = clock_steady_ms() + l->ms_max;
    d.ends_ms = d.ends_ms < most_ms ? d.ends_ms : most_ms;
    l->show(l->arg, code.url, code.user_code);
    err e = oauth_grant_form_device(code.device_code, &form);
    if (e == NULL)
        e = poll_for_token(l, &d, buf_str(&form), arena, ret_answer, ret_refusal);
    secret_wipe(&form);
    return e;
}

/* ---- loopback (RFC 8252) ------------------------------------------------------------------- */

static err add_question(const struct oauth_login *l, str redirect, str state, str challenge,
                        struct buf *form)
{
    TRY(oauth_form_add(form, S("response_type"), S("code")));
    TRY(oauth_form_add(form, S("client_id"), l->client.id));
    TRY(oauth_form_add(form, S("redirect_uri"), redirect));
    TRY(oauth_form_add(form, S("scope"), l->scopes));
    TRY(oauth_form_add(form, S("state"), state));
    TRY(oauth_form_add(form, S("code_challenge"), challenge));
    TRY(oauth_form_add(form, S("code_challenge_method"), S("S256")));
    if (l->user.len > 0)
        TRY(oauth_form_add(form, S("login_hint"), l->user));
    if (l->provider->extra.len == 0)
        return NULL;
    TRY(buf_add_char(form, '&'));
    return buf_add(form, l->provider->extra);
}

static err show_question(const struct oauth_login *l, str redirect, str state, str challenge)
{
    struct buf form, url;
    buf_init(&form, OAUTH_FORM_BYTES_MAX);
    buf_init(&url, OAUTH_FORM_BYTES_MAX + OAUTH_URL_BYTES_MAX);
    err e = add_question(l, redirect, state, challenge, &form);
    if (e == NULL)
        e = oauth_url_with(l->provider->authorize, buf_str(&form), &url);
    if (e == NULL)
        l->show(l->arg, buf_str(&url), (str){0});
    buf_release(&form);
    buf_release(&url);
    return e;
}

static err redeem(const struct oauth_login *l, const struct oauth_redirect *back, str redirect,
                  str verifier, struct arena *arena, struct oauth_token_answer *ret_answer,
                  struct oauth_refusal *ret_refusal)
{
    struct buf form;
    if (back->error.len > 0) {
        *ret_refusal = (struct oauth_refusal){oauth_answer_refusal_kind(back->error), back->error,
                                              back->description};
        return NULL;
    }
    err e = oauth_grant_form_code(back->code, redirect, verifier, &form);
    if (e == NULL)
        e = oauth_grant_token(&l->client, l->provider->token, buf_str(&form), arena, ret_answer,
                              ret_refusal);
    secret_wipe(&form);
    return e;
}

static err by_browser(const struct oauth_login *l, struct oauth_listener *listener,
                      struct arena *arena, struct oauth_token_answer *ret_answer,
                      struct oauth_refusal *ret_refusal)
{
    struct oauth_pkce pkce;
    struct oauth_redirect back;
    char state[OAUTH_PKCE_CHARS + 1];
    str host = l->provider->redirect.len > 0 ? l->provider->redirect : S("127.0.0.1");
    oauth_pkce_make(&pkce);
    oauth_pkce_random(state);
    str at = arena_printf(arena, "%.*s:%u", STR_ARG(host), (unsigned)listener->port);
    str redirect = arena_printf(arena, "http://%.*s/", STR_ARG(at));
    struct oauth_redirect_wanted wanted = {
        .host = at, .path = S("/"), .state = str_of(state), .issuer = l->provider->issuer};
    TRY(show_question(l, redirect, str_of(state), str_of(pkce.challenge)));
    TRY(oauth_listener_wait(listener, &wanted, l->ms_max, arena, &back));
    return redeem(l, &back, redirect, str_of(pkce.verifier), arena, ret_answer, ret_refusal);
}

static err by_loopback(const struct oauth_login *l, struct arena *arena,
                       struct oauth_token_answer *ret_answer, struct oauth_refusal *ret_refusal)
{
    struct oauth_listener listener;
    TRY(oauth_url_check(l->provider->authorize));
    TRY(oauth_listener_open(l->port, &listener));
    err e = by_browser(l, &listener, arena, ret_answer, ret_refusal);
    oauth_listener_close(&listener);
    return e;
}

/* ---- as itself (RFC 6749 section 4.4) ------------------------------------------------------ */

static err as_client(const struct oauth_login *l, struct arena *arena,
                     struct oauth_token_answer *ret_answer, struct oauth_refusal *ret_refusal)
{
    struct buf form;
    if (l->client.secret.len == 0)
        return err_new(ERR_CONFIG, "a client that logs in as itself needs a secret");
    err e = oauth_grant_form_client(l->scopes, &form);
    if (e == NULL)
        e = oauth_grant_token(&l->client, l->provider->token, buf_str(&form), arena, ret_answer,
                              ret_refusal);
    secret_wipe(&form);
    return e;
}

err oauth_login_run(const struct oauth_login *l, struct arena *arena,
                    struct oauth_token_answer *ret_answer, struct oauth_refusal *ret_refusal)
{
    *ret_refusal = (struct oauth_refusal){0};
    switch (l->flow) {
    case OAUTH_FLOW_DEVICE:
        return by_device(l, arena, ret_answer, ret_refusal);
    case OAUTH_FLOW_LOOPBACK:
        return by_loopback(l, arena, ret_answer, ret_refusal);
    case OAUTH_FLOW_CLIENT:
        return as_client(l, arena, ret_answer, ret_refusal);
    }
    return err_new(ERR_CONFIG, "no such flow");
}
